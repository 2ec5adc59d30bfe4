//! From a call to a row: what is kept of it, what it must stay in order with, and what makes a repeat known.

use std::fmt;

use ::http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, SET_COOKIE};
use ::http::{HeaderMap, HeaderName, Method, Uri};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use super::entry::{Contents, EntryId, Facts, Millis, Storable};
use super::keys::{self, Keyed};
use super::seal::{SealError, Sealing};
use super::store::{DestinationKey, NewRow};
use crate::http::correlation::{CORRELATION_ID, TRACEPARENT, usable};
use crate::http::is_hop_by_hop;
use crate::pki::ClientIdentity;
use crate::thales::operation::KeyOwner;
use crate::thales::routes::Matched;

/// What no store may hold (the first three), and what belongs to one exchange with its sender.
const NOT_KEPT: [HeaderName; 6] = [AUTHORIZATION, COOKIE, SET_COOKIE, HOST, CONTENT_LENGTH, EXPECT];

/// What became of a notification that may be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is an entry.
    Stored(EntryId),
    /// An entry of the same key and body is there already.
    Repeat,
}

impl Kept {
    /// In logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Stored(_) => "stored",
            Self::Repeat => "repeat",
        }
    }

    /// The entry that was made.
    #[must_use]
    pub const fn entry(&self) -> Option<EntryId> {
        match self {
            Self::Stored(id) => Some(*id),
            Self::Repeat => None,
        }
    }
}

/// A notification that passed the stack and was read to its end.
#[derive(Clone)]
pub struct Notification<'n> {
    /// What it is.
    pub operation: &'n Storable,
    /// Who delivers it to whom.
    pub to: &'n DestinationKey,
    /// Where its path has parameters.
    pub matched: &'n Matched,
    /// Who sent it.
    pub client: &'n ClientIdentity,
    /// The verb.
    pub method: &'n Method,
    /// Path and query, as they were called.
    pub uri: &'n Uri,
    /// Its headers, as the stack leaves them.
    pub headers: &'n HeaderMap,
    /// Its body, byte for byte.
    pub body: Bytes,
    /// When it was there.
    pub received_at: Millis,
}

impl Notification<'_> {
    /// What is stored of it, under a new id.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn into_row(self, sealing: &Sealing) -> Result<NewRow, SealError> {
        let operation = self.operation.operation().as_ref();
        let Self { matched, uri, headers, .. } = self;
        let call = Keyed { operation, matched, uri, headers, body: &self.body };
        let facts = self.facts();
        let ordering = operation.ordering.as_ref().and_then(|key| call.values(key));
        let lane = match &ordering {
            Some(values) => sealing.lane(self.to, &facts.product, values),
            None => sealing.lane_of_its_own(facts.id),
        };
        // Two events might share a key that Thales does not vouch for, and one of them would be lost.
        let vouched = operation.deduplication.as_ref().filter(|of| of.owner == KeyOwner::Thales);
        let deduplication = vouched
            .and_then(|of| call.values(&of.key))
            .map(|values| sealing.deduplication(&facts, &values, digest(&SHA256, &self.body).as_ref()));
        let contents = Contents {
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            subject: ordering.as_deref().and_then(keys::subject),
            headers: kept(headers),
            body: self.body,
        };
        let payload = sealing.seal(&facts, &contents)?;
        Ok(NewRow { facts, lane, deduplication, payload })
    }

    fn facts(&self) -> Facts {
        let operation = self.operation.operation();
        let header =
            |name: &HeaderName| usable(self.headers, name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Facts {
            id: EntryId::new(),
            environment: self.to.environment.clone(),
            product: operation.product.name().to_owned(),
            operation: operation.name.clone(),
            destination: self.to.destination.clone(),
            received_at: self.received_at,
            client_subject: self.client.subject.clone(),
            client_sha256: self.client.sha256.to_string(),
            correlation_id: operation.correlation.as_ref().and_then(header).or_else(|| header(&CORRELATION_ID)),
            traceparent: header(&TRACEPARENT),
            method: self.method.as_str().to_owned(),
        }
    }
}

impl fmt::Debug for Notification<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("operation", &self.operation.operation().name)
            .field("to", &self.to)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// End-to-end headers in order, without credentials.
fn kept(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let is_kept = |name: &HeaderName| !NOT_KEPT.contains(name) && !is_hop_by_hop(name.as_str());
    let kept = headers.iter().filter(|(name, _)| is_kept(name));
    kept.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

#[cfg(test)]
mod tests;
