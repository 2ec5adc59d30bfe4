//! A connection outlives its trust no longer than a second, and takes no honest one along.

mod goodbye;
mod half_way;
mod in_flight;
mod steady;

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

use crate::support::door::BY_HAND;
use crate::support::{Authority, Caller, Door, Pki, Session, Setup, Spec, eventually, request};

/// A certificate that ends soon, but not before its client has called a few times on a busy machine.
const SOON: time::Duration = time::Duration::seconds(5);

#[tokio::test]
async fn idle_connections_are_closed_when_their_trust_goes_and_others_stay() {
    let (door, other) = door_of_two("").await;
    let end = OffsetDateTime::now_utc() + SOON;
    let brief = other.issue(Spec::client("brief").with(|params| params.not_after = end));
    let kept = door.stranger().presenting(&other.client("kept"));
    for gone in [door.honest(), door.stranger().presenting(&brief)] {
        let mut idle = Vec::new();
        for caller in [gone.clone(), gone.h2()] {
            idle.push(spoken(&caller).await);
        }
        let mut beside = [spoken(&kept).await, spoken(&kept.clone().h2()).await];
        if door.server.epoch().await == 1 {
            door.install_anchors(&[&other]).await;
        }
        // The server's own limit for idle connections is three times as long as anybody waits here.
        for session in idle {
            session.ended().await;
        }
        for session in &mut beside {
            assert_eq!(call(session, "/beside").await, Some(200), "the connection of an honest client");
        }
    }
}

#[tokio::test]
async fn a_retirement_is_told_in_the_log_whatever_strangers_are_refused_at_the_same_time() {
    let (door, other) = door_of_two("").await;
    let stranger = door.stranger().presenting(&Authority::root("Nobody").client("nobody"));
    let knocking = tokio::spawn(async move {
        loop {
            stranger.expect_refused("a stranger").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    eventually("strangers to be refused", async || !door.server.events("client_refused").is_empty()).await;
    let mut retired = spoken(&door.honest()).await;
    door.install_anchors(&[&other]).await;
    assert_ne!(call(&mut retired, "/late").await, Some(200));
    eventually("the retirement to be told", async || !door.server.events("client_retired").is_empty()).await;
    knocking.abort();
}

/// A door that trusts the client CA and another one, whose files nobody looks at unasked.
async fn door_of_two(server: &str) -> (Door, Authority) {
    let pki = Pki::new();
    let other = Authority::root("Other Client Root");
    let client_ca = Some(pki.clients.pem() + &other.pem());
    let server = format!("{server}\n{BY_HAND}");
    (Door::behind(pki, Setup { server: &server, client_ca, ..Setup::default() }).await, other)
}

/// The instant at which not even the last second of `end` counts any more.
fn over(end: OffsetDateTime) -> SystemTime {
    SystemTime::from(end.replace_nanosecond(0).unwrap()) + Duration::from_secs(1)
}

/// A session that has been served once.
async fn spoken(caller: &Caller) -> Session {
    let mut session = caller.session().await.unwrap();
    assert_eq!(call(&mut session, "/before").await, Some(200), "control: it is let in");
    session
}

async fn call(session: &mut Session, path: &str) -> Option<u16> {
    session.send(request("POST", path).body("".into()).unwrap()).await.ok().map(|reply| reply.status)
}
