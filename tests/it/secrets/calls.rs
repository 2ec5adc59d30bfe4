//! Calls that are full of secrets: of every operation, right and wrong, and of none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode};
use issuer_host::thales::operation::{IssuerId, Role, Side};
use issuer_host::thales::{Catalogue, Operation, Product};
use serde_json::{Value, json};

use super::planted::{
    API_KEY, BACKEND_ERROR, CLIENT_SECRET, COOKIE, MADE_UP_TOKEN, OLD_API_KEY, OTP, PAN_IN_ANSWER, PAN_IN_BODY,
    PAN_IN_HEADER, PAN_IN_PATH, PAN_IN_QUERY, PIN, Planted, WRONG_API_KEY, WRONG_CLIENT_SECRET,
};
use super::run::Run;
use crate::support::door::HOST;
use crate::support::token_door::{D1_TOKEN, basic, token, token_request};
use crate::support::{Answer, Caller, Gate, Reply, Session, raw, request};

/// A notification of merchant tokenization.
const COF: &str = "/tsh-cof/notify-token-update";
/// Queries of D1.
const D1_QUERY: &str = "/banking/d1/v1/issuers/ISSUER0001/consumers/consumer-1";
const D1_OTHER_QUERY: &str = "/banking/d1/v1/issuers/ISSUER0001/consumers/consumer-2";

/// A token, as Thales gets it; one more thing that must not be found.
pub(super) async fn fetch_token(session: &mut Session, planted: &mut Planted) -> String {
    let authorization = basic("thales", CLIENT_SECRET);
    let request = token_request(D1_TOKEN, Some(&authorization), "grant_type=client_credentials");
    let token = token(&session.send(request).await.unwrap());
    planted.add("access token", &token);
    token
}

/// Every operation with the right credentials: all of them succeed, so that the secrets have gone all the way.
pub(super) async fn every_operation(run: &Run, session: &mut Session, token: &str) {
    for operation in operations() {
        let path = path(operation);
        let answer = format!("{{\"pan\":\"{PAN_IN_ANSWER}\",\"note\":\"{BACKEND_ERROR}\"}}");
        run.backend.answer(&path, Answer::Fixed(StatusCode::OK, answer.leak()));
        let credential = match operation.product {
            Product::Cof => Some(format!("APIKEY {API_KEY}")),
            Product::D1 | Product::D1Ecom => Some(format!("Bearer {token}")),
            _ => None,
        };
        let reply = session.send(call(operation, &path, credential.as_deref())).await.unwrap();
        assert!((200..300).contains(&reply.status), "{} {}: {reply:?}", operation.product, operation.name);
    }
    let sensitive = operations().filter(|operation| operation.is_sensitive()).count();
    assert!(sensitive >= 3, "the catalogue marks {sensitive} operations as sensitive");
}

/// Every operation with wrong credentials; what was answered to those that look at them.
pub(super) async fn every_operation_refused(session: &mut Session) -> Vec<Reply> {
    let mut replies = Vec::new();
    let wrong_key = format!("APIKEY {WRONG_API_KEY}");
    let old_key = basic("thales", OLD_API_KEY);
    let bearer = format!("Bearer {MADE_UP_TOKEN}");
    for operation in operations() {
        for credential in [Some(&wrong_key), Some(&old_key), Some(&bearer), None] {
            let request = call(operation, &path(operation), credential.map(String::as_str));
            let reply = session.send(request).await.unwrap();
            let expected = match operation.product {
                Product::Cof => 503,
                Product::D1 | Product::D1Ecom => 401,
                _ => continue,
            };
            assert_eq!(reply.status, expected, "{} {}: {reply:?}", operation.product, operation.name);
            replies.push(reply);
        }
    }
    replies
}

