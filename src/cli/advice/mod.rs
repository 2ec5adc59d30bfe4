//! What it means that a call got no answer, and what to do about it: told in one place for all who call (`call`, `check --live`, `probe`).

mod refusal;
mod shown;
mod way;

pub(super) use refusal::refusal;
pub(super) use shown::Shown;
pub(super) use way::{connecting, handshake, is_without_route, seconds};

use crate::thales::Requirement;
use crate::thales::inbound::InboundProduct;

/// Who was called: the same alert has other reasons, and somebody else to mend them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// A server of the customer's, in Thales' place.
    IssuerHost,
    /// Thales, for a product where that is known.
    Thales(Option<InboundProduct>),
}

/// What something means, and what to do. Neither begins with a capital or ends with a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// The requirement that it is about, where there is one that the words do not name.
    pub(super) requirement: Option<Requirement>,
    pub(super) meaning: String,
    pub(super) to_do: String,
}

impl Advice {
    fn new(meaning: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { requirement: None, meaning: meaning.into(), to_do: to_do.into() }
    }

    fn on(self, requirement: Requirement) -> Self {
        Self { requirement: Some(requirement), ..self }
    }
}
