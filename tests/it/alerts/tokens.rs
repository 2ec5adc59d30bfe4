//! Access tokens that are not given, and the keys of an identity provider that does not answer.

use std::time::Duration;

use serde_json::json;

use crate::support::identity_provider::IdentityProvider;
use crate::support::jwt::TokenKey;
use crate::support::token_door::{D1_TOKEN, ask, call_d1, open, open_own};
use crate::support::{Door, eventually};

use super::calls::{SELDOM, TIMES};
use super::history::History;

/// Between two calls that wait for the server to ask an identity provider again.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn a_client_shows_a_secret_that_is_wrong() -> Vec<History> {
    let door = open_own(&TokenKey::new()).await;
    let mut history = History::of(&door.server).await;
    let mut session = door.honest().session().await.unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&mut session, D1_TOKEN, "not-the-secret-of-thales").await.status, 401);
    }
    history.goes_on(20, &door.server).await;
    vec![history]
}

pub(super) async fn a_client_shows_a_wrong_secret_every_quarter_of_an_hour() -> Vec<History> {
    let door = open_own(&TokenKey::new()).await;
    let mut history = History::of(&door.server).await;
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(ask(&mut session, D1_TOKEN, "not-the-secret-of-thales").await.status, 401);
    history.comes_again(TIMES, SELDOM, &door.server).await;
    vec![history]
}

/// A door that takes the tokens of `provider`.
pub(super) async fn trusting(provider: &IdentityProvider) -> Door {
    let tables = format!(
        "[environments.preprod.tokens]\nissuer = \"{}\"\naudience = \"bank\"\njwks_ca = \"idp-ca.pem\"\n",
        provider.issuer()
    );
    open(&tables, vec![("idp-ca.pem", provider.ca().into())], "").await
}

/// A token of `provider` under this id of a key, as calls show it.
pub(super) fn signed(provider: &IdentityProvider, id: &str, key: &TokenKey) -> String {
    format!("Bearer {}", key.sign(&json!({"alg": "ES256", "kid": id}), &provider.claims("bank")))
}

/// Calls with a token under a key that is not known, so that the provider is asked, until that has failed once more.
async fn ask_in_vain(door: &Door, provider: &IdentityProvider) {
    let authorization = signed(provider, "made-up", &TokenKey::new());
    let failed = async || door.server.counted("issuer_host_jwks_refreshes_total", &["outcome=\"failed\""]).await;
    let before = failed().await;
    let mut session = door.honest().session().await.unwrap();
    // Ten seconds lie between two questions to a provider.
    for _ in 0..120 {
        call_d1(&mut session, Some(&authorization)).await;
        if failed().await > before {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("called 120 times, and the provider was never asked");
}

pub(super) async fn an_identity_provider_never_answered() -> Vec<History> {
    let provider = IdentityProvider::open().await;
    provider.go_down();
    let door = trusting(&provider).await;
    let mut history = History::of(&door.server).await;
    ask_in_vain(&door, &provider).await;
    history.goes_on(30, &door.server).await;
    vec![history]
}

async fn answers_no_more(minutes: u32) -> Vec<History> {
    let (provider, key) = (IdentityProvider::open().await, TokenKey::new());
    provider.publish(&[("first", &key)]);
    let door = trusting(&provider).await;
    let fetched = async || door.server.counted("issuer_host_jwks_refreshes_total", &["outcome=\"fetched\""]).await;
    eventually("the keys to be fetched", async || fetched().await > 0).await;
    let mut history = History::of(&door.server).await;
    provider.go_down();
    ask_in_vain(&door, &provider).await;
    history.goes_on(minutes, &door.server).await;
    vec![history]
}

pub(super) async fn an_identity_provider_answers_no_more() -> Vec<History> {
    answers_no_more(40).await
}

pub(super) async fn an_identity_provider_has_not_answered_for_half_a_day() -> Vec<History> {
    answers_no_more(13 * 60).await
}
