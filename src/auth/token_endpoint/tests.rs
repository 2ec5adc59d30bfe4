//! The endpoint as its clients see it: RFC 6749 in a table, rotation of secrets, guessing.

mod guessing;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::auth::testing::{AUDIENCE, ENVIRONMENT, ISSUER, after, bearer, key_pem, keys, now, options, refusal};
use crate::auth::{BearerTokens, LiveSecret, SigningKeys, Verdict};

const SECRET: &str = "correct-horse-battery";
const OTHER: &str = "staple-battery-horse";
/// The SHA-256 of a certificate.
const CALLER: [u8; 32] = [7; 32];
const GRANT: &str = "grant_type=client_credentials";

fn client(id: &str, secrets: Vec<LiveSecret>) -> Client {
    Client { id: id.into(), secrets, scopes: vec!["notify".into(), "query".into()] }
}

fn secret(name: &str, text: &str) -> LiveSecret {
    LiveSecret::from_text(name, text).unwrap()
}

fn endpoint_options(keys: &Arc<SigningKeys>) -> TokenEndpointOptions {
    TokenEndpointOptions {
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        environment: ENVIRONMENT.into(),
        lifetime: Duration::from_secs(600),
        credentials_in_body: false,
        guesses: GuessLimit::default(),
        clients: vec![client("thales", vec![secret("first", SECRET)]), client("other", vec![secret("its", OTHER)])],
        keys: Arc::clone(keys),
    }
}

fn endpoint() -> TokenEndpoint {
    TokenEndpoint::new(endpoint_options(&keys(&key_pem()))).unwrap()
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn headers(authorization: &[&str]) -> HeaderMap {
    let mut headers: HeaderMap = authorization.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect();
    headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
    headers
}

struct Answer {
    status: u16,
    json: Value,
    response: Response<Bytes>,
}

fn answer_at(endpoint: &TokenEndpoint, headers: &HeaderMap, body: &str, now: SystemTime) -> Answer {
    answer_to(endpoint, &CALLER, headers, body, now)
}

fn answer_to(endpoint: &TokenEndpoint, caller: &[u8; 32], headers: &HeaderMap, body: &str, now: SystemTime) -> Answer {
    let response = endpoint.answer(headers, body.as_bytes(), caller, ExpiresIn::Number, now);
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[PRAGMA], "no-cache");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let json = serde_json::from_slice(response.body()).unwrap();
    Answer { status: response.status().as_u16(), json, response }
}

fn answer(endpoint: &TokenEndpoint, authorization: &[&str], body: &str) -> Answer {
    answer_at(endpoint, &headers(authorization), body, now())
}

fn outcome(answer: &Answer) -> &TokenOutcome {
    answer.response.extensions().get().unwrap()
}

#[test]
fn a_client_gets_a_token_that_verifies() {
    let keys = keys(&key_pem());
    let endpoint = TokenEndpoint::new(endpoint_options(&keys)).unwrap();
    let answer = answer(&endpoint, &[&basic("thales", SECRET)], GRANT);
    assert_eq!(answer.status, 200);
    let token = answer.json["access_token"].as_str().unwrap();
    assert_eq!(
        answer.json,
        json!({"access_token": token, "token_type": "Bearer", "expires_in": 600, "scope": "notify query"})
    );
    assert_eq!(outcome(&answer), &TokenOutcome::Issued { client: "thales".into(), secret: "first".into() });
    let tokens = BearerTokens::own(keys, options());
    let Verdict::Accepted(claims) = tokens.verify(&bearer(token), now()) else { panic!("refused") };
    assert_eq!((claims.subject.as_deref(), claims.client.as_deref()), (Some("thales"), Some("thales")));
    assert_eq!((claims.scopes.clone(), claims.expires), (vec!["notify".to_owned(), "query".into()], after(600)));
    assert!(claims.id.as_ref().is_some_and(|id| id.len() == 22));
    assert!(refusal(&tokens.verify(&bearer(token), after(660))).is_some());
}

#[test]
fn expires_in_is_text_for_those_who_want_it() {
    let answer =
        endpoint().answer(&headers(&[&basic("thales", SECRET)]), GRANT.as_bytes(), &CALLER, ExpiresIn::Text, now());
    let json: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(json["expires_in"], json!("600"));
}

#[test]
fn no_two_tokens_are_the_same() {
    let endpoint = endpoint();
    let token = || answer(&endpoint, &[&basic("thales", SECRET)], GRANT).json["access_token"].clone();
    assert_ne!(token(), token());
}

