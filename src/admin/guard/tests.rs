use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::any;
use tower::ServiceExt as _;

use super::*;
use crate::metrics::Metrics;
use crate::tls::testing::{Place, authority, issued_by};

const TOKEN: &str = "a-token-of-administrators";
const OTHER: &str = "a-token-of-somebody-else!";

const LOOPBACK: [&str; 3] = ["127.0.0.1:9090", "[::1]:9090", "[::ffff:127.0.0.1]:9090"];
const REACHABLE: [&str; 4] = ["0.0.0.0:9090", "[::]:9090", "10.0.0.7:9090", "[::ffff:10.0.0.7]:9090"];

fn rules(token: Option<&str>) -> AdminRules {
    let token = token.map(|text| LiveSecret::from_text("admin", text).unwrap());
    AdminRules { token, ..AdminRules::default() }
}

fn guarding(bound: &str, rules: AdminRules) -> Arc<Guard> {
    let login = || (StatusCode::UNAUTHORIZED, "a page").into_response();
    Arc::new(Guard::new(AdminAccess::new(rules), bound.parse().unwrap(), login, AdminMetrics::default()))
}

fn request(method: &str, tls: bool, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().method(method).uri("/x");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.extension(Connection { tls, ..Connection::default() }).body(Body::empty()).unwrap()
}

/// What comes back for a request on a connection, which may be one over TLS.
async fn ask(guard: &Arc<Guard>, demand: Demand, request: Request) -> StatusCode {
    let layer = from_fn_with_state((Arc::clone(guard), demand), pass);
    let router: Router = Router::new().route("/x", any(async || StatusCode::OK)).layer(layer);
    router.oneshot(request).await.unwrap().status()
}

/// What somebody shows who asks for something.
const NOTHING: Option<&str> = None;
const RIGHT: Option<&str> = Some(TOKEN);
const WRONG: Option<&str> = Some(OTHER);

#[tokio::test]
async fn who_may_follows_from_the_listener_the_rules_and_what_is_shown() {
    // On loopback? TLS? A token in the configuration? What is shown? -> what comes back for what is protected.
    let table = [
        (true, false, false, NOTHING, 200),
        (true, false, false, WRONG, 200),
        (true, true, false, NOTHING, 200),
        (true, false, true, NOTHING, 401),
        (true, false, true, WRONG, 401),
        (true, false, true, RIGHT, 200),
        (true, true, true, NOTHING, 401),
        (true, true, true, WRONG, 401),
        (true, true, true, RIGHT, 200),
        (false, false, false, NOTHING, 403),
        (false, false, false, RIGHT, 403),
        (false, true, false, NOTHING, 403),
        (false, true, false, RIGHT, 403),
        (false, false, true, NOTHING, 403),
        (false, false, true, WRONG, 403),
        (false, false, true, RIGHT, 403),
        (false, true, true, NOTHING, 401),
        (false, true, true, WRONG, 401),
        (false, true, true, RIGHT, 200),
    ];
    for (loopback, tls, configured, shown, expected) in table {
        for bound in if loopback { &LOOPBACK[..] } else { &REACHABLE[..] } {
            let case = format!("{bound}, TLS {tls}, a token {configured}, {shown:?}");
            let bearer = shown.map(|token| format!("Bearer {token}"));
            let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
            let rules = rules(configured.then_some(TOKEN));
            let open = guarding(bound, rules.clone());
            let status = ask(&open, Demand::Administrator, request("GET", tls, &headers)).await;
            assert_eq!(status, expected, "{case}");
            for demand in [Demand::Nothing, Demand::Metrics] {
                assert_eq!(ask(&open, demand, request("GET", tls, &headers)).await, 200, "{case}, {demand:?}");
            }
            let closed = guarding(bound, AdminRules { protected_metrics: true, ..rules });
            assert_eq!(ask(&closed, Demand::Metrics, request("GET", tls, &headers)).await, expected, "metrics, {case}");
        }
    }
}

