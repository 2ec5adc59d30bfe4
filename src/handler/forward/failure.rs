//! What went wrong between this server and a backend: as a problem for the caller, and as a line for the operator.

use std::error::Error;

use http::uri::Authority;

use crate::http::body::BodyError;
use crate::http::{Problem, ProblemKind};
use crate::outgoing::{ClientError, causes};
use crate::telemetry::{OncePerSecond, events};

/// The problem that `error` of the client is for the caller.
pub(super) fn problem(error: &ClientError) -> Problem {
    match error {
        ClientError::Connect(_) => ProblemKind::BackendUnavailable.into(),
        ClientError::Exchange(error) if is_callers(error) => {
            Problem::bad_request("The body of the request could not be read.")
        }
        ClientError::Exchange(_) => ProblemKind::BackendBroken.into(),
    }
}

/// Whether `error` comes from the caller's half of the exchange: its body broke, or crossed a bound.
fn is_callers(error: &hyper::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.is::<BodyError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// Warnings about a backend, one a second at most for each problem: a backend that is down fails every request.
#[derive(Debug, Default)]
pub(super) struct Complaints(OncePerSecond);

impl Complaints {
    /// Says that a request of `environment` to `backend` ended in `problem`. Neither path nor query nor body is said.
    pub(super) fn warn(
        &self,
        environment: Option<&str>,
        backend: &Authority,
        problem: &'static str,
        error: Option<&dyn Error>,
    ) {
        if let Some(unsaid) = self.0.turn(problem) {
            let cause = error.map(causes);
            tracing::warn!(
                event = events::BACKEND_FAILED,
                environment,
                backend = backend.as_str(),
                problem,
                cause,
                unsaid,
                "backend failed"
            );
        }
    }
}
