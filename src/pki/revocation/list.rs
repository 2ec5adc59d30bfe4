//! One certificate revocation list.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::UnixTime;
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::extensions::ParsedExtension;
use x509_parser::num_bigint::BigUint;
use x509_parser::oid_registry::{OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, OID_X509_EXT_ISSUER_DISTRIBUTION_POINT};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::problem::{ListProblem, ListRefusal, ListWarning};
use crate::pki::distinguished_name::rfc4514;
use crate::pki::facts::unix_time;
use crate::pki::identity::Fingerprint;
use crate::pki::signature::{Issuance, is_of_known_algorithm, signed_with};
use crate::pki::trust_anchors::Anchor;

/// How far a CA's clock may be ahead of ours. A list is often fetched in the second in which it was made.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);
/// An operator is warned this long before nextUpdate, or when a quarter of the list's life is left, whichever is later.
const EXPIRY_WARNING: Duration = Duration::from_secs(24 * 60 * 60);

/// A checked list (RFC 5280 section 5.1).
#[derive(Clone)]
pub struct RevocationList {
    /// Where it came from.
    pub place: ListPlace,
    /// Issuer distinguished name, RFC 4514.
    pub issuer: String,
    /// The DER of the issuer, header included.
    pub issuer_der: Vec<u8>,
    /// When it was made.
    pub this_update: UnixTime,
    /// When it expires: from this second on it tells nothing any more.
    pub next_update: UnixTime,
    /// cRLNumber, where present.
    pub number: Option<CrlNumber>,
    /// SHA-256 over its DER.
    pub sha256: Fingerprint,
    /// The kinds of certificates that it tells of.
    pub scope: ListScope,
    /// How many certificates it revokes.
    pub revoked: usize,
    signer: Option<Fingerprint>,
    authority_key: Option<Vec<u8>>,
    distribution_point: Option<Vec<u8>>,
    webpki: Arc<CertRevocationList<'static>>,
    /// Its DER, where only the judge can tell whether the issuer signed it, and webpki may not ask.
    unproven: Option<Arc<[u8]>>,
}

/// Where a list stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPlace {
    /// What the file is called.
    pub file: String,
    /// Which list of the file, counted from 1.
    pub number: usize,
    /// The line of its BEGIN, counted from 1; None in a DER file.
    pub line: Option<usize>,
    /// Its issuer, RFC 4514; empty where it can't be read.
    pub issuer: String,
}

impl fmt::Display for ListPlace {
    /// Without the file, which whoever tells of several files puts in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuer = if self.issuer.is_empty() { "no issuer" } else { &self.issuer };
        match self.line {
            Some(line) => write!(f, "revocation list {} (line {line}, {issuer})", self.number),
            None => write!(f, "revocation list ({issuer})"),
        }
    }
}

/// The number of a list; a later list of the same issuer and scope has a greater one (RFC 5280 section 5.2.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrlNumber(BigUint);

