//! A delivery as an event of [CloudEvents 1.0](https://github.com/cloudevents/spec), in binary mode: attributes are headers, the
//! body is what Thales sent, byte for byte.
//!
//! | attribute | value |
//! |---|---|
//! | `id` | the entry's id, the same at every attempt and every replay |
//! | `source` | `/issuer-host/ENVIRONMENT` |
//! | `type` | `thales.PRODUCT.OPERATION` |
//! | `subject` | what the notification is about, where that is known |
//! | `time` | when it was received: UTC, with milliseconds |
//! | `datacontenttype` | the `content-type` that came; none where none came |
//! | `environment`, `product`, `operation` | as in the configuration |
//! | `correlationid` | the id by which Thales relates its calls |
//! | `traceparent` | the W3C trace context of the call |
//! | `attempt` | which attempt this is, from 1 |
//! | `replay` | how often it was replayed; absent where it never was |
//! | `method`, `path`, `query` | what Thales called, where the request itself does not say it |

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::Delivery;
use crate::inbox::entry::{Contents, Facts, Millis};

/// The attributes of `delivery` but `datacontenttype`, as header names and values ready to be sent. Empty ones are left out, since
/// an attribute must not be empty.
pub(super) fn attributes(delivery: &Delivery) -> Vec<(&'static str, String)> {
    let Delivery { facts, contents, attempt, replays, .. } = delivery;
    let Facts { environment, product, operation, .. } = facts;
    let mut attributes = vec![
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", facts.id.to_string()),
        ("ce-source", format!("/issuer-host/{}", percent_encoded(environment, is_unreserved))),
        ("ce-type", format!("thales.{product}.{operation}")),
        ("ce-subject", contents.subject.clone().unwrap_or_default()),
        ("ce-time", timestamp(facts.received_at).unwrap_or_default()),
        ("ce-environment", environment.clone()),
        ("ce-product", product.clone()),
        ("ce-operation", operation.clone()),
        ("ce-correlationid", facts.correlation_id.clone().unwrap_or_default()),
        ("ce-traceparent", facts.traceparent.clone().unwrap_or_default()),
        ("ce-attempt", attempt.to_string()),
    ];
    if *replays > 0 {
        attributes.push(("ce-replay", replays.to_string()));
    }
    sendable(attributes)
}

/// What Thales called, as attributes.
pub(super) fn called(delivery: &Delivery) -> Vec<(&'static str, String)> {
    let Delivery { facts, contents, .. } = delivery;
    sendable(vec![
        ("ce-method", facts.method.clone()),
        ("ce-path", contents.path.clone()),
        ("ce-query", contents.query.clone().unwrap_or_default()),
    ])
}

/// The headers that came, in order, without those that say something about the way here, and those that are ours to say. `traceparent`
/// is ours where the entry has one.
pub(super) fn passed_on<'a>(facts: &Facts, contents: &'a Contents) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    let traced = facts.traceparent.is_some();
    contents.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).filter(move |&(name, _)| {
        let name = name.to_ascii_lowercase();
        !(matches!(name.as_str(), "host" | "content-length" | "expect")
            || (traced && name == "traceparent")
            || crate::http::is_hop_by_hop(&name)
            || OURS.iter().any(|prefix| name.starts_with(prefix)))
    })
}

/// What a caller could pretend to be us with: event attributes, and signatures.
const OURS: [&str; 2] = ["ce-", "webhook-"];

fn sendable(mut attributes: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    attributes.retain(|(_, value)| !value.is_empty());
    for (_, value) in &mut attributes {
        *value = header_value(value);
    }
    attributes
}

