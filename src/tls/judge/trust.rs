//! The trust anchors and revocation lists of an epoch, as webpki takes them.

use rustls_pki_types::{TrustAnchor, UnixTime};
use webpki::{
    Cert, CertRevocationList, ExpirationPolicy, RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder,
    UnknownStatusPolicy, VerifiedPath,
};

use crate::pki::identity::Fingerprint;
use crate::pki::revocation::{ListScope, RevocationList};
use crate::pki::trust_anchors::Anchor;
use crate::pki::{CertificateFacts, Revocation, RevocationMode, TrustAnchors};

/// Trust anchors, and the lists that paths to them are held against.
pub(super) struct Trust {
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    mode: RevocationMode,
    lists: Vec<RevocationList>,
}

impl Trust {
    /// Normally one. webpki takes the first list that bears the issuer's name, whoever signed it; so where two anchors share a
    /// name, and each of their keys has signed a list (a CA that was renewed), each key gets a trust of its own.
    pub(super) fn of(anchors: &TrustAnchors, revocation: &Revocation) -> Vec<Self> {
        let Revocation { mode, lists } = revocation;
        let lists = if *mode == RevocationMode::Off { &[] } else { lists.lists() };
        let conflict = |list: &RevocationList| {
            let other = |other: &RevocationList| other.issuer_der == list.issuer_der && other.signer() != list.signer();
            list.signer().is_some() && lists.iter().any(|candidate| candidate.signer().is_some() && other(candidate))
        };
        let webpki = |anchor: &Anchor| anchor.webpki().clone();
        if !lists.iter().any(conflict) {
            let anchors = anchors.anchors().iter().map(webpki).collect();
            return vec![Self { anchors, mode: *mode, lists: lists.to_vec() }];
        }
        let mut trusts: Vec<(Key<'_>, Self)> = Vec::new();
        for anchor in anchors.anchors() {
            let key = Key { name: &anchor.facts.subject_der, key: Fingerprint::of(&anchor.facts.public_key_der) };
            if let Some((_, trust)) = trusts.iter_mut().find(|(known, _)| *known == key) {
                trust.anchors.push(webpki(anchor));
            } else {
                // A key without a list of its own is covered by name, which then refuses: webpki can't verify the list by it.
                let has_own = lists.iter().any(|list| list.issuer_der == key.name && list.signer() == Some(key.key));
                let lists = lists.iter().filter(|list| !has_own || !key.is_namesake_of_signer(list)).cloned().collect();
                trusts.push((key, Self { anchors: vec![webpki(anchor)], mode: *mode, lists }));
            }
        }
        trusts.into_iter().map(|(_, trust)| trust).collect()
    }

    /// The lists, for [`Trust::options`] to borrow.
    pub(super) fn lists(&self) -> Vec<&CertRevocationList<'static>> {
        self.lists.iter().map(RevocationList::webpki).collect()
    }

