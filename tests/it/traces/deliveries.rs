//! The spans of a notification: stored in the trace of the call, and delivered in it, whenever that is.

use http::StatusCode;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::calls::{CALLER, TRACE};
use crate::support::collector::{attribute, place};
use crate::support::notifications::{NOTIFICATION, door_with_inbox};
use crate::support::{Answer, Collector, Door, eventually, request};

async fn notify(door: &Door, traceparent: &str) {
    let body = "{\"operationId\":\"1\",\"operation\":\"SUSPEND\"}";
    let call = request("POST", NOTIFICATION).header("content-type", "application/json");
    let call = call.header("traceparent", traceparent).body(body.into()).unwrap();
    assert_eq!(door.honest().session().await.unwrap().send(call).await.unwrap().status, 204);
}

#[tokio::test]
async fn a_delivery_is_told_in_the_trace_of_the_call_and_so_is_each_attempt_before() {
    let collector = Collector::open().await;
    let door = door_with_inbox(&collector.table()).await;
    door.backend.answer(NOTIFICATION, Answer::Broken);
    notify(&door, CALLER).await;
    eventually("an attempt that fails", async || door.backend.arrivals(NOTIFICATION) > 1).await;
    door.backend.answer(NOTIFICATION, Answer::Fixed(StatusCode::NO_CONTENT, ""));
    let is_delivered = |span: &&opentelemetry_proto::tonic::trace::v1::Span| {
        span.kind() == SpanKind::Consumer && span.status.is_none()
    };
    eventually("the delivery's span", async || collector.spans().iter().any(|span| is_delivered(&span))).await;
    let spans = collector.spans();
    assert!(spans.iter().all(|span| place(span).starts_with(TRACE)), "{spans:?}");

    let server = spans.iter().find(|span| span.kind() == SpanKind::Server).unwrap();
    let producer = spans.iter().find(|span| span.kind() == SpanKind::Producer).unwrap();
    assert_eq!((producer.name.as_str(), &producer.parent_span_id), ("store notifyCardOperationV1", &server.span_id));
    assert_eq!(attribute(producer, "issuer_host.inbox"), "stored");
    let delivered = spans.iter().find(is_delivered).unwrap();
    assert_eq!(delivered.name, "deliver notifyCardOperationV1");
    let attempts: Vec<_> = spans.iter().filter(|span| span.kind() == SpanKind::Consumer).collect();
    assert!(attempts.len() > 1 && attempts.iter().all(|span| span.parent_span_id == producer.span_id), "{attempts:?}");
    for (at, attempt) in attempts.iter().enumerate() {
        assert_eq!(attribute(attempt, "issuer_host.attempt"), (at + 1).to_string());
        let error = attribute(attempt, "error.type");
        assert_eq!(error, if attempt.span_id == delivered.span_id { "" } else { "unavailable" });
    }
    // What the backend goes on behind is the attempt; what the event came from stays what it was.
    let received = door.backend.received(NOTIFICATION).headers;
    assert_eq!(received["traceparent"], format!("00-{}-01", place(delivered)));
    assert_eq!(received["ce-traceparent"], format!("00-{}-01", place(producer)));
    assert_eq!(received["ce-id"], attribute(delivered, "messaging.message.id"));
}

#[tokio::test]
async fn a_notification_that_is_not_recorded_is_delivered_unrecorded() {
    let collector = Collector::open().await;
    let mut door = door_with_inbox(&collector.table()).await;
    notify(&door, &CALLER.replace("-01", "-00")).await;
    eventually("the delivery", async || door.backend.arrivals(NOTIFICATION) == 1).await;
    let received = door.backend.received(NOTIFICATION).headers["traceparent"].to_str().unwrap().to_owned();
    assert!(received.contains(TRACE) && received.ends_with("-00"), "{received}");
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    assert!(collector.spans().is_empty(), "{:?}", collector.spans());
}
