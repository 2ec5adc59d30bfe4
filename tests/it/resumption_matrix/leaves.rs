//! Another leaf, or one that is not good any more.

use rustls::HandshakeKind;
use time::{Duration, OffsetDateTime};

use super::{
    both, door_with_list, each_proves_itself_once, none_is_let_in, publish, quiet_door, reload, sessions_work_for,
};
use crate::support::{Door, Identity, Pki, Returning, Spec, within};

#[tokio::test]
async fn a_leaf_that_has_expired_since_is_not_let_in_by_its_session() {
    let door = quiet_door().await;
    let callers = both(&door, &short_lived(&door));
    for caller in &callers {
        caller.expect_resumption().await;
        // The ticket that is set aside was earned while the leaf was good.
        caller.set_aside();
        caller.expect_visit("for another session").await;
    }
    for caller in &callers {
        resumes_until_refused(caller).await;
        caller.bring_back();
    }
    sessions_work_for(&both(&door, &door.pki.honest)).await;
    none_is_let_in(&door, &callers, "expired", "after the expiry").await;
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_caller_that_has_renewed_its_leaf_in_time_is_served_whatever_session_it_offers() {
    let door = quiet_door().await;
    let short = short_lived(&door);
    let callers = both(&door, &short);
    for caller in &callers {
        caller.expect_resumption().await;
        caller.set_aside();
        caller.expect_visit("for another session").await;
    }
    for caller in &callers {
        resumes_until_refused(caller).await;
        caller.bring_back();
        caller.renew(&door.pki.issuing.client("short-lived"));
    }
    sessions_work_for(&both(&door, &door.pki.honest)).await;
    each_proves_itself_once(&callers, "with the session of the leaf that has expired").await;
    // Control: it is the leaf that makes the difference.
    door.stranger().presenting(&short).expect_refused("the expired leaf").await;
}

#[tokio::test]
async fn a_leaf_that_was_revoked_since_is_not_let_in_by_its_session() {
    let pki = Pki::new();
    let revoked = pki.issuing.client("revoked");
    let (door, lists) = door_with_list(pki).await;
    let callers = both(&door, &revoked);
    let bystanders = both(&door, &door.pki.honest);
    sessions_work_for(&callers).await;
    sessions_work_for(&bystanders).await;
    publish(&lists, &door.pki.issuing.crl(2, &[revoked.leaf()], Duration::days(1)));
    assert_eq!(reload(&door).await, 2);
    sessions_work_for(&both(&door, &door.pki.issuing.client("newcomer"))).await;
    none_is_let_in(&door, &callers, "revoked", "after the revocation").await;
    each_proves_itself_once(&bystanders, "under the new list").await;
}

#[tokio::test]
async fn a_session_ends_with_the_list_that_its_leaf_was_held_against() {
    let pki = Pki::new();
    let (door, lists) = door_with_list(pki).await;
    publish(&lists, &door.pki.issuing.crl(2, &[], Duration::seconds(5)));
    assert_eq!(reload(&door).await, 2);
    let callers = both(&door, &door.pki.honest);
    for caller in &callers {
        caller.expect_resumption().await;
        caller.set_aside();
        caller.expect_visit("for another session").await;
    }
    for caller in &callers {
        resumes_until_refused(caller).await;
        caller.bring_back();
    }
    // The root has no list, so that its own clients are taken as they are.
    sessions_work_for(&both(&door, &door.pki.clients.client("of the root"))).await;
    none_is_let_in(&door, &callers, "crl_expired", "after the list's next update was due").await;
}

/// A leaf that is good for long enough to resume, on a busy machine too.
fn short_lived(door: &Door) -> Identity {
    door.pki.issuing.issue(Spec::client("short-lived").with(|params| {
        params.not_after = OffsetDateTime::now_utc() + Duration::seconds(5);
    }))
}

/// Comes back all the while, with the newest ticket each time: a renewed ticket is good no longer than the first.
async fn resumes_until_refused(caller: &Returning) {
    within("a visit to be refused", async {
        while let Ok(kind) = caller.visit().await {
            assert_eq!(kind, HandshakeKind::Resumed, "while the leaf is good");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
}
