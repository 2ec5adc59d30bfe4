//! From what a handler, or a layer, answered to what Thales has to see: problems in the dialect of the product, acknowledgements as
//! the operation wants them. Everything else passes as it is.

use std::time::Duration;

use ::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use ::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::body::Body;
use futures_util::FutureExt as _;
use http_body::Body as _;
use http_body_util::BodyExt;

use super::call::Call;
use super::correlation::REQUEST_ID;
use super::{Problem, ProblemKind, ResponseBody};
use crate::thales::dialect::{Answer, Cause};
use crate::thales::{Acknowledgement, Operation, Product};

/// Longest wait of a backend that is passed on, in seconds: an hour without events is a fault, and no advice.
const LONGEST_WAIT: u32 = 60 * 60;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What the caller sees.
    pub status: StatusCode,
    /// How it came about.
    pub outcome: Outcome,
    /// Whether the same request may succeed later; `None` where it did not fail, or a handler's own answer does not tell.
    pub retryable: Option<bool>,
    /// What the handler had answered, where the caller sees something else.
    pub handler_status: Option<StatusCode>,
}

/// How an answer came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the operation's acknowledgement.
    Acknowledged,
    /// It is the handler's own.
    Answered,
    /// It is a problem of this name.
    Problem(&'static str),
}

impl Outcome {
    /// In logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Answered => "answered",
            Self::Problem(_) => "problem",
        }
    }
}

/// Makes of `response` what the caller of `call` has to see.
pub(crate) fn settle(mut response: Response<ResponseBody>, call: Option<&Call>) -> (Response<ResponseBody>, Settled) {
    let problem = response.extensions_mut().remove::<Problem>();
    let status = response.status();
    match (problem, call) {
        (Some(problem), Some(call)) => refused(response, problem, call),
        (Some(problem), None) => {
            let (outcome, retryable) = (Outcome::Problem(problem.name()), Some(problem.retryable()));
            (response, Settled { status, outcome, retryable, handler_status: None })
        }
        (None, Some(call)) if call.is_notification() && status.is_success() => acknowledged(response, call.operation()),
        (None, Some(call)) if takes_no_backend_status(call) => not_taken(response, call),
        (None, _) => (response, Settled { status, outcome: Outcome::Answered, retryable: None, handler_status: None }),
    }
}

/// Merchant tokenization drops an event for good on a status that it does not know as temporary, whoever it comes from. A call that
/// no product claims may be one of its own, with a base path that was misspelt.
fn takes_no_backend_status(call: &Call) -> bool {
    call.may_be_of(Product::Cof)
}

fn refused(mut response: Response<ResponseBody>, problem: Problem, call: &Call) -> (Response<ResponseBody>, Settled) {
    if let Some(allow) = call.allowed_methods().filter(|_| problem.kind() == ProblemKind::MethodNotAllowed) {
        response.headers_mut().insert(ALLOW, allow.clone());
    }
    let Some(dialect) = call.dialect() else {
        let settled = Settled {
            status: response.status(),
            outcome: Outcome::Problem(problem.name()),
            retryable: Some(problem.retryable()),
            handler_status: None,
        };
        return (response, settled);
    };
    let answer = dialect.answer(problem.cause(), problem.detail());
    let retryable = Some(answer.retryable);
    let response = written(response, answer);
    let settled = Settled {
        status: response.status(),
        outcome: Outcome::Problem(problem.name()),
        retryable,
        handler_status: None,
    };
    (response, settled)
}

/// `answer` in the place of `response`, whose headers about the connection and the request stay.
fn written(response: Response<ResponseBody>, answer: Answer) -> Response<ResponseBody> {
    let (mut parts, _) = response.into_parts();
    let Answer { status, retry_after, content_type, body, .. } = answer;
    parts.status = status;
    for name in [CONTENT_TYPE, CONTENT_LENGTH, RETRY_AFTER] {
        parts.headers.remove(name);
    }
    if status != StatusCode::UNAUTHORIZED {
        // What could be shown is told where it is asked for (RFC 9110 section 11.6.1), which not every dialect does.
        parts.headers.remove(WWW_AUTHENTICATE);
    }
    if let Some(content_type) = content_type {
        parts.headers.insert(CONTENT_TYPE, content_type);
    }
    if let Some(seconds) = retry_after {
        parts.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Response::from_parts(parts, if body.is_empty() { Body::empty() } else { Body::from(body) })
}

fn acknowledged(
    response: Response<ResponseBody>,
    operation: Option<&std::sync::Arc<Operation>>,
) -> (Response<ResponseBody>, Settled) {
    let (mut parts, body) = response.into_parts();
    discard(body);
    let handler_status = parts.status;
    keep_request_id(&mut parts.headers);
    let mut body = Body::empty();
    match operation.map(|operation| &operation.acknowledgement) {
        Some(Acknowledgement { status, headers, body: text }) => {
            parts.status = *status;
            for (name, value) in headers {
                parts.headers.insert(name.clone(), value.clone());
            }
            if !text.is_empty() {
                body = Body::from(text.clone());
            }
        }
        None => parts.status = StatusCode::NO_CONTENT,
    }
    let settled = Settled {
        status: parts.status,
        outcome: Outcome::Acknowledged,
        retryable: None,
        handler_status: (handler_status != parts.status).then_some(handler_status),
    };
    (Response::from_parts(parts, body), settled)
}

/// The backend answered with what the caller must not see.
fn not_taken(response: Response<ResponseBody>, call: &Call) -> (Response<ResponseBody>, Settled) {
    let Some(dialect) = call.dialect() else {
        let status = response.status();
        return (response, Settled { status, outcome: Outcome::Answered, retryable: None, handler_status: None });
    };
    let (mut parts, body) = response.into_parts();
    discard(body);
    let handler_status = parts.status;
    let wait = parts.headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
    let wait: Option<u32> = wait.filter(|seconds| *seconds <= LONGEST_WAIT);
    keep_request_id(&mut parts.headers);
    let answer = dialect.answer(Cause::BackendRefused, "The notification was not taken.");
    let retryable = Some(answer.retryable);
    let mut response = written(Response::from_parts(parts, Body::empty()), answer);
    if let Some(seconds) = wait {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    let settled = Settled {
        status: response.status(),
        outcome: Outcome::Problem(Cause::BackendRefused.name()),
        retryable,
        handler_status: Some(handler_status),
    };
    (response, settled)
}

/// Leaves what the stack has put into the answer already, and none of the handler's headers.
fn keep_request_id(headers: &mut HeaderMap) {
    // Taken out and put back: a map of its own for one header costs more.
    let id = headers.remove(REQUEST_ID);
    headers.clear();
    if let Some(id) = id {
        headers.insert(REQUEST_ID, id);
    }
}

/// Reads on for a while what nobody wants, so that the connection to the backend can be used again.
fn discard(mut body: ResponseBody) {
    /// In bytes: more than any answer to a notification holds.
    const MOST: usize = 64 * 1024;
    const LONGEST: Duration = Duration::from_secs(1);
    let mut read = 0;
    // A short answer came with its head, and needs no task.
    while !body.is_end_stream() && read < MOST {
        match body.frame().now_or_never() {
            Some(Some(Ok(frame))) => read += frame.data_ref().map_or(0, bytes::Bytes::len),
            Some(None | Some(Err(_))) => return,
            None => {
                tokio::spawn(tokio::time::timeout(LONGEST, async move {
                    while read < MOST {
                        let Some(Ok(frame)) = body.frame().await else { break };
                        read += frame.data_ref().map_or(0, bytes::Bytes::len);
                    }
                }));
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
