//! Lists of a customer's own CA: made, continued and signed.

use std::time::Duration;

use rustls_pki_types::UnixTime;
use x509_parser::num_bigint::BigUint;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::{
    CrlFile, ListProblem, ListRefusal, ListWarning, RevocationList, RevocationLists, RevocationListsError,
    encoded_lists,
};
use crate::pki::der;
use crate::pki::facts::unix_time;
use crate::pki::issuing::{IssuingAuthority, SerialNumber};
use crate::pki::trust_anchors::{AnchorRules, TrustAnchors, TrustAnchorsError};

/// Version 2 (RFC 5280 section 5.1.2.1).
const VERSION_2: [u8; 3] = [der::INTEGER, 1, 1];
/// cRLNumber, below id-ce (RFC 5280 section 5.2.3).
const CRL_NUMBER: u8 = 20;
/// reasonCode, below id-ce (RFC 5280 section 5.3.1).
const REASON_CODE: u8 = 21;
/// authorityKeyIdentifier, below id-ce (RFC 5280 section 5.2.1).
const AUTHORITY_KEY_IDENTIFIER: u8 = 35;

/// Why a certificate is revoked (RFC 5280 section 5.3.1). certificateHold and removeFromCRL are none of them: what is on a list stays
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReason {
    /// Somebody else has, or may have, its key.
    KeyCompromise,
    /// It is a CA's, and somebody else has, or may have, its key.
    CaCompromise,
    /// Its holder's name or affiliation is another.
    AffiliationChanged,
    /// Another certificate took its place.
    Superseded,
    /// It is needed no more.
    CessationOfOperation,
    /// Its holder may no longer do what it was for.
    PrivilegeWithdrawn,
}

impl RevocationReason {
    /// The number in the list.
    fn code(self) -> u8 {
        match self {
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::PrivilegeWithdrawn => 9,
        }
    }
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
    der: Vec<u8>,
}

/// A list that its CA has signed, read to be shown or continued.
#[derive(Clone, Debug)]
pub struct SignedList {
    /// What it says.
    pub list: RevocationList,
    /// Whom it revokes, in its order.
    pub entries: Vec<ListEntry>,
    /// What deserves a look: that it has expired, or soon will.
    pub warnings: Vec<ListWarning>,
    number: BigUint,
    /// The extensions, other than its number and its signer's key, as the CA wrote them.
    extensions: Vec<Vec<u8>>,
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

impl From<RevocationListsError> for SignedListError {
    fn from(error: RevocationListsError) -> Self {
        match error.0.as_slice() {
            [ListProblem { reason: ListRefusal::OtherKey, .. }] => Self::OtherKey,
            _ => Self::Refused(error),
        }
    }
}

/// A list that is still to be signed.
#[derive(Clone, Debug)]
pub struct ListDraft {
    entries: Vec<ListEntry>,
    number: BigUint,
    extensions: Vec<Vec<u8>>,
    /// The list before has this thisUpdate; the next one is not older.
    after: UnixTime,
}

impl ListDraft {
    /// The first list of a CA: nobody is on it, and its number is 1.
    #[must_use]
    pub fn first() -> Self {
        let after = UnixTime::since_unix_epoch(Duration::ZERO);
        Self { entries: Vec::new(), number: BigUint::from(1_u8), extensions: Vec::new(), after }
    }

    /// The list after `list`: with all of its entries and the extensions that narrow it, under the next number.
    #[must_use]
    pub fn following(list: &SignedList) -> Self {
        Self {
            entries: list.entries.clone(),
            number: list.number.clone() + 1_u8,
            extensions: list.extensions.clone(),
            after: list.list.this_update,
        }
    }

    /// Puts a certificate on the list. One that is there already stays as it is; then this is the entry, else None.
    ///
    /// # Errors
    /// A time that can't be written.
    pub fn revoke(
        &mut self,
        serial: &SerialNumber,
        reason: Option<RevocationReason>,
        now: UnixTime,
    ) -> Result<Option<&ListEntry>, TimeError> {
        let written = serial.to_string();
        if let Some(position) = self.entries.iter().position(|entry| entry.serial == written) {
            return Ok(self.entries.get(position));
        }
        let reason_der = reason.map(|reason| {
            let code = der::element(der::ENUMERATED, &[reason.code()]);
            der::element(der::SEQUENCE, &der::extension(REASON_CODE, false, &code))
        });
        let time = der::time(now).ok_or(TimeError)?;
        let der = der::constructed(der::SEQUENCE, &[&serial.der(), &time, &reason_der.unwrap_or_default()]);
        self.entries.push(ListEntry {
            serial: written,
            revoked: now,
            reason: reason.map(|reason| reason_name(reason.code())),
            der,
        });
        Ok(None)
    }

    /// How many certificates it revokes.
    #[must_use]
    pub fn revoked(&self) -> usize {
        self.entries.len()
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> String {
        self.number.to_string()
    }

    /// The DER of the list, version 2, made at `now` and good until `next_update`.
    ///
    /// # Errors
    /// A time that can't be written, or no randomness.
    pub fn sign(
        &self,
        authority: &IssuingAuthority,
        now: UnixTime,
        next_update: UnixTime,
    ) -> Result<Vec<u8>, ListSigningError> {
        let [this_update, next_update] = [now.max(self.after), next_update].map(der::time);
        let this_update = this_update.ok_or(TimeError)?;
        let next_update = next_update.ok_or(TimeError)?;
        // An empty list has no such element (RFC 5280 section 5.1.2.6).
        let entries: Vec<u8> = self.entries.iter().flat_map(|entry| entry.der.iter().copied()).collect();
        let revoked = if entries.is_empty() { Vec::new() } else { der::element(der::SEQUENCE, &entries) };
        let number = der::unsigned(&self.number.to_bytes_be());
        let mut extensions = vec![authority.key_identifier_extension(), der::extension(CRL_NUMBER, false, &number)];
        extensions.extend(self.extensions.iter().cloned());
        let to_be_signed = der::constructed(
            der::SEQUENCE,
            &[
                &VERSION_2,
                authority.signer().algorithm(),
                &authority.facts().subject_der,
                &this_update,
                &next_update,
                &revoked,
                &der::element(0xa0, &der::element(der::SEQUENCE, &extensions.concat())),
            ],
        );
        authority.signer().signed(&to_be_signed).ok_or(ListSigningError::Signing)
    }
}

/// A time beyond the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list would hold a time after the year 9999; give fewer days, or set the clock right")]
pub struct TimeError;

/// Why no list came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListSigningError {
    /// A time that can't be written.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// No randomness.
    #[error("the key cannot sign: the machine has no randomness")]
    Signing,
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
        let entry = |(der, entry): (&[u8], &x509_parser::revocation_list::RevokedCertificate<'_>)| ListEntry {
            serial: crate::pki::facts::serial(entry.raw_serial()),
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

/// The name of a reason, as RFC 5280 section 5.3.1 writes it.
fn reason_name(code: u8) -> String {
    let name = match code {
        0 => "unspecified",
        1 => "keyCompromise",
        2 => "cACompromise",
        3 => "affiliationChanged",
        4 => "superseded",
        5 => "cessationOfOperation",
        6 => "certificateHold",
        8 => "removeFromCRL",
        9 => "privilegeWithdrawn",
        10 => "aACompromise",
        _ => return format!("reason {code}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests;