/// Calls that fail for every other reason, each on a connection of its own, since some end it; and their answers.
pub(super) async fn everything_that_fails(run: &Run, caller: &Caller, token: &str) -> Vec<Reply> {
    let key = format!("APIKEY {API_KEY}");
    let bearer = format!("Bearer {token}");
    run.backend.answer(COF, Answer::Fixed(StatusCode::INTERNAL_SERVER_ERROR, BACKEND_ERROR));
    run.backend.answer(D1_QUERY, Answer::Held(Gate::closed()));
    run.backend.answer(D1_OTHER_QUERY, Answer::Broken);
    let long = format!("{PAN_IN_BODY}{OTP}").repeat(1000);
    let short = format!("{PAN_IN_BODY}{OTP}{PIN}");
    let mut replies = Vec::new();
    for (method, path, authorization, body, status) in [
        // The backend does not take it, does not answer in time, breaks off.
        ("POST", COF.to_owned(), &key, &short, 503),
        ("GET", format!("{D1_QUERY}?pan={PAN_IN_QUERY}"), &bearer, &String::new(), 504),
        ("GET", D1_OTHER_QUERY.to_owned(), &bearer, &String::new(), 502),
        // Too large, of another method, of an issuer that is not ours.
        ("POST", COF.to_owned(), &key, &long, 503),
        ("DELETE", format!("{D1_QUERY}?pan={PAN_IN_QUERY}"), &bearer, &String::new(), 405),
        ("GET", format!("/banking/d1/v1/issuers/{PAN_IN_PATH}/consumers/c"), &bearer, &String::new(), 404),
        // Paths of nobody, of below a product, unclean ones.
        ("POST", format!("/unknown/{PAN_IN_PATH}?pan={PAN_IN_QUERY}"), &key, &short, 503),
        ("POST", format!("/tsh-cof/unknown/{PAN_IN_PATH}"), &format!("APIKEY {WRONG_API_KEY}"), &short, 503),
        ("POST", format!("/tsh-cof/unknown/{}", encoded(PAN_IN_PATH)), &format!("APIKEY {WRONG_API_KEY}"), &short, 503),
        ("POST", format!("/tsh-cof//{PAN_IN_PATH}"), &key, &short, 503),
        ("POST", format!("/banking/d1/v1/%2f{PAN_IN_PATH}/../x"), &bearer, &short, 400),
        ("POST", format!("/tsh-cof/{}{PAN_IN_PATH}", "x".repeat(500)), &bearer, &short, 503),
        // Tokens: with a wrong secret, with one in the body, in the wrong form.
        ("POST", format!("{D1_TOKEN}?client_secret={CLIENT_SECRET}"), &bearer, &short, 400),
    ] {
        let request = request(method, &path).header("authorization", authorization).header("cookie", COOKIE);
        let mut session = caller.session().await.unwrap();
        let reply = session.send(request.body(body.clone().into()).unwrap()).await.unwrap();
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
        replies.push(reply);
    }
    for (authorization, form) in [
        (Some(basic("thales", WRONG_CLIENT_SECRET)), "grant_type=client_credentials".to_owned()),
        (Some(basic(CLIENT_SECRET, WRONG_CLIENT_SECRET)), format!("grant_type={CLIENT_SECRET}")),
        (Some(basic("thales", CLIENT_SECRET)), format!("grant_type=client_credentials&scope={PIN}")),
        (None, format!("grant_type=client_credentials&client_id=thales&client_secret={CLIENT_SECRET}")),
        (Some(format!("Basic {}", STANDARD.encode(CLIENT_SECRET))), String::new()),
    ] {
        let mut session = caller.session().await.unwrap();
        let reply = session.send(token_request(D1_TOKEN, authorization.as_deref(), &form)).await.unwrap();
        assert!((400..500).contains(&reply.status), "{form}: {reply:?}");
        replies.push(reply);
    }
    replies
}

