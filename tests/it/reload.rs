//! Reload: who gets in changes with the files, and the honest notice nothing.

use crate::support::{Authority, Door};

#[tokio::test]
async fn a_reload_admits_whom_the_new_bundle_admits_and_keeps_honest_connections() {
    let door = Door::open().await;
    let other = Authority::root("Other Client Root");
    let newcomer = door.stranger().presenting(&other.client("newcomer"));
    newcomer.expect_refused("a client of a CA that is not there yet").await;
    let mut kept = door.honest().session().await.unwrap();
    door.install_anchors(&[&door.pki.clients, &other]).await;
    newcomer.expect_accepted("a client of the new CA").await;
    let call = || crate::support::request("POST", "/kept").body("".into()).unwrap();
    assert_eq!(kept.send(call()).await.unwrap().status, 200, "the connection is kept");
    door.install_anchors(&[&other]).await;
    door.honest().expect_refused("a client of the CA that is gone").await;
    newcomer.expect_accepted("a client of the CA that stays").await;
    assert!(!matches!(kept.send(call()).await, Ok(reply) if reply.status == 200), "retired");
    let status = door.server.status_of("preprod").await;
    assert_eq!((&status["epoch"], &status["retired_connections"]), (&3.into(), &1.into()), "{status}");
}