    /// What webpki checks while it builds a path: leaf and intermediates, against current lists. None without lists.
    pub(super) fn options<'a>(&self, lists: &'a [&'a CertRevocationList<'a>]) -> Option<RevocationOptions<'a>> {
        let policy = match self.mode {
            RevocationMode::Off => return None,
            RevocationMode::IfCovered => UnknownStatusPolicy::Allow,
            RevocationMode::Require => UnknownStatusPolicy::Deny,
        };
        let builder = RevocationOptionsBuilder::new(lists).ok()?;
        let builder = builder.with_depth(RevocationCheckDepth::Chain).with_status_policy(policy);
        Some(builder.with_expiration_policy(ExpirationPolicy::Enforce).build())
    }

    /// Whether a list that an anchor signed, which was proven at load, says that `leaf` is revoked. No path to these anchors could pass
    /// [`Trust::check`], so none need be built.
    pub(super) fn has_revoked(&self, leaf: &Cert<'_>) -> Result<bool, webpki::Error> {
        let proven = |list: &&RevocationList| list.signer().is_some() && list.tells_of(ListScope::EndEntities);
        for list in self.lists.iter().filter(proven) {
            if list.webpki().issuer() == leaf.issuer() && list.webpki().find_serial(leaf.serial())?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What webpki leaves out: it asks one list for each certificate, and none at all where there is none, or where the certificate
    /// names another distribution point.
    pub(super) fn check(&self, path: &VerifiedPath<'_>, anchor: &Anchor, now: UnixTime) -> Result<(), webpki::Error> {
        if self.mode == RevocationMode::Require && self.lists.is_empty() {
            return Err(webpki::Error::UnknownRevocationStatus);
        }
        let mut issuers = path.intermediate_certificates();
        for (certificate, kind) in certificates(path) {
            let issuer = issuers.next();
            let of_issuer = || self.lists.iter().filter(|list| list.webpki().issuer() == certificate.issuer());
            for list in of_issuer() {
                // A serial number is the issuer's own, so a list of any scope says enough about it.
                if list.webpki().find_serial(certificate.serial())?.is_some() {
                    return Err(webpki::Error::CertRevoked);
                }
            }
            let telling: Vec<&RevocationList> = of_issuer().filter(|list| list.tells_of(kind)).collect();
            // webpki has asked for signature and end of the one that it chose.
            if telling.is_empty() || telling.iter().any(|list| list.is_of_every_point()) {
                continue;
            }
            let key = match issuer {
                Some(issuer) => {
                    signing_key(&CertificateFacts::from_der(&issuer.der()).map_err(|_| webpki::Error::BadDer)?)?
                }
                None => signing_key(&anchor.facts)?,
            };
            one_is_current(&telling, &key, now)?;
        }
        Ok(())
    }

    /// The lists that tell of a certificate of `path` and are current at `now`: a verdict by them holds no longer than they do.
    /// Distribution points are left aside, so it may be one too many.
    pub(super) fn covering<'a>(
        &'a self,
        path: &'a VerifiedPath<'a>,
        now: UnixTime,
    ) -> impl Iterator<Item = &'a RevocationList> {
        certificates(path).flat_map(move |(certificate, kind)| {
            self.lists.iter().filter(move |list| {
                list.webpki().issuer() == certificate.issuer() && list.tells_of(kind) && list.is_current_at(now)
            })
        })
    }
}

/// Name and key: what makes a CA the same CA.
#[derive(PartialEq)]
struct Key<'a> {
    name: &'a [u8],
    key: Fingerprint,
}

impl Key<'_> {
    /// Whether the list was signed by another CA of this name.
    fn is_namesake_of_signer(&self, list: &RevocationList) -> bool {
        list.issuer_der == self.name && list.signer().is_some_and(|signer| signer != self.key)
    }
}

/// The key of an issuer, where it may sign lists.
fn signing_key(issuer: &CertificateFacts) -> Result<Vec<u8>, webpki::Error> {
    if issuer.key_usage.is_some_and(|usage| !usage.crl_sign) {
        return Err(webpki::Error::IssuerNotCrlSigner);
    }
    Ok(issuer.public_key_der.clone())
}

/// Whether one of the lists of an issuer is current at `now` and was signed with its `key`.
fn one_is_current(lists: &[&RevocationList], key: &[u8], now: UnixTime) -> Result<(), webpki::Error> {
    let mut expired = None;
    for list in lists.iter().filter(|list| list.is_signed_with(key)) {
        if list.is_current_at(now) {
            return Ok(());
        }
        expired = expired.max(Some(list.next_update));
    }
    Err(expired.map_or(webpki::Error::InvalidCrlSignatureForPublicKey, |next_update| webpki::Error::CrlExpired {
        time: now,
        next_update,
    }))
}

/// The certificates of a path below its anchor, with the scope of lists that are about such certificates alone.
fn certificates<'a>(path: &'a VerifiedPath<'a>) -> impl Iterator<Item = (&'a Cert<'a>, ListScope)> {
    let leaf: &Cert<'_> = path.end_entity();
    let intermediates = path.intermediate_certificates().map(|certificate| (certificate, ListScope::Authorities));
    std::iter::once((leaf, ListScope::EndEntities)).chain(intermediates)
}
