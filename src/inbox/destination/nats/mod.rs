//! Publishes to a stream of NATS `JetStream`, as CloudEvents in binary mode.

mod options;
mod subject;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::fmt;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::{Context, ContextBuilder, PublishError, PublishErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, Event, HeaderMap, HeaderName, HeaderValue};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

pub use options::{NatsError, NatsOptions};

use super::{Attempt, Delivery, Destination, cloud_events, is_unwell};
use options::Connection;
use subject::SubjectTemplate;

/// By what a stream knows repeats within its duplicate window.
const MESSAGE_ID: &str = "Nats-Msg-Id";

/// A stream of NATS `JetStream`.
///
/// * `Nats-Msg-Id` is the entry's id, so that the stream drops what it has already; on the Nth replay it is `ID:replay:N`, since a
///   replay is meant to arrive again. `ce-id` is the entry's id in any case.
/// * Headers are those that came, and the event's attributes with what Thales called in `ce-method`, `ce-path` and `ce-query`, as in
///   the NATS protocol binding; `ce-datacontenttype` says again what `content-type` says.
/// * The stream's acknowledgement delivers, that of a repeat too. A message that is too large for server or stream is refused for
///   good. Everything else may be better next time.
/// * No server, no acknowledgement, and a stream that is unwell by its own words say that of the destination as a whole.
/// * It connects when it is first delivered to, and again by itself. While there is no connection, attempts fail at once: nothing is
///   kept in memory that the store keeps already.
pub struct NatsDestination {
    connection: Connection,
    connected: OnceCell<(Client, Context)>,
    subject: SubjectTemplate,
    ack_timeout: Duration,
    /// What the server complained of last, since the connection was made.
    complaint: Arc<Mutex<Option<String>>>,
    name: String,
    fingerprint: [u8; 32],
}

impl NatsDestination {
    /// A destination with a connection of its own.
    ///
    /// # Errors
    /// [`NatsError`] when a URL, the subject, the credentials, the CA certificates or the client credential cannot be used.
    pub fn new(options: NatsOptions) -> Result<Self, NatsError> {
        let subject = SubjectTemplate::parse(&options.subject)?;
        let (ack_timeout, fingerprint) = (options.ack_timeout, options.fingerprint());
        let connection = Connection::new(options)?;
        let (connected, complaint, name) = (OnceCell::new(), Arc::default(), connection.name());
        Ok(Self { connection, connected, subject, ack_timeout, complaint, name, fingerprint })
    }

    async fn attempt(&self, delivery: Delivery) -> Attempt {
        let (client, context) = match self.connected.get_or_try_init(|| self.connect()).await {
            Ok(connected) => connected,
            Err(problem) => return unwell(problem),
        };
        // A message that waits in the client for a connection would be sent although nobody waits for its acknowledgement any more.
        if client.connection_state() != State::Connected {
            return unwell(self.with_complaint("the connection to NATS is lost"));
        }
        let subject = self.subject.of(&delivery.facts);
        let publish = context.publish_with_headers(subject.clone(), headers(&delivery), delivery.contents.body);
        let outcome = match publish.await {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(_) => Attempt::Delivered,
            Err(error) => self.problem(&error, &subject),
        }
    }

    /// The first connection, whose problem is the attempt's.
    async fn connect(&self) -> Result<(Client, Context), String> {
        let options = self.connection.connect_options().ok_or("the NATS credentials cannot be read")?;
        let complaint = Arc::clone(&self.complaint);
        let options = options.event_callback(move |event| {
            let mut last = complaint.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                Event::Connected => *last = None,
                Event::ServerError(error) => *last = Some(error.to_string()),
                Event::ClientError(error) => *last = Some(error.to_string()),
                _ => {}
            }
            std::future::ready(())
        });
        let client = options
            .connect(self.connection.servers())
            .await
            .map_err(|error| format!("no connection to NATS: {error}"))?;
        let context = ContextBuilder::new().timeout(self.ack_timeout).build(client.clone());
        Ok((client, context))
    }

    fn problem(&self, error: &PublishError, subject: &str) -> Attempt {
        match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => refused("the message is larger than the NATS server takes"),
            PublishErrorKind::StreamNotFound => failed(format!("no stream of NATS takes the subject {subject}")),
            PublishErrorKind::TimedOut => unwell(self.with_complaint(&format!(
                "no acknowledgement from NATS within {}",
                humantime::format_duration(self.ack_timeout)
            ))),
            PublishErrorKind::BrokenPipe => {
                unwell(self.with_complaint("the connection to NATS broke before the acknowledgement"))
            }
            _ => match error.source().and_then(|source| source.downcast_ref::<jetstream::Error>()) {
                Some(error) if error.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => {
                    refused("the message is larger than the stream takes")
                }
                Some(error) => {
                    let problem = format!("the stream of NATS did not take it: {error}");
                    if u16::try_from(error.code()).is_ok_and(is_unwell) { unwell(problem) } else { failed(problem) }
                }
                None => failed(self.with_complaint(&error.to_string())),
            },
        }
    }

    fn with_complaint(&self, problem: &str) -> String {
        let complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        complaint.as_ref().map_or_else(|| problem.to_owned(), |complaint| format!("{problem}: {complaint}"))
    }
}

impl Destination for NatsDestination {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> Option<[u8; 32]> {
        Some(self.fingerprint)
    }

    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Attempt> {
        self.attempt(delivery).boxed()
    }
}

impl fmt::Debug for NatsDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsDestination").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The headers of the message that `delivery` becomes.
#[cfg(fuzzing)]
pub(super) fn headers_for_fuzzing(delivery: &Delivery) -> Vec<(String, String)> {
    let headers = headers(delivery);
    let each = headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    each.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn headers(delivery: &Delivery) -> HeaderMap {
    let Delivery { facts, contents, replays, traceparent, .. } = delivery;
    let mut headers = HeaderMap::new();
    let mut content_type = None;
    for (name, value) in cloud_events::passed_on(facts, contents) {
        // Whoever could set these could tell the server to drop the message, or the stream.
        if name.to_ascii_lowercase().starts_with("nats-") {
            continue;
        }
        let value = text(value);
        if name.eq_ignore_ascii_case("content-type") {
            content_type = Some(value.clone());
        }
        if let (Ok(name), Ok(value)) = (HeaderName::from_str(name), HeaderValue::from_str(&value)) {
            headers.append(name, value);
        }
    }
    let id = facts.id;
    let message_id = if *replays == 0 { id.to_string() } else { format!("{id}:replay:{replays}") };
    let ours = [(MESSAGE_ID, message_id)]
        .into_iter()
        .chain(traceparent.clone().map(|traceparent| ("traceparent", traceparent)))
        .chain(content_type.map(|value| ("ce-datacontenttype", cloud_events::header_value(&value))))
        .chain(cloud_events::attributes(delivery))
        .chain(cloud_events::called(delivery));
    for (name, value) in ours {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    headers
}

/// A header's value as text: what is not UTF-8 is read as ISO 8859-1, as HTTP did when it said anything about it.
fn text(value: &[u8]) -> String {
    std::str::from_utf8(value).map_or_else(|_| value.iter().copied().map(char::from).collect(), str::to_owned)
}

fn failed(problem: impl Into<String>) -> Attempt {
    Attempt::Failed { problem: problem.into(), retry_after: None, down: false }
}

fn unwell(problem: impl Into<String>) -> Attempt {
    Attempt::Failed { problem: problem.into(), retry_after: None, down: true }
}

fn refused(problem: &str) -> Attempt {
    Attempt::Refused { problem: problem.to_owned() }
}
