//! One call of a product: how it looks, what it wants, and how sure we are of it.

use std::fmt;
use std::time::Duration;

use ::http::{HeaderName, Method};

use super::Product;
pub use super::acknowledgement::Acknowledgement;
use super::key_expression::KeyExpression;

/// One call that Thales makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The family of calls that it belongs to.
    pub product: Product,
    /// Its name, unique within its product; what Thales' own description calls it where that is known.
    pub name: String,
    /// What it is about, in a few words.
    pub summary: String,
    /// The specification that it stands in, with its version. The same call may stand in two.
    pub api: String,
    /// The verb.
    pub method: Method,
    /// What is put before [`path`](Self::path): empty, or with a leading and without a trailing slash.
    pub base_path: String,
    /// The template below the base path; literals in Thales' spelling, ids as `{name}`.
    pub path: String,
    /// Whether it may be acknowledged before it is dealt with.
    pub kind: Kind,
    /// What tells Thales that it went well. Of queries and commands the backend's own answer is what Thales wants, so that this
    /// only documents them.
    pub acknowledgement: Acknowledgement,
    /// What makes a repeat of the same event known as one; `None` = nothing does.
    pub deduplication: Option<Deduplication>,
    /// What must stay in order among itself: the lane. `None` = each call for itself.
    pub ordering: Option<KeyExpression>,
    /// Where the id of the issuer, token requestor or merchant gateway stands, which must be one of the environment's.
    pub issuer_id: Option<IssuerId>,
    /// The header that Thales relates its calls by.
    pub correlation: Option<HeaderName>,
    /// Fields that are secret or personal.
    pub secrets: Vec<SecretField>,
    /// Whether this server can answer it by itself.
    pub role: Role,
    /// How sure we are of verb and path.
    pub evidence: Evidence,
    /// Pages and specifications that show it.
    pub sources: Vec<String>,
    /// The backend that an operator chose for it; `None` = the environment's.
    pub backend: Option<String>,
    /// How long its answer may take; `None` = what its kind may.
    pub deadline: Option<Duration>,
}

impl Operation {
    /// Base path and template together.
    #[must_use]
    pub fn full_path(&self) -> String {
        [&*self.base_path, &*self.path].concat()
    }

    /// Whether its request carries a secret in clear, so that its body must never reach a store or a log.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.secrets.iter().any(|secret| secret.clear && secret.side == Side::Request)
    }
}

/// What an operation asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Tells of what has happened: may be stored and acknowledged.
    Notification,
    /// Needs data or a decision in the answer.
    Query,
    /// Needs something done now; success means that it was.
    Command,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Notification, Self::Query, Self::Command];

    /// The name in configuration, metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::Query => "query",
            Self::Command => "command",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How sure we are of an operation's verb and path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Shown on a page or in a specification of Thales.
    Portal,
    /// The operation is shown by Thales, its path only by others who implement it.
    ThirdParty,
    /// The operation is shown by Thales, its path follows the rule of its siblings. Unconfirmed.
    NamingRule,
    /// An operator said so.
    Operator,
}

impl Evidence {
    /// Every degree.
    pub const ALL: [Self; 4] = [Self::Portal, Self::ThirdParty, Self::NamingRule, Self::Operator];

    /// The name in the catalogue.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::ThirdParty => "third-party",
            Self::NamingRule => "naming-rule",
            Self::Operator => "operator",
        }
    }
}

/// The key that tells a repeat from a new event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deduplication {
    /// What it is made of.
    pub key: KeyExpression,
    /// Who says that it is a key.
    pub owner: KeyOwner,
}

/// Who vouches for a deduplication key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// Thales names it as one.
    Thales,
    /// We only suppose it: two different events might share it, so it must never be the reason to drop one.
    Ours,
}

impl KeyOwner {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Thales, Self::Ours];

    /// The name in the catalogue and in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thales => "thales",
            Self::Ours => "ours",
        }
    }
}

/// Where the id of the customer's side stands in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerId {
    /// In a header that must be there.
    Header(HeaderName),
    /// In a header that may be there.
    OptionalHeader(HeaderName),
    /// In the path, as the parameter of this name.
    Path(String),
}

/// A field that is secret or personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretField {
    /// In which half of the exchange.
    pub side: Side,
    /// The field of the body, with dots between names (`otp.value`); `header:NAME` for a header; empty for the whole body.
    pub field: String,
    /// Whether it travels in clear, rather than encrypted for somebody else.
    pub clear: bool,
}

/// A half of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What Thales sends.
    Request,
    /// What it gets.
    Response,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Request, Self::Response];

    /// The name in the catalogue.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// Who can answer an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The customer's systems.
    Business,
    /// This server, where it is configured as the issuer of access tokens (RFC 6749 section 3.2).
    TokenEndpoint {
        /// How `expires_in` is written.
        expires_in: ExpiresIn,
    },
}

/// How a product wants `expires_in` to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiresIn {
    /// As a number, as RFC 6749 has it.
    Number,
    /// As text.
    Text,
}

impl ExpiresIn {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Number, Self::Text];

    /// The name in the catalogue.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Text => "text",
        }
    }
}
