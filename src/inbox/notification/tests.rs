use ::http::HeaderValue;

use super::*;
use crate::http::testing::client;
use crate::inbox::Open as _;
use crate::inbox::store::DestinationKey;
use crate::inbox::testing::Memory;
use crate::thales::catalogue::Catalogue;
use crate::thales::routes::{Found, RouteOptions, Routes};
use crate::thales::{Kind, Product};

const CARD_V1: &str = "/notifications/d1/v1/issuers/ISSUER0001/cards/CARD7/notifications?a=b";

/// A call as it reaches the inbox.
struct Sample {
    product: Product,
    uri: &'static str,
    headers: Vec<(&'static str, &'static [u8])>,
    body: &'static str,
}

impl Sample {
    fn of_card(body: &'static str) -> Self {
        Self { product: Product::D1, uri: CARD_V1, headers: Vec::new(), body }
    }

    fn with(mut self, name: &'static str, value: &'static [u8]) -> Self {
        self.headers.push((name, value));
        self
    }

    fn row(&self, sealing: &Sealing) -> NewRow {
        self.row_for(sealing, "")
    }

    fn row_for(&self, sealing: &Sealing, destination: &str) -> NewRow {
        let options = RouteOptions { products: vec![self.product], ..RouteOptions::default() };
        let routes = Routes::compile(Catalogue::built_in(), &options).unwrap();
        let uri: Uri = self.uri.parse().unwrap();
        let Found::Operation(matched) = routes.find(&Method::POST, uri.path()) else { panic!("no call: {uri}") };
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let caller = client();
        let notification = Notification {
            operation: &Storable::of(&matched.operation).unwrap(),
            to: &DestinationKey { environment: "preprod".into(), destination: destination.into() },
            matched: &matched,
            client: caller.identity(),
            method: &Method::POST,
            uri: &uri,
            headers: &headers,
            body: Bytes::from_static(self.body.as_bytes()),
            received_at: 1_700_000_000_000,
        };
        assert!(!format!("{notification:?}").contains("CARD7"));
        notification.into_row(sealing).unwrap()
    }
}

async fn sealing() -> Sealing {
    Sealing::establish(&Memory::default(), None).await.unwrap()
}

