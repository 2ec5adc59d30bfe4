//! What a probe finds out, one thing after the other.

use serde_json::{Value, json};

use crate::thales::Requirement;
use crate::thales::inbound::{Concern, Gravity};

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) part: Part,
    pub(super) verdict: Verdict,
    /// The requirement that it is about, where there is one.
    pub(super) requirement: Option<Requirement>,
    pub(super) found: String,
    /// More of the same, a line each.
    pub(super) details: Vec<String>,
    /// Empty where nothing is to be done.
    pub(super) to_do: String,
    /// The same for programs: an object.
    pub(super) facts: Value,
}

/// What is looked at, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Proxy,
    HostsFile,
    OwnCertificate,
    Name,
    Tcp,
    Tls,
    ServerCertificate,
    ClientCertificate,
    Http,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Warning,
    Failure,
    /// It could not be looked at, because of what went before, or because nobody asked for it.
    NotLookedAt,
}

impl Part {
    /// For people.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::HostsFile => "hosts file",
            Self::OwnCertificate => "own certificate",
            Self::Name => "name",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::ServerCertificate => "server's chain",
            Self::ClientCertificate => "admission",
            Self::Http => "HTTP",
        }
    }

    /// For programs.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::HostsFile => "hosts_file",
            Self::OwnCertificate => "own_certificate",
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::ServerCertificate => "server_certificate",
            Self::ClientCertificate => "client_certificate",
            Self::Http => "http",
        }
    }
}

impl Verdict {
    /// One word of at most four letters, the same for people and programs but for the case.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Good => "pass",
            Self::Warning => "warn",
            Self::Failure => "fail",
            Self::NotLookedAt => "none",
        }
    }
}

impl Step {
    fn new(part: Part, verdict: Verdict, found: String, to_do: String) -> Self {
        Self { part, verdict, requirement: None, found, details: Vec::new(), to_do, facts: json!({}) }
    }

    pub(super) fn good(part: Part, found: String) -> Self {
        Self::new(part, Verdict::Good, found, String::new())
    }

    pub(super) fn warning(part: Part, found: String, to_do: impl Into<String>) -> Self {
        Self::new(part, Verdict::Warning, found, to_do.into())
    }

    pub(super) fn failure(part: Part, found: String, to_do: impl Into<String>) -> Self {
        Self::new(part, Verdict::Failure, found, to_do.into())
    }

    pub(super) fn not_looked_at(part: Part, why: &str) -> Self {
        Self::new(part, Verdict::NotLookedAt, why.to_owned(), String::new())
    }

    /// What is to be said of the client certificate's file.
    pub(super) fn of_concern(concern: Concern) -> Self {
        let Concern { requirement, gravity, found, to_do } = concern;
        match gravity {
            Gravity::Warning => Self::warning(Part::OwnCertificate, found, to_do),
            Gravity::Failure => Self::failure(Part::OwnCertificate, found, to_do),
        }
        .about(requirement)
    }

    pub(super) fn about(mut self, requirement: Requirement) -> Self {
        self.requirement = Some(requirement);
        self
    }

    pub(super) fn with_details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    pub(super) fn with_facts(mut self, facts: Value) -> Self {
        self.facts = facts;
        self
    }

    pub(super) fn failed(&self) -> bool {
        self.verdict == Verdict::Failure
    }
}
