//! What to do where an answer came that is not as Thales expects.

use std::time::SystemTime;

use bytes::Bytes;
use http::Request;
use http::header::AUTHORIZATION;
use serde_json::Value;

use crate::caller::Answer;
use crate::thales::example::SAMPLE_ISSUER_ID;
use crate::thales::operation::{IssuerId, Role};
use crate::thales::retry::retry_after;
use crate::thales::{Operation, Product};

/// How calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Making {
    Single,
    Load,
}

/// What to do about an answer that was not taken; `None` = what is wrong with it says all that is known.
pub(super) fn advice(
    operation: &Operation,
    request: &Request<Bytes>,
    answer: &Answer,
    making: Making,
) -> Option<String> {
    let status = answer.status.as_u16();
    let has_key = request.headers().contains_key(AUTHORIZATION);
    match (operation.product, status) {
        (Product::Cof, 401 | 503) => Some(api_key(status, has_key).to_owned()),
        (Product::D1 | Product::D1Ecom, 401) => Some(token(operation.role, has_key).to_owned()),
        (_, 429) => Some(too_many(answer, making)),
        (_, 500..=599) => Some("see the server's log, and whether its backend runs (backend.url)".to_owned()),
        _ if may_be_unknown_issuer(status, &answer.body) => unknown_issuer(status, operation, request),
        _ => None,
    }
}

fn too_many(answer: &Answer, making: Making) -> String {
    let asked = retry_after(&answer.headers, SystemTime::now());
    let wait = match asked {
        Some(asked) => format!("wait as long as Retry-After says ({})", humantime::format_duration(asked)),
        None => "wait a while".to_owned(),
    };
    match making {
        Making::Single => format!("the server wants fewer calls: {wait}, or write --retry"),
        Making::Load => format!("the server wants fewer calls: {wait}, or write a lower --rate"),
    }
}

fn unknown_issuer(status: u16, operation: &Operation, request: &Request<Bytes>) -> Option<String> {
    let paths = if status == 404 { "; --base-path with its base_paths" } else { "" };
    if operation.issuer_id.is_none() {
        return (status == 404).then(|| {
            "does the server serve this product (products)? Else compare --base-path with its base_paths".to_owned()
        });
    }
    Some(if is_of_sample_issuer(operation, request) {
        format!(
            "{SAMPLE_ISSUER_ID} is the id of the examples, which the server may not serve: name your id with --issuer-id ID"
        )
    } else {
        format!(
            "the server may not serve this id: compare --issuer-id with its customer_id and issuer_ids{paths}. Where it does, see its log"
        )
    })
}

/// cof is told 503 where its key is wrong, so that a rotation loses no event, unless the operator wants 401.
const fn api_key(status: u16, has_key: bool) -> &'static str {
    match (status, has_key) {
        (503, true) => {
            "a wrong API key gets 503 as well as a backend that is away: compare the key of --api-key-file with the server's, then \
             see the server's log (O13)"
        }
        (503, false) => {
            "a call without an API key gets 503 as well as one whose backend is away: write --api-key-file FILE (O13), then see the \
             server's log"
        }
        (_, true) => "the server does not take this API key: compare the key of --api-key-file with the server's (O13)",
        (_, false) => "the call carries no API key, and Thales' calls do: write --api-key-file FILE (O13)",
    }
}

const fn token(role: Role, has_key: bool) -> &'static str {
    match (role, has_key) {
        (Role::TokenEndpoint { .. }, true) => {
            "the server knows no such client, or not with this secret: compare --token-client and --token-secret-file with its \
             configuration (O13)"
        }
        (Role::Business, true) => {
            "the server does not take this access token: it has to come from where its configuration says, for its audience, and must \
             not have expired (O13)"
        }
        (_, false) => {
            "the call carries no access token, or no client for one: write --token-client ID --token-secret-file FILE (O13)"
        }
    }
}

/// The issuer gateways answer 400 with code 911 to an issuer that they do not know, and to other things; the others answer 404.
fn may_be_unknown_issuer(status: u16, body: &[u8]) -> bool {
    const FAILED: u64 = 911;
    let code = || {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let code = answer.get("responseCode");
        code.and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()))
    };
    status == 404 || status == 400 && code() == Some(FAILED)
}