#[test]
fn what_is_asked_for_wrongly_gets_the_error_of_the_rfc() {
    let endpoint = endpoint();
    let good = basic("thales", SECRET);
    let good = &[&*good][..];
    let wrong = basic("thales", OTHER);
    let of_other = basic("thales", OTHER);
    let nobody = basic("nobody", SECRET);
    for (authorization, body, status, error) in [
        (good, "", 400, "invalid_request"),
        (good, "scope=notify", 400, "invalid_request"),
        (good, "grant_type=", 400, "invalid_request"),
        (good, "grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
        (good, "grant_type=client_credentials&scope=notify&scope=query", 400, "invalid_request"),
        (good, "grant_type=client_credentials&client_id=other", 400, "invalid_request"),
        (good, "grant_type=client_credentials&client_id=thales&client_secret=x", 400, "invalid_request"),
        (&[good[0], good[0]], GRANT, 400, "invalid_request"),
        (good, "grant_type=password", 400, "unsupported_grant_type"),
        (good, "grant_type=Client_Credentials", 400, "unsupported_grant_type"),
        (good, "grant_type=client_credentials&scope=admin", 400, "invalid_scope"),
        (good, "grant_type=client_credentials&scope=notify+admin", 400, "invalid_scope"),
        (good, "grant_type=client_credentials&scope=+", 400, "invalid_scope"),
        (&[], GRANT, 401, "invalid_client"),
        (&[&wrong], GRANT, 401, "invalid_client"),
        (&[&of_other], GRANT, 401, "invalid_client"),
        (&[&nobody], GRANT, 401, "invalid_client"),
        (&["Basic !"], GRANT, 401, "invalid_client"),
        (&["Bearer abc"], GRANT, 401, "invalid_client"),
        (
            &[],
            "grant_type=client_credentials&client_id=thales&client_secret=correct-horse-battery",
            401,
            "invalid_client",
        ),
        // Who is not known does not learn which grants there are.
        (&[], "grant_type=password", 401, "invalid_client"),
    ] {
        let answer = answer(&endpoint, authorization, body);
        assert_eq!((answer.status, answer.json["error"].as_str()), (status, Some(error)), "{authorization:?} {body}");
        assert!(answer.json["error_description"].is_string());
        assert_eq!(answer.response.headers().contains_key(WWW_AUTHENTICATE), status == 401);
        assert!(!answer.json.to_string().contains(SECRET));
    }
    // Control.
    assert_eq!(answer(&endpoint, good, GRANT).status, 200);
}

#[test]
fn only_a_form_of_bounded_length_is_read() {
    let endpoint = endpoint();
    for (content_type, status) in [
        (Some("application/x-www-form-urlencoded"), 200),
        (Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), 200),
        (Some("application/json"), 400),
        (Some("application/x-www-form-urlencoded2"), 400),
        (None, 400),
    ] {
        let mut headers = headers(&[&basic("thales", SECRET)]);
        headers.remove(CONTENT_TYPE);
        headers.extend(content_type.map(|value| (CONTENT_TYPE, value.parse().unwrap())));
        assert_eq!(answer_at(&endpoint, &headers, GRANT, now()).status, status, "{content_type:?}");
    }
    let padded = |length: usize| format!("{GRANT}&x={}", "a".repeat(length - GRANT.len() - 3));
    let good = basic("thales", SECRET);
    assert_eq!(answer(&endpoint, &[&good], &padded(MAX_BODY)).status, 200);
    assert_eq!(answer(&endpoint, &[&good], &padded(MAX_BODY + 1)).status, 400);
}

#[test]
fn what_nobody_knows_is_left_alone() {
    let body = "resource=a&grant_type=client_credentials&audience=b&resource=c&scope=&client_id=thales";
    let answer = answer(&endpoint(), &[&basic("thales", SECRET)], body);
    assert_eq!((answer.status, &answer.json["scope"]), (200, &json!("notify query")));
}

#[test]
fn a_client_gets_the_scopes_that_it_asks_for() {
    let endpoint = endpoint();
    for (asked, granted) in [("query", "query"), ("query+notify+query", "query notify"), ("%6eotify", "notify")] {
        let answer = answer(&endpoint, &[&basic("thales", SECRET)], &format!("{GRANT}&scope={asked}"));
        assert_eq!((answer.status, &answer.json["scope"]), (200, &json!(granted)), "{asked}");
    }
    let mut options = endpoint_options(&keys(&key_pem()));
    options.clients[0].scopes.clear();
    let without = TokenEndpoint::new(options).unwrap();
    let answer = answer(&without, &[&basic("thales", SECRET)], GRANT);
    assert_eq!((answer.status, answer.json.get("scope")), (200, None));
}

