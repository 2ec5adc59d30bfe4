//! A call that is in order: what the backend gets of it, and what its caller gets of the backend's answer.

use bytes::Bytes;
use http::Response;
use serde_json::Value;

use super::Row;
use super::served::{Call, Conversation, Served, Spelling};
use super::told::header;
use crate::support::{Answer, Reply};

pub(super) async fn check(row: Row) {
    let served = Served::open(row).await;
    for mut caller in served.callers() {
        for spelling in [Spelling::AsDescribed, Spelling::Lower, Spelling::Upper] {
            arrives_and_is_answered(&served, &mut caller, row, spelling).await;
        }
        what_is_new_passes(&served, &mut caller, row).await;
        other_answers_of_the_backend(&served, &mut caller, row).await;
    }
}

/// Verb, path, query, headers and body reach the backend as they were sent, whatever the case of the path.
async fn arrives_and_is_answered(served: &Served, caller: &mut Conversation<'_>, row: Row, spelling: Spelling) {
    let what = format!("{} {spelling:?} over {}", row.name, caller.version);
    let call = served.call(spelling);
    let backend = answer(202);
    served.door.backend.answer(&call.path, Answer::Whole(backend.clone()));
    let reply = caller.send(&call).await;
    arrived(served, &call, &what);
    for name in ["x-correlation-id", "x-request-id"].into_iter().filter(|name| call.headers.contains_key(*name)) {
        assert_eq!(reply.headers[name], call.headers[name], "{what}: {name} is echoed");
    }
    let event = served.event().await;
    if row.kind == "notification" {
        is_acknowledged(&reply, row, &what);
        expect(&event, row, &[("outcome", "acknowledged".into()), ("status", row.success.into())]);
        expect(&event, row, &[("handler_status", 202.into())]);
    } else {
        is_the_backend_s(&reply, &backend, &what);
        expect(&event, row, &[("outcome", "answered".into()), ("status", 202.into())]);
        expect(&event, row, &[("handler_status", Value::Null)]);
    }
    expect(&event, row, &[("operation", row.name.into()), ("product", row.product.into()), ("kind", row.kind.into())]);
    expect(&event, row, &[("method", row.verb.into()), ("path", row.path.into())]);
    expect(&event, row, &[("problem", Value::Null), ("retryable", Value::Null)]);
    expect(&event, row, &[("bytes_in", call.body.len().into())]);
    if let Some(id) = call.headers.get("x-correlation-id") {
        expect(&event, row, &[("correlation_id", id.to_str().unwrap().into())]);
    }
}

/// Fields, values, headers and query parameters that nobody knows; and bodies that are no JSON at all: they are opaque.
async fn what_is_new_passes(served: &Served, caller: &mut Conversation<'_>, row: Row) {
    let what = format!("{} of tomorrow over {}", row.name, caller.version);
    let mut call = served.call(Spelling::AsDescribed).with("x-header-of-tomorrow", "a, \"b\"; c=d");
    call.query = Some([call.query.as_deref().unwrap_or("flag"), "of=tomorrow%2F&&list[]=1"].join("&"));
    let not_json = Bytes::from_static(b"{\"cut\": [\xff\x00, 12");
    for body in [served.body_of_tomorrow(), not_json, Bytes::new()] {
        call.body = body;
        served.door.backend.answer(&call.path, Answer::Whole(answer(200)));
        let reply = caller.send(&call).await;
        arrived(served, &call, &what);
        let success = if row.kind == "notification" { row.success } else { 200 };
        assert_eq!(reply.status, success, "{what}");
        served.event().await;
    }
}

