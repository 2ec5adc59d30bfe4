//! Reload: who gets in changes with the files, environment by environment, and the honest notice nothing.

use std::path::Path;

use crate::support::door::{BY_HAND, replace, write};
use crate::support::{Authority, Backend, Caller, Door, Pki, Session, Setup, Spec, eventually, request};

const PRODUCTION: &str = "production.bank.test";

#[tokio::test]
async fn a_reload_admits_whom_the_new_bundle_admits_and_keeps_honest_connections() {
    let door = Door::open().await;
    let other = Authority::root("Other Client Root");
    let newcomer = door.stranger().presenting(&other.client("newcomer"));
    newcomer.expect_refused("a client of a CA that is not there yet").await;
    let mut kept = door.honest().session().await.unwrap();
    door.install_anchors(&[&door.pki.clients, &other]).await;
    newcomer.expect_accepted("a client of the new CA").await;
    let call = || request("POST", "/kept").body("".into()).unwrap();
    assert_eq!(kept.send(call()).await.unwrap().status, 200, "the connection is kept");
    door.install_anchors(&[&other]).await;
    door.honest().expect_refused("a client of the CA that is gone").await;
    newcomer.expect_accepted("a client of the CA that stays").await;
    assert!(!matches!(kept.send(call()).await, Ok(reply) if reply.status == 200), "retired");
    eventually("the retirement to be counted", async || {
        door.server.status_of("preprod").await["retired_connections"] == 1
    })
    .await;
    assert_eq!(door.server.epoch().await, 3);
}

#[tokio::test]
async fn the_same_files_are_no_new_epoch() {
    let door = Door::with(Setup { server: BY_HAND, ..Setup::default() }).await;
    let mut kept = door.honest().session().await.unwrap();
    for _ in 0..3 {
        door.replace_anchors(&[&door.pki.clients]);
        let (status, report) = door.server.try_reload().await;
        assert_eq!((status, &report["environments"]["preprod"]["outcome"]), (200, &"unchanged".into()), "{report}");
    }
    assert_eq!((door.server.epoch().await, door.server.reloads("unchanged").await), (1, 3));
    assert_eq!(kept.send(request("POST", "/kept").body("".into()).unwrap()).await.unwrap().status, 200);
    let events = door.server.events("reloaded").len();
    door.install_anchors(&[&Authority::root("Other Client Root"), &door.pki.clients]).await;
    assert_eq!((events, door.server.epoch().await), (0, 2), "control: others are");
}

