use serde_json::{Map, Value};

use super::*;
use crate::http::testing::client;
use crate::telemetry::{Format, dispatch, testing};

/// A request of which nothing is known but that it ended.
fn bare(caller: &Caller) -> Told<'_> {
    Told {
        caller,
        product: None,
        operation: None,
        kind: None,
        method: "other",
        path: "/a \"path\"\n\\",
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
fn whole(caller: &Caller) -> Told<'_> {
    Told {
        product: Some("tsh"),
        operation: Some("notifyVirtualCardChange"),
        kind: Some("notification"),
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

#[test]
fn the_short_way_and_the_long_way_say_the_same() {
    let caller = Caller::new(&client());
    for (told, members) in [(bare(&caller), 16), (whole(&caller), 30)] {
        let kept = testing::Kept::default();
        let log = dispatch(Format::Json, "info", false, kept.clone()).unwrap();
        tracing::dispatcher::with_default(&log, || told.event());
        let mut long: Map<String, Value> = serde_json::from_str(&kept.texts()[0]).unwrap();
        let mut short = testing::put_together(Level::INFO, TARGET, |line| told.write(line));
        for line in [&mut long, &mut short] {
            let timestamp = line.remove("timestamp").unwrap();
            assert!(humantime::parse_rfc3339(timestamp.as_str().unwrap()).is_ok(), "{timestamp}");
        }
        assert_eq!(short, long);
        assert_eq!(short.len(), members, "control: {short:?}");
    }
}

#[test]
fn the_short_way_is_taken_by_the_log_of_the_process_alone() {
    let caller = Caller::new(&client());
    let kept = testing::Kept::default();
    let quiet = testing::Kept::default();
    let log = dispatch(Format::Json, "info", false, kept.clone()).unwrap();
    tracing::dispatcher::with_default(&log, || whole(&caller).tell());
    let silent = dispatch(Format::Json, "warn", false, quiet.clone()).unwrap();
    tracing::dispatcher::with_default(&silent, || whole(&caller).tell());
    assert_eq!((kept.texts().len(), quiet.texts().len()), (1, 0));
}