#[tokio::test]
async fn a_client_certificate_stands_for_the_token_until_its_authority_is_another_one() {
    let (place, known) = (Place::new(), authority("administrators"));
    let tls = place.tls(Some(&known));
    let certificate = place.shown(&tls, &issued_by(&known)).await;
    let certificate = certificate.as_ref();
    assert!(certificate.is_some());
    let (right, wrong) = (format!("Bearer {TOKEN}"), format!("Bearer {OTHER}"));
    let show = |certificate: Option<&AdminCertificate>, token: Option<&str>| {
        let headers: Vec<_> = token.iter().map(|token| ("authorization", *token)).collect();
        let mut request = request("GET", true, &headers);
        request.extensions_mut().insert(Connection {
            tls: true,
            certificate: certificate.cloned(),
            ..Connection::default()
        });
        request
    };
    for bound in LOOPBACK.iter().chain(&REACHABLE) {
        let access = AdminAccess::new(AdminRules { tls: Some(tls.clone()), ..rules(NOTHING) });
        let login = || StatusCode::UNAUTHORIZED.into_response();
        let guard = Arc::new(Guard::new(access.clone(), bound.parse().unwrap(), login, AdminMetrics::default()));
        let shown = async |certificate, token: Option<&str>| {
            ask(&guard, Demand::Administrator, show(certificate, token)).await.as_u16()
        };
        assert_eq!((shown(certificate, None).await, shown(None, None).await), (200, 401), "{bound}");
        assert_eq!(shown(None, Some(&right)).await, 401, "there is no token: {bound}");
        assert_eq!(ask(&guard, Demand::Nothing, show(None, None)).await, 200, "a probe: {bound}");
        let either = AdminRules { tls: Some(tls.clone()), ..rules(RIGHT) };
        access.change(either.clone());
        assert_eq!((shown(certificate, None).await, shown(None, None).await), (200, 401), "{bound}");
        assert_eq!((shown(None, Some(&right)).await, shown(None, Some(&wrong)).await), (200, 401), "{bound}");
        for next in [None, Some(place.tls(None)), Some(place.tls(Some(&authority("administrators"))))] {
            access.change(AdminRules { tls: next, ..either.clone() });
            assert_eq!(shown(certificate, None).await, 401, "{bound}");
        }
        access.change(either);
        assert_eq!(shown(certificate, None).await, 200, "control: {bound}");
    }
}

#[tokio::test]
async fn whoever_guesses_waits_and_nobody_else_does() {
    let (place, known) = (Place::new(), authority("administrators"));
    let tls = place.tls(Some(&known));
    let certificate = place.shown(&tls, &issued_by(&known)).await;
    let access = AdminAccess::new(AdminRules { tls: Some(tls), ..rules(RIGHT) });
    let login = || StatusCode::UNAUTHORIZED.into_response();
    // No allowance comes back while the test runs.
    let limit = GuessLimit { period: Duration::from_secs(3600), ..GuessLimit::default() };
    let guard = Guard::new(access, LOOPBACK[0].parse().unwrap(), login, AdminMetrics::default());
    let guard = Arc::new(Guard { guesses: Throttle::new(limit), ..guard });
    let from = |peer: &str| Connection { peer: peer.parse().unwrap(), tls: true, certificate: None };
    let show = async |connection: &Connection, headers: &[(&str, &str)]| {
        let mut request = request("GET", true, headers);
        request.extensions_mut().insert(connection.clone());
        ask(&guard, Demand::Administrator, request).await.as_u16()
    };
    let (right, wrong) = (format!("Bearer {TOKEN}"), format!("Bearer {OTHER}"));
    let (right, wrong) = ([("authorization", right.as_str())], [("authorization", wrong.as_str())]);
    let none = HeaderMap::new();
    let guesser = from("2001:db8::1");
    for _ in 0..limit.burst.get() {
        assert_eq!((show(&guesser, &right).await, show(&guesser, &wrong).await), (200, 401));
        assert_eq!(show(&guesser, &[]).await, 401, "nothing shown is no guess");
    }
    // An administrator behind the same address, which everybody has behind a forwarded port, is let in all the same.
    for guesser in [&guesser, &from("2001:db8::2")] {
        assert_eq!((show(guesser, &wrong).await, show(guesser, &right).await), (429, 200), "{guesser:?}");
        assert!(matches!(guard.log_in(&none, guesser, OTHER.as_bytes()), Err(Refusal::Slow(1..))));
        assert_eq!(show(&Connection { certificate: certificate.clone(), ..guesser.clone() }, &[]).await, 200);
    }
    let id = guard.log_in(&none, &guesser, TOKEN.as_bytes()).unwrap().unwrap().id;
    let cookie = format!("__Host-issuer-host-session={id}");
    assert_eq!(show(&guesser, &[("cookie", &cookie)]).await, 200, "a session");
    // Nor do more sources than are kept apart lock anybody out.
    for source in 0..300_u32 {
        show(&from(&format!("10.0.{}.{}", source >> 8, source & 255)), &wrong).await;
    }
    let fresh = from("192.0.2.1");
    assert_eq!((show(&fresh, &wrong).await, show(&fresh, &right).await), (429, 200), "one of too many");
}

