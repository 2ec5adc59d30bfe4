//! Which calls are recorded, and what those behind are told of it.

use bytes::Bytes;

use super::calls::{CALLER, TRACE, open};
use crate::support::{Collector, Door, eventually, request};

/// Calls `path` with this context, and returns the one that the backend got.
async fn called(door: &Door, path: &str, traceparent: Option<&str>) -> String {
    let mut call = request("GET", path);
    if let Some(traceparent) = traceparent {
        call = call.header("traceparent", traceparent);
    }
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(session.send(call.body(Bytes::new()).unwrap()).await.unwrap().status, 200);
    door.backend.received(path).headers["traceparent"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn of_no_call_there_is_a_span_where_the_part_is_none_and_those_behind_are_told() {
    for (sample, flags) in [("0.0", "-00"), ("1.0", "-01")] {
        let collector = Collector::open().await;
        let mut door = open(&collector, &format!("sample = {sample}")).await;
        for context in [None, Some(CALLER)] {
            let received = called(&door, "/sampled", context).await;
            assert!(received.ends_with(flags), "{sample}: {received}");
            assert!(context.is_none() || received.contains(TRACE), "{received}");
        }
        // What it has, it sends before it ends.
        door.server.terminate();
        assert_eq!(door.server.exit_code().await, Some(0));
        assert_eq!(collector.spans().len(), if sample == "0.0" { 0 } else { 4 }, "{sample}");
    }
}

#[tokio::test]
async fn a_caller_that_is_not_recorded_is_not_recorded_here() {
    let collector = Collector::open().await;
    let mut door = open(&collector, "").await;
    let unrecorded = CALLER.replace("-01", "-00");
    let received = called(&door, "/unrecorded", Some(&unrecorded)).await;
    assert!(received.contains(TRACE) && received.ends_with("-00"), "{received}");
    // Another place in the trace: whoever changes the flags says that they are its own.
    assert_ne!(received, unrecorded);
    let control = called(&door, "/recorded", Some(CALLER)).await;
    assert!(control.ends_with("-01"), "{control}");
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    assert_eq!(collector.spans().len(), 2, "those of the control alone: {:?}", collector.spans());
}

#[tokio::test]
async fn a_caller_cannot_have_all_of_its_calls_recorded() {
    let collector = Collector::open().await;
    let door = open(&collector, "sample = 0.5").await;
    let mut session = door.honest().session().await.unwrap();
    let mut recorded = 0;
    for _ in 0..200 {
        let call = request("GET", "/often").header("traceparent", CALLER).body(Bytes::new()).unwrap();
        session.send(call).await.unwrap();
        recorded += usize::from(door.backend.received("/often").headers["traceparent"].as_bytes().ends_with(b"-01"));
    }
    assert!((50..150).contains(&recorded), "{recorded} of 200");
    eventually("its spans", async || collector.spans().len() == 2 * recorded).await;
}
