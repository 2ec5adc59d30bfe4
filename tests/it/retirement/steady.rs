//! Callers that keep calling, over either protocol, while their trust goes: which call was the last one.

use time::OffsetDateTime;

use super::{SOON, door_of_two, over};
use crate::support::door::{BY_HAND, write};
use crate::support::{Authority, Caller, Door, Pki, Setup, Spec, Steady, eventually};

#[tokio::test]
async fn a_client_of_a_removed_ca_reaches_the_backend_no_more_once_the_reload_is_answered() {
    let (door, other) = door_of_two("").await;
    let kept = door.stranger().presenting(&other.client("kept"));
    let removal = async || door.install_anchors(&[&other]).await;
    expect_end_at_installation(&door, &door.honest(), &kept, removal, "unknown_issuer").await;
}

#[tokio::test]
async fn a_client_whose_certificate_is_revoked_reaches_the_backend_no_more_once_the_reload_is_answered() {
    let pki = Pki::new();
    let (revoked, kept) = (pki.issuing.client("revoked"), pki.issuing.client("kept"));
    let list = |number, leaves: &[_]| pki.issuing.crl(number, leaves, time::Duration::hours(1));
    let (none, one) = (list(1, &[]), list(2, &[revoked.leaf()]));
    let arrange = move |directory: &std::path::Path| write(directory, "issuing.crl", &none);
    let environment = "crl = [\"issuing.crl\"]";
    let setup = Setup { server: BY_HAND, environment, arrange: Some(&arrange), ..Setup::default() };
    let door = Door::behind(pki, setup).await;
    let (revoked, kept) = (door.stranger().presenting(&revoked), door.stranger().presenting(&kept));
    let revocation = async || {
        write(door.directory.path(), "issuing.crl", &one);
        door.install().await;
    };
    expect_end_at_installation(&door, &revoked, &kept, revocation, "revoked").await;
}

#[tokio::test]
async fn a_client_whose_certificate_expires_while_connected_reaches_the_backend_no_more() {
    let door = Door::open().await;
    let end = OffsetDateTime::now_utc() + SOON;
    let brief = door.pki.issuing.issue(Spec::client("brief").with(|params| params.not_after = end));
    let brief = door.stranger().presenting(&brief);
    expect_end_at(&door, &brief, &door.honest(), end, "expired").await;
}

#[tokio::test]
async fn a_client_whose_trust_anchor_expires_while_connected_reaches_the_backend_no_more() {
    let door = Door::with(Setup { server: BY_HAND, ..Setup::default() }).await;
    let end = OffsetDateTime::now_utc() + SOON;
    let brief = Authority::root_of(Spec::authority("Brief Client Root").with(|params| params.not_after = end));
    // The leaf would be valid for longer.
    let client = door.stranger().presenting(&brief.client("client"));
    door.install_anchors(&[&door.pki.clients, &brief]).await;
    expect_end_at(&door, &client, &door.honest(), end, "expired").await;
}

#[tokio::test]
async fn a_client_whose_revocation_list_ends_while_connected_reaches_the_backend_no_more() {
    let pki = Pki::new();
    let arrange = {
        let list = pki.issuing.crl(1, &[], time::Duration::hours(1));
        move |directory: &std::path::Path| write(directory, "issuing.crl", &list)
    };
    let environment = "crl = [\"issuing.crl\"]";
    let setup = Setup { server: BY_HAND, environment, arrange: Some(&arrange), ..Setup::default() };
    let door = Door::behind(pki, setup).await;
    // Nobody's list covers the clients of the root itself.
    let uncovered = door.stranger().presenting(&door.pki.clients.client("uncovered"));
    let end = OffsetDateTime::now_utc() + SOON;
    write(door.directory.path(), "issuing.crl", &door.pki.issuing.crl(2, &[], SOON));
    door.install().await;
    expect_end_at(&door, &door.honest(), &uncovered, end + time::Duration::SECOND, "crl_expired").await;
}

/// Callers of both kinds keep calling over HTTP/1.1 and HTTP/2 while `install` runs. Not one call of `gone` that is sent after it has
/// returned reaches the backend; `kept` loses none.
async fn expect_end_at_installation(door: &Door, gone: &Caller, kept: &Caller, install: impl AsyncFn(), reason: &str) {
    let going = both(gone, "/before").await;
    let staying = both(kept, "/beside").await;
    install().await;
    for steady in &going {
        steady.turn_to("/late");
    }
    for steady in going {
        let tally = steady.ended().await;
        assert!(tally.served >= 3, "control: {tally:?}");
        assert!(tally.failures.iter().all(|failure| matches!(failure.as_str(), "503" | "closed")), "{tally:?}");
    }
    assert_eq!(door.backend.arrivals("/late"), 0, "a retired client reached the backend");
    expect_unharmed(staying).await;
    expect_told(door, reason).await;
    gone.expect_refused("the retired client, on a new connection").await;
    kept.expect_accepted("the honest client, on a new connection").await;
}

/// The same where a clock ends it: the second `end` still counts, what is sent after it does not.
async fn expect_end_at(door: &Door, gone: &Caller, kept: &Caller, end: OffsetDateTime, reason: &str) {
    let going = both(gone, "/before").await;
    let staying = both(kept, "/beside").await;
    for steady in going {
        let tally = steady.ended().await;
        assert!(tally.served >= 3, "control: {tally:?}");
        assert!(tally.last.is_some_and(|last| last < over(end)), "served past {end}: {tally:?}");
        assert!(tally.failures.iter().all(|failure| matches!(failure.as_str(), "503" | "closed")), "{tally:?}");
    }
    expect_unharmed(staying).await;
    expect_told(door, reason).await;
    gone.expect_refused("the retired client, on a new connection").await;
}

/// A caller over HTTP/1.1 and one over HTTP/2, both served already.
async fn both(caller: &Caller, path: &str) -> [Steady; 2] {
    let callers = [caller.clone().session().await.unwrap(), caller.clone().h2().session().await.unwrap()];
    let callers = callers.map(|session| Steady::keeping(session, path));
    for steady in &callers {
        steady.serves(3).await;
    }
    callers
}

async fn expect_unharmed(honest: [Steady; 2]) {
    for steady in honest {
        steady.serves(3).await;
        let tally = steady.stop().await;
        assert_eq!(tally.failures, [""; 0], "an honest client lost calls");
    }
}

/// Metric, status and log tell of the two connections, and why.
async fn expect_told(door: &Door, reason: &str) {
    eventually("both retirements to be counted", async || {
        door.server.metric("issuer_host_retired_connections_total").await >= 2.0
    })
    .await;
    assert_eq!(door.server.status_of("preprod").await["retired_connections"], 2);
    let events = door.server.told("client_retired", 1).await;
    assert!(events.iter().all(|event| event["reason"] == reason), "{events:?}");
}