#[tokio::test]
async fn everything_that_was_sent_is_kept_byte_for_byte() {
    let sealing = sealing().await;
    let body = "{\"operationId\" : \"op-1\"}\n";
    let row = Sample::of_card(body)
        .with("content-type", b"application/json")
        .with("x-correlation-id", b"c-1")
        .with("x-odd", b"caf\xe9")
        .with("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .row(&sealing);
    let contents = sealing.open(&row.facts, &row.payload).unwrap();
    assert_eq!(contents.path, "/notifications/d1/v1/issuers/ISSUER0001/cards/CARD7/notifications");
    assert_eq!(contents.query.as_deref(), Some("a=b"));
    assert_eq!(contents.subject.as_deref(), Some("CARD7"));
    assert_eq!(contents.body, body.as_bytes());
    assert!(contents.headers.contains(&("x-odd".into(), b"caf\xe9".to_vec())));
    let facts = row.facts;
    assert_eq!((facts.environment.as_str(), facts.product.as_str()), ("preprod", "d1"));
    assert_eq!((facts.operation.as_str(), facts.method.as_str()), ("notifyCardOperationV1", "POST"));
    assert_eq!(facts.client_subject, "CN=caller");
    assert_eq!(facts.correlation_id.as_deref(), Some("c-1"));
    assert_eq!(facts.traceparent.unwrap(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_eq!(facts.received_at, 1_700_000_000_000);
}

#[tokio::test]
async fn credentials_and_what_belongs_to_one_connection_are_not_kept_and_identity_is() {
    let sealing = sealing().await;
    let not_kept = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "host",
        "content-length",
        "expect",
        "te",
        "trailer",
        "transfer-encoding",
        "connection",
    ];
    let kept = ["x-a", "issuer-host-client-subject", "x-forwarded-for", "client-cert", "x-b"];
    let mut sample = Sample::of_card("{}");
    for name in not_kept.into_iter().chain(kept) {
        sample = sample.with(name, b"value-of-a-secret");
    }
    let row = sample.row(&sealing);
    let contents = sealing.open(&row.facts, &row.payload).unwrap();
    let names: Vec<_> = contents.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, kept, "in order");
}

#[tokio::test]
async fn calls_about_one_card_share_a_lane_and_others_do_not() {
    let sealing = sealing().await;
    let lane = |uri: &'static str| Sample { uri, ..Sample::of_card("{}") }.row(&sealing).lane;
    assert_eq!(lane(CARD_V1), lane("/notifications/d1/v1/issuers/ISSUER0001/cards/CARD7/notifications"));
    assert_ne!(lane(CARD_V1), lane("/notifications/d1/v1/issuers/ISSUER0001/cards/CARD8/notifications"));
    let sample = Sample::of_card("{}");
    assert_ne!(sample.row_for(&sealing, "").lane, sample.row_for(&sealing, "cards").lane);
}

#[tokio::test]
async fn a_call_whose_ordering_key_is_missing_has_a_lane_for_itself() {
    let sealing = sealing().await;
    let uri = Catalogue::built_in()
        .operations()
        .iter()
        .find(|operation| {
            let key = operation.ordering.as_ref().map(ToString::to_string);
            operation.kind == Kind::Notification && key.as_deref() == Some("body:tokenId")
        })
        .map(|operation| operation.full_path().replace(['{', '}'], "").leak() as &'static str)
        .unwrap();
    let row = |body: &'static str| Sample { product: Product::Cof, uri, headers: Vec::new(), body }.row(&sealing);
    let with_key = r#"{"tokenId":"T1"}"#;
    assert_eq!(row(with_key).lane, row(with_key).lane, "control");
    for without in ["", "{}", r#"{"tokenId":null}"#, r#"{"tokenId":"T1","tokenId":"T1"}"#] {
        let row_without = row(without);
        assert_ne!(row_without.lane, row(without).lane, "{without}");
        assert_eq!(sealing.open(&row_without.facts, &row_without.payload).unwrap().subject, None, "{without}");
    }
}

#[tokio::test]
async fn a_repeat_is_the_same_key_and_the_same_body_and_nothing_less() {
    let sealing = sealing().await;
    let key = |body| Sample::of_card(body).row(&sealing).deduplication;
    let first = key(r#"{"operationId":"op-1"}"#);
    assert!(first.is_some());
    assert_eq!(first, key(r#"{"operationId":"op-1"}"#));
    assert_ne!(first, key(r#"{"operationId":"op-1" }"#), "the same key with another body");
    assert_ne!(first, key(r#"{"operationId":"op-2"}"#));
    for missing in ["{}", "", r#"{"operationId":null}"#, r#"{"operationId":"op-1","operationId":"op-1"}"#] {
        assert_eq!(key(missing), None, "{missing}");
    }
}

#[tokio::test]
async fn a_key_that_thales_does_not_vouch_for_never_makes_a_repeat() {
    let sealing = sealing().await;
    let sample = Sample {
        product: Product::D1,
        uri: "/notifications/d1/v2/issuers/ISSUER0001/authorisations",
        headers: Vec::new(),
        body: r#"{"operations":[{"cardId":"1","operationId":"2","operation":"3","startTime":"4"}]}"#,
    };
    assert_eq!(sample.row(&sealing).deduplication, None);
    let vouched = Sample { uri: "/notifications/d1/v2/issuers/ISSUER0001/cards", ..sample };
    assert!(vouched.row(&sealing).deduplication.is_some(), "control");
}

#[tokio::test]
async fn an_id_that_nobody_could_print_is_left_out() {
    let sealing = sealing().await;
    let id =
        |value: &'static [u8]| Sample::of_card("{}").with("x-correlation-id", value).row(&sealing).facts.correlation_id;
    assert_eq!(id(b"c-1").as_deref(), Some("c-1"));
    for unusable in [&b""[..], b"a b", b"caf\xe9", &[b'x'; 129]] {
        assert_eq!(id(unusable), None, "{unusable:?}");
    }
    let twice = Sample::of_card("{}").with("x-correlation-id", b"a").with("x-correlation-id", b"b").row(&sealing);
    assert_eq!(twice.facts.correlation_id, None);
}
