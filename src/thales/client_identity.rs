//! What a customer's client certificate has to look like for calls to Thales (I1 to I6).

use std::fmt;

use super::Requirement;
use crate::pki::KeyKind;
use crate::pki::facts::PublicKey;
use crate::pki::subject::{Part, Subject, SubjectError};

mod common_name;
mod refusal;

pub use common_name::{CommonName, Identifier};
pub use refusal::Refusal;

/// The most days that a self-signed certificate may be valid: two years (I6).
pub const MOST_DAYS: u64 = 730;

/// A service of Thales that the customer calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// xPay: a token service provider calls the hub.
    Xpay,
    /// D1: a merchant gateway calls.
    D1,
    /// Merchant tokenization: a merchant or token requestor calls.
    MerchantTokenization,
}

impl Service {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xpay => "xpay",
            Self::D1 => "d1",
            Self::MerchantTokenization => "merchant-tokenization",
        }
    }

    /// Its name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Xpay => "xPay",
            Self::D1 => "D1",
            Self::MerchantTokenization => "merchant tokenization",
        }
    }

    /// What the customer's identifier is called there.
    #[must_use]
    pub const fn identifier_name(self) -> &'static str {
        match self {
            Self::Xpay => "tspId",
            Self::D1 => "merchantGatewayId",
            Self::MerchantTokenization => "common name",
        }
    }

    /// The kinds of keys that it takes, the preferred one first (I2).
    #[must_use]
    pub const fn keys(self) -> &'static [KeyKind] {
        match self {
            Self::Xpay | Self::D1 => &[KeyKind::P256, KeyKind::Rsa4096],
            Self::MerchantTokenization => &[KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048],
        }
    }

    /// The same in words: `EC P-256 or RSA with 4096 bits`.
    #[must_use]
    pub fn key_names(self) -> String {
        let mut names: Vec<String> = self.keys().iter().map(|kind| kind.public_key().to_string()).collect();
        let last = names.pop().unwrap_or_default();
        if names.is_empty() { last } else { format!("{} or {last}", names.join(", ")) }
    }

    /// Whether it takes a key (I2).
    ///
    /// # Errors
    /// [`Refusal::Key`].
    pub fn admits(self, key: &PublicKey) -> Result<(), Refusal> {
        let known = self.keys().iter().any(|kind| kind.public_key() == *key);
        if known { Ok(()) } else { Err(Refusal::Key { service: self, key: key.clone() }) }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// An environment of Thales' that has a code in common names (I5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentCode {
    /// PPR: pre-production.
    PreProduction,
    /// PRD: production.
    Production,
}

impl EnvironmentCode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::PreProduction, Self::Production];

    /// `PPR` or `PRD`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PreProduction => "PPR",
            Self::Production => "PRD",
        }
    }

    /// In words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::PreProduction => "pre-production",
            Self::Production => "production",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::PreProduction => Self::Production,
            Self::Production => Self::PreProduction,
        }
    }

    /// The environment of this code, or of one of the names that people use, in either case.
    ///
    /// # Errors
    /// [`Refusal::Environment`].
    pub fn from_name(name: &str) -> Result<Self, Refusal> {
        match name.to_ascii_lowercase().as_str() {
            "ppr" | "preprod" | "pre-prod" | "preproduction" | "pre-production" => Ok(Self::PreProduction),
            "prd" | "prod" | "production" => Ok(Self::Production),
            _ => Err(Refusal::Environment { given: name.to_owned() }),
        }
    }
}

/// What stands before the CN in a subject (I3).
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// Two letters of ISO 3166.
    pub country: &'a str,
    /// State or province.
    pub state: &'a str,
    /// City.
    pub locality: &'a str,
    /// The issuer's organisation.
    pub organization: &'a str,
    /// The organisation's unit.
    pub organizational_unit: &'a str,
}

impl Holder<'_> {
    /// The subject of a request: C, ST, L, O, OU and CN, in this order.
    ///
    /// # Errors
    /// [`Refusal::Subject`].
    pub fn subject(&self, common_name: &CommonName) -> Result<Subject, Refusal> {
        Ok(Subject::of(&[
            (Part::Country, self.country),
            (Part::State, self.state),
            (Part::Locality, self.locality),
            (Part::Organization, self.organization),
            (Part::OrganizationalUnit, self.organizational_unit),
            (Part::CommonName, common_name.as_str()),
        ])?)
    }
}

/// Whether a subject that there is already, for a renewal, has what a new one must have: C, ST, L, O and OU, and nothing in them or
/// in the CN that could not stand in a new one (I3). What the CN has to look like, [`CommonName::of_subject`] tells.
///
/// # Errors
/// [`Refusal::Missing`] or [`Refusal::Subject`].
pub fn check_renewed(subject: &Subject) -> Result<(), Refusal> {
    const PARTS: [Part; 6] =
        [Part::Country, Part::State, Part::Locality, Part::Organization, Part::OrganizationalUnit, Part::CommonName];
    let missing: Vec<Part> = PARTS.into_iter().filter(|part| subject.texts(*part).is_empty()).collect();
    if !missing.is_empty() {
        return Err(Refusal::Missing(missing));
    }
    Ok(subject.check(&PARTS)?)
}

/// The subject of a self-signed certificate for merchant tokenization: the CN alone, exactly as the portal gives it (I3).
///
/// # Errors
/// [`Refusal::Subject`].
pub fn merchant_subject(common_name: &str) -> Result<Subject, Refusal> {
    Ok(Subject::of(&[(Part::CommonName, common_name)])?)
}

/// Days of validity that merchant tokenization takes (I6).
///
/// # Errors
/// [`Refusal::Validity`].
pub fn check_days(days: u64) -> Result<(), Refusal> {
    if (1..=MOST_DAYS).contains(&days) { Ok(()) } else { Err(Refusal::Validity { days }) }
}

#[cfg(test)]
mod tests;