#[tokio::test]
async fn a_token_is_shown_in_one_way_only() {
    let guard = guarding("127.0.0.1:9090", rules(RIGHT));
    let (basic, right) = (format!("Basic {TOKEN}"), format!("Bearer {TOKEN}"));
    for headers in [
        &[("authorization", "Bearer ")][..],
        &[("authorization", "Bearer")],
        &[("authorization", TOKEN)],
        &[("authorization", &basic)],
        &[("authorization", &right), ("authorization", &right)],
        &[("authorization", &format!("{right}x"))],
        &[("authorization", &format!("Bearer {}", "x".repeat(5000)))],
    ] {
        assert_eq!(ask(&guard, Demand::Administrator, request("GET", false, headers)).await, 401, "{headers:?}");
    }
    for good in [right.clone(), format!("bearer  {TOKEN}")] {
        let asked = request("GET", false, &[("authorization", &good)]);
        assert_eq!(ask(&guard, Demand::Administrator, asked).await, 200, "{good}");
    }
    let mut expired = rules(RIGHT);
    expired.token.as_mut().unwrap().expires = Some(SystemTime::UNIX_EPOCH);
    let guard = guarding("127.0.0.1:9090", expired);
    let asked = request("GET", false, &[("authorization", &right)]);
    assert_eq!(ask(&guard, Demand::Administrator, asked).await, 401, "expired");
}

#[tokio::test]
async fn a_rebound_name_and_a_forged_request_are_refused_before_anything_is_asked_for() {
    let right = format!("Bearer {TOKEN}");
    let shown = ("authorization", right.as_str());
    let evil = ("host", "evil.example");
    let guard = guarding("127.0.0.1:9090", rules(RIGHT));
    for demand in [Demand::Nothing, Demand::Metrics, Demand::Administrator] {
        assert_eq!(ask(&guard, demand, request("GET", false, &[evil, shown])).await, 421, "{demand:?}");
        let form = [shown, ("content-type", "text/plain"), ("host", "localhost:9090")];
        assert_eq!(ask(&guard, demand, request("POST", false, &form)).await, 403, "{demand:?}");
        let meant = [shown, ("issuer-host-admin", "1"), ("host", "localhost:9090")];
        assert_eq!(ask(&guard, demand, request("POST", false, &meant)).await, 200, "control, {demand:?}");
    }
    // Elsewhere any name may be right: no page can make a browser show the token.
    let reachable = guarding("0.0.0.0:9090", rules(RIGHT));
    assert_eq!(ask(&reachable, Demand::Administrator, request("GET", true, &[evil, shown])).await, 200);
    let named = AdminRules { hosts: vec!["evil.example".into()], ..rules(RIGHT) };
    let named = guarding("127.0.0.1:9090", named);
    assert_eq!(ask(&named, Demand::Administrator, request("GET", false, &[evil, shown])).await, 200, "a name of ours");
}

