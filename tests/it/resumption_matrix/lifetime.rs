//! The life of a session key, and of the process that it belongs to.

use rustls::HandshakeKind;

use super::{QUIET, both, each_proves_itself_once, none_is_let_in, quiet_door, resuming, sessions_work_for};
use crate::support::control::ControlServer;
use crate::support::returning::resumptions;
use crate::support::{Authority, Caller, Door, Returning, Server, Setup, within};

#[tokio::test]
async fn who_resumes_all_the_while_proves_itself_whenever_the_key_is_due() {
    let setup = Setup { server: QUIET, environment: "session_lifetime = \"2s\"", ..Setup::default() };
    let door = Door::with(setup).await;
    for caller in both(&door, &door.pki.honest) {
        caller.expect_visit("at first").await;
        for _ in 0..2 {
            resumes_until_a_proof_is_asked_for(&caller).await;
        }
    }
}

#[tokio::test]
async fn a_session_of_a_key_that_is_gone_is_worth_nothing_under_the_next() {
    let setup = Setup { server: QUIET, environment: "session_lifetime = \"2s\"", ..Setup::default() };
    let door = Door::with(setup).await;
    for caller in both(&door, &door.pki.honest) {
        caller.expect_visit("at first").await;
        caller.set_aside();
        caller.expect_visit("for another session").await;
        resumes_until_a_proof_is_asked_for(&caller).await;
        caller.bring_back();
        caller.expect_proof("with a session of the key before").await;
    }
}

#[tokio::test]
async fn no_session_survives_a_restart_with_the_same_files() {
    let mut door = quiet_door().await;
    let callers = resuming(&door).await;
    restart(&mut door).await;
    let callers = callers.map(|caller| caller.at(door.server.address()));
    sessions_work_for(&both(&door, &door.pki.honest)).await;
    each_proves_itself_once(&callers, "after the restart").await;
    assert_eq!(resumptions(&door.server).await, 4);
}

#[tokio::test]
async fn no_session_survives_a_restart_that_takes_its_authority_away() {
    let mut door = quiet_door().await;
    let callers = resuming(&door).await;
    let other = Authority::root("Other Client Root");
    door.replace_anchors(&[&other]);
    restart(&mut door).await;
    sessions_work_for(&both(&door, &other.client("newcomer"))).await;
    let callers = callers.map(|caller| caller.at(door.server.address()));
    none_is_let_in(&door, &callers, "unknown_issuer", "after the restart").await;
}

#[tokio::test]
async fn sessions_of_other_servers_are_passed_over_and_the_caller_is_served() {
    let door = quiet_door().await;
    let replica = Server::start(&door.directory.path().join("issuer-host.toml")).await;
    sessions_work_for(&both(&door, &door.pki.honest)).await;
    let stock = ControlServer::demanding(&door.pki).await;
    let stock = stock.caller(&door.pki).presenting(&door.pki.honest);
    for version in [Caller::tls12, Caller::tls13] {
        let of_replica = Returning::new(&version(door.honest().to(replica.address())));
        let of_stock = Returning::new(&version(stock.clone()));
        for (whose, foreign) in [("a replica", of_replica), ("another kind of server", of_stock)] {
            foreign.expect_resumption().await;
            let caller = foreign.at(door.server.address());
            each_proves_itself_once(&[caller], &format!("with the session of {whose}")).await;
        }
    }
}

#[tokio::test]
async fn a_session_of_a_server_that_trusts_another_authority_lets_nobody_in() {
    let door = quiet_door().await;
    let other = Authority::root("Other Client Root");
    // It has everything in common with the door but whom it trusts.
    door.replace_anchors(&[&other]);
    let lenient = Server::start(&door.directory.path().join("issuer-host.toml")).await;
    let callers = both(&door, &other.client("outsider"));
    for caller in &callers {
        caller.at(lenient.address()).expect_resumption().await;
    }
    sessions_work_for(&both(&door, &door.pki.honest)).await;
    none_is_let_in(&door, &callers, "unknown_issuer", "with a session of another server").await;
}

/// Comes back all the while: resumes, with the newest session each time, until it has to prove itself after all.
async fn resumes_until_a_proof_is_asked_for(caller: &Returning) {
    let mut resumed = false;
    within("a full handshake after one that resumed", async {
        loop {
            match caller.expect_visit("all the while").await {
                HandshakeKind::Resumed => resumed = true,
                _ if resumed => return,
                _ => {}
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

async fn restart(door: &mut Door) {
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    door.server = Server::start(&door.directory.path().join("issuer-host.toml")).await;
}
