//! Lists of a customer's own CA: made, continued and signed.

use std::time::Duration;

use rustls_pki_types::UnixTime;
use x509_parser::num_bigint::BigUint;

use crate::pki::issuing::{IssuingAuthority, SerialNumber};
use crate::pki::{der, key_identifier};

mod signed_list;

pub use signed_list::{ListEntry, SignedList, SignedListError};

/// Version 2 (RFC 5280 section 5.1.2.1).
const VERSION_2: [u8; 3] = [der::INTEGER, 1, 1];
/// The explicit tag of the extensions.
const EXTENSIONS: u8 = 0xa0;
/// cRLNumber, below id-ce (RFC 5280 section 5.2.3).
const CRL_NUMBER: u8 = 20;
/// reasonCode, below id-ce (RFC 5280 section 5.3.1).
const REASON_CODE: u8 = 21;

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
        // Octet by octet, as servers look for it: a negative number has the digits of a positive one.
        let serial_der = serial.der();
        if let Some(position) = self.entries.iter().position(|entry| entry.is_of(&serial_der)) {
            return Ok(self.entries.get(position));
        }
        let reason_der = reason.map(|reason| {
            let code = der::element(der::ENUMERATED, &[reason.code()]);
            der::sequence(&[&der::extension(REASON_CODE, false, &code)])
        });
        let time = der::time(now).ok_or(TimeError)?;
        let der = der::sequence(&[&serial_der, &time, &reason_der.unwrap_or_default()]);
        self.entries.push(ListEntry {
            serial: serial.to_string(),
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
        let entries: Vec<&[u8]> = self.entries.iter().map(|entry| entry.der.as_slice()).collect();
        let revoked = if entries.is_empty() { Vec::new() } else { der::sequence(&entries) };
        let number = der::unsigned(&self.number.to_bytes_be());
        let authority_key = key_identifier::of_authority(authority.key_identifier());
        let number = der::extension(CRL_NUMBER, false, &number);
        let mut extensions = vec![authority_key.as_slice(), number.as_slice()];
        extensions.extend(self.extensions.iter().map(Vec::as_slice));
        let to_be_signed = der::sequence(&[
            &VERSION_2,
            authority.signer().algorithm(),
            &authority.facts().subject_der,
            &this_update,
            &next_update,
            &revoked,
            &der::element(EXTENSIONS, &der::sequence(&extensions)),
        ]);
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