/// A guard and its rules, which can be changed.
fn guarded() -> (AdminAccess, Arc<Guard>) {
    let access = AdminAccess::new(rules(RIGHT));
    let login = || StatusCode::UNAUTHORIZED.into_response();
    let guard = Guard::new(access.clone(), LOOPBACK[0].parse().unwrap(), login, AdminMetrics::default());
    (access, Arc::new(guard))
}

/// A session that somebody opened: cookie and second secret.
fn signed_in(guard: &Guard, headers: &HeaderMap) -> (String, String) {
    let Opened { id, secret, .. } = guard.log_in(headers, &Connection::default(), TOKEN.as_bytes()).unwrap().unwrap();
    (format!("issuer-host-session={id}"), secret)
}

fn cookies(cookie: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::COOKIE, cookie.parse().unwrap())])
}

#[tokio::test]
async fn a_session_stands_for_the_token_until_it_ends_or_the_token_changes() {
    let (access, guard) = guarded();
    let (plain, none) = (Connection::default(), HeaderMap::new());
    for wrong in [&b""[..], OTHER.as_bytes(), b"x"] {
        assert_eq!(guard.log_in(&none, &plain, wrong).err(), Some(Refusal::Wrong));
    }
    let with = async |cookie: &str, more: &[(&str, &str)]| {
        let headers: Vec<_> = [("cookie", cookie)].iter().chain(more).copied().collect();
        ask(&guard, Demand::Administrator, request("GET", false, &headers)).await.as_u16()
    };
    let ((one, secret), (other, _)) = (signed_in(&guard, &none), signed_in(&guard, &none));
    assert_eq!((with(&one, &[]).await, with("issuer-host-session=x", &[]).await), (200, 401));
    assert_eq!(
        with(&format!("issuer-host-session=x; {one}"), &[]).await,
        200,
        "another cookie of that name hides nothing"
    );
    assert_eq!(with(&one, &[("authorization", "Bearer wrong")]).await, 401, "whoever shows a token is judged by it");
    let mut headers = cookies(&one);
    headers.insert("issuer-host-admin", secret.parse().unwrap());
    assert_eq!(guard.log_out(&headers, &plain), Ok(()));
    assert_eq!((with(&one, &[]).await, with(&other, &[]).await), (401, 200));
    // Rules may change without the token.
    access.change(AdminRules { protected_metrics: true, ..rules(RIGHT) });
    assert_eq!(with(&other, &[]).await, 200);
    for next in [WRONG, RIGHT] {
        access.change(rules(next));
        assert_eq!(with(&other, &[]).await, 401, "{next:?}");
    }
    let (again, _) = signed_in(&guard, &none);
    assert_eq!(with(&again, &[]).await, 200, "control");
    // Whoever signs in again has one session.
    let (last, _) = signed_in(&guard, &cookies(&again));
    assert_eq!((with(&again, &[]).await, with(&last, &[]).await), (401, 200));
    // Where nothing is asked for there is nothing to log in to, and elsewhere nothing to be had.
    access.change(rules(NOTHING));
    assert!(matches!(guard.log_in(&none, &plain, b""), Ok(None)));
    let reachable = guarding("0.0.0.0:9090", rules(RIGHT));
    assert_eq!(reachable.log_in(&none, &plain, TOKEN.as_bytes()).err(), Some(Refusal::NoTls));
    assert!(reachable.log_in(&none, &Connection { tls: true, ..plain }, TOKEN.as_bytes()).is_ok());
}

