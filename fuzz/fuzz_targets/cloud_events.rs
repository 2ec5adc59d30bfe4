//! An entry as a CloudEvent: what came with a notification becomes headers of ours.
#![no_main]

use std::collections::BTreeSet;

use http::{HeaderName, HeaderValue};
use issuer_host::fuzzing::event_headers;
use issuer_host::inbox::destination::Delivery;
use issuer_host::inbox::entry::{Contents, EntryId, Facts};
use issuer_host_fuzz::input::Cursor;
use issuer_host_fuzz::reference::{HOP_BY_HOP, percent_decoded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut rest = Cursor::new(input);
    let delivery = delivery(&mut rest);
    let Delivery { facts, contents, .. } = &delivery;
    let headers = event_headers(&delivery);

    // Each attribute once, as the binding wants it, and readable as what it was.
    let attributes: Vec<_> = headers.attributes.iter().chain(&headers.called).collect();
    let names: BTreeSet<_> = attributes.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), attributes.len(), "{attributes:?}");
    for (name, value) in &attributes {
        assert!(name.starts_with("ce-") && !value.is_empty(), "{name}");
        assert!(HeaderValue::from_str(value).is_ok(), "{name}: {value:?}");
        assert!(value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'), "{name}: {value:?}");
    }
    let value = |wanted: &str| attributes.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
    let decoded = |wanted: &str| value(wanted).map(|value| percent_decoded(value).expect("whole encodings"));
    let same = |wanted: &str, original: Option<&str>| {
        let original = original.filter(|text| !text.is_empty()).map(|text| text.as_bytes().to_vec());
        assert_eq!(decoded(wanted), original, "{wanted}");
    };
    same("ce-environment", Some(&facts.environment));
    same("ce-product", Some(&facts.product));
    same("ce-operation", Some(&facts.operation));
    same("ce-correlationid", facts.correlation_id.as_deref());
    same("ce-traceparent", facts.traceparent.as_deref());
    same("ce-subject", contents.subject.as_deref());
    same("ce-path", Some(&contents.path));
    same("ce-query", contents.query.as_deref());
    same("ce-method", Some(&facts.method));
    assert_eq!(value("ce-id"), Some(facts.id.to_string().as_str()));
    assert_eq!(value("ce-specversion"), Some("1.0"));
    assert!(value("ce-time").is_none_or(|time| time.len() == 24 && time.ends_with('Z')), "{:?}", value("ce-time"));

    // Of what came, nothing that says what is ours to say; the rest in its order.
    let mut came = contents.headers.iter();
    for passed in &headers.passed_on {
        assert!(came.any(|header| header == passed), "{passed:?} came, behind those before it");
        let name = passed.0.to_ascii_lowercase();
        assert!(!name.starts_with("ce-") && !name.starts_with("webhook-"), "{name}");
        assert!(!HOP_BY_HOP.contains(&name.as_str()) && name != "host" && name != "content-length", "{name}");
        assert!(facts.traceparent.is_none() || name != "traceparent");
    }

    // Of a message to NATS nobody makes two, and nobody speaks to its server.
    let mut ids = 0;
    for (name, value) in &headers.nats {
        assert!(!name.contains([':', '\r', '\n', ' ']) && !value.contains(['\r', '\n']), "{name:?}: {value:?}");
        let name = name.to_ascii_lowercase();
        ids += usize::from(name == "nats-msg-id");
        assert!(name == "nats-msg-id" || !name.starts_with("nats-"), "{name}");
        if let Some(expected) = attributes.iter().find(|(attribute, _)| *attribute == name).map(|(_, value)| value) {
            assert_eq!(value, expected, "{name}");
        } else {
            assert!(!name.starts_with("ce-") || name == "ce-datacontenttype", "{name}");
        }
    }
    assert_eq!(ids, 1);
});

fn delivery(rest: &mut Cursor<'_>) -> Delivery {
    let facts = Facts {
        id: EntryId::from_bytes([7; 16]),
        environment: rest.text(),
        product: rest.text(),
        operation: rest.text(),
        destination: String::new(),
        received_at: i64::from_be_bytes(rest.number().to_be_bytes()),
        client_subject: rest.text(),
        client_sha256: "00".into(),
        correlation_id: rest.optional_text(),
        traceparent: rest.optional_text(),
        method: rest.text(),
    };
    let (attempt, replays) = (u32::from(rest.byte()), u32::from(rest.byte() % 4));
    let (path, query, subject) = (rest.text(), rest.optional_text(), rest.optional_text());
    let mut headers = Vec::new();
    while !rest.is_empty() && headers.len() < 64 {
        // Names and values of headers that came are such by then.
        let (name, value) = (rest.piece(), rest.piece());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.push((name.as_str().to_owned(), value.as_bytes().to_vec()));
        }
    }
    let contents = Contents { path, query, subject, headers, body: bytes::Bytes::from_static(b"{}") };
    Delivery { traceparent: facts.traceparent.clone(), facts, contents, attempt, replays }
}
