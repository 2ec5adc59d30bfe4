//! What to do about the failures of a load: what a single call is told of.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;

use super::super::advice::{Known, advice, problem};
use super::super::answer_advice::{self, Making};
use super::super::report::printable;
use crate::caller::ClientCredential;
use crate::caller::load::{Cause, Failures};
use crate::thales::Operation;

/// What is called, and what is shown.
pub(in crate::cli::call) struct Advisor {
    pub(in crate::cli::call) operation: Arc<Operation>,
    pub(in crate::cli::call) request: Request<Bytes>,
    pub(in crate::cli::call) credential: Option<ClientCredential>,
    /// Whether --server-ca names whom the server has to come from.
    pub(in crate::cli::call) own_server_ca: bool,
}

/// What is told of a kind of failure.
pub(super) struct Told {
    /// The first of them in words.
    pub(super) example: String,
    /// `None` = the words say all that is known.
    pub(super) advice: Option<String>,
}

impl Advisor {
    /// `wanted` = the CAs whose clients the server takes.
    pub(super) fn tell(&self, failures: &Failures, wanted: Option<&Vec<String>>) -> Told {
        let (example, advice) = match &failures.cause {
            Cause::Unanswered(failure) => {
                let known = Known::without_chain(self.credential.as_ref(), wanted.cloned(), self.own_server_ca);
                (problem(failure), Some(advice(failure, &known)))
            }
            Cause::Answered(answer) => {
                let advice = answer_advice::advice(&self.operation, &self.request, answer, Making::Load);
                (failures.example.clone(), advice)
            }
            Cause::NotResumed => {
                let advice = "the server keeps no sessions, or no longer than this: see its resumption; else write --mode handshake";
                (failures.example.clone(), Some(advice.to_owned()))
            }
            Cause::Other => (failures.example.clone(), None),
        };
        Told { example: printable(&example), advice: advice.as_deref().map(printable) }
    }

    #[cfg(test)]
    pub(super) fn of_nothing() -> Self {
        let operation = crate::thales::Catalogue::built_in().operations().first().unwrap().clone();
        Self { operation: Arc::new(operation), request: Request::default(), credential: None, own_server_ca: false }
    }
}
