//! Where entries are delivered to.

mod cloud_events;
mod http;
mod nats;
mod signature;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;

pub use http::{HttpDestination, HttpOptions};
pub use nats::{NatsDestination, NatsError, NatsOptions};
pub use signature::{SigningSecretError, SigningSecrets};

pub use crate::outgoing::{ClientCredentialPem, ForwardError, ForwardOptions, Protocol};

use super::entry::{Contents, Facts};

/// An entry on its way to a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What is known of it in clear.
    pub facts: Facts,
    /// What Thales sent.
    pub contents: Contents,
    /// Which attempt this is since it was received, or replayed; from 1.
    pub attempt: u32,
    /// How often it was replayed.
    pub replays: u32,
    /// W3C trace context of the attempt, which the destination learns; that of the call, where attempts are not recorded.
    pub traceparent: Option<String>,
}

/// What came of an attempt. The words hold nothing of the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The destination has it.
    Delivered,
    /// The destination will never take it: 400, 410, 413, 415 or 422.
    Refused {
        /// What it said.
        problem: String,
    },
    /// It may take it later.
    Failed {
        /// What went wrong.
        problem: String,
        /// When the destination wants to be asked again: for this entry, or, where it is down, for anything.
        retry_after: Option<Duration>,
        /// Whether that says that the destination as a whole is unwell, and not only that it does not take this entry now.
        down: bool,
    },
}

/// Whether a status (RFC 9110 section 15; those of `JetStream` mean the same) says that whoever sent it is unwell, whatever it was
/// sent about.
const fn is_unwell(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

/// Everything that destinations make headers of.
#[cfg(fuzzing)]
pub(super) fn headers(delivery: &Delivery) -> super::fuzzing::EventHeaders {
    let passed_on = cloud_events::passed_on(&delivery.facts, &delivery.contents);
    super::fuzzing::EventHeaders {
        passed_on: passed_on.map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
        attributes: cloud_events::attributes(delivery),
        called: cloud_events::called(delivery),
        nats: nats::headers_for_fuzzing(delivery),
    }
}

/// Takes deliveries: a backend over HTTP, or a stream of NATS.
pub trait Destination: fmt::Debug + Send + Sync + 'static {
    /// What is said of it in logs: scheme, host and port, never a credential.
    fn name(&self) -> &str;

    /// Of everything that it was made from, so that one that is made anew can be known as the same; `None` = nobody can tell.
    fn fingerprint(&self) -> Option<[u8; 32]> {
        None
    }

    /// Tries once. How long it may take is bounded by whoever calls, who drops the future.
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Attempt>;
}
