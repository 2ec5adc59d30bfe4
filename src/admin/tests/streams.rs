//! A page that stays open, and what ends it.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::Request;
use axum::http::header::SET_COOKIE;
use futures_util::StreamExt as _;
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::*;
use crate::admin::connection::Connection;
use crate::auth::LiveSecret;
use crate::tls::testing::{Place, authority, issued_by};

const TOKEN: &str = "a-token-of-administrators";

fn with_token(token: &str) -> AdminRules {
    AdminRules { token: Some(LiveSecret::from_text("admin", token).unwrap()), ..AdminRules::default() }
}

fn served(rules: AdminRules) -> (Router, AdminAccess) {
    let access = AdminAccess::new(rules);
    let sources = AdminSources { access: access.clone(), ..sources(&Readiness::default()) };
    (routes::routes(sources, "127.0.0.1:9090".parse().unwrap()), access)
}

fn request(method: &str, path: &str, shown: (&str, &str)) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("issuer-host-admin", "1").header(shown.0, shown.1);
    request.body(Body::empty()).unwrap()
}

/// A session's cookie and its second secret.
async fn session(routes: &Router) -> (String, String) {
    let bearer = format!("Bearer {TOKEN}");
    let answer = routes.clone().oneshot(request("POST", "/session", ("authorization", &bearer))).await.unwrap();
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let told: serde_json::Value =
        serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap();
    (cookie, told["secret"].as_str().unwrap().to_owned())
}

async fn watch(routes: &Router, request: Request<Body>) -> BodyDataStream {
    let answer = routes.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut stream = answer.into_body().into_data_stream();
    assert!(stream.next().await.unwrap().unwrap().starts_with(b"event: regions"));
    stream
}

/// How long a page still tells something, or that it lives.
async fn lasts(stream: BodyDataStream) -> Duration {
    let began = Instant::now();
    stream.count().await;
    began.elapsed()
}

/// Two looks at who watches.
const SOON: Duration = Duration::from_secs(4);

#[tokio::test(start_paused = true)]
async fn a_page_that_is_open_ends_with_the_session_that_opened_it_and_with_no_other() {
    let (routes, _) = served(with_token(TOKEN));
    let ((one, secret), (other, _)) = (session(&routes).await, session(&routes).await);
    let watching = async |cookie: &str| watch(&routes, request("GET", "/events", ("cookie", cookie))).await;
    let (ended, goes_on) = (watching(&one).await, watching(&other).await);
    let mut logout = request("DELETE", "/session", ("cookie", &one));
    logout.headers_mut().insert("issuer-host-admin", secret.parse().unwrap());
    let logout = routes.clone().oneshot(logout).await.unwrap();
    assert_eq!(logout.status(), 204);
    let (ended, goes_on) = tokio::join!(lasts(ended), lasts(goes_on));
    assert!(ended <= SOON, "{ended:?}");
    assert!(goes_on > 10 * SOON, "control: {goes_on:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_open_ends_with_the_token_that_opened_it() {
    let bearer = format!("Bearer {TOKEN}");
    for (next, expires) in [(TOKEN, false), ("another-token-of-administrators", true)] {
        let (routes, access) = served(with_token(TOKEN));
        let (cookie, _) = session(&routes).await;
        let by_session = watch(&routes, request("GET", "/events", ("cookie", &cookie))).await;
        let by_token = watch(&routes, request("GET", "/events", ("authorization", &bearer))).await;
        access.change(with_token(next));
        let (by_session, by_token) = tokio::join!(lasts(by_session), lasts(by_token));
        for lasted in [by_session, by_token] {
            assert_eq!(lasted <= SOON, expires, "{next}: {lasted:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_open_ends_with_the_ca_of_who_watches() {
    let (place, known) = (Place::new(), authority("administrators"));
    let tls = place.tls(Some(&known));
    let certificate = place.shown(&tls, &issued_by(&known)).await;
    for (next, stays) in [(place.tls(Some(&known)), true), (place.tls(Some(&authority("others"))), false)] {
        let rules = AdminRules { tls: Some(tls.clone()), ..with_token(TOKEN) };
        let (routes, access) = served(rules.clone());
        let mut request = request("GET", "/events", ("accept", "text/event-stream"));
        request.extensions_mut().insert(Connection {
            tls: true,
            certificate: certificate.clone(),
            ..Connection::default()
        });
        let stream = watch(&routes, request).await;
        access.change(AdminRules { tls: Some(next), ..rules });
        let lasted = lasts(stream).await;
        assert_eq!(lasted > SOON, stays, "{lasted:?}");
    }
}
