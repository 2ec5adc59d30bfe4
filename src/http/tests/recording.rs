//! What a handler and a collector learn of a request that is recorded, and what nobody pays for where none is.

use super::super::Observed;
use super::*;
use crate::traces::testing::tracer;
use crate::traces::{Hop, TraceContext};

/// A router that answers with the `traceparent` that it got, and with what else the stack left it.
fn curious() -> Router {
    Router::new().fallback(|request: Request<Body>| async move {
        let left = (request.extensions().get::<Hop>().is_some(), request.extensions().get::<Observed>().is_some());
        format!("{} {left:?}", request.headers()[TRACEPARENT].to_str().unwrap())
    })
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().into()).unwrap()
}

#[tokio::test]
async fn a_request_that_is_recorded_goes_on_behind_its_span_and_any_other_carries_nothing() {
    let unrecorded = text(answer(&stack(curious()), post(Empty::new())).await).await;
    assert!(unrecorded.ends_with(" (false, false)"), "{unrecorded}");
    let (tracer, mut ended) = tracer();
    let recorded = text(answer(&stack(curious()).with_tracer(Some(tracer)), post(Empty::new())).await).await;
    let (place, left) = recorded.split_once(' ').unwrap();
    let (name, span, error) = ended.next().unwrap();
    assert_eq!((TraceContext::parse(place.as_bytes()), left), (Some(span), "(true, true)"));
    assert_eq!((name.as_str(), error), ("POST", None));
    assert!(ended.next().is_none());
}

#[tokio::test]
async fn a_span_ends_with_the_answer_or_when_its_caller_gives_up() {
    let (tracer, mut ended) = tracer();
    let stack = stack(curious()).with_tracer(Some(tracer.clone()));
    let response = answer(&stack, post(Empty::new())).await;
    assert!(ended.next().is_none(), "the answer has not been taken");
    drop(response);
    assert_eq!(ended.next().unwrap().2.as_deref(), Some("abandoned"));
    // Before there is an answer at all.
    let (slow, _) = counting();
    let stack = super::stack(slow).with_tracer(Some(tracer));
    tokio::select! {
        biased;
        _ = answer(&stack, post(Silent)) => panic!("it waits for a body that never comes"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(ended.next().unwrap().2.as_deref(), Some("abandoned"));
    drop(text(answer(&stack, post(Empty::new())).await).await);
    assert_eq!(ended.next().unwrap().2, None, "control");
}

#[tokio::test]
async fn a_request_that_reaches_no_handler_is_recorded_too() {
    let (tracer, mut ended) = tracer();
    let stack = stack(curious()).with_tracer(Some(tracer));
    let refused = Request::post("/").header("host", "other.example").body(Empty::new()).unwrap();
    let response = answer(&stack, refused).await;
    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    drop(text(response).await);
    assert_eq!(ended.next().unwrap().2, None, "the caller's fault is none of the server's");
}
