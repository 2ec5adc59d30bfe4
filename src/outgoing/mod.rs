//! Connections that this server opens: to backends, to the identity provider whose keys it needs, and to the collector of traces.

mod backend;
mod client;
pub(crate) mod connect;
mod fetch;
mod metered;
mod target;
#[cfg(test)]
pub(crate) mod testing;

use std::error::Error;

pub use backend::{ClientCredentialPem, ForwardError, ForwardOptions, Protocol};
pub(crate) use backend::{ShownChain, digest_of};
pub(crate) use client::{Answer, AnswerBody, Client, ClientError};
pub use connect::ConnectError;
pub use fetch::{Fetch, FetchError, HttpsFetch};
pub(crate) use metered::Meter;
pub(crate) use target::Target;

/// `error` and what it was caused by, in one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        line.push_str(": ");
        line.push_str(&error.to_string());
        source = error.source();
    }
    line
}
