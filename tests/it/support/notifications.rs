//! A door with an inbox that does not wait long, and a notification for it.

use super::token_door::with_products;
use super::{Door, Setup, request};

/// The path of a notification of D1.
pub(crate) const NOTIFICATION: &str = "/notifications/d1/v1/issuers/ISSUER0001/cards/card/notifications";

/// A door of D1 with an inbox, and with `more` in its table.
pub(crate) async fn door_with_inbox(more: &str) -> Door {
    let log = format!(
        "[inbox]\nurl = \"sqlite:inbox.db\"\n{more}\n[inbox.delivery]\nfirst_backoff = \"20ms\"\nmax_backoff = \"50ms\"\n"
    );
    with_products(r#"["tsh", "d1"]"#, Setup { log: &log, ..Setup::default() }).await
}

/// Sends a notification that is a repeat of none but those of the same `event`; the status of its answer.
pub(crate) async fn notify(door: &Door, event: &str) -> u16 {
    let body = format!("{{\"operationId\":\"{event}\",\"operation\":\"SUSPEND\"}}");
    let call = request("POST", NOTIFICATION).header("content-type", "application/json").body(body.into()).unwrap();
    door.honest().session().await.unwrap().send(call).await.unwrap().status
}

/// Sends notifications that take room until one is refused.
pub(crate) async fn fill(door: &Door) {
    let large = "x".repeat(48 * 1024);
    super::eventually("the inbox to be full", async || {
        let events = 20;
        for event in 0..events {
            notify(door, &format!("{large}{event}")).await;
        }
        notify(door, "one more").await == 503
    })
    .await;
}
