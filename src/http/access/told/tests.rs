use serde_json::{Map, Value};

use super::*;
use crate::http::testing::client;
use crate::telemetry::{Format, dispatch, testing};
use crate::thales::Catalogue;

/// A request of which nothing is known but that it ended.
fn bare(caller: &Caller) -> Told<'_> {
    Told {
        caller,
        called: Called::other(None, None, &Method::from_bytes(b"FETCH").unwrap(), "/a \"path\"\n\\/4000000000000002"),
        outcome: "abandoned",
        sampled: None,
        problem: None,
        status: None,
        handler_status: None,
        retryable: None,
        bytes_in: 0,
        bytes_out: u64::MAX,
        duration_us: 12,
        key: None,
        inbox: None,
        entry: None,
        request_id: None,
        correlation_id: None,
        trace_id: None,
    }
}

/// A request of which all is known.
fn whole<'l>(caller: &'l Caller, operation: &'l Operation, members: &'l str) -> Told<'l> {
    Told {
        called: Called::Known(operation, members),
        sampled: Some(10),
        problem: Some("backend_down"),
        status: Some(503),
        handler_status: Some(500),
        retryable: Some(true),
        key: Some("main \"key\""),
        inbox: Some("stored"),
        entry: Some("an-id"),
        request_id: Some("\u{7f}é\t"),
        correlation_id: Some("correlation"),
        trace_id: Some("0af7651916cd43dd8448eb211c80319c"),
        ..bare(caller)
    }
}

/// What the line of a request says, however it comes about, without its time.
fn said(told: &Told<'_>) -> Map<String, Value> {
    let kept = testing::Kept::default();
    let log = dispatch(Format::Json, "info", false, kept.clone()).unwrap();
    dispatcher::with_default(&log, || told.event());
    let mut long: Map<String, Value> = serde_json::from_str(&kept.texts()[0]).unwrap();
    let mut short = testing::put_together(Level::INFO, TARGET, |line| told.write(line));
    for line in [&mut long, &mut short] {
        let timestamp = line.remove("timestamp").unwrap();
        assert!(humantime::parse_rfc3339(timestamp.as_str().unwrap()).is_ok(), "{timestamp}");
    }
    assert_eq!(short, long);
    short
}

#[test]
fn the_short_way_and_the_long_way_say_the_same() {
    let caller = Caller::new(&client());
    let line = said(&bare(&caller));
    assert_eq!(line.len(), 16, "control: {line:?}");
    assert_eq!((&line["method"], &line["path"]), (&"other".into(), &"/a \"path\"\n\\/[number]".into()));
    let unknown = Called::other(Some(Product::Cof), Some("unknown"), &Method::PUT, "/a");
    let line = said(&Told { called: unknown, ..bare(&caller) });
    assert_eq!(["product", "operation", "method"].map(|name| &line[name]), ["cof", "unknown", "PUT"]);
    for operation in Catalogue::built_in().operations() {
        let members = members_of(operation);
        let line = said(&whole(&caller, operation, &members));
        assert_eq!(line.len(), 30, "control: {line:?}");
        assert_eq!(line["operation"], operation.name.as_str());
    }
}

#[test]
fn the_short_way_is_taken_by_the_log_of_the_process_alone() {
    let caller = Caller::new(&client());
    let (kept, quiet) = (testing::Kept::default(), testing::Kept::default());
    for (level, kept) in [("info", &kept), ("warn", &quiet)] {
        let log = dispatch(Format::Json, level, false, kept.clone()).unwrap();
        dispatcher::with_default(&log, || bare(&caller).tell());
    }
    assert_eq!((kept.texts().len(), quiet.texts().len()), (1, 0));
}
