//! What Thales would refuse, refused before it is made.

use super::{EnvironmentCode, MOST_DAYS, Part, PublicKey, Requirement, Service, SubjectError};

/// Why Thales would not take a request or a certificate, and which of its requirements says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A key of another kind or strength (I2).
    #[error("{service} refuses {key}: take {}", .service.key_names())]
    Key {
        /// The service.
        service: Service,
        /// The key.
        key: PublicKey,
    },
    /// A part of the subject that can't be (I3; I4 for the CN).
    #[error("{0}")]
    Subject(#[from] SubjectError),
    /// A subject to be renewed that lacks what has to be there (I3).
    #[error("the subject has no {}: make a request with a subject of its own, without --renew", names(.0))]
    Missing(Vec<Part>),
    /// A subject without a CN, or with several (I4).
    #[error("the subject has {0} common names; it must have one")]
    CommonNames(usize),
    /// A CN that does not follow the pattern (I4).
    #[error("the CN {} {problem}", quoted(.common_name))]
    CommonName {
        /// The CN.
        common_name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A template for a CN with something in it that nothing is put in the place of (I4).
    #[error("the template holds {{{0}}}: only {{algorithm}}, {{id}} and {{env}} are replaced")]
    Template(String),
    /// An identifier that can't stand in a CN (I4).
    #[error("{} is no {}: {problem}", quoted(.given), .service.identifier_name())]
    Identifier {
        /// The service.
        service: Service,
        /// What was given.
        given: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No code of an environment (I5).
    #[error("there is no environment {}: write PPR (pre-production) or PRD (production)", quoted(.given))]
    Environment {
        /// What was given.
        given: String,
    },
    /// The code of another environment (I5).
    #[error("the CN {} bears {}, the code of {}; the environment is {}", quoted(.common_name), .environment.other().code(),
        .environment.other().title(), .environment.title())]
    OtherEnvironment {
        /// The CN.
        common_name: String,
        /// The environment that was asked for.
        environment: EnvironmentCode,
    },
    /// A validity that is too long, or none (I6).
    #[error("{days} days: a certificate may be valid for 1 to {MOST_DAYS} days (two years)")]
    Validity {
        /// The days.
        days: u64,
    },
}

impl Refusal {
    /// The requirement that is not met.
    #[must_use]
    pub fn requirement(&self) -> Requirement {
        match self {
            Self::Key { .. } => Requirement::I2,
            Self::Subject(error) if error.part() == Some(Part::CommonName) => Requirement::I4,
            Self::Subject(_) | Self::Missing(_) => Requirement::I3,
            Self::CommonNames(_) | Self::CommonName { .. } | Self::Template(_) | Self::Identifier { .. } => {
                Requirement::I4
            }
            Self::Environment { .. } | Self::OtherEnvironment { .. } => Requirement::I5,
            Self::Validity { .. } => Requirement::I6,
        }
    }
}

fn names(parts: &[Part]) -> String {
    let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
    names.join(", ")
}

/// In quotes, with what can't be seen escaped.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
