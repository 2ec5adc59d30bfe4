//! The span of an attempt to deliver: behind the call that brought the entry, be that hours ago.

use crate::inbox::destination::Attempt;
use crate::inbox::store::Row;
use crate::traces::{Kind, Span, Tracer};

/// Opens the span of an attempt; `None` where nobody records the call that brought the entry.
pub(super) fn open(tracer: Option<&Tracer>, row: &Row, attempt: u32) -> Option<Span> {
    let facts = &row.facts;
    let mut span = tracer?.follow(facts.traceparent.as_deref()?, Kind::Consumer)?;
    span.name(format!("deliver {}", facts.operation));
    span.set("messaging.operation.type", "process");
    span.set("messaging.destination.name", facts.destination.clone());
    span.set("messaging.message.id", facts.id.to_string());
    span.set("issuer_host.environment", facts.environment.clone());
    span.set("issuer_host.product", facts.product.clone());
    span.set("issuer_host.operation", facts.operation.clone());
    span.set("issuer_host.attempt", attempt);
    // Until it has ended.
    span.fail("abandoned");
    Some(span)
}

/// Ends it. What the destination said may hold anything, and is not told.
pub(super) fn end(mut span: Span, outcome: &Attempt) {
    match outcome {
        Attempt::Delivered => span.succeed(),
        Attempt::Refused { .. } => span.fail("refused"),
        Attempt::Failed { down: true, .. } => span.fail("unavailable"),
        Attempt::Failed { down: false, .. } => span.fail("failed"),
    }
}