#[test]
fn credentials_stand_in_the_body_where_that_is_allowed() {
    let mut options = endpoint_options(&keys(&key_pem()));
    options.credentials_in_body = true;
    let endpoint = TokenEndpoint::new(options).unwrap();
    let body = |secret: &str| format!("{GRANT}&client_id=thales&client_secret={secret}");
    assert_eq!(answer(&endpoint, &[], &body(SECRET)).status, 200);
    assert_eq!(answer(&endpoint, &[], &body(OTHER)).status, 401);
    assert_eq!(answer(&endpoint, &[], &format!("{}&client_secret=x", body(SECRET))).status, 400);
    assert_eq!(answer(&endpoint, &[&basic("thales", SECRET)], &body(SECRET)).status, 400);
    assert_eq!(answer(&endpoint, &[&basic("thales", SECRET)], GRANT).status, 200);
}

#[test]
fn id_and_secret_may_be_form_urlencoded_or_not() {
    let mut options = endpoint_options(&keys(&key_pem()));
    let text = "a+b%2fc d:e&f=100%-sure";
    options.clients =
        vec![client("id of:thales", vec![secret("odd", text)]), client("plain", vec![secret("odd", text)])];
    let endpoint = TokenEndpoint::new(options).unwrap();
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    for (id, secret, status) in [
        (encoded("id of:thales"), encoded(text), 200),
        ("plain".into(), encoded(text), 200),
        ("plain".into(), text.into(), 200),
        // A colon in an id has to be encoded.
        ("id of:thales".into(), text.into(), 401),
        ("plain".into(), encoded(&encoded(text)), 401),
    ] {
        assert_eq!(answer(&endpoint, &[&basic(&id, &secret)], GRANT).status, status, "{id} {secret}");
    }
}

#[test]
fn two_secrets_live_until_the_old_one_expires() {
    let mut options = endpoint_options(&keys(&key_pem()));
    let old = LiveSecret { expires: Some(after(60)), ..secret("old", SECRET) };
    options.clients[0].secrets = vec![old, secret("new", OTHER)];
    let endpoint = TokenEndpoint::new(options).unwrap();
    let at = |text: &str, now| answer_at(&endpoint, &headers(&[&basic("thales", text)]), GRANT, now);
    assert_eq!((at(SECRET, now()).status, at(OTHER, now()).status), (200, 200));
    let refused = at(SECRET, after(60));
    assert_eq!((refused.status, at(OTHER, after(60)).status), (401, 200));
    let expected =
        TokenOutcome::Refused { error: "invalid_client", client: Some("thales".into()), expired: Some("old".into()) };
    assert_eq!(outcome(&refused), &expected);
    // The caller sees what anybody sees.
    assert_eq!(refused.json, at(&SECRET.to_uppercase(), after(60)).json);
}

#[test]
fn clients_that_could_not_be_told_apart_or_never_get_a_token_make_no_endpoint() {
    let options = endpoint_options(&keys(&key_pem()));
    let with = |change: &dyn Fn(&mut TokenEndpointOptions)| {
        let mut options = options.clone();
        change(&mut options);
        TokenEndpoint::new(options).err()
    };
    assert_eq!(with(&|_| {}), None);
    assert_eq!(with(&|o| o.clients[1].id = "thales".into()), Some(TokenEndpointError::ClientTwice("thales".into())));
    assert_eq!(with(&|o| o.clients[1].id.clear()), Some(TokenEndpointError::EmptyClientId));
    assert_eq!(with(&|o| o.clients[1].secrets.clear()), Some(TokenEndpointError::NoSecret("other".into())));
    assert_eq!(with(&|o| o.lifetime = Duration::from_millis(999)), Some(TokenEndpointError::Lifetime));
    for scope in ["", "two words", "quo\"te", "back\\slash", "\u{e4}"] {
        let error = TokenEndpointError::Scope { client: "thales".into(), scope: scope.into() };
        assert_eq!(with(&|o| o.clients[0].scopes.push(scope.into())), Some(error));
    }
}

#[test]
fn no_secret_is_printed() {
    let endpoint = endpoint();
    let answer = answer(&endpoint, &[&basic("thales", SECRET)], GRANT);
    let printed = format!("{endpoint:?} {:?} {:?}", endpoint_options(&keys(&key_pem())), outcome(&answer));
    let token = answer.json["access_token"].as_str().unwrap();
    assert!(!printed.contains(SECRET) && !printed.contains(token) && !printed.contains("digest"), "{printed}");
}

proptest! {
    #[test]
    fn no_request_makes_it_panic_or_gets_a_token(
        authorization in proptest::collection::vec(any::<u8>(), 0..100),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let endpoint = endpoint();
        let mut headers = headers(&[&basic("thales", &String::from_utf8_lossy(&authorization))]);
        let response = endpoint.answer(&headers, &body, &CALLER, ExpiresIn::Text, now());
        prop_assert!(response.status().is_client_error());
        headers.insert(AUTHORIZATION, format!("Basic {}", STANDARD.encode(&authorization)).parse().unwrap());
        let response = endpoint.answer(&headers, GRANT.as_bytes(), &CALLER, ExpiresIn::Text, now());
        prop_assert_eq!(response.status().as_u16(), 401);
    }
}
