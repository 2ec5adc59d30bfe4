use ::http::{HeaderValue, Method};

use super::*;
use crate::thales::catalogue::Catalogue;
use crate::thales::routes::{Found, RouteOptions, Routes};
use crate::thales::{Kind, Product};

/// A call of the built-in catalogue.
struct Sample {
    matched: Matched,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sample {
    fn new(product: Product, uri: &str, headers: &[(&'static str, &str)], body: &str) -> Self {
        let options = RouteOptions { products: vec![product], ..RouteOptions::default() };
        let routes = Routes::compile(Catalogue::built_in(), &options).unwrap();
        let uri: Uri = uri.parse().unwrap();
        let Found::Operation(matched) = routes.find(&Method::POST, uri.path()) else { panic!("{uri} is no call") };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Self { matched, uri, headers: map, body: body.into() }
    }

    fn values_of(&self, key: &KeyExpression) -> Option<Vec<String>> {
        let Self { matched, uri, headers, body } = self;
        let values = Keyed { operation: &matched.operation, matched, uri, headers, body }.values(key)?;
        Some(values.into_iter().map(|value| String::from_utf8_lossy(&value).into_owned()).collect())
    }

    fn ordering(&self) -> Option<Vec<String>> {
        self.values_of(self.matched.operation.ordering.as_ref().unwrap())
    }

    fn deduplication(&self) -> Option<Vec<String>> {
        self.values_of(&self.matched.operation.deduplication.as_ref().unwrap().key)
    }

    fn key(&self, parts: &[&str]) -> Option<Vec<String>> {
        let parts: Vec<_> = parts.iter().map(|&part| part.to_owned()).collect();
        self.values_of(&KeyExpression::parse(&parts, &self.matched.operation.path).unwrap())
    }
}

const CARD: &str = "/notifications/d1/v1/issuers/ISSUER0001/cards/CARD%3A7/notifications";
const CARDS: &str = "/notifications/d1/v2/issuers/ISSUER0001/cards";

#[test]
fn the_keys_of_a_call_about_one_card() {
    let call = Sample::new(Product::D1, CARD, &[], r#"{"operationId":"op-1"}"#);
    assert_eq!(call.ordering().unwrap(), ["CARD%3A7"], "as it was called");
    assert_eq!(call.deduplication().unwrap(), ["op-1"]);
}

#[test]
fn the_keys_of_a_batch_are_those_of_all_its_elements() {
    let call = Sample::new(Product::D1, CARDS, &[], r#"{"operations":[{"operationId":"1"},{"operationId":"2"}]}"#);
    assert_eq!(call.ordering().unwrap(), ["ISSUER0001", "notifyCardOperations"]);
    assert_eq!(call.deduplication().unwrap(), ["1", "2"]);
    let holed = Sample::new(Product::D1, CARDS, &[], r#"{"operations":[{"operationId":"1"},{}]}"#);
    assert_eq!(holed.deduplication(), None);
    assert!(holed.ordering().is_some(), "control: the lane needs no body");
}

#[test]
fn a_header_is_a_key_when_there_is_exactly_one_that_says_something() {
    let header = |headers: &[(&'static str, &str)]| {
        Sample::new(Product::D1, CARDS, headers, "").key(&["header:x-correlation-id"])
    };
    assert_eq!(header(&[("x-correlation-id", "c-1")]).unwrap(), ["c-1"]);
    assert_eq!(header(&[]), None);
    assert_eq!(header(&[("x-correlation-id", "")]), None);
    assert_eq!(header(&[("x-correlation-id", "c-1"), ("x-correlation-id", "c-1")]), None);
}

#[test]
fn a_parameter_of_the_query_is_decoded_and_has_to_stand_alone() {
    let query = |query: &str| Sample::new(Product::D1, &format!("{CARDS}{query}"), &[], "").key(&["query:cardId"]);
    assert_eq!(query("?x=1&cardId=a%2Fb+c").unwrap(), ["a/b c"]);
    for absent in ["", "?", "?cardid=1", "?cardId", "?cardId=", "?cardId=1&cardId=1"] {
        assert_eq!(query(absent), None, "{absent}");
    }
}

#[test]
fn the_digest_is_the_body_s() {
    let call = Sample::new(Product::D1, CARDS, &[], "abc");
    let values = Keyed {
        operation: &call.matched.operation,
        matched: &call.matched,
        uri: &call.uri,
        headers: &call.headers,
        body: &call.body,
    }
    .values(&KeyExpression::parse(&["digest".into(), "operation".into()], "/").unwrap())
    .unwrap();
    // FIPS 180-2, appendix B.1.
    assert_eq!(&values[0][..4], [0xba, 0x78, 0x16, 0xbf]);
    assert_eq!(values[1], b"notifyCardOperations");
}

#[test]
fn every_key_of_the_catalogue_can_be_found_and_is_missing_in_an_empty_call() {
    let mut keys = 0;
    for operation in Catalogue::built_in().operations().iter().filter(|operation| operation.kind == Kind::Notification)
    {
        let uri = operation.full_path().replace(['{', '}'], "");
        let deduplication = operation.deduplication.as_ref().map(|deduplication| &deduplication.key);
        for key in deduplication.into_iter().chain(&operation.ordering) {
            let (mut headers, mut body) = (Vec::new(), serde_json::Map::new());
            let mut in_path = true;
            for part in key.parts() {
                match part {
                    KeyPart::Header(name) => headers.push((HeaderName::as_str(name).to_owned(), "value")),
                    KeyPart::Body(_) => place(&mut body, &part.to_string()["body:".len()..]),
                    _ => continue,
                }
                in_path = false;
            }
            let headers: Vec<_> = headers.iter().map(|(name, value)| (&*name.clone().leak(), *value)).collect();
            let full = serde_json::Value::Object(body).to_string();
            let call = Sample::new(operation.product, &uri, &headers, &full);
            let values = call.values_of(key).unwrap_or_else(|| panic!("{}: {key} in {full}", operation.name));
            assert_eq!(values.len(), key.parts().len(), "{}: {key}", operation.name);
            let empty = Sample::new(operation.product, &uri, &[], "{}");
            assert_eq!(empty.values_of(key).is_some(), in_path, "{}: {key}", operation.name);
            keys += 1;
        }
    }
    assert!(keys > 20, "{keys}");
}

/// Puts a value where `a[].b` leads to.
fn place(at: &mut serde_json::Map<String, serde_json::Value>, path: &str) {
    let value = serde_json::json!("value");
    match path.split_once("[].") {
        Some((list, rest)) => {
            let elements = at.entry(list).or_insert_with(|| serde_json::json!([{}]));
            elements[0].as_object_mut().unwrap().insert(rest.into(), value);
        }
        None => drop(at.insert(path.into(), value)),
    }
}

#[test]
fn a_subject_is_text_of_bounded_length() {
    assert_eq!(subject(&[b"ISSUER0001".to_vec(), b"CARD7".to_vec()]).unwrap(), "ISSUER0001/CARD7");
    assert_eq!(subject(&[vec![0xff]]), None);
    assert_eq!(subject(&[vec![b'x'; LONGEST_SUBJECT + 1]]), None);
    assert!(subject(&[vec![b'x'; LONGEST_SUBJECT]]).is_some());
}