impl fmt::Display for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The kinds of certificates that a list tells of (RFC 5280 section 5.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListScope {
    /// All of its issuer's.
    All,
    /// onlyContainsUserCerts: those of end-entities.
    EndEntities,
    /// onlyContainsCACerts: those of CAs.
    Authorities,
}

impl RevocationList {
    /// The list in the form that webpki takes.
    #[must_use]
    pub fn webpki(&self) -> &CertRevocationList<'static> {
        &self.webpki
    }

    /// SHA-256 of the `SubjectPublicKeyInfo` (DER) of the trust anchor that signed it; None for that of an intermediate CA.
    #[must_use]
    pub fn signer(&self) -> Option<Fingerprint> {
        self.signer
    }

    /// Whether webpki holds every certificate of its issuer against it, wherever the certificate says that its list is.
    #[must_use]
    pub fn is_of_every_point(&self) -> bool {
        self.distribution_point.is_none()
    }

    /// Whether the owner of `key` (the DER of a `SubjectPublicKeyInfo`), who bears the issuer's name, signed it. Costs a signature where
    /// that was not told at load.
    #[must_use]
    pub fn is_signed_with(&self, key: &[u8]) -> bool {
        match (self.signer, &self.unproven) {
            (Some(signer), _) => signer == Fingerprint::of(key),
            (None, Some(der)) => signed_with(der, key) == Issuance::Proven,
            (None, None) => false,
        }
    }

    /// What is to be said about its end at `now`: that it has expired, or that it soon will.
    #[must_use]
    pub fn expiry_warning(&self, now: UnixTime) -> Option<ListWarning> {
        let (place, next_update) = (self.place.clone(), self.next_update);
        let life = next_update.as_secs().saturating_sub(self.this_update.as_secs());
        let left = next_update.as_secs().saturating_sub(now.as_secs());
        match left {
            0 => Some(ListWarning::Expired { place, next_update }),
            left if left < EXPIRY_WARNING.as_secs().min(life / 4) => {
                Some(ListWarning::ExpiresSoon { place, next_update })
            }
            _ => None,
        }
    }

    /// Whether it may be relied on at `now`. nextUpdate itself is too late, as for webpki.
    #[must_use]
    pub fn is_current_at(&self, now: UnixTime) -> bool {
        now < self.next_update
    }

    /// Whether it belongs to the same series: that of one issuer, key and distribution point, in which numbers grow.
    pub(super) fn is_of_same_series(&self, other: &Self) -> bool {
        // A renewed CA goes on under its name, and its new key begins a series of its own. Whether the issuer is an anchor is the
        // bundle's affair and changes with it, so the signer alone does not tell two series apart.
        let same_key = match (self.signer, other.signer) {
            (Some(key), Some(others)) => key == others,
            _ => self.authority_key == other.authority_key,
        };
        self.issuer_der == other.issuer_der && same_key && self.distribution_point == other.distribution_point
    }

    /// Whether it is known that another key signed it. What is not known may be the same key.
    fn is_of_another_key(&self, other: &Self) -> bool {
        match (self.signer, other.signer) {
            (Some(key), Some(others)) => key != others,
            _ => {
                self.authority_key.is_some()
                    && other.authority_key.is_some()
                    && self.authority_key != other.authority_key
            }
        }
    }

    /// By the number within a series, else by the time: a series begins to count where it likes.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        match (&self.number, &other.number) {
            (Some(number), Some(others)) if number != others && self.is_of_same_series(other) => number < others,
            _ => self.this_update < other.this_update,
        }
    }

    /// Whether it can stand in the place of `list`, which is one of `installed`, as far as certificates of `kind` go.
    ///
    /// A CA may begin a new series: under another key, whose list refuses whom the old key vouched for, or at another distribution
    /// point. But where it has its lists at several points side by side, no one of them tells what the others did.
    pub(super) fn succeeds(&self, list: &Self, installed: &[Self], kind: ListScope) -> bool {
        let is_new = || !installed.iter().any(|other| other.is_of_same_series(self));
        self.sha256 == list.sha256
            || self.issuer_der == list.issuer_der
                && self.tells_of(kind)
                && !self.is_older_than(list)
                && (self.is_of_same_series(list) || self.is_of_another_key(list) || is_new())
    }

    /// Whether certificates of `kind`, leaves or CAs, are within its scope.
    #[must_use]
    pub fn tells_of(&self, kind: ListScope) -> bool {
        self.scope == ListScope::All || self.scope == kind
    }

    pub(super) fn check(
        mut place: ListPlace,
        der: &[u8],
        anchors: &[Anchor],
        now: UnixTime,
        warnings: &mut Vec<ListWarning>,
    ) -> Result<Self, Box<ListProblem>> {
        let Ok(([], parsed)) = CertificateRevocationList::from_der(der) else {
            return Err(Box::new(ListProblem { place, reason: ListRefusal::Malformed }));
        };
        let issuer_der = parsed.issuer().as_raw().to_vec();
        place.issuer = rfc4514(&issuer_der);
        let refused = |reason| Box::new(ListProblem { place: place.clone(), reason });

        if parsed.version().is_none() {
            return Err(refused(ListRefusal::OldVersion));
        }
        let Some(next_update) = parsed.next_update() else { return Err(refused(ListRefusal::NoNextUpdate)) };
        let (this_update, next_update) = (unix_time(parsed.last_update()), unix_time(next_update));
        let webpki = OwnedCertRevocationList::from_der(der).map_err(|error| refused(error.into()))?;
        if this_update.as_secs() > now.as_secs().saturating_add(CLOCK_SKEW.as_secs()) {
            return Err(refused(ListRefusal::FromTheFuture { this_update }));
        }
        let signer = signer(der, &issuer_der, anchors).map_err(&refused)?;
        if signer.is_none() {
            warnings.push(ListWarning::IssuerNotAnchor { place: place.clone() });
        }
        let (distribution_point, scope) = distribution_point(&parsed);
        let unproven = (signer.is_none() && distribution_point.is_some()).then(|| der.into());
        let list = Self {
            issuer: place.issuer.clone(),
            place,
            issuer_der,
            this_update,
            next_update,
            number: parsed.crl_number().cloned().map(CrlNumber),
            sha256: Fingerprint::of(der),
            scope,
            revoked: parsed.iter_revoked_certificates().count(),
            signer,
            authority_key: authority_key(&parsed),
            distribution_point,
            webpki: Arc::new(webpki.into()),
            unproven,
        };
        warnings.extend(list.expiry_warning(now));
        Ok(list)
    }
}

