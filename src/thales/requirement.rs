//! What Thales requires of the two directions, by number.

mod meaning;

use std::fmt;

pub use meaning::{Families, Meaning};
use thiserror::Error;

/// A requirement: `O1` to `O14` on the direction in which Thales calls, `I1` to `I10` on that in which Thales is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Requirement {
    /// Mutual authentication, always.
    O1,
    /// TLS 1.2 or higher.
    O2,
    /// Port 443, or 8443.
    O3,
    /// Reached over the internet, by any address.
    O4,
    /// The Thales Client CA is trusted, and only it.
    O5,
    /// Thales' own certificate is pinned nowhere.
    O6,
    /// On request the customer's own CA signs Thales' certificate.
    O7,
    /// Thales knows the chain of the server's certificate.
    O8,
    /// A server certificate for ISSUER_HOST, of a CA that Mozilla recognises, or a PEM trust store.
    O9,
    /// Thales is told before the server's CA changes.
    O10,
    /// Environments are isolated.
    O11,
    /// Connectivity is set up for each customer identifier.
    O12,
    /// A second key on top: OAuth 2.0 or an API key.
    O13,
    /// One endpoint serves every API of a service.
    O14,
    /// A client certificate that Thales has signed, or knows.
    I1,
    /// A key of an accepted kind and strength.
    I2,
    /// A subject with the parts that Thales asks for.
    I3,
    /// A common name of the pattern that Thales gives.
    I4,
    /// The code of the environment: PPR or PRD.
    I5,
    /// A validity that Thales accepts.
    I6,
    /// Thales' hosts.
    I7,
    /// The CA of Thales' server certificate.
    I8,
    /// Names are resolved every time, and kept no longer than their TTL.
    I9,
    /// No list of IP addresses, no VPN.
    I10,
}

impl Requirement {
    /// Every requirement, in order.
    pub const ALL: [Self; 24] = [
        Self::O1,
        Self::O2,
        Self::O3,
        Self::O4,
        Self::O5,
        Self::O6,
        Self::O7,
        Self::O8,
        Self::O9,
        Self::O10,
        Self::O11,
        Self::O12,
        Self::O13,
        Self::O14,
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I8,
        Self::I9,
        Self::I10,
    ];

    /// Its number: `O6`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::O1 => "O1",
            Self::O2 => "O2",
            Self::O3 => "O3",
            Self::O4 => "O4",
            Self::O5 => "O5",
            Self::O6 => "O6",
            Self::O7 => "O7",
            Self::O8 => "O8",
            Self::O9 => "O9",
            Self::O10 => "O10",
            Self::O11 => "O11",
            Self::O12 => "O12",
            Self::O13 => "O13",
            Self::O14 => "O14",
            Self::I1 => "I1",
            Self::I2 => "I2",
            Self::I3 => "I3",
            Self::I4 => "I4",
            Self::I5 => "I5",
            Self::I6 => "I6",
            Self::I7 => "I7",
            Self::I8 => "I8",
            Self::I9 => "I9",
            Self::I10 => "I10",
        }
    }

    /// What it asks for, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::O1 => "Mutual authentication, always",
            Self::O2 => "TLS 1.2 or higher",
            Self::O3 => "Port 443, or 8443",
            Self::O4 => "Reached over the internet, by any address",
            Self::O5 => "The Thales Client CA is trusted, and only it",
            Self::O6 => "Thales' own certificate is pinned nowhere",
            Self::O7 => "On request the customer's own CA signs Thales' certificate",
            Self::O8 => "Thales knows the chain of the server's certificate",
            Self::O9 => "A server certificate for ISSUER_HOST, of a CA that Mozilla recognises, or a PEM trust store",
            Self::O10 => "Thales is told before the server's CA changes",
            Self::O11 => "Environments are isolated",
            Self::O12 => "Connectivity is set up for each customer identifier",
            Self::O13 => "A second key on top: OAuth 2.0 or an API key",
            Self::O14 => "One endpoint serves every API of a service",
            Self::I1 => "A client certificate that Thales has signed, or knows",
            Self::I2 => "A key of an accepted kind and strength",
            Self::I3 => "A subject with the parts that Thales asks for",
            Self::I4 => "A common name of the pattern that Thales gives",
            Self::I5 => "The code of the environment: PPR or PRD",
            Self::I6 => "A validity that Thales accepts",
            Self::I7 => "Thales' hosts",
            Self::I8 => "The CA of Thales' server certificate",
            Self::I9 => "Names are resolved every time, and kept no longer than their TTL",
            Self::I10 => "No list of IP addresses, no VPN",
        }
    }

    /// The requirement of this number, in either case.
    ///
    /// # Errors
    /// There is none.
    pub fn from_name(name: &str) -> Result<Self, UnknownRequirement> {
        let found = Self::ALL.into_iter().find(|requirement| requirement.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| UnknownRequirement(name.to_owned()))
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number that no requirement has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no requirement {0:?}: write O1 to O14 or I1 to I10")]
pub struct UnknownRequirement(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_requirement_is_found_by_its_number_in_either_case() {
        for requirement in Requirement::ALL {
            assert_eq!(Requirement::from_name(requirement.name()), Ok(requirement));
            assert_eq!(Requirement::from_name(&requirement.name().to_lowercase()), Ok(requirement));
        }
        assert!(Requirement::from_name("O15").unwrap_err().to_string().contains("O1 to O14"));
    }
}