/// What no client library would send: each with a secret where the fault is. The answers, as they came.
pub(super) async fn everything_malformed(run: &Run) -> Vec<Vec<u8>> {
    let head = format!("POST {COF} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n");
    let mut answers = Vec::new();
    for bytes in [
        format!("{head}authorization : APIKEY {API_KEY}\r\n\r\n"),
        format!("{head}authorization: APIKEY {API_KEY}\0\r\n\r\n"),
        format!("{head}auth orization APIKEY {API_KEY}\r\n\r\n"),
        format!("{head} folded: {API_KEY}\r\n\r\n"),
        format!("{head}content-length: {PAN_IN_HEADER}x\r\n\r\n{PAN_IN_BODY}"),
        format!("{head}content-length: 4\r\ncontent-length: {PAN_IN_HEADER}\r\n\r\n{PAN_IN_BODY}"),
        format!("{head}transfer-encoding: chunked\r\n\r\n{PAN_IN_BODY}zz\r\n{OTP}\r\n"),
        format!("{head}transfer-encoding: {OTP}\r\n\r\n"),
        format!("{OTP} {COF} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n"),
        format!("POST http://{PAN_IN_PATH}{COF} HTTP/1.1\r\nhost: {PAN_IN_PATH}\r\nconnection: close\r\n\r\n"),
        format!("POST /{PAN_IN_PATH} {PIN} HTTP/1.1\r\nhost: {HOST}\r\n\r\n"),
        format!("POST {COF} HTTP/{PIN}\r\nhost: {HOST}\r\n\r\n"),
        // The body never comes.
        format!("{head}authorization: APIKEY {API_KEY}\r\ncontent-length: 999\r\n\r\n{PAN_IN_BODY}{OTP}"),
    ] {
        let mut stream = run.caller().connect().await.unwrap();
        let answer = raw::exchange(&mut stream, bytes.as_bytes()).await;
        assert!(raw::statuses(&answer).iter().all(|status| *status >= 400), "{bytes}: {answer:?}");
        answers.push(answer);
    }
    answers
}

/// `text` with every character percent-encoded.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// All operations but those that this server answers by itself.
fn operations() -> impl Iterator<Item = &'static Operation> {
    Catalogue::built_in().operations().iter().filter(|operation| operation.role == Role::Business)
}

/// Its path, with ids that are no secrets.
fn path(operation: &Operation) -> String {
    let segments = operation.full_path();
    let segments = segments.split('/').map(|segment| match segment.strip_prefix('{') {
        Some(rest) => match &operation.issuer_id {
            Some(IssuerId::Path(name)) if rest.trim_end_matches('}') == name => "ISSUER0001",
            _ => "id-1",
        },
        None => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

fn call(operation: &Operation, path: &str, authorization: Option<&str>) -> Request<Bytes> {
    let mut request = request(operation.method.as_str(), &format!("{path}?pan={PAN_IN_QUERY}"))
        .header("cookie", COOKIE)
        .header("x-card", PAN_IN_HEADER)
        .header("x-correlation-id", "correlation-1");
    if let Some(IssuerId::Header(name) | IssuerId::OptionalHeader(name)) = &operation.issuer_id {
        request = request.header(name, "ISSUER0001");
    }
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let has_body = operation.method != http::Method::GET;
    let body = if has_body { Bytes::from(body(operation).to_string()) } else { Bytes::new() };
    request.header("content-type", "application/json").body(body).unwrap()
}

/// A body with a secret in each field that the catalogue calls secret, and in others.
fn body(operation: &Operation) -> Value {
    let mut body = json!({"pan": PAN_IN_BODY, "pinBlock": PIN, "nested": {"otpValue": OTP}});
    let fields = operation.secrets.iter().filter(|secret| secret.side == Side::Request && secret.clear);
    for field in fields.map(|secret| secret.field.as_str()).filter(|field| !field.is_empty() && !field.contains(':')) {
        let mut place = &mut body;
        for name in field.split('.') {
            place = &mut place[name.trim_end_matches("[]")];
        }
        *place = OTP.into();
    }
    body
}
