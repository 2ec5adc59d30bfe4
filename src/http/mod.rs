//! What happens to every request before a handler sees it, and to every refusal before the caller sees it.
//!
//! [`Stack`] is the list of layers in their order; each layer or check has a file of its own. A handler behind the stack can
//! rely on this:
//!
//! * the caller was verified, its verdict holds now, and [`VerifiedClient`](crate::tls::VerifiedClient) is an extractor;
//! * the request target is in origin form, clean of dot segments, empty segments, and encoded separators;
//! * there is exactly one `host`, whatever the HTTP version, and it is the environment's;
//! * identity and forwarding headers are ours, and hop-by-hop headers are gone;
//! * `x-request-id` and a valid `traceparent` are there;
//! * behind an [`Interpreter`], the call satisfied the second key of its product, [`Call`] says which one it is, and [`Sensitive`]
//!   that its body must not be kept;
//! * the body ends within its deadline and its size limit, or with a [`BodyError`](body::BodyError).

mod access;
pub mod accounting;
pub mod body;
pub mod call;
mod content_length;
pub mod correlation;
mod deadline;
mod exchange;
mod gate;
mod head_size;
mod hop_by_hop;
mod host;
mod identity_headers;
pub mod interpreter;
mod method;
mod path;
pub mod problem;
mod second_key;
pub mod settle;
pub mod stack;
pub(crate) mod tellable;
pub mod verified_client;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use access::ExchangeBody;
pub(crate) use access::Observed;
pub use accounting::Accounting;
pub use call::{Call, Sensitive};
pub use interpreter::{Interpreter, InterpreterOptions, KindDeadlines, UnknownOperations};
pub use problem::{Problem, ProblemKind};
pub use stack::{ConnectionContext, Stack, StackOptions};

/// The body of a response as it leaves the stack.
pub type ResponseBody = axum::body::Body;

pub(crate) use hop_by_hop::{is_hop_by_hop, strip_response};
