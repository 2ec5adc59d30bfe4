//! What is told of an entry, in commands and to administrators: never anything that was sent.

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::entry::Millis;
use super::store::Row;

/// An entry without what was sent. Times are RFC 3339, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryReport {
    /// Its place in the order of commits.
    pub sequence: i64,
    /// Its id.
    pub id: String,
    /// How far it is.
    pub state: &'static str,
    /// The environment that received it.
    pub environment: String,
    /// The product.
    pub product: String,
    /// The operation.
    pub operation: String,
    /// The backend, empty for the environment's own.
    pub destination: String,
    /// When it was there.
    pub received_at: String,
    /// Deliveries that were tried since it was received, or replayed.
    pub attempts: u32,
    /// How often it was replayed.
    pub replays: u32,
    /// When its lane is looked at next.
    pub next_attempt: Option<String>,
    /// When it was delivered, died or was discarded.
    pub settled_at: Option<String>,
    /// What went wrong last.
    pub last_problem: Option<String>,
    /// Subject of the client that sent it.
    pub client_subject: String,
    /// SHA-256 of its certificate.
    pub client_sha256: String,
    /// The id by which Thales relates its calls.
    pub correlation_id: Option<String>,
    /// W3C trace context of the call.
    pub traceparent: Option<String>,
    /// The verb.
    pub method: String,
    /// The master key that it is sealed under; `null` = it is in clear.
    pub key_id: Option<String>,
    /// What it takes in the store, in bytes.
    pub stored_bytes: usize,
}

impl From<&Row> for EntryReport {
    fn from(row: &Row) -> Self {
        let facts = row.facts.clone();
        Self {
            sequence: row.sequence,
            id: facts.id.to_string(),
            state: row.state.name(),
            environment: facts.environment,
            product: facts.product,
            operation: facts.operation,
            destination: facts.destination,
            received_at: rfc3339(facts.received_at),
            attempts: row.attempts,
            replays: row.replays,
            next_attempt: row.next_attempt.map(rfc3339),
            settled_at: row.settled_at.map(rfc3339),
            last_problem: row.last_problem.clone(),
            client_subject: facts.client_subject,
            client_sha256: facts.client_sha256,
            correlation_id: facts.correlation_id,
            traceparent: facts.traceparent,
            method: facts.method,
            key_id: row.payload.key_id.clone(),
            stored_bytes: row.payload.bytes.len(),
        }
    }
}

/// A time as it is told; empty where it lies beyond the years that have four digits.
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Sealing;
    use crate::inbox::testing::{Memory, stored};

    #[tokio::test]
    async fn nothing_that_was_sent_is_told() {
        let store = Memory::default();
        let sealing = Sealing::establish(&store, None).await.unwrap();
        stored(&store, &sealing, "a body").await;
        let told = serde_json::to_string(&EntryReport::from(&store.all()[0])).unwrap();
        assert!(told.contains(r#""received_at":"2023-11-14T22:13:20Z""#), "{told}");
        assert!(told.contains(r#""correlation_id":"c-1""#) && told.contains(r#""state":"pending""#), "{told}");
        for sent in ["a body", "CARD7", "ISSUER0001", "a=b"] {
            assert!(!told.contains(sent), "{told}");
        }
    }

    #[test]
    fn a_time_beyond_all_years_is_told_as_none() {
        assert_eq!(rfc3339(1), "1970-01-01T00:00:00.001Z");
        assert_eq!(rfc3339(i64::MAX), "");
    }
}