fn is_of_sample_issuer(operation: &Operation, request: &Request<Bytes>) -> bool {
    match &operation.issuer_id {
        Some(IssuerId::Header(name) | IssuerId::OptionalHeader(name)) => {
            request.headers().get(name).is_some_and(|id| id == SAMPLE_ISSUER_ID)
        }
        Some(IssuerId::Path(_)) => request.uri().path().split('/').any(|segment| segment == SAMPLE_ISSUER_ID),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::thales::Catalogue;

    const FAILED: &str = r#"{"responseCode":911,"errorMessage":"no"}"#;

    fn of(product: Product, name: &str, request: http::request::Builder, status: u16, body: &'static str) -> String {
        let mut operations = Catalogue::built_in().operations().iter();
        let operation = operations.find(|operation| operation.product == product && operation.name == name).unwrap();
        let request = request.body(Bytes::new()).unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: HeaderMap::new(), body: body.into() };
        advice(operation, &request, &answer, Making::Single).unwrap_or_default()
    }

    #[test]
    fn an_issuer_that_is_an_example_is_to_be_named() {
        let tsh = |id| Request::post("https://h/").header("x-issuer-id", id);
        let d1 = |id| Request::post(format!("https://h/notifications/d1/v1/issuers/{id}/cards/1/notifications"));
        let (hub, d1_call) = ("notifyVirtualCardChange", "notifyCardOperationV1");
        for (told, text) in [
            (true, of(Product::Tsh, hub, tsh(SAMPLE_ISSUER_ID), 400, FAILED)),
            (true, of(Product::Tsh, hub, tsh(SAMPLE_ISSUER_ID), 400, r#"{"responseCode":"911"}"#)),
            (true, of(Product::D1, d1_call, d1(SAMPLE_ISSUER_ID), 404, "")),
            (true, of(Product::Tsh, hub, tsh("ISSUER0001"), 400, FAILED)),
            (false, of(Product::Tsh, hub, tsh(SAMPLE_ISSUER_ID), 400, r#"{"responseCode":111}"#)),
            (false, of(Product::Tsh, hub, tsh(SAMPLE_ISSUER_ID), 503, FAILED)),
            (true, of(Product::D1, d1_call, d1("ISSUER0001"), 404, "")),
        ] {
            assert_eq!(text.contains("--issuer-id"), told, "{text}");
        }
        let own = of(Product::Tsh, hub, tsh("ISSUER0001"), 400, FAILED);
        assert!(own.contains("customer_id and issuer_ids"), "{own}");
    }

    #[test]
    fn who_lacks_a_second_key_is_told_to_show_one_and_who_has_it_to_compare() {
        let plain = || Request::post("https://h/");
        let with_key = || plain().header("authorization", "APIKEY k");
        let (d1, cof) = ("notifyCardOperations", "notifyTokenUpdate");
        for (text, words) in [
            (of(Product::Cof, cof, plain(), 503, ""), "write --api-key-file"),
            (of(Product::Cof, cof, with_key(), 503, ""), "compare the key"),
            (of(Product::Cof, cof, with_key(), 401, ""), "compare the key"),
            (of(Product::D1, d1, plain(), 401, ""), "write --token-client"),
            (of(Product::D1, d1, with_key(), 401, ""), "does not take this access token"),
            (of(Product::D1, "getToken", with_key(), 401, ""), "knows no such client"),
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(of(Product::D1, d1, plain(), 400, ""), "", "control");
    }

    #[test]
    fn a_backend_that_is_away_and_too_many_calls_are_told_of() {
        let plain = || Request::post("https://h/");
        for (product, name, status) in [
            (Product::Cof, "notifyTokenUpdate", 500),
            (Product::D1, "notifyCardOperations", 503),
            (Product::Tsh, "sendOTP", 502),
        ] {
            let text = of(product, name, plain(), status, "");
            assert!(text.contains("backend.url"), "{product} {status}: {text}");
        }
        let text = of(Product::D1, "getToken", plain(), 429, "");
        assert!(text.contains("--retry"), "{text}");
    }
}
