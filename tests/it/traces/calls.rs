//! The spans of a call: in the trace of whoever calls, and the parent of whoever is called.

use bytes::Bytes;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::support::collector::{attribute, place};
use crate::support::{Answer, Collector, Door, HOST, Setup, request};

pub(super) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub(super) const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// A query of TSH.
const CALL: &str = "/issuer/igwapi/v2.0/checkCardEligibility";

/// A door whose calls are recorded at `collector`.
pub(super) async fn open(collector: &Collector, more: &str) -> Door {
    let log = format!("{}{more}", collector.table());
    Door::with(Setup { log: &log, ..Setup::default() }).await
}

#[tokio::test]
async fn a_call_is_told_in_the_trace_of_its_caller_and_its_backend_goes_on_behind_it() {
    let collector = Collector::open().await;
    let door = open(&collector, "service_name = \"issuer-pp\"").await;
    for caller in [door.honest(), door.honest().h2()] {
        let before = collector.spans().len();
        let mut session = caller.session().await.unwrap();
        let call = request("GET", "/traced?x=1").header("traceparent", CALLER).header("tracestate", "bank=1");
        assert_eq!(session.send(call.body(Bytes::new()).unwrap()).await.unwrap().status, 200);
        crate::support::eventually("two spans", async || collector.spans().len() == before + 2).await;
        let spans = collector.spans().split_off(before);
        let of = |kind: SpanKind| spans.iter().find(|span| span.kind() == kind).unwrap();
        let (server, client) = (of(SpanKind::Server), of(SpanKind::Client));
        assert_eq!(place(server).split_once('-').unwrap().0, TRACE);
        assert_eq!(server.parent_span_id, [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        assert_eq!(client.parent_span_id, server.span_id);
        let received = door.backend.received("/traced");
        assert_eq!(received.headers["traceparent"], format!("00-{}-01", place(client)));
        assert_eq!(received.headers["tracestate"], "bank=1");
        assert!(server.start_time_unix_nano <= client.start_time_unix_nano);
        assert!(client.end_time_unix_nano <= server.end_time_unix_nano);
    }
    let resource = collector.requests()[0].resource_spans[0].resource.clone().unwrap();
    assert!(format!("{resource:?}").contains("issuer-pp"), "{resource:?}");
}

#[tokio::test]
async fn a_span_says_what_was_called_and_how_it_ended() {
    let collector = Collector::open().await;
    let door = open(&collector, "").await;
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(
        session
            .send(request("POST", CALL).header("x-issuer-id", "ISSUER0001").body(Bytes::new()).unwrap())
            .await
            .unwrap()
            .status,
        200
    );
    let unknown = request("PATCH", "/no/such/operation").body(Bytes::new()).unwrap();
    assert_eq!(session.send(unknown).await.unwrap().status, 200);
    crate::support::eventually("four spans", async || collector.spans().len() == 4).await;
    let known: Vec<_> = collector.spans().into_iter().filter(|span| span.name.starts_with("POST /")).collect();
    assert_eq!(known.len(), 2, "server and client: {known:?}");
    let server = known.iter().find(|span| span.kind() == SpanKind::Server).unwrap();
    let told = |key: &str| attribute(server, key);
    assert_eq!((told("http.route").as_str(), &server.name), (CALL, &format!("POST {CALL}")));
    for (key, expected) in [
        ("http.request.method", "POST"),
        ("url.scheme", "https"),
        ("server.address", HOST),
        ("http.response.status_code", "200"),
        ("issuer_host.environment", "preprod"),
        ("issuer_host.product", "tsh"),
        ("issuer_host.operation", "checkCardEligibility"),
        ("issuer_host.outcome", "answered"),
        ("error.type", ""),
    ] {
        assert_eq!(told(key), expected, "{key}");
    }
    assert_eq!(server.status, None);
    let client = known.iter().find(|span| span.kind() == SpanKind::Client).unwrap();
    assert_eq!(attribute(client, "server.port"), door.backend.address().port().to_string());
    // Of an unknown call the method is all of its name.
    let unknown: Vec<_> = collector.spans().into_iter().filter(|span| span.name == "PATCH").collect();
    assert_eq!(unknown.len(), 2);
    assert_eq!(attribute(&unknown[0], "http.route"), "");
}

#[tokio::test]
async fn a_call_that_fails_says_why() {
    let collector = Collector::open().await;
    let door = open(&collector, "").await;
    door.backend.answer("/broken", Answer::Broken);
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(session.send(request("GET", "/broken").body(Bytes::new()).unwrap()).await.unwrap().status, 502);
    let refused = request("PUT", "/a//b").body(Bytes::new()).unwrap();
    assert_eq!(session.send(refused).await.unwrap().status, 400);
    let refused = collector.span("PUT").await;
    assert_eq!((attribute(&refused, "error.type").as_str(), &refused.status), ("", &None), "the caller's fault");
    assert_eq!(attribute(&refused, "issuer_host.outcome"), "problem");
    crate::support::eventually("three spans", async || collector.spans().len() == 3).await;
    for span in collector.spans().iter().filter(|span| span.name == "GET") {
        assert_eq!(attribute(span, "error.type"), "backend-broken", "{span:?}");
        assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Error);
    }
}

#[tokio::test]
async fn a_call_is_recorded_without_a_line_of_the_log_and_with_one_they_name_the_same_trace() {
    for access in [false, true] {
        let collector = Collector::open().await;
        let log = format!("access = {access}\n{}", collector.table());
        let door = Door::with(Setup { log: &log, ..Setup::default() }).await;
        door.honest().expect_accepted("an honest client").await;
        crate::support::eventually("two spans", async || collector.spans().len() == 2).await;
        let trace = place(&collector.spans()[0]).split_once('-').unwrap().0.to_owned();
        let told = door.server.told("request", usize::from(access)).await;
        assert_eq!(told.len(), usize::from(access));
        assert!(told.iter().all(|line| line["trace_id"] == trace), "{told:?}");
    }
}

#[tokio::test]
async fn without_a_collector_nothing_is_recorded_and_the_callers_context_goes_on_as_it_came() {
    let door = Door::open().await;
    let mut session = door.honest().session().await.unwrap();
    let call = request("GET", "/traced").header("traceparent", CALLER).body(Bytes::new()).unwrap();
    session.send(call).await.unwrap();
    assert_eq!(door.backend.received("/traced").headers["traceparent"], CALLER);
    let (_, metrics) = door.server.admin_fetch("/metrics").await;
    assert!(!metrics.contains("issuer_host_trace_spans_total{"), "{metrics}");
}
