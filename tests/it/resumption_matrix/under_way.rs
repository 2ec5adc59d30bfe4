//! What changes while a resumption is under way, and after it.

use rustls::HandshakeKind;

use super::{door_with_list, publish, quiet_door, reload, resuming, sessions_work_for};
use crate::support::{Authority, Door, Pki, Refusal, Returning, Session, request};

#[tokio::test]
async fn a_resumption_that_is_not_interrupted_is_served() {
    let door = quiet_door().await;
    for caller in resuming(&door).await {
        caller.resume_halfway().await.finish().await.unwrap();
    }
    assert_eq!(door.backend.arrivals("/visit"), 6);
}

#[tokio::test]
async fn a_resumption_under_way_is_refused_when_its_authority_is_removed_before_it_ends() {
    let door = quiet_door().await;
    let callers = resuming(&door).await;
    let halves = halfway(&callers).await;
    door.install_anchors(&[&Authority::root("Other Client Root")]).await;
    none_gets_through(&door, halves).await;
}

#[tokio::test]
async fn a_resumption_under_way_is_refused_when_its_leaf_is_revoked_before_it_ends() {
    let (door, lists) = door_with_list(Pki::new()).await;
    let callers = resuming(&door).await;
    let halves = halfway(&callers).await;
    publish(&lists, &door.pki.issuing.crl(2, &[door.pki.honest.leaf()], time::Duration::days(1)));
    assert_eq!(reload(&door).await, 2);
    none_gets_through(&door, halves).await;
}

#[tokio::test]
async fn a_resumption_under_way_is_served_by_an_epoch_that_accepts_it_and_earns_no_session_of_the_one_before() {
    let door = quiet_door().await;
    let callers = resuming(&door).await;
    let halves = halfway(&callers).await;
    door.install_anchors(&[&door.pki.clients, &Authority::root("Other Client Root")]).await;
    for half in halves {
        half.finish().await.unwrap();
    }
    sessions_work_for(&super::both(&door, &door.pki.honest)).await;
    for caller in &callers {
        assert_ne!(caller.expect_visit("after it").await, HandshakeKind::Resumed, "a session of the epoch before");
        caller.expect_resumed("in the new epoch").await;
    }
}

#[tokio::test]
async fn a_connection_that_was_resumed_is_retired_with_its_authority() {
    let door = quiet_door().await;
    let mut sessions = Vec::new();
    for caller in resuming(&door).await {
        let stream = caller.connect().await.unwrap();
        let kind = stream.get_ref().1.handshake_kind();
        let mut session = Session::over(stream).await.unwrap();
        assert_eq!(session.send(request("POST", "/live").body("".into()).unwrap()).await.unwrap().status, 200);
        assert_eq!(kind, Some(HandshakeKind::Resumed), "control");
        sessions.push(session);
    }
    door.install_anchors(&[&Authority::root("Other Client Root")]).await;
    for mut session in sessions {
        if let Ok(reply) = session.send(request("POST", "/live").body("".into()).unwrap()).await {
            assert_eq!(reply.status, 503);
        }
        session.ended().await;
    }
    assert_eq!(door.backend.arrivals("/live"), 2, "those before the removal");
    door.server.permits_return_to_zero().await;
}

async fn halfway(callers: &[Returning; 2]) -> Vec<crate::support::returning::HalfOpen> {
    let [first, second] = callers;
    vec![first.resume_halfway().await, second.resume_halfway().await]
}

async fn none_gets_through(door: &Door, halves: Vec<crate::support::returning::HalfOpen>) {
    let arrivals = door.backend.all_arrivals();
    for half in halves {
        let refusal = half.finish().await.expect_err("let in by an epoch that is over");
        assert!(matches!(refusal, Refusal::Alert(_) | Refusal::Closed), "{refusal:?}");
    }
    door.server.permits_return_to_zero().await;
    assert_eq!(door.backend.all_arrivals(), arrivals, "it reached the backend");
}
