//! Another epoch: trust, credential or rules that have changed.

use super::{both, each_proves_itself_once, none_is_let_in, quiet_door, reload, resuming, sessions_work_for};
use crate::support::door::replace;
use crate::support::returning::resumptions;
use crate::support::{Authority, Door, HOST, Setup, Spec};

#[tokio::test]
async fn within_its_epoch_a_session_resumes_and_is_counted() {
    let door = quiet_door().await;
    let callers = resuming(&door).await;
    assert_eq!(resumptions(&door.server).await, 2);
    for caller in &callers {
        caller.expect_resumed("in the same epoch").await;
    }
    assert_eq!(resumptions(&door.server).await, 4);
    assert_eq!(door.backend.arrivals("/visit"), 6);
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_session_is_no_way_in_once_its_authority_is_removed() {
    let door = quiet_door().await;
    let callers = resuming(&door).await;
    let other = Authority::root("Other Client Root");
    door.install_anchors(&[&other]).await;
    sessions_work_for(&both(&door, &other.client("newcomer"))).await;
    none_is_let_in(&door, &callers, "unknown_issuer", "after the removal").await;
}

#[tokio::test]
async fn an_authority_that_comes_back_does_not_bring_sessions_back() {
    let door = quiet_door().await;
    let callers = resuming(&door).await;
    for caller in &callers {
        caller.set_aside();
    }
    door.install_anchors(&[&Authority::root("Other Client Root")]).await;
    door.install_anchors(&[&door.pki.clients]).await;
    sessions_work_for(&both(&door, &door.pki.honest)).await;
    for caller in &callers {
        caller.bring_back();
    }
    each_proves_itself_once(&callers, "after the way there and back").await;
}

#[tokio::test]
async fn a_rollover_of_authorities_asks_for_a_proof_at_each_step_and_ends_with_the_old_one() {
    let door = quiet_door().await;
    let next = Authority::root("Next Client Root");
    let old = resuming(&door).await;
    door.install_anchors(&[&door.pki.clients, &next]).await;
    let new = both(&door, &next.client("renewed"));
    sessions_work_for(&new).await;
    each_proves_itself_once(&old, "with both authorities").await;
    door.install_anchors(&[&next]).await;
    sessions_work_for(&both(&door, &next.client("newcomer"))).await;
    none_is_let_in(&door, &old, "unknown_issuer", "with the next authority alone").await;
    each_proves_itself_once(&new, "with the next authority alone").await;
    assert_eq!(door.server.status_of("preprod").await["epoch"], 3);
}

#[tokio::test]
async fn a_session_of_an_authority_is_not_taken_over_by_another_of_the_same_name() {
    let door = quiet_door().await;
    let callers = resuming(&door).await;
    let impostor = door.pki.clients.impostor();
    door.install_anchors(&[&impostor]).await;
    sessions_work_for(&both(&door, &impostor.client("newcomer"))).await;
    none_is_let_in(&door, &callers, "bad_signature", "under a CA of the same name and another key").await;
}

#[tokio::test]
async fn a_reload_that_finds_the_same_bytes_keeps_sessions() {
    let door = quiet_door().await;
    let callers = resuming(&door).await;
    door.replace_anchors(&[&door.pki.clients]);
    for _ in 0..2 {
        let report = door.server.reload().await;
        assert_eq!(report["environments"]["preprod"]["outcome"], "unchanged", "{report}");
        for caller in &callers {
            caller.expect_resumed("after a reload that changed nothing").await;
        }
    }
    assert_eq!(door.server.status_of("preprod").await["epoch"], 1);
}

#[tokio::test]
async fn a_reload_that_is_refused_keeps_sessions() {
    let door = quiet_door().await;
    let callers = resuming(&door).await;
    replace(door.directory.path(), "client-ca.pem", "half of a fi");
    let report = door.server.reload().await;
    assert_eq!(report["environments"]["preprod"]["outcome"], "kept", "{report}");
    for caller in &callers {
        caller.expect_resumed("in the epoch that stays").await;
    }
}

#[tokio::test]
async fn a_new_server_certificate_ends_sessions_and_serves_on() {
    let door = quiet_door().await;
    let callers = resuming(&door).await;
    let server = door.pki.servers.issue(Spec::server(HOST));
    replace(door.directory.path(), "server-chain.pem", &server.chain_pem());
    replace(door.directory.path(), "server-key.pem", &server.key_pem());
    assert_eq!(reload(&door).await, 2);
    sessions_work_for(&both(&door, &door.pki.honest)).await;
    each_proves_itself_once(&callers, "under the new certificate").await;
}

#[tokio::test]
async fn a_subject_that_is_denied_since_is_not_let_in_by_its_session() {
    let door = quiet_door().await;
    let callers = resuming(&door).await;
    let bystanders = both(&door, &door.pki.issuing.client("bystander"));
    sessions_work_for(&bystanders).await;
    configure(&door, "[environments.preprod.backend]", |table| {
        format!("[environments.preprod.client_subject]\ndeny = [\"CN=honest\"]\n\n{table}")
    });
    assert_eq!(reload(&door).await, 2);
    sessions_work_for(&both(&door, &door.pki.issuing.client("newcomer"))).await;
    none_is_let_in(&door, &callers, "subject_not_admitted", "after it was denied").await;
    each_proves_itself_once(&bystanders, "under the new rules").await;
}

#[tokio::test]
async fn switching_resumption_off_ends_the_sessions_that_there_are() {
    let environment = "resumption = \"reverified\"";
    let door = Door::with(Setup { server: super::QUIET, environment, ..Setup::default() }).await;
    let callers = resuming(&door).await;
    configure(&door, environment, |_| "resumption = \"off\"".to_owned());
    assert_eq!(reload(&door).await, 2);
    for caller in &callers {
        caller.expect_proof("after it was switched off").await;
        assert_ne!(caller.expect_visit("after it was switched off").await, rustls::HandshakeKind::Resumed);
    }
    assert_eq!(resumptions(&door.server).await, 2);
}

/// Changes one piece of the configuration.
fn configure(door: &Door, piece: &str, change: impl FnOnce(&str) -> String) {
    let before = std::fs::read_to_string(door.directory.path().join("issuer-host.toml")).unwrap();
    assert_eq!(before.matches(piece).count(), 1, "{before}");
    replace(door.directory.path(), "issuer-host.toml", &before.replace(piece, &change(piece)));
}
