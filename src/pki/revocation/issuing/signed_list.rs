//! A list of a customer's own CA as it was signed: to be shown, or to be continued.

use rustls_pki_types::UnixTime;
use x509_parser::num_bigint::BigUint;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};

use super::{CRL_NUMBER, reason_name};
use crate::pki::der;
use crate::pki::facts::{serial, unix_time};
use crate::pki::key_identifier::AUTHORITY_KEY_IDENTIFIER;
use crate::pki::revocation::{
    CrlFile, ListProblem, ListRefusal, ListWarning, RevocationList, RevocationLists, RevocationListsError,
    encoded_lists,
};
use crate::pki::trust_anchors::{AnchorRules, TrustAnchors, TrustAnchorsError};

/// A list that its CA has signed, read to be shown or continued.
#[derive(Clone, Debug)]
pub struct SignedList {
    /// What it says.
    pub list: RevocationList,
    /// Whom it revokes, in its order.
    pub entries: Vec<ListEntry>,
    /// What deserves a look: that it has expired, or soon will.
    pub warnings: Vec<ListWarning>,
    pub(super) number: BigUint,
    /// The extensions, other than its number and its signer's key, as the CA wrote them.
    pub(super) extensions: Vec<Vec<u8>>,
}

/// One revoked certificate of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// Its serial number, lower-case hexadecimal.
    pub serial: String,
    /// When it was revoked.
    pub revoked: UnixTime,
    /// Why, by the name of RFC 5280, where the list tells.
    pub reason: Option<String>,
    /// As the CA wrote it.
    pub(super) der: Vec<u8>,
}

impl ListEntry {
    /// Whether it is that of the certificate with this serial number (the DER of its INTEGER).
    pub(super) fn is_of(&self, serial_der: &[u8]) -> bool {
        der::content(&self.der).is_some_and(|inside| inside.starts_with(serial_der))
    }
}

impl SignedList {
    /// Reads the one list of a file. It has to be signed by one of `authorities` (PEM), CA certificates.
    ///
    /// # Errors
    /// [`SignedListError`]: no list or several, one that a server would refuse, or one of another CA.
    pub fn read(file: &CrlFile<'_>, authorities: &[u8], now: UnixTime) -> Result<Self, SignedListError> {
        let rules = AnchorRules { allow_public_client_ca: true, allow_sample_certificates: true };
        let anchors = TrustAnchors::from_pem(authorities, &rules, now)?;
        let refused = |problem: Box<ListProblem>| RevocationListsError(vec![*problem]);
        let encoded = encoded_lists(file).map_err(refused)?;
        let [(place, der)] = encoded.as_slice() else { return Err(SignedListError::Several(encoded.len())) };
        let checked = RevocationLists::from_bytes(&[*file], anchors.anchors(), now).map_err(SignedListError::from)?;
        let malformed = || {
            let problem = ListProblem { place: place.clone(), reason: ListRefusal::Malformed };
            SignedListError::Refused(RevocationListsError(vec![problem]))
        };
        let list = checked.lists().first().ok_or_else(malformed)?;
        if list.signer().is_none() {
            return Err(SignedListError::OtherIssuer { issuer: list.issuer.clone() });
        }
        // Whoever is lost here would be admitted again.
        let parts = Parts::of(der).filter(|parts| parts.entries.len() == list.revoked);
        let Parts { entries, extensions, number } = parts.ok_or_else(malformed)?;
        Ok(Self { list: list.clone(), entries, warnings: checked.warnings().to_vec(), number, extensions })
    }
}

/// Why a list can't be shown or continued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignedListError {
    /// It is not what it should be.
    #[error(transparent)]
    Refused(RevocationListsError),
    /// The CA's certificate is no trust anchor.
    #[error("the CA: {0}")]
    Authority(#[from] TrustAnchorsError),
    /// Of another CA.
    #[error("{issuer} made this list, and not the CA that was named; name that CA, or another file")]
    OtherIssuer {
        /// The issuer, RFC 4514.
        issuer: String,
    },
    /// Of another key of a CA of that name.
    #[error(
        "the list bears the CA's name, but not its key's signature; a CA with a new key begins a list of its own: name a new file, and \
         configure both as long as the old certificates count"
    )]
    OtherKey,
    /// More than one list.
    #[error("there are {0} revocation lists in it; each list that is updated needs a file of its own")]
    Several(usize),
}

impl From<RevocationListsError> for SignedListError {
    fn from(error: RevocationListsError) -> Self {
        match error.0.as_slice() {
            [ListProblem { reason: ListRefusal::OtherKey, .. }] => Self::OtherKey,
            _ => Self::Refused(error),
        }
    }
}

/// What of a list goes on into the next one.
struct Parts {
    entries: Vec<ListEntry>,
    extensions: Vec<Vec<u8>>,
    number: BigUint,
}

impl Parts {
    /// Of a list (DER) that was checked before.
    fn of(der: &[u8]) -> Option<Self> {
        let (_, parsed) = CertificateRevocationList::from_der(der).ok()?;
        let to_be_signed = der::content(der::elements(der::content(der)?)?.first()?)?;
        // Behind version, signature, issuer, thisUpdate and nextUpdate come the entries and the extensions, where there are any.
        let (mut entries, mut extensions) = (Vec::new(), Vec::new());
        for element in der::elements(to_be_signed)?.into_iter().skip(5) {
            let inside = der::content(element)?;
            match element.first() {
                Some(&der::SEQUENCE) => entries = der::elements(inside)?,
                _ => extensions = der::elements(der::content(inside)?)?,
            }
        }
        let entry = |(der, entry): (&[u8], &RevokedCertificate<'_>)| ListEntry {
            serial: serial(entry.raw_serial()),
            revoked: unix_time(entry.revocation_date),
            reason: entry.reason_code().map(|(_, reason)| reason_name(reason.0)),
            der: der.to_vec(),
        };
        let renewed = [CRL_NUMBER, AUTHORITY_KEY_IDENTIFIER].map(der::extension_oid);
        let stays = |extension: &&[u8]| {
            der::content(extension).is_some_and(|inside| !renewed.iter().any(|oid| inside.starts_with(oid)))
        };
        Some(Self {
            entries: entries.into_iter().zip(parsed.iter_revoked_certificates()).map(entry).collect(),
            extensions: extensions.into_iter().filter(stays).map(<[u8]>::to_vec).collect(),
            number: parsed.crl_number().cloned().unwrap_or_default(),
        })
    }
}
