//! What of a configuration is broken changes nothing; what is good beside it is taken up.

use std::collections::BTreeSet;

use rustls_pki_types::CertificateDer;
use serde_json::Value;

use super::{applied, quiet, sessions, url};
use crate::support::neighbours::call;
use crate::support::{Backend, Door, HOST, Spec, eventually};

#[tokio::test]
async fn a_broken_configuration_changes_nothing_but_certificates_beside_it_are_taken_up() {
    let door = quiet("").await;
    let config = door.directory.path().join("issuer-host.toml");
    let mut kept = sessions(&door.honest()).await;
    let mut rounds = 0;
    for (piece, other, word) in [
        ("product = \"tsh\"", "product = tsh", "This is not TOML"),
        ("customer_id = ", "custommer_id = ", "customer_id"),
        ("[server]", "[server]\nmax_connections = \"many\"", "server.max_connections"),
        ("client_ca = \"client-ca.pem\"", "client_ca = \"nowhere.pem\"", "nowhere.pem"),
    ] {
        let good = std::fs::read_to_string(&config).unwrap();
        door.edit(piece, other);
        let broken = std::fs::read_to_string(&config).unwrap();
        let changed = good.lines().zip(broken.lines()).position(|(good, broken)| good != broken).unwrap();
        let line = (changed + 1..=changed + 2).map(|line| format!("issuer-host.toml, line {line}"));
        let (status, report) = door.server.try_reload().await;
        let configuration = &report["configuration"];
        assert_eq!((status, &configuration["outcome"]), (422, &"kept".into()), "{other}: {report}");
        let problem = configuration["problem"].as_str().unwrap();
        let places: BTreeSet<String> = line.collect();
        assert!(places.iter().any(|place| problem.contains(place)), "{places:?}: {problem}");
        assert!(problem.contains(word), "{word}: {problem}");
        assert_eq!(door.server.status().await["configuration"]["problem"], problem);
        for session in &mut kept {
            assert_eq!(call(session, HOST, "/kept").await, 200);
        }
        assert_eq!(door.server.admin_fetch("/readyz").await.0, 200);
        door.server.reload().await;
        door.replace("issuer-host.toml", good);
        let (status, report) = door.server.try_reload().await;
        assert_eq!((status, &report["configuration"]), (200, &applied(&[])), "healed: {report}");
        assert_eq!(door.server.status().await["configuration"]["problem"], Value::Null);
        // It is said once, however often it is found; what the log says of the cure comes after it.
        rounds += 1;
        eventually("the cure to be told", async || door.server.events("configuration_good").len() == rounds).await;
        assert_eq!(door.server.told("configuration_refused", rounds).await.len(), rounds, "{other}");
    }
    assert_eq!(door.server.status_of("preprod").await["epoch"], 1);

    // The certificate is due, and does not wait for whoever edits the configuration.
    door.edit("product = \"tsh\"", "product = tsh");
    let renewed = door.pki.servers.intermediate("Server Issuing CA").issue(Spec::server(HOST));
    door.replace("server-key.pem", renewed.key_pem());
    door.replace("server-chain.pem", renewed.chain_pem());
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, &report["configuration"]["outcome"]), (422, &"kept".into()), "{report}");
    assert_eq!(report["environments"]["preprod"]["leaf_changed"], true, "{report}");
    assert_eq!(shown(&door).await, renewed.chain);
    for session in &mut kept {
        assert_eq!(call(session, HOST, "/kept").await, 200);
    }
}

#[tokio::test]
async fn a_backend_ca_that_is_broken_leaves_the_backend_that_was() {
    let door = quiet("").await;
    door.replace("backend-ca.pem", "not a CA");
    let before = url(&door.backend);
    let after = "url = \"https://127.0.0.1:1\"\nca = \"backend-ca.pem\"";
    let mut kept = sessions(&door.honest()).await;
    door.edit(&before, after);
    let (status, report) = door.server.try_reload().await;
    let preprod = &report["environments"]["preprod"];
    assert_eq!((status, &preprod["outcome"]), (422, &"kept".into()), "{report}");
    let problem = preprod["problem"].as_str().unwrap();
    assert!(problem.contains("backend.ca") && problem.contains("backend-ca.pem"), "{problem}");
    for session in &mut kept {
        assert_eq!(call(session, HOST, "/kept").await, 200);
    }
    assert_eq!(door.backend.arrivals("/kept"), 2);
    // Control: with a CA in the file it is applied, and nobody listens there.
    door.replace("backend-ca.pem", door.pki.servers.pem());
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, &report["configuration"]), (200, &applied(&[])), "{report}");
    for session in &mut kept {
        assert!(call(session, HOST, "/gone").await >= 500);
    }
    // A file that breaks later is kept out as well.
    door.edit(after, &before);
    door.server.reload().await;
    for session in &mut kept {
        assert_eq!(call(session, HOST, "/kept").await, 200);
    }
}

#[tokio::test]
async fn an_environment_whose_certificates_are_not_good_keeps_its_rules_for_callers_and_changes_its_backend() {
    let door = quiet("").await;
    let next = Backend::http1().await;
    let mut kept = sessions(&door.honest()).await;
    door.edit(&url(&door.backend), &url(&next));
    door.edit("private_key = ", "client_subject = { deny = [\"CN=*\"] }\nprivate_key = ");
    door.replace("server-key.pem", door.pki.honest.key_pem());
    let (status, report) = door.server.try_reload().await;
    assert_eq!(status, 422, "{report}");
    assert_eq!(report["environments"]["preprod"]["outcome"], "kept", "{report}");
    for session in &mut kept {
        assert_eq!(call(session, HOST, "/kept").await, 200);
    }
    assert_eq!((door.backend.all_arrivals(), next.arrivals("/kept")), (0, 2));
    door.honest().expect_accepted("a client that only the rule refuses that has to wait").await;
    door.replace("server-key.pem", door.pki.server.key_pem());
    let installed = door.expect_reload("installed").await;
    assert_eq!(installed["connections_retired"], 2, "{installed}");
    door.honest().expect_refused("a client that the rule refuses").await;
}

/// The chain that the server presents.
async fn shown(door: &Door) -> Vec<CertificateDer<'static>> {
    let stream = door.honest().connect().await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap().to_vec()
}
