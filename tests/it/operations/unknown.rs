//! Calls that no operation knows: Thales announces new ones. They go on, but not past the second key.

use super::example::OUR_ID;
use super::served::{API_KEY, API_KEYS, TOKENS, ask, bearer, callers, door};
use super::told::{Cause, Told};
use crate::support::{Caller, Door, Reply};

const REJECT: &str = "unknown = \"reject\"";

/// What a call shows, and what becomes of it: a cause, or `None` where it passes.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<Cause>);

/// Sends every case over either protocol: what passes reaches the backend as it was sent, what is refused does not.
async fn try_all(door: &Door, product: &str, cases: &[Case<'_>]) {
    for caller in callers(door) {
        for (path, headers, cause) in cases {
            let arrivals = door.backend.all_arrivals();
            let reply = ask(&caller, ("PATCH", path), headers, "of tomorrow").await;
            let what = format!("{product} {path} {headers:?}");
            if let Some(cause) = cause {
                Told::of(product, *cause).expect_in(&reply, &what);
                assert_eq!(door.backend.all_arrivals(), arrivals, "{what} reached the backend");
            } else {
                passed(door, path, &reply, product == "cof", &what);
                assert_eq!(door.backend.all_arrivals(), arrivals + 1, "{what}");
            }
        }
    }
}

#[track_caller]
fn passed(door: &Door, path: &str, reply: &Reply, acknowledged: bool, what: &str) {
    let received = door.backend.received(path);
    assert_eq!((received.method.as_str(), &received.body[..]), ("PATCH", &b"of tomorrow"[..]), "{what}");
    // Merchant tokenization has notifications only, and wants a 204 of all of them.
    let expected = if acknowledged { (204, "") } else { (200, "received") };
    assert_eq!((reply.status, reply.text().as_str()), expected, "{what}");
}

#[tokio::test]
async fn unknown_calls_of_merchant_tokenization_need_its_api_key() {
    let door = door("\"cof\"", API_KEYS).await;
    let (key, wrong) = (format!("APIKEY {API_KEY}"), format!("APIKEY {API_KEY}0"));
    let cases =
        ["/tsh-cof/notify-something-new", "/TSH-COF/notify", "/tsh-cofx/notify", "/elsewhere", "/"].map(|path| {
            [
                (path, vec![("authorization", &*key)], None),
                (path, vec![("authorization", &*wrong)], Some(Cause::Unauthenticated)),
                (path, vec![], Some(Cause::Unauthenticated)),
            ]
        });
    let cases: Vec<Case<'_>> =
        cases.iter().flatten().map(|(path, headers, cause)| (*path, &headers[..], *cause)).collect();
    try_all(&door, "cof", &cases).await;
    assert!(!door.backend.received("/elsewhere").headers.contains_key("authorization"));
    expect_counted(&door, "cof", "2xx", "", 10).await;
    expect_counted(&door, "cof", "5xx", "true", 20).await;
}

#[tokio::test]
async fn unknown_calls_of_d1_need_its_token_and_an_issuer_that_is_ours() {
    let door = door("\"d1\"", TOKENS).await;
    let token = bearer(&door, "/authz/d1/v1/oauth2/token").await;
    let shown = [("authorization", &*token)];
    let ours = format!("/notifications/d1/v3/issuers/{OUR_ID}/cards");
    let twice = format!("/notifications/d1/v3/issuers/{OUR_ID}/Issuers/ISSUER0002");
    try_all(
        &door,
        "d1",
        &[
            (&ours, &shown, None),
            ("/elsewhere/entirely", &shown, None),
            ("/notifications/d1/v3/issuers", &shown, None),
            (&ours, &[], Some(Cause::Unauthenticated)),
            (&ours, &[("authorization", "Bearer a.b.c")], Some(Cause::Unauthenticated)),
            ("/elsewhere/entirely", &[], Some(Cause::Unauthenticated)),
            ("/notifications/d1/v3/issuers/ISSUER0002/cards", &shown, Some(Cause::UnknownId)),
            ("/elsewhere/ISSUERS/issuer0001", &shown, Some(Cause::UnknownId)),
            (&twice, &shown, Some(Cause::UnknownId)),
        ],
    )
    .await;
    assert!(!door.backend.received(&ours).headers.contains_key("authorization"));
    expect_counted(&door, "d1", "2xx", "", 6).await;
    expect_counted(&door, "d1", "4xx", "false", 12).await;
}

#[tokio::test]
async fn unknown_calls_of_an_issuer_gateway_need_an_issuer_that_is_ours() {
    let door = door("\"tsh\"", "").await;
    try_all(
        &door,
        "tsh",
        &[
            ("/issuer/igwapi/v2.0/getIDnVMethodList", &[("x-issuer-id", OUR_ID)], None),
            ("/ISSUER/igwapi/V2.0/x", &[("x-issuer-id", OUR_ID)], None),
            ("/issuer/igwapi/v2.0/getIDnVMethodList", &[], Some(Cause::MissingHeader)),
            ("/issuer/igwapi/v2.0/getIDnVMethodList", &[("x-issuer-id", "ISSUER0002")], Some(Cause::UnknownId)),
            // Of what lies elsewhere nobody knows that it has such a header.
            ("/issuer/igwapi/v3.0/getIDnVMethodList", &[], None),
            ("/elsewhere", &[("x-issuer-id", OUR_ID)], None),
            ("/elsewhere", &[("x-issuer-id", "ISSUER0002")], Some(Cause::UnknownId)),
        ],
    )
    .await;
    expect_counted(&door, "tsh", "2xx", "", 8).await;
}

#[tokio::test]
async fn unknown_calls_are_refused_where_that_is_wanted_and_after_the_second_key() {
    for (product, environment) in [
        ("cof", API_KEYS),
        ("d1", TOKENS),
        ("d1-ecom", TOKENS),
        ("tsh", ""),
        ("tsh-auxiliary", ""),
        ("tsp", ""),
        ("transit", ""),
    ] {
        let door = door(&format!("{product:?}"), &format!("{REJECT}\n{environment}")).await;
        let shown = match product {
            "cof" => format!("APIKEY {API_KEY}"),
            "d1" => bearer(&door, "/authz/d1/v1/oauth2/token").await,
            "d1-ecom" => bearer(&door, "/oauth2/token").await,
            _ => String::new(),
        };
        let with_key = [("authorization", &*shown), ("x-issuer-id", OUR_ID)];
        let without = if shown.is_empty() { Cause::UnknownOperation } else { Cause::Unauthenticated };
        try_all(
            &door,
            product,
            &[("/elsewhere", &with_key, Some(Cause::UnknownOperation)), ("/elsewhere", &[], Some(without))],
        )
        .await;
        let (class, retryable) = if product == "cof" { ("5xx", "true") } else { ("4xx", "false") };
        expect_counted(&door, product, class, retryable, 4).await;

        // What is known goes on as before.
        door.edit(REJECT, "unknown = \"forward\"");
        door.expect_reload("unchanged").await;
        try_all(&door, product, &[("/elsewhere", &with_key, None)]).await;
    }
}

#[tokio::test]
async fn an_operation_with_another_verb_is_not_passed_on_as_unknown() {
    let door = door("\"tsh\"", "").await;
    let known = ("GET", "/issuer/igwapi/v2.0/sendOTP");
    let caller: Caller = door.honest();
    let reply = ask(&caller, known, &[("x-issuer-id", OUR_ID)], "").await;
    Told::of("tsh", Cause::MethodNotAllowed).expect_in(&reply, "GET sendOTP");
    assert_eq!(door.backend.all_arrivals(), 0);
    let reply = ask(&caller, ("POST", known.1), &[("x-issuer-id", OUR_ID)], "").await;
    assert_eq!((reply.status, door.backend.all_arrivals()), (200, 1), "control");
}

async fn expect_counted(door: &Door, product: &str, class: &str, retryable: &str, count: usize) {
    let operation = format!("environment=\"preprod\",product=\"{product}\",operation=\"unknown\"");
    let end = format!("status_class=\"{class}\",retryable=\"{retryable}\"");
    let line = format!("issuer_host_requests_total{{{operation},{end}}} {count}");
    let metrics = door.server.admin_fetch("/metrics").await.1;
    assert!(metrics.lines().any(|other| other == line), "{line} is not in\n{metrics}");
}
