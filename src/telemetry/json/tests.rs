//! Lines as other programs read them.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tracing::Dispatch;

use super::testing::Kept;
use crate::telemetry::{Format, dispatch};

/// The lines that `happen` leaves, without their end.
fn lines(happen: impl FnOnce()) -> Vec<String> {
    let kept = Kept::default();
    tracing::dispatcher::with_default(&dispatch(Format::Json, "trace", false, kept.clone()).unwrap(), happen);
    kept.texts()
}

/// The one line that `happen` leaves, read by a library.
fn object(happen: impl FnOnce()) -> Map<String, Value> {
    let lines = lines(happen);
    assert_eq!(lines.len(), 1, "{lines:?}");
    serde_json::from_str(&lines[0]).unwrap_or_else(|error| panic!("{error}: {}", lines[0]))
}

#[test]
fn a_line_has_time_level_and_origin_beside_what_the_event_says() {
    let mut line = object(|| {
        tracing::warn!(
            event = "something",
            count = 3_u64,
            change = -4_i64,
            large = u128::MAX,
            part = 0.5,
            far = 1e300,
            nothing = f64::NAN,
            yes = true,
            absent = None::<u64>,
            shown = %"as it prints",
            debugged = ?Some("x"),
            r#type = "a word of the language",
            "what {}", "happened"
        );
    });
    let timestamp = line.remove("timestamp").unwrap();
    let timestamp = timestamp.as_str().unwrap();
    let parsed = time::OffsetDateTime::parse(timestamp, &time::format_description::well_known::Rfc3339).unwrap();
    assert!(parsed.year() >= 2026 && timestamp.ends_with('Z'), "{timestamp}");
    // `u128::MAX` is no number that the library keeps whole.
    let large = line.remove("large").unwrap();
    assert!(large.is_number());
    let expected = json!({
        "level": "WARN", "target": module_path!(), "message": "what happened", "event": "something", "count": 3,
        "change": -4, "part": 0.5, "far": 1e300, "nothing": null, "yes": true, "shown": "as it prints",
        "debugged": "Some(\"x\")", "type": "a word of the language",
    });
    assert_eq!(Value::Object(line), expected);
}

#[test]
fn each_event_is_a_line_whatever_it_says() {
    let lines = lines(|| {
        tracing::info!(text = "two\nlines\r\nof \"text\"", "first");
        tracing::info!("second {}", "\u{2028}\u{0}");
    });
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn a_level_that_is_not_asked_for_leaves_no_line() {
    let kept = Kept::default();
    let quiet: Dispatch = dispatch(Format::Json, "warn", false, kept.clone()).unwrap();
    tracing::dispatcher::with_default(&quiet, || {
        tracing::info!("unheard");
        tracing::warn!("heard");
    });
    assert_eq!(kept.texts().len(), 1);
}

proptest! {
    /// Control characters, quotes and all planes of Unicode, as text and through Debug.
    #[test]
    fn any_text_comes_out_as_it_went_in(text in "[\\x00-\\x7f\\PC]{0,40}|\\PC{0,40}") {
        let line = object(|| tracing::info!(text = text.as_str(), printed = %text, debugged = ?text));
        prop_assert_eq!(&line["text"], &Value::from(text.clone()));
        prop_assert_eq!(&line["printed"], &Value::from(text.clone()));
        prop_assert_eq!(&line["debugged"], &Value::from(format!("{text:?}")));
    }
}
