//! What the tests of destinations share.

use bytes::Bytes;

use super::*;
use crate::inbox::entry::EntryId;

/// A notification as it is delivered, for the third time.
pub(super) fn delivery() -> Delivery {
    Delivery {
        facts: Facts {
            id: EntryId::new(),
            environment: "preprod".into(),
            product: "tsh".into(),
            operation: "notifyVirtualCardChange".into(),
            destination: String::new(),
            // 2026-02-03T04:05:06.007Z
            received_at: 1_770_091_506_007,
            client_subject: "CN=thales".into(),
            client_sha256: "00".repeat(32),
            correlation_id: Some("corr-1".into()),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            method: "POST".into(),
        },
        contents: Contents {
            path: "/issuer/a%20b".into(),
            query: Some("x=1&&y".into()),
            subject: Some("card-1".into()),
            headers: vec![
                ("content-type".into(), b"application/json; charset=x".to_vec()),
                ("x-first".into(), b"\xe9 1".to_vec()),
            ],
            // Not UTF-8, and with line ends: it must arrive as it is.
            body: Bytes::from_static(b"{\"state\": \"A\"}\r\n\r\n\xff\x00"),
        },
        attempt: 3,
        replays: 0,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
    }
}
