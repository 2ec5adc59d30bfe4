//! Tokens of an identity provider: its keys are fetched over TLS, and again when a token names one that is new.

use std::time::Duration;

use serde_json::json;

use crate::support::identity_provider::IdentityProvider;
use crate::support::jwt::{TokenKey, with};
use crate::support::token_door::{D1_TOKEN, ask, call_d1, open};
use crate::support::{Door, Reply, Session};

/// Between two calls that wait for the server to ask an identity provider again.
const PAUSE: Duration = Duration::from_millis(250);

/// A door that takes the tokens of `provider` for `bank`.
async fn trusting(provider: &IdentityProvider, more: &str) -> Door {
    let tables = format!(
        "[environments.preprod.tokens]\nissuer = \"{}\"\naudience = \"bank\"\njwks_ca = \"idp-ca.pem\"\n{more}\n",
        provider.issuer()
    );
    open(&tables, vec![("idp-ca.pem", provider.ca().into())], "").await
}

/// A good token of `provider`, signed with `key`.
fn token(provider: &IdentityProvider, id: &str, key: &TokenKey) -> String {
    format!("Bearer {}", key.sign(&header(id), &provider.claims("bank")))
}

fn header(id: &str) -> serde_json::Value {
    json!({"alg": "ES256", "typ": "at+jwt", "kid": id})
}

