//! Several products on one host: each call is judged by the key of its own product, and answered in its words.

use serde_json::{Value, json};

use super::example::OUR_ID;
use super::served::{API_KEY, API_KEYS, BASIC, TOKENS, ask, bearer, callers, door};
use super::told::{Cause, Told};

const CONSUMER: (&str, &str) = ("GET", "/banking/d1/v1/issuers/ISSUER0001/consumers/c-1");
const SEND_OTP: (&str, &str) = ("POST", "/issuer/igwapi/v2.0/sendOTP");
const COF: (&str, &str) = ("POST", "/tsh-cof/notify-token-update");

#[tokio::test]
async fn d1_and_an_issuer_gateway_share_a_host() {
    let door = door(r#"["d1", "tsh"]"#, TOKENS).await;
    let token = bearer(&door, "/authz/d1/v1/oauth2/token").await;
    for caller in callers(&door) {
        let reply = ask(&caller, CONSUMER, &[("authorization", &token)], "").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let reply = ask(&caller, SEND_OTP, &[("x-issuer-id", OUR_ID)], "").await;
        assert_eq!(reply.status, 200, "no token is asked of an issuer gateway: {reply:?}");
        let arrivals = door.backend.all_arrivals();
        for (product, call, headers, cause) in [
            ("d1", CONSUMER, &[("x-issuer-id", OUR_ID)][..], Cause::Unauthenticated),
            ("tsh", SEND_OTP, &[("authorization", &*token)], Cause::MissingHeader),
            ("tsh", SEND_OTP, &[("x-issuer-id", "ISSUER0002")], Cause::UnknownId),
            ("d1", ("PUT", CONSUMER.1), &[("authorization", &*token)], Cause::MethodNotAllowed),
            ("tsh", ("PUT", SEND_OTP.1), &[("x-issuer-id", OUR_ID)], Cause::MethodNotAllowed),
            ("d1", ("GET", "/banking/d1/v1//x"), &[], Cause::BadRequest("The path holds an empty segment.")),
            ("tsh", ("GET", "/issuer//igwapi/v2.0/x"), &[], Cause::BadRequest("The path holds an empty segment.")),
            // Unknown, below the base path of either; the last is nobody's, and has to satisfy both.
            ("d1", ("POST", "/cms/api/v1/new"), &[("x-issuer-id", OUR_ID)], Cause::Unauthenticated),
            ("tsh", ("POST", "/issuer/igwapi/v2.0/new"), &[("authorization", &token)], Cause::MissingHeader),
            ("d1", ("POST", "/elsewhere"), &[("x-issuer-id", OUR_ID)], Cause::Unauthenticated),
        ] {
            let reply = ask(&caller, call, headers, "").await;
            Told::of(product, cause).expect_in(&reply, &format!("{call:?} {headers:?}"));
        }
        assert_eq!(door.backend.all_arrivals(), arrivals);
        let both = [("authorization", &*token), ("x-issuer-id", OUR_ID)];
        assert_eq!(ask(&caller, ("POST", "/elsewhere"), &both, "").await.status, 200);
        assert!(!door.backend.received("/elsewhere").headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn merchant_tokenization_and_d1_share_a_host() {
    let door = door(r#"["cof", "d1"]"#, &format!("{API_KEYS}\n{TOKENS}")).await;
    let token = bearer(&door, "/authz/d1/v1/oauth2/token").await;
    let key = format!("APIKEY {API_KEY}");
    for caller in callers(&door) {
        let reply = ask(&caller, COF, &[("authorization", &key)], "").await;
        assert_eq!((reply.status, reply.text().as_str()), (204, ""), "{reply:?}");
        let reply = ask(&caller, CONSUMER, &[("authorization", &token)], "").await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "received"), "{reply:?}");
        let arrivals = door.backend.all_arrivals();
        for (product, call, shown, cause) in [
            ("cof", COF, &token, Cause::Unauthenticated),
            ("d1", CONSUMER, &key, Cause::Unauthenticated),
            ("cof", ("PUT", COF.1), &key, Cause::MethodNotAllowed),
            ("d1", ("PUT", CONSUMER.1), &token, Cause::MethodNotAllowed),
            ("cof", ("POST", "/tsh-cof/new"), &token, Cause::Unauthenticated),
            ("d1", ("POST", "/cms/api/v1/new"), &key, Cause::Unauthenticated),
            // What is nobody's has to show both keys, which no call can; and it may be one of those that drop events.
            ("cof", ("POST", "/elsewhere"), &key, Cause::Unauthenticated),
            ("cof", ("POST", "/elsewhere"), &token, Cause::Unauthenticated),
        ] {
            let reply = ask(&caller, call, &[("authorization", shown)], "").await;
            let told = Told::of(product, cause);
            assert_eq!(reply.status, told.status, "{call:?}: {reply:?}");
            if product == "cof" || call.1 != "/elsewhere" {
                told.expect_in(&reply, &format!("{call:?}"));
            }
        }
        assert_eq!(door.backend.all_arrivals(), arrivals);
        for (path, shown) in [("/tsh-cof/new", &key), ("/cms/api/v1/new", &token)] {
            let reply = ask(&caller, ("POST", path), &[("authorization", shown)], "").await;
            assert!(matches!(reply.status, 200 | 204), "control: {path}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn issuers_and_merchant_gateways_have_token_endpoints_of_their_own_on_one_host() {
    let door = door(r#"["d1", "d1-ecom"]"#, TOKENS).await;
    let update = ("POST", "/merchant-gateways/ISSUER0001/merchants/merchant-01/tokens/t-1/notify-update");
    let form = [("authorization", BASIC), ("content-type", "application/x-www-form-urlencoded")];
    for caller in callers(&door) {
        for (path, lifetime) in [("/authz/d1/v1/oauth2/token", json!("900")), ("/oauth2/token", json!(900))] {
            let reply = ask(&caller, ("POST", path), &form, "grant_type=client_credentials").await;
            let answer: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(answer["expires_in"], lifetime, "{path}: {answer}");
            // They are the same environment's tokens.
            let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
            for (call, status) in [(CONSUMER, 200), (update, 204)] {
                assert_eq!(ask(&caller, call, &[("authorization", &bearer)], "").await.status, status, "{call:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_call_that_two_gateways_have_goes_by_its_path() {
    let door = door(r#"["tsh", "tsh-auxiliary"]"#, "").await;
    for (path, operation) in [
        ("/issuer/igwapi/v2.0/notifyVirtualCardChange", "notifyVirtualCardChange"),
        ("/notifyVirtualCardChange", "notifyVirtualCardChangeAux"),
    ] {
        let before = door.server.events("request").len();
        let reply = ask(&door.honest(), ("POST", path), &[("x-issuer-id", OUR_ID)], "").await;
        assert_eq!((reply.status, reply.text().as_str()), (200, ""));
        crate::support::eventually("the log to tell of it", async || door.server.events("request").len() > before)
            .await;
        assert_eq!(door.server.told("request", before + 1).await[before]["operation"], operation);
    }
}
