//! Causes that a product has, whatever the operation.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::io::AsyncWriteExt as _;

use super::example::OUR_ID;
use super::served::{API_KEY, API_KEYS, TOKENS, ask, bearer, callers, door};
use super::told::{Cause, Told};
use crate::support::{HOST, Reply, raw};

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_told_to_every_product_in_its_words() {
    let d1 = format!("/notifications/d1/v2/issuers/{OUR_ID}/cards");
    let ecom = format!("/merchant-gateways/{OUR_ID}/merchants/merchant-01/tokens/t-1/notify-update");
    for (product, environment, path) in [
        ("cof", API_KEYS, "/tsh-cof/notify-token-update"),
        ("d1", TOKENS, &d1),
        ("d1-ecom", TOKENS, &ecom),
        ("tsh", "", "/issuer/igwapi/v2.0/sendOTP"),
        ("tsh-auxiliary", "", "/notifyVirtualCardChange"),
        ("tsp", "", "/tokens"),
        ("transit", "", "/sendScript"),
    ] {
        let door = door(&format!("{product:?}"), environment).await;
        let shown = match product {
            "cof" => format!("APIKEY {API_KEY}"),
            "d1" => bearer(&door, "/authz/d1/v1/oauth2/token").await,
            "d1-ecom" => bearer(&door, "/oauth2/token").await,
            _ => "none".to_owned(),
        };
        door.edit("[server]\n", "[server]\nbody_timeout = \"100ms\"\n");
        door.expect_reload("unchanged").await;
        let mut stream = door.honest().connect().await.unwrap();
        let mut head = Vec::new();
        write!(head, "POST {path} HTTP/1.1\r\nhost: {HOST}\r\nx-issuer-id: {OUR_ID}\r\nauthorization: {shown}\r\n")
            .unwrap();
        // The rest of it never comes.
        head.extend(b"content-length: 10\r\n\r\nthree");
        stream.write_all(&head).await.unwrap();
        let reply = parsed(&raw::drain(&mut stream).await);
        Told::of(product, Cause::BodyTimeout).expect_in(&reply, product);
    }
}

#[tokio::test]
async fn a_token_that_nobody_can_judge_now_is_no_wrong_token() {
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let header = part(r#"{"alg":"ES256","typ":"at+jwt","kid":"current"}"#);
    let token = format!("Bearer {header}.{}.{}", part(r#"{"sub":"thales"}"#), URL_SAFE_NO_PAD.encode([7; 64]));
    // Nobody listens there: it is tcpmux.
    let tokens = "[environments.preprod.tokens]\nissuer = \"https://127.0.0.1:1\"\naudience = \"preprod\"\n";
    for (product, verb, path) in [
        ("d1", "GET", "/banking/d1/v1/issuers/ISSUER0001/consumers/c-1"),
        ("d1-ecom", "POST", "/merchant-gateways/ISSUER0001/merchants/merchant-01/tokens/t-1/notify-update"),
    ] {
        let door = door(&format!("{product:?}"), tokens).await;
        for caller in callers(&door) {
            let reply = ask(&caller, (verb, path), &[("authorization", &token)], "").await;
            Told::of(product, Cause::IdentityProviderUnavailable).expect_in(&reply, product);
            let reply = ask(&caller, (verb, path), &[], "").await;
            Told::of(product, Cause::Unauthenticated).expect_in(&reply, "control: without a token");
        }
        assert_eq!(door.backend.all_arrivals(), 0);
    }
}

/// An answer of HTTP/1.1 whose end is the connection's.
fn parsed(received: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(received).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let fields = head.lines().skip(1).map(|line| line.split_once(": ").unwrap());
    let headers =
        fields.map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())).collect();
    Reply { status: raw::statuses(received)[0], version: http::Version::HTTP_11, headers, body: body.to_owned().into() }
}