#[tokio::test]
async fn a_renewed_server_certificate_is_shown_to_new_connections_and_kept_ones_go_on() {
    let door = Door::with(Setup { server: BY_HAND, ..Setup::default() }).await;
    let mut kept = door.honest().h2().session().await.unwrap();
    let before = shown(&door.honest()).await;
    let renewed = door.pki.servers.intermediate("Next Server CA").issue(Spec::server(crate::support::HOST));
    // One after the other, as most tools write them: in between they do not belong together.
    replace(door.directory.path(), "server-chain.pem", &renewed.chain_pem());
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, door.server.epoch().await), (422, 1), "{report}");
    assert_eq!(shown(&door.honest()).await, before);
    replace(door.directory.path(), "server-key.pem", &renewed.key_pem());
    let (status, report) = door.server.try_reload().await;
    let report = &report["environments"]["preprod"];
    assert_eq!((status, &report["leaf_changed"], &report["connections_retired"]), (200, &true.into(), &0.into()));
    assert_eq!(shown(&door.honest()).await, renewed.leaf().to_vec());
    assert_eq!(kept.send(request("POST", "/kept").body("".into()).unwrap()).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_environment_with_broken_files_keeps_its_epoch_while_another_installs_a_new_one() {
    let pki = Pki::new();
    let (clients, newcomers) =
        (Authority::root("Production Client Root"), Authority::root("Next Production Client Root"));
    let (client, newcomer) = (clients.client("client"), newcomers.client("newcomer"));
    let server = pki.servers.intermediate("Production Server CA").issue(Spec::server(PRODUCTION));
    let backend = Backend::http1().await;
    let settings = format!(
        r#"{BY_HAND}
[environments.production]
product = "tsh"
customer_id = "ISSUER0001"
host = "{PRODUCTION}"
client_ca = "production-ca.pem"
certificate_chain = "production-chain.pem"
private_key = "production-key.pem"
backend = {{ url = "http://{}" }}
"#,
        backend.address()
    );
    let first = clients.pem();
    let arrange = move |directory: &Path| {
        write(directory, "production-ca.pem", &first);
        write(directory, "production-chain.pem", &server.chain_pem());
        write(directory, "production-key.pem", &server.key_pem());
    };
    let door = Door::behind(pki, Setup { server: &settings, arrange: Some(&arrange), ..Setup::default() }).await;
    let production = |identity| door.stranger().name(PRODUCTION).presenting(identity);
    let (client, newcomer) = (production(&client), production(&newcomer));
    newcomer.expect_refused("a client of a CA that is not there yet").await;
    let (mut kept, mut going) = (door.honest().session().await.unwrap(), client.session().await.unwrap());
    assert_eq!(
        (post(&mut kept, crate::support::HOST).await, post(&mut going, PRODUCTION).await),
        (Some(200), Some(200))
    );

    // Broken here, another CA there; then the other way round.
    write(door.directory.path(), "client-ca.pem", "no certificate");
    replace(door.directory.path(), "production-ca.pem", &newcomers.pem());
    let (status, report) = door.server.try_reload().await;
    let outcomes = |report: &serde_json::Value| {
        ["preprod", "production"].map(|name| report["environments"][name]["outcome"].as_str().unwrap().to_owned())
    };
    assert_eq!((status, outcomes(&report)), (422, ["kept", "installed"].map(str::to_owned)), "{report}");
    assert_eq!(epochs(&door).await, [1, 2]);
    assert_eq!(post(&mut kept, crate::support::HOST).await, Some(200), "preprod goes on");
    assert_ne!(post(&mut going, PRODUCTION).await, Some(200), "retired by the other epoch of its own environment");
    client.expect_refused("a client of the CA that is gone").await;
    let mut staying = newcomer.session().await.unwrap();
    assert_eq!(post(&mut staying, PRODUCTION).await, Some(200));

    let other = Authority::root("Other Client Root");
    door.replace_anchors(&[&door.pki.clients, &other]);
    std::fs::remove_file(door.directory.path().join("production-ca.pem")).unwrap();
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, outcomes(&report)), (422, ["installed", "kept"].map(str::to_owned)), "{report}");
    assert_eq!(epochs(&door).await, [2, 2]);
    assert_eq!(post(&mut staying, PRODUCTION).await, Some(200));
    assert_eq!(post(&mut kept, crate::support::HOST).await, Some(200));
    door.stranger().presenting(&other.client("other")).expect_accepted("a client of the new CA of preprod").await;
    production(&other.client("other")).expect_refused("a client of the new CA of the other environment").await;
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 200);
    drop((kept, staying));
    door.is_unharmed().await;
}

/// What the server shows to a new connection.
async fn shown(caller: &Caller) -> Vec<u8> {
    let stream = caller.connect().await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

async fn post(session: &mut Session, host: &str) -> Option<u16> {
    let call = http::Request::post(format!("https://{host}/post")).body("".into()).unwrap();
    session.send(call).await.ok().map(|reply| reply.status)
}

async fn epochs(door: &Door) -> [u64; 2] {
    let mut epochs = [0; 2];
    for (epoch, name) in epochs.iter_mut().zip(["preprod", "production"]) {
        *epoch = door.server.status_of(name).await["epoch"].as_u64().unwrap();
    }
    epochs
}