/// Section 3.1.3.2 of the HTTP protocol binding: space, double quote, percent and all but U+0021 to U+007E are percent-encoded.
pub(super) fn header_value(value: &str) -> String {
    percent_encoded(value, |byte| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'%'))
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn percent_encoded(text: &str, stays: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// RFC 3339, in UTC. `None` when it lies outside the years that can be written, which are 0000 to 9999 (section 5.6).
fn timestamp(at: Millis) -> Option<String> {
    const FORMAT: &[BorrowedFormatItem<'static>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .ok()
        .filter(|at| (0..=9999).contains(&at.year()))?;
    at.format(FORMAT).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::destination::tests::delivery;

    fn value<'a>(attributes: &'a [(&str, String)], name: &str) -> Option<&'a str> {
        attributes.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn an_event_says_what_happened_where_and_when() {
        let delivery = delivery();
        let attributes = attributes(&delivery);
        let id = delivery.facts.id.to_string();
        for (name, expected) in [
            ("ce-specversion", "1.0"),
            ("ce-id", id.as_str()),
            ("ce-source", "/issuer-host/preprod"),
            ("ce-type", "thales.tsh.notifyVirtualCardChange"),
            ("ce-subject", "card-1"),
            ("ce-time", "2026-02-03T04:05:06.007Z"),
            ("ce-environment", "preprod"),
            ("ce-product", "tsh"),
            ("ce-operation", "notifyVirtualCardChange"),
            ("ce-correlationid", "corr-1"),
            ("ce-traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("ce-attempt", "3"),
        ] {
            assert_eq!(value(&attributes, name), Some(expected), "{name}");
        }
        assert_eq!(attributes.len(), 12, "nothing but these: {attributes:?}");
    }

    #[test]
    fn a_replay_says_so_and_keeps_its_id() {
        let replayed = Delivery { replays: 2, attempt: 1, ..delivery() };
        let told = attributes(&replayed);
        assert_eq!(value(&told, "ce-replay"), Some("2"));
        assert_eq!(value(&told, "ce-id"), Some(replayed.facts.id.to_string().as_str()));
    }

    #[test]
    fn an_attribute_that_is_not_known_is_absent() {
        let mut delivery = delivery();
        delivery.contents.subject = None;
        delivery.facts.correlation_id = Some(String::new());
        delivery.facts.traceparent = None;
        delivery.facts.received_at = Millis::MAX;
        let attributes = attributes(&delivery);
        for name in ["ce-subject", "ce-correlationid", "ce-traceparent", "ce-time"] {
            assert_eq!(value(&attributes, name), None, "{name}");
        }
    }

    #[test]
    fn a_time_before_the_year_0_is_not_told_since_nobody_could_read_it() {
        let year = |year: i32| {
            let at = OffsetDateTime::UNIX_EPOCH.replace_year(year).unwrap();
            Millis::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap()
        };
        for (at, expected) in [
            (year(-1), None),
            (year(-5709), None),
            (year(0), Some("0000-01-01T00:00:00.000Z")),
            (year(9999), Some("9999-01-01T00:00:00.000Z")),
        ] {
            assert_eq!(timestamp(at).as_deref(), expected);
        }
    }

    #[test]
    fn a_value_becomes_a_header_as_the_binding_wants_it() {
        for (value, expected) in [
            ("!~", "!~"),
            ("Euro \u{20ac} \u{1f600}", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("\"100%\"", "%22100%25%22"),
            ("a\r\nce-id: forged\u{7f}", "a%0D%0Ace-id:%20forged%7F"),
        ] {
            assert_eq!(header_value(value), expected);
        }
    }

    #[test]
    fn what_thales_called_can_be_told_as_attributes() {
        let delivery = delivery();
        let told = called(&delivery);
        assert_eq!(value(&told, "ce-method"), Some("POST"));
        assert_eq!(value(&told, "ce-path"), Some("/issuer/a%2520b"));
        assert_eq!(value(&told, "ce-query"), Some("x=1&&y"));
    }

    #[test]
    fn nobody_can_send_what_is_ours_to_say() {
        let mut delivery = delivery();
        let forged =
            ["Host", "content-length", "connection", "te", "ce-id", "CE-Replay", "webhook-signature", "traceparent"];
        for name in forged.into_iter().chain(["tracestate", "x-client-subject"]) {
            delivery.contents.headers.push((name.to_owned(), b"x".to_vec()));
        }
        let names = |delivery: &Delivery| {
            passed_on(&delivery.facts, &delivery.contents).map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&delivery), ["content-type", "x-first", "tracestate", "x-client-subject"]);
        // Without a trace context of the entry, there is nothing that it could contradict.
        delivery.facts.traceparent = None;
        assert_eq!(names(&delivery), ["content-type", "x-first", "traceparent", "tracestate", "x-client-subject"]);
    }
}
