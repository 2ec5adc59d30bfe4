//! A door with an inbox, and what its backend got out of it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Request;

use crate::support::backend::Received;
use crate::support::door::edit;
use crate::support::{Door, Pki, Reply, Setup, eventually, request};

/// Nothing waits long: tests have other things to do.
pub(super) const QUICK: &str = "[inbox.delivery]\nfirst_backoff = \"20ms\"\nmax_backoff = \"200ms\"\nlease = \"2s\"\n";
/// An inbox of its own in the directory of the door.
pub(super) const SQLITE: &str = "[inbox]\nurl = \"sqlite:inbox.db\"\n";

/// A door with an inbox, for calls of D1.
pub(super) async fn open(inbox: &str, environment: &str) -> Door {
    open_as(&format!("{inbox}\n{QUICK}"), environment, "").await
}

/// The same, with keys of the backend.
pub(super) async fn open_signed(inbox: &str, backend: &str) -> Door {
    open_as(&format!("{inbox}\n{QUICK}"), "", backend).await
}

/// The same, with a table of deliveries of the test's own.
pub(super) async fn open_plain(inbox: &str) -> Door {
    open_as(inbox, "", "").await
}

async fn open_as(inbox: &str, environment: &str, backend: &str) -> Door {
    let log = format!("access = false\n{inbox}\n");
    let arrange = |directory: &std::path::Path| edit(directory, "product = \"tsh\"", "product = [\"tsh\", \"d1\"]");
    let setup = Setup { log: &log, environment, backend, arrange: Some(&arrange), ..Setup::default() };
    Door::behind(Pki::new(), setup).await
}

/// A notification about a card, whose key is Thales' own: `operation` makes it unique.
pub(super) fn notification(card: &str, operation: &str) -> Request<Bytes> {
    let path = format!("/notifications/d1/v1/issuers/ISSUER0001/cards/{card}/notifications");
    let body = format!("{{\"operationId\":\"{operation}\",\"operation\":\"SUSPEND\"}}");
    request("POST", &path).header("content-type", "application/json").body(Bytes::from(body)).unwrap()
}

/// Asserts that a notification was refused in the words of its product, so that it comes again.
#[track_caller]
pub(super) fn is_refused_for_now(reply: &Reply) {
    assert_eq!(reply.status, 503, "{reply:?}");
    assert_eq!(reply.headers["retry-after"], "5");
    assert_eq!(reply.headers["content-type"], "application/json");
    let told: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(told, serde_json::json!({ "error": "The notification cannot be kept now. It was not acknowledged." }));
}

/// What arrived at the backend: of each card, in order, the id of the event and what it was about.
pub(super) fn arrived(door: &Door) -> BTreeMap<String, Vec<(String, String)>> {
    by_card(door.backend.all_received())
}

/// The same of what a backend received, whichever it is.
pub(super) fn by_card(all: Vec<Received>) -> BTreeMap<String, Vec<(String, String)>> {
    let mut cards: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for received in all {
        let body: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
        let card = received.uri.path().split('/').rev().nth(1).unwrap().to_owned();
        let id = received.headers["ce-id"].to_str().unwrap().to_owned();
        cards.entry(card).or_default().push((id, body["operationId"].as_str().unwrap().to_owned()));
    }
    cards
}

/// Waits until everything in `acknowledged` (card, operation) has arrived.
pub(super) async fn all_arrive(door: &Door, acknowledged: &BTreeSet<(String, String)>) {
    eventually("everything that was acknowledged to be delivered", async || {
        let arrived = arrived(door);
        acknowledged.iter().all(|(card, operation)| {
            arrived.get(card).is_some_and(|events| events.iter().any(|(_, event)| event == operation))
        })
    })
    .await;
}