#[tokio::test]
async fn whoever_has_the_cookie_alone_can_look_and_change_nothing() {
    let (_, guard) = guarded();
    let none = HeaderMap::new();
    let ((cookie, secret), (_, of_another)) = (signed_in(&guard, &none), signed_in(&guard, &none));
    let with = async |method: &str, value: &str, bearer: Option<&str>| {
        let mut headers = vec![("cookie", cookie.as_str()), ("issuer-host-admin", value)];
        headers.extend(bearer.map(|bearer| ("authorization", bearer)));
        ask(&guard, Demand::Administrator, request(method, false, &headers)).await.as_u16()
    };
    let id = cookie.split_once('=').unwrap().1;
    for wrong in ["1", id, &of_another, &secret[1..]] {
        assert_eq!((with("GET", wrong, None).await, with("POST", wrong, None).await), (200, 403), "{wrong}");
        for method in ["PUT", "DELETE", "PATCH"] {
            assert_eq!(with(method, wrong, None).await, 403, "{method}");
        }
        let mut headers = cookies(&cookie);
        headers.insert("issuer-host-admin", wrong.parse().unwrap());
        assert_eq!(guard.log_out(&headers, &Connection::default()), Err(Refusal::Unmeant), "{wrong}");
        assert_eq!(with("GET", "1", None).await, 200, "nor is the session ended");
    }
    assert_eq!(with("POST", &secret, None).await, 200, "control");
    let right = format!("Bearer {TOKEN}");
    assert_eq!(with("POST", "1", Some(&right)).await, 200, "a browser shows no token by itself");
}

#[tokio::test]
async fn each_request_for_what_is_protected_is_counted_by_what_came_of_it() {
    let metrics = Metrics::new();
    let login = || StatusCode::UNAUTHORIZED.into_response();
    let guard = Guard::new(AdminAccess::new(rules(RIGHT)), LOOPBACK[0].parse().unwrap(), login, metrics.admin());
    let guard = Arc::new(guard);
    let (right, wrong) = (format!("Bearer {TOKEN}"), format!("Bearer {OTHER}"));
    let count = |outcome: &str| {
        let (text, name) = (metrics.encode(), format!("issuer_host_admin_requests_total{{outcome=\"{outcome}\"}} "));
        text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse::<u64>().unwrap()
    };
    let cases = [
        ("allowed", "GET", &[("authorization", right.as_str())][..]),
        ("unauthenticated", "GET", &[]),
        ("wrong_token", "GET", &[("authorization", &wrong)]),
        ("forged", "POST", &[("authorization", &right)]),
        ("unknown_host", "GET", &[("host", "evil.example")]),
    ];
    for (outcome, method, headers) in cases {
        assert_eq!(count(outcome), 0, "{outcome}");
        ask(&guard, Demand::Administrator, request(method, false, headers)).await;
        assert_eq!(count(outcome), 1, "{outcome}");
    }
    for _ in 0..20 {
        let _ = guard.log_in(&HeaderMap::new(), &Connection::default(), OTHER.as_bytes());
    }
    assert!(count("throttled") > 0 && count("wrong_token") + count("throttled") == 21, "{}", count("throttled"));
    ask(&guard, Demand::Nothing, request("GET", false, &[])).await;
    assert_eq!(count("allowed"), 1, "what is for everybody is not counted");
    signed_in(&guard, &HeaderMap::new());
    assert_eq!(count("allowed"), 2);
    let reachable = Guard::new(AdminAccess::new(rules(RIGHT)), REACHABLE[0].parse().unwrap(), login, metrics.admin());
    ask(&Arc::new(reachable), Demand::Administrator, request("GET", false, &[])).await;
    assert_eq!(count("forbidden"), 1);
}

#[tokio::test]
async fn a_person_gets_a_page_and_a_program_a_challenge() {
    let guard = guarding("127.0.0.1:9090", rules(RIGHT));
    let layer = from_fn_with_state((Arc::clone(&guard), Demand::Administrator), pass);
    let router: Router = Router::new().route("/x", any(async || "")).layer(layer);
    let ask = async |method: &str, headers: &[(&str, &str)]| {
        let response = router.clone().oneshot(request(method, false, headers)).await.unwrap();
        assert_eq!(response.status(), 401);
        response.headers().get("www-authenticate").is_none()
    };
    assert!(ask("GET", &[("accept", "text/html,*/*")]).await, "a page");
    assert!(!ask("GET", &[("accept", "*/*")]).await);
    assert!(!ask("GET", &[]).await);
    assert!(!ask("POST", &[("accept", "text/html"), ("issuer-host-admin", "1")]).await);
}