/// Calls again until the answer has this status; the server leaves ten seconds between two questions to an identity provider.
async fn call_until(session: &mut Session, authorization: &str, status: u16) -> Reply {
    for _ in 0..120 {
        let reply = call_d1(session, Some(authorization)).await;
        if reply.status == status {
            return reply;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("called 120 times, and never had {status}");
}

/// Of a key that is not known: refused where the keys are as new as the call, put off where they are older.
#[track_caller]
fn expect_not_taken(reply: &Reply) {
    assert!(matches!(reply.status, 401 | 503), "{reply:?}");
}

#[tokio::test]
async fn tokens_of_an_identity_provider_are_taken_by_its_keys_wherever_those_are_said_to_be() {
    let (provider, key, thief) = (IdentityProvider::open().await, TokenKey::new(), TokenKey::new());
    provider.publish(&[("first", &key)]);
    let named = format!("jwks_url = \"{}\"", provider.keys_url());
    for more in ["", &named] {
        let door = trusting(&provider, more).await;
        let mut session = door.honest().session().await.unwrap();
        let good = token(&provider, "first", &key);
        assert_eq!(call_d1(&mut session, Some(&good)).await.status, 200);
        let claims = provider.claims("bank");
        for (what, forged) in [
            ("another key", thief.sign(&header("first"), &claims)),
            ("another audience", key.sign(&header("first"), &provider.claims("shop"))),
            ("another issuer", key.sign(&header("first"), &with(&claims, "iss", "https://idp.example"))),
            ("no key", key.sign(&json!({"alg": "ES256"}), &with(&claims, "aud", "shop"))),
        ] {
            let reply = call_d1(&mut session, Some(&format!("Bearer {forged}"))).await;
            assert_eq!((reply.status, door.backend.all_arrivals()), (401, 1), "{what}: {reply:?}");
        }
        // This server makes no tokens here: whoever asks for one is the backend's business.
        assert_eq!(ask(&mut session, D1_TOKEN, "any").await.text(), "received");
    }
}

#[tokio::test]
async fn a_key_that_is_new_is_fetched_when_a_token_names_it() {
    let (provider, old, new) = (IdentityProvider::open().await, TokenKey::new(), TokenKey::new());
    provider.publish(&[("old", &old)]);
    let door = trusting(&provider, "").await;
    let mut session = door.honest().session().await.unwrap();
    let (of_old, of_new) = (token(&provider, "old", &old), token(&provider, "new", &new));
    assert_eq!(call_d1(&mut session, Some(&of_old)).await.status, 200);
    // Control: the provider does not have it yet. That is said for good once it was asked after the call, and put off before.
    expect_not_taken(&call_d1(&mut session, Some(&of_new)).await);
    call_until(&mut session, &of_new, 401).await;

    provider.publish(&[("new", &new), ("old", &old)]);
    call_until(&mut session, &of_new, 200).await;
    assert_eq!(call_d1(&mut session, Some(&of_old)).await.status, 200);
    // A token that is remembered does not outlive its key: any other that names a new one has it fetched.
    provider.publish(&[("new", &new)]);
    let asked = provider.keys_asked();
    let made_up = token(&provider, "newer", &new);
    for _ in 0..120 {
        expect_not_taken(&call_d1(&mut session, Some(&made_up)).await);
        if provider.keys_asked() > asked {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    call_until(&mut session, &of_old, 401).await;
    assert_eq!(call_d1(&mut session, Some(&of_new)).await.status, 200);
}

/// Whoever makes up key ids must not make this server call the identity provider each time.
#[tokio::test]
async fn made_up_key_ids_are_refused_without_a_question_for_each() {
    let (provider, key) = (IdentityProvider::open().await, TokenKey::new());
    provider.publish(&[("first", &key)]);
    let door = trusting(&provider, "").await;
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(call_d1(&mut session, Some(&token(&provider, "first", &key))).await.status, 200);
    for number in 0..200 {
        let made_up = token(&provider, &format!("made-up-{number}"), &key);
        expect_not_taken(&call_d1(&mut session, Some(&made_up)).await);
    }
    // Two at once would be one each ten seconds; the bound leaves room for a machine that is slow.
    assert!(provider.keys_asked() < 20, "{}", provider.keys_asked());
    // And each is refused for good when it comes after the pause.
    call_until(&mut session, &token(&provider, "made-up-0", &key), 401).await;
    assert_eq!(door.backend.all_arrivals(), 1);
}

#[tokio::test]
async fn keys_that_are_known_stay_in_use_while_the_identity_provider_is_down() {
    let (provider, key, new) = (IdentityProvider::open().await, TokenKey::new(), TokenKey::new());
    provider.publish(&[("first", &key)]);
    let door = trusting(&provider, "").await;
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(call_d1(&mut session, Some(&token(&provider, "first", &key))).await.status, 200);
    provider.go_down();
    // Another token each time: none of them is remembered.
    for number in 0..20 {
        let claims = with(&provider.claims("bank"), "jti", format!("token-{number}"));
        let token = format!("Bearer {}", key.sign(&header("first"), &claims));
        assert_eq!(call_d1(&mut session, Some(&token)).await.status, 200, "{number}");
        expect_not_taken(&call_d1(&mut session, Some(&self::token(&provider, "second", &new))).await);
    }
    // Nobody can tell that there is no other key by now.
    call_until(&mut session, &token(&provider, "second", &new), 503).await;
    assert_eq!(door.backend.all_arrivals(), 21);
}

#[tokio::test]
async fn without_any_key_calls_are_put_off_and_not_refused() {
    let (provider, key) = (IdentityProvider::open().await, TokenKey::new());
    provider.publish(&[("first", &key)]);
    provider.go_down();
    let door = trusting(&provider, "").await;
    let mut session = door.honest().session().await.unwrap();
    let good = token(&provider, "first", &key);
    for _ in 0..3 {
        let reply = call_d1(&mut session, Some(&good)).await;
        assert_eq!(reply.status, 503, "{reply:?}");
        assert!(reply.headers["retry-after"].to_str().unwrap().parse::<u32>().is_ok_and(|wait| wait > 0), "{reply:?}");
    }
    // Control: who shows nothing is refused all the same.
    assert_eq!(call_d1(&mut session, None).await.status, 401);
    assert_eq!(door.backend.all_arrivals(), 0);
    door.server.told("jwks_failed", 1).await;
    provider.come_up();
    call_until(&mut session, &good, 200).await;
    door.server.told("jwks_recovered", 1).await;
}
