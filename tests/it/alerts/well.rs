//! Servers that are well and called, of which nobody is to be alarmed.

use crate::support::everything::door_with_everything;
use crate::support::identity_provider::IdentityProvider;
use crate::support::jwt::TokenKey;
use crate::support::notifications::{door_with_inbox, notify};
use crate::support::token_door::{D1_CALL, D1_TOKEN, ECOM_CALL, SECRET, ask, call, call_d1, open_own, token};
use crate::support::{Answer, eventually};

use super::calls::{SELDOM, TIMES};
use super::history::History;
use super::tokens;

/// How often it is looked what was called meanwhile, and how many minutes that goes on.
const LOOKS: usize = 3;
const MINUTES: u32 = 100;

/// What it is made of ends one day, but not soon.
pub(super) async fn everything() -> History {
    let door = door_with_everything().await;
    let mut history = History::named("everything:9090", &door.server).await;
    for _ in 0..LOOKS {
        let mut session = door.honest().session().await.unwrap();
        let bearer = format!("Bearer {}", token(&ask(&mut session, D1_TOKEN, SECRET).await));
        assert_eq!(call(&mut session, "GET", D1_CALL, Some(&bearer)).await.status, 200);
        // Whoever scans the internet comes along as well.
        door.stranger().expect_refused("without a certificate").await;
        history.goes_on(MINUTES, &door.server).await;
    }
    history
}

pub(super) async fn inbox() -> History {
    let door = door_with_inbox("").await;
    let mut history = History::named("inbox:9090", &door.server).await;
    let counted = async |name: &str| door.server.counted(name, &["environment=\"preprod\""]).await;
    for event in 1..=3 {
        assert_eq!(notify(&door, &event.to_string()).await, 204);
        let delivered = async || counted("issuer_host_inbox_delivered_total").await == event;
        eventually("the notification to be delivered", delivered).await;
        eventually("nothing to be pending", async || counted("issuer_host_inbox_pending").await == 0).await;
        history.goes_on(MINUTES, &door.server).await;
    }
    history
}

pub(super) async fn identity_provider() -> History {
    let (provider, key) = (IdentityProvider::open().await, TokenKey::new());
    provider.publish(&[("first", &key)]);
    let door = tokens::trusting(&provider).await;
    let mut history = History::named("provider:9090", &door.server).await;
    let good = tokens::signed(&provider, "first", &key);
    for _ in 0..LOOKS {
        let mut session = door.honest().session().await.unwrap();
        assert_eq!(call_d1(&mut session, Some(&good)).await.status, 200);
        history.goes_on(MINUTES, &door.server).await;
    }
    history
}

/// Calls come seldom, and are answered well; then so many fail, in each way there is, and nobody calls any more.
pub(super) async fn seldom_called(failures: u32) -> History {
    let door = open_own(&TokenKey::new()).await;
    let mut history = History::of(&door.server).await;
    let mut session = door.honest().session().await.unwrap();
    let bearer = format!("Bearer {}", token(&ask(&mut session, D1_TOKEN, SECRET).await));
    assert_eq!(call_d1(&mut session, Some(&bearer)).await.status, 200);
    history.comes_again(TIMES, SELDOM, &door.server).await;

    door.backend.answer(D1_CALL, Answer::Broken);
    assert_eq!(call_d1(&mut session, Some(&bearer)).await.status, 502);
    assert_eq!(call(&mut session, "POST", ECOM_CALL, None).await.status, 401);
    assert_eq!(ask(&mut session, D1_TOKEN, "not-the-secret-of-thales").await.status, 401);
    history.comes_again(failures, SELDOM, &door.server).await;
    history.stays(90, &door.server).await;
    history
}