/// What the backend answers to a query or command is the answer; what it says of a notification beside success is told
/// as it is, but not to merchant tokenization, which would drop the event.
async fn other_answers_of_the_backend(served: &Served, caller: &mut Conversation<'_>, row: Row) {
    for status in [200, 201, 204, 302, 400, 401, 404, 429, 500, 503] {
        let what = format!("{} answered with {status} over {}", row.name, caller.version);
        let call = served.call(Spelling::AsDescribed);
        let backend = answer(status);
        served.door.backend.answer(&call.path, Answer::Whole(backend.clone()));
        let reply = caller.send(&call).await;
        let event = served.event().await;
        if row.kind == "notification" && status < 300 {
            is_acknowledged(&reply, row, &what);
            expect(&event, row, &[("outcome", "acknowledged".into())]);
        } else if row.product == "cof" {
            assert_eq!((reply.status, reply.body.len()), (503, 0), "{what}");
            assert_eq!(header(&reply, "retry-after"), Some("17"), "{what}: the backend knows best");
            has_nothing_of_the_backend(&reply, &what);
            expect(&event, row, &[("outcome", "problem".into()), ("problem", "backend-refused".into())]);
            expect(&event, row, &[("handler_status", status.into()), ("retryable", true.into())]);
        } else {
            is_the_backend_s(&reply, &backend, &what);
            expect(&event, row, &[("outcome", "answered".into()), ("retryable", Value::Null)]);
        }
    }
    let call = served.call(Spelling::AsDescribed);
    served.door.backend.answer(&call.path, Answer::Fixed(http::StatusCode::NOT_FOUND, "no such path"));
    let reply = caller.send(&call).await;
    served.event().await;
    let expected = if row.product == "cof" { (503, Some("5"), "") } else { (404, None, "no such path") };
    assert_eq!((reply.status, header(&reply, "retry-after"), reply.text().as_str()), expected, "{}", row.name);
}

#[track_caller]
fn arrived(served: &Served, call: &Call, what: &str) {
    // By its path, byte for byte.
    let received = served.door.backend.received(&call.path);
    assert_eq!(received.method.as_str(), call.verb, "{what}");
    assert_eq!(received.uri.query(), call.query.as_deref(), "{what}");
    assert_eq!(received.body, call.body, "{what}");
    for (name, value) in call.headers.iter().filter(|(name, _)| *name != "authorization") {
        assert_eq!(received.headers.get_all(name).iter().collect::<Vec<_>>(), [value], "{what}: {name}");
    }
    // A credential that was verified here goes no further; any other is the backend's.
    let shown = if served.credential.is_some() { None } else { call.headers.get("authorization") };
    assert_eq!(received.headers.get("authorization"), shown, "{what}");
    let subject = received.headers["issuer-host-client-subject"].to_str().unwrap();
    assert!(subject.contains("CN=honest"), "{what}: {subject}");
    assert_eq!(received.headers["issuer-host-environment"], "preprod", "{what}");
    assert_eq!(received.headers["x-forwarded-proto"], "https", "{what}");
}

/// Status and nothing else.
#[track_caller]
fn is_acknowledged(reply: &Reply, row: Row, what: &str) {
    assert_eq!((reply.status, reply.text().as_str()), (row.success, ""), "{what}");
    has_nothing_of_the_backend(reply, what);
}

#[track_caller]
fn has_nothing_of_the_backend(reply: &Reply, what: &str) {
    let ours = ["date", "content-length", "x-request-id", "x-correlation-id", "retry-after"];
    let others: Vec<_> = reply.headers.keys().filter(|name| !ours.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "{what}: {others:?}");
}

#[track_caller]
fn is_the_backend_s(reply: &Reply, backend: &Response<Bytes>, what: &str) {
    assert_eq!(reply.status, backend.status(), "{what}");
    for name in backend.headers().keys() {
        let (ours, theirs) = (reply.headers.get_all(name), backend.headers().get_all(name));
        assert!(ours.iter().eq(theirs.iter()), "{what}: {name}: {:?}", reply.headers);
    }
    assert_eq!(reply.body, backend.body(), "{what}");
}

/// An answer of the backend with headers and a body that would be noticed anywhere.
fn answer(status: u16) -> Response<Bytes> {
    let body = if status == 204 { &b""[..] } else { b" {\"levelOfTrust\" : \"green\"}\r\n" };
    Response::builder()
        .status(status)
        .header("content-type", "application/json; charset=utf-8")
        .header("location", "/elsewhere")
        .header("retry-after", "17")
        .header("www-authenticate", "Bearer realm=\"backend\"")
        .header("x-backend", "yes")
        .header("x-twice", "one")
        .header("x-twice", "two")
        .body(Bytes::from_static(body))
        .unwrap()
}

#[track_caller]
fn expect(event: &Value, row: Row, fields: &[(&str, Value)]) {
    for (name, value) in fields {
        assert_eq!(&event[*name], value, "{name} of {}: {event}", row.name);
    }
}
