//! Takes notifications into the inbox: stored durably, then acknowledged. Who has them afterwards is the inbox's business.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tracing::warn;

use crate::http::correlation::TRACEPARENT;
use crate::http::{Call, Observed, Problem, ProblemKind};
use crate::inbox::entry::{Millis, Storable};
use crate::inbox::store::DestinationKey;
use crate::inbox::{Inbox, Notification};
use crate::telemetry::{OncePerSecond, events};
use crate::thales::Operation;
use crate::tls::VerifiedClient;
use crate::traces::{Hop, Kind, Span};

/// The way of an environment's notifications into the inbox. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Receive(Arc<Receiving>);

#[derive(Debug)]
struct Receiving {
    inbox: Inbox,
    /// The names of backends that deliveries can go to; empty for the environment's own.
    destinations: BTreeSet<String>,
    /// So that a store that is down does not flood the log.
    complaints: OncePerSecond,
}

impl Receive {
    /// Takes those notifications whose destination is one of `destinations`.
    #[must_use]
    pub fn new(inbox: Inbox, destinations: BTreeSet<String>) -> Self {
        Self(Arc::new(Receiving { inbox, destinations, complaints: OncePerSecond::default() }))
    }

    /// Whether calls of `operation` are taken: what is none for the inbox is answered by a handler.
    pub(super) fn takes(&self, operation: &Arc<Operation>) -> Option<Storable> {
        let there = self.0.destinations.contains(destination(operation));
        there.then(|| Storable::of(operation)).flatten()
    }

    /// Answers a call once it is stored. What an operation's acknowledgement looks like is decided further out.
    pub(super) async fn answer(
        self,
        operation: Storable,
        request: Request<Body>,
    ) -> Result<Response<Body>, Infallible> {
        let (mut parts, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            // What the stack in front found out is told there.
            Err(_) => {
                return Ok(Problem::bad_request("The body of the request could not be read.").response(parts.version));
            }
        };
        let (Some(call), Some(client)) = (parts.extensions.get::<Call>(), parts.extensions.get::<VerifiedClient>())
        else {
            // Without a door and an interpreter in front nobody knows whose notification it is.
            return Ok(Problem::from(ProblemKind::HandlerFailed).response(parts.version));
        };
        let Some(matched) = call.matched() else {
            return Ok(Problem::from(ProblemKind::HandlerFailed).response(parts.version));
        };
        let to = DestinationKey {
            environment: client.environment().to_owned(),
            destination: destination(operation.operation()).to_owned(),
        };
        // What is stored says that the span is the parent of its deliveries, and a span that fails leaves nothing behind.
        let mut span = parts.extensions.get::<Hop>().and_then(|hop| store_span(hop, &to, operation.operation()));
        if let Some(span) = &span {
            parts.headers.insert(TRACEPARENT, span.context().header());
        }
        let notification = Notification {
            operation: &operation,
            to: &to,
            matched,
            client: client.identity(),
            received_at: now(),
            method: &parts.method,
            uri: &parts.uri,
            headers: &parts.headers,
            body,
        };
        match self.0.inbox.receive(notification).await {
            Ok(kept) => {
                if let Some(span) = &mut span {
                    span.set("issuer_host.inbox", kept.name());
                    span.succeed();
                }
                if let Some(observed) = parts.extensions.get::<Observed>() {
                    observed.kept(kept.name(), kept.entry().map(|id| id.to_string()));
                }
                Ok(Response::new(Body::empty()))
            }
            Err(error) => {
                if let Some(span) = &mut span {
                    span.fail(error.name());
                }
                if let Some(unsaid) = self.0.complaints.turn(error.name()) {
                    warn!(
                        event = events::NOTIFICATION_NOT_STORED,
                        environment = client.environment(),
                        operation = call.name(),
                        reason = error.name(),
                        unsaid,
                        "a notification was not stored, and has to come again: {error}"
                    );
                }
                Ok(Problem::from(ProblemKind::StoreUnavailable).response(parts.version))
            }
        }
    }
}

/// The span of a notification that is stored to be delivered later; `None` where nobody records the request.
fn store_span(hop: &Hop, to: &DestinationKey, operation: &Operation) -> Option<Span> {
    let mut span = hop.open(Kind::Producer)?;
    span.name(format!("store {}", operation.name));
    span.set("messaging.operation.type", "send");
    span.set("messaging.destination.name", to.destination.clone());
    span.set("issuer_host.environment", to.environment.clone());
    span.set("issuer_host.product", operation.product.name());
    span.set("issuer_host.operation", operation.name.clone());
    // Until the store has answered.
    span.fail("abandoned");
    Some(span)
}

/// By the wall clock.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// The name of the backend that an operation's calls go to; empty for the environment's own.
fn destination(operation: &Operation) -> &str {
    operation.backend.as_deref().unwrap_or_default()
}
