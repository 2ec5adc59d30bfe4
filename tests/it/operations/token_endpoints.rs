//! Requests for access tokens that this server answers: how, and to whom.

use serde_json::{Value, json};

use super::Row;
use super::example::Example;
use super::row::{d1_ecom_get_access_token, d1_get_token};
use super::served::{BASIC, TOKENS, ask, callers, door};
use super::told::{Cause, Told, header};
use crate::support::{Caller, Door, Reply, eventually};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const GRANT: &str = "grant_type=client_credentials";

/// With the type that the product gives the lifetime, and an operation that wants the token.
fn endpoints() -> [(Row, Value, (&'static str, &'static str)); 2] {
    let d1 = ("GET", "/banking/d1/v1/issuers/ISSUER0001/consumers/c-1");
    let ecom = ("POST", "/merchant-gateways/ISSUER0001/merchants/merchant-01/tokens/t/notify-update");
    [(d1_get_token, json!("900"), d1), (d1_ecom_get_access_token, json!(900), ecom)]
}

async fn served(row: Row, more: &str) -> Door {
    door(&format!("{:?}", row.product), &format!("{TOKENS}{more}")).await
}

async fn post(caller: &Caller, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    ask(caller, ("POST", path), headers, body).await
}

#[track_caller]
fn answer(reply: &Reply, status: u16) -> Value {
    assert_eq!(reply.status, status, "{reply:?}");
    // RFC 6749, sections 5.1 and 5.2.
    assert_eq!(header(reply, "content-type"), Some("application/json"), "{reply:?}");
    assert_eq!(header(reply, "cache-control"), Some("no-store"), "{reply:?}");
    serde_json::from_slice(&reply.body).unwrap()
}

#[tokio::test]
async fn a_token_is_made_here_in_any_spelling_and_opens_the_product_s_operations() {
    for (row, lifetime, (verb, path)) in endpoints() {
        let door = served(row, "").await;
        for caller in callers(&door) {
            for spelled in [row.path.to_owned(), row.path.to_lowercase(), row.path.to_uppercase()] {
                let reply = post(&caller, &spelled, &[("authorization", BASIC), FORM], GRANT).await;
                let answer = answer(&reply, 200);
                let names: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
                assert_eq!(names, ["access_token", "expires_in", "token_type"], "{answer}");
                assert_eq!(
                    (&answer["token_type"], &answer["expires_in"]),
                    (&json!("Bearer"), &lifetime),
                    "{}",
                    row.name
                );
                let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
                let reply = ask(&caller, (verb, path), &[("authorization", &bearer)], "").await;
                assert!(matches!(reply.status, 200 | 204), "{reply:?}");
                assert!(!door.backend.received(path).headers.contains_key("authorization"));
            }
        }
        assert_eq!(door.backend.arrivals(path), 6);
        assert_eq!(door.backend.all_arrivals(), 6, "a request for a token reached the backend");
        eventually("the log to tell of all", async || door.server.events("request").len() == 12).await;
        let events = door.server.events("request");
        let of_tokens = events.iter().filter(|event| event["operation"] == row.name).collect::<Vec<_>>();
        assert_eq!(of_tokens.len(), 6);
        assert!(
            of_tokens.iter().all(|event| event["kind"] == "query" && event["outcome"] == "answered"),
            "{of_tokens:?}"
        );
    }
}

#[tokio::test]
async fn scopes_are_the_client_s_own() {
    let scopes = "[environments.preprod.tokens.clients.thales]\nscopes = [\"notify\", \"read\"]\n";
    for (row, ..) in endpoints() {
        let door = served(row, scopes).await;
        let ask = async |body: &str| post(&door.honest(), row.path, &[("authorization", BASIC), FORM], body).await;
        for (asked, granted) in [("", "notify read"), ("&scope=read", "read"), ("&scope=read+notify", "read notify")] {
            let answer = answer(&ask(&format!("{GRANT}{asked}")).await, 200);
            let mut scopes: Vec<_> = answer["scope"].as_str().unwrap().split(' ').collect();
            let mut expected: Vec<_> = granted.split(' ').collect();
            scopes.sort_unstable();
            expected.sort_unstable();
            assert_eq!(scopes, expected, "{asked}: {answer}");
        }
        // The form of the description asks for one that nobody was given.
        let body = Example::of(&row).body;
        let refused = answer(&ask(std::str::from_utf8(&body).unwrap()).await, 400);
        assert_eq!(refused["error"], "invalid_scope");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_for_a_token_is_told_as_oauth_has_it() {
    for (row, ..) in endpoints() {
        let door = served(row, "").await;
        let other_client = "Basic b3RoZXI6c2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5";
        let other_secret = "Basic dGhhbGVzOm90aGVy";
        let in_body = format!("{GRANT}&client_id=thales&client_secret=secret-of-the-tests-0123456789");
        for caller in callers(&door) {
            for (what, headers, body, status, error) in [
                ("nobody asks", &[FORM][..], GRANT, 401, "invalid_client"),
                ("another client", &[("authorization", other_client), FORM], GRANT, 401, "invalid_client"),
                ("another secret", &[("authorization", other_secret), FORM], GRANT, 401, "invalid_client"),
                ("no Basic", &[("authorization", "Bearer abc"), FORM], GRANT, 401, "invalid_client"),
                ("a secret in the body", &[FORM], &in_body, 401, "invalid_client"),
                (
                    "another grant",
                    &[("authorization", BASIC), FORM],
                    "grant_type=password",
                    400,
                    "unsupported_grant_type",
                ),
                ("no grant", &[("authorization", BASIC), FORM], "scope=", 400, "invalid_request"),
                ("no form", &[("authorization", BASIC), ("content-type", "text/plain")], GRANT, 400, "invalid_request"),
            ] {
                let reply = post(&caller, row.path, headers, body).await;
                assert_eq!(answer(&reply, status)["error"], error, "{what}: {reply:?}");
                assert_eq!(reply.headers.contains_key("www-authenticate"), status == 401, "{what}: {reply:?}");
            }
            let long = format!("{GRANT}&scope={}", "a".repeat(9000));
            let reply = post(&caller, row.path, &[("authorization", BASIC), FORM], &long).await;
            Told::of(row.product, Cause::TooLarge).expect_in(&reply, "a form of 9 KB");
            let reply = ask(&caller, ("GET", row.path), &[("authorization", BASIC)], "").await;
            Told::of(row.product, Cause::MethodNotAllowed).expect_in(&reply, "GET");
        }
        assert_eq!(door.backend.all_arrivals(), 0);
        let log = door.server.log();
        assert!(!log.contains("secret-of-the-tests"), "a client's secret is in the log");
    }
}

#[tokio::test]
async fn credentials_in_the_body_are_taken_where_that_is_allowed() {
    for (row, lifetime, _) in endpoints() {
        let door = served(row, "").await;
        let body = format!("{GRANT}&client_id=thales&client_secret=secret-of-the-tests-0123456789");
        assert_eq!(post(&door.honest(), row.path, &[FORM], &body).await.status, 401, "control");
        door.edit("[environments.preprod.tokens]\n", "[environments.preprod.tokens]\ncredentials_in_body = true\n");
        door.expect_reload("unchanged").await;
        let reply = post(&door.honest(), row.path, &[FORM], &body).await;
        assert_eq!(answer(&reply, 200)["expires_in"], lifetime);
    }
}