impl fmt::Debug for RevocationList {
    /// Without the revoked serials, of which there can be many thousands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RevocationList");
        shown.field("place", &self.place).field("number", &self.number).field("scope", &self.scope);
        shown.field("revoked", &self.revoked).field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

/// The key of the anchor that signed a list; None when no anchor has the issuer's name. webpki does not look at the key usage
/// of an anchor, so that is done here.
fn signer(der: &[u8], issuer_der: &[u8], anchors: &[Anchor]) -> Result<Option<Fingerprint>, ListRefusal> {
    if !is_of_known_algorithm(der) {
        return Err(ListRefusal::WeakSignature);
    }
    let mut refusal = None;
    for facts in anchors.iter().map(|anchor| &anchor.facts).filter(|facts| facts.subject_der == issuer_der) {
        if signed_with(der, &facts.public_key_der) != Issuance::Proven {
            refusal = refusal.or(Some(ListRefusal::OtherKey));
        } else if facts.key_usage.is_some_and(|usage| !usage.crl_sign) {
            refusal = Some(ListRefusal::MayNotSign);
        } else {
            return Ok(Some(Fingerprint::of(&facts.public_key_der)));
        }
    }
    refusal.map_or(Ok(None), Err)
}

/// The whole issuingDistributionPoint extension, and the kinds of certificates that it narrows the list to. One that can't be
/// read narrows nothing; webpki, which judges by it, refuses those that it can't read.
fn distribution_point(parsed: &CertificateRevocationList<'_>) -> (Option<Vec<u8>>, ListScope) {
    let of_kind = |oid| parsed.extensions().iter().find(move |extension| extension.oid == oid);
    let Some(extension) = of_kind(OID_X509_EXT_ISSUER_DISTRIBUTION_POINT) else { return (None, ListScope::All) };
    let scope = match extension.parsed_extension() {
        ParsedExtension::IssuingDistributionPoint(point) if point.only_contains_user_certs => ListScope::EndEntities,
        ParsedExtension::IssuingDistributionPoint(point) if point.only_contains_ca_certs => ListScope::Authorities,
        _ => ListScope::All,
    };
    (Some(extension.value.to_vec()), scope)
}

fn authority_key(parsed: &CertificateRevocationList<'_>) -> Option<Vec<u8>> {
    let extension =
        parsed.extensions().iter().find(|extension| extension.oid == OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER)?;
    match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(authority) => {
            authority.key_identifier.as_ref().map(|key| key.0.to_vec())
        }
        _ => None,
    }
}
