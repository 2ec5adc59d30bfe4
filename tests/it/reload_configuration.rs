//! The configuration is edited while the server runs: what is good is applied to it, what is not changes nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::hello::{FirstAnswer, Hello, UNRECOGNIZED_NAME};
use crate::support::neighbours::call;
use crate::support::{
    Backend, Caller, Door, HOST, Neighbour, Neighbours, Pki, QUIET, Session, Setup, Spec, eventually, request, within,
};

const ONE_LISTENER: &str = r#"["127.0.0.1:0"]"#;
const OTHER_HOST: &str = "other.bank.test";

/// A door that reloads when it is told to, and by itself never.
async fn quiet(environment: &str) -> Door {
    Door::with(Setup { environment, log: QUIET, ..Setup::default() }).await
}

fn applied(needs_restart: &[&str]) -> Value {
    json!({ "outcome": "applied", "needs_restart": needs_restart })
}

/// Either protocol.
async fn sessions(caller: &Caller) -> [Session; 2] {
    [caller.session().await.unwrap(), caller.clone().h2().session().await.unwrap()]
}

fn url(backend: &Backend) -> String {
    format!("url = \"http://{}\"", backend.address())
}

#[tokio::test]
async fn kept_connections_reach_another_backend_at_their_next_request() {
    let door = quiet("").await;
    let next = Backend::http1().await;
    let mut kept = sessions(&door.honest()).await;
    for session in &mut kept {
        assert_eq!(call(session, HOST, "/before").await, 200);
    }
    door.edit(&url(&door.backend), &url(&next));
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, &report["configuration"]), (200, &applied(&[])), "{report}");
    // The certificates are what they were: no new epoch, nobody retired, sessions go on.
    assert_eq!(report["environments"]["preprod"]["outcome"], "unchanged", "{report}");
    assert_eq!(report["trigger"], "admin", "{report}");
    for session in &mut kept {
        assert_eq!(call(session, HOST, "/after").await, 200);
    }
    door.honest().expect_accepted("a new connection").await;
    assert_eq!((door.backend.arrivals("/before"), door.backend.all_arrivals()), (2, 2));
    assert_eq!((next.arrivals("/after"), next.arrivals("/accepted")), (2, 1));

    // SIGHUP does the same.
    door.edit(&url(&next), &url(&door.backend));
    door.server.hang_up();
    eventually("the signal to be followed", async || {
        door.honest().expect_accepted("at any moment").await;
        door.backend.arrivals("/accepted") > 0
    })
    .await;
    for session in &mut kept {
        assert_eq!(call(session, HOST, "/signal").await, 200);
    }
    assert_eq!((door.backend.arrivals("/signal"), next.arrivals("/signal")), (2, 0));
    assert_eq!(door.server.status_of("preprod").await["epoch"], 1);
}

#[tokio::test]
async fn limits_of_requests_change_for_kept_connections() {
    let door = quiet("").await;
    let mut kept = door.honest().h2().session().await.unwrap();
    let big = || request("POST", "/big").body(vec![b'a'; 3000].into()).unwrap();
    assert_eq!(kept.send(big()).await.unwrap().status, 200, "control");
    door.edit("[server]\n", "[server]\nmax_body_size = \"1 KiB\"\n");
    door.expect_reload("unchanged").await;
    assert_eq!(kept.send(big()).await.unwrap().status, 413, "over the limit that came with the reload");
    assert_eq!(door.honest().call("/small").await.unwrap().status, 200);
    assert_eq!(door.backend.arrivals("/small"), 1);
    door.edit("max_body_size = \"1 KiB\"\n", "");
    door.expect_reload("unchanged").await;
    assert_eq!(kept.send(big()).await.unwrap().status, 200, "the default again");
}

#[tokio::test]
async fn limits_of_a_head_change_for_new_connections() {
    let door = quiet("").await;
    let call = async || {
        let call = (0..40).fold(request("POST", "/fields"), |call, at| call.header(format!("x-{at}"), "1"));
        door.honest().session().await.unwrap().send(call.body("".into()).unwrap()).await.unwrap().status
    };
    assert_eq!(call().await, 200, "control");
    door.edit("[server]\n", "[server]\nmax_headers = 20\n");
    door.expect_reload("unchanged").await;
    assert_eq!(call().await, 431);
    door.edit("max_headers = 20\n", "");
    door.expect_reload("unchanged").await;
    assert_eq!(call().await, 200);
}

#[tokio::test]
async fn other_subject_rules_make_an_epoch_and_retire_whom_they_refuse() {
    let door = quiet("").await;
    let denied = door.stranger().presenting(&door.pki.issuing.client("TLSMA/0002"));
    let mut kept = sessions(&door.honest()).await;
    let mut refused = sessions(&denied).await;
    for session in kept.iter_mut().chain(&mut refused) {
        assert_eq!(call(session, HOST, "/before").await, 200, "control");
    }
    let arrivals = door.backend.all_arrivals();
    door.edit("private_key = ", "client_subject = { deny = [\"CN=TLSMA/0002\"] }\nprivate_key = ");
    let installed = door.expect_reload("installed").await;
    assert_eq!(
        (&installed["from"], &installed["to"], &installed["connections_retired"]),
        (&1.into(), &2.into(), &2.into()),
        "{installed}"
    );
    for mut session in refused {
        let after = session.send(request("POST", "/after").body("".into()).unwrap()).await;
        assert!(!after.is_ok_and(|reply| reply.status == 200), "a client that the rules refuse is served");
        session.ended().await;
    }
    denied.expect_refused("a client that the rules refuse").await;
    assert_eq!(door.backend.all_arrivals(), arrivals, "it reached the backend");
    for session in &mut kept {
        assert_eq!(call(session, HOST, "/kept").await, 200);
    }
    door.edit("client_subject = { deny = [\"CN=TLSMA/0002\"] }\n", "");
    door.expect_reload("installed").await;
    denied.expect_accepted("the same client without the rule").await;
}

#[tokio::test]
async fn another_host_is_asked_for_by_tls_and_by_every_request() {
    let mut pki = Pki::new();
    pki.server = pki.servers.issue(Spec::server(HOST).with(|params| {
        let other = Spec::server(OTHER_HOST);
        other.with(|others| params.subject_alt_names.append(&mut others.subject_alt_names));
    }));
    let door = Door::behind(pki, Setup { log: QUIET, ..Setup::default() }).await;
    let shown = async |name: &str| {
        let answer = Hello { version: 0x0303, suites: &[0xc02b], name: Some(name) }.ask(&door.stranger()).await;
        assert!(matches!(answer, FirstAnswer::ServerHello { .. }) || answer == UNRECOGNIZED_NAME, "{answer:?}");
        answer != UNRECOGNIZED_NAME
    };
    let mut kept = sessions(&door.honest()).await;
    for (host, status) in [(HOST, 200), (OTHER_HOST, 421)] {
        for session in &mut kept {
            assert_eq!(call(session, host, "/before").await, status, "{host}");
        }
        assert_eq!(shown(host).await, status == 200);
    }
    door.edit(&format!("host = \"{HOST}\""), &format!("host = \"{OTHER_HOST}\""));
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, &report["configuration"]), (200, &applied(&[])), "{report}");
    assert_eq!(door.server.status_of("preprod").await["host"], OTHER_HOST);
    for (host, status) in [(HOST, 421), (OTHER_HOST, 200)] {
        for session in &mut kept {
            assert_eq!(call(session, host, "/after").await, status, "{host}");
        }
        assert_eq!(shown(host).await, status == 200);
    }
    door.honest().expect_refused("a client that asks for the old name").await;

    // A host that the certificate is not for is none.
    door.edit(OTHER_HOST, "third.bank.test");
    let kept = door.expect_reload("kept").await;
    assert!(kept["problem"].as_str().unwrap().contains("is not for the host third.bank.test"), "{kept}");
    assert!(shown(OTHER_HOST).await && !shown("third.bank.test").await);
}

#[tokio::test]
async fn an_environment_that_is_added_takes_calls_and_one_that_is_removed_takes_none() {
    let (one, other) = (Neighbour::new("one", HOST).await, Neighbour::new("other", OTHER_HOST).await);
    let neighbours = Neighbours::start(ONE_LISTENER, &[&one]).await;
    let named = Hello { version: 0x0303, suites: &[0xc02b], name: Some(OTHER_HOST) };
    let caller = other.caller(&neighbours);
    let mut kept = one.caller(&neighbours).h2().session().await.unwrap();
    assert_eq!(call(&mut kept, HOST, "/kept").await, 200);
    assert_eq!(named.ask(&caller).await, UNRECOGNIZED_NAME, "control: nobody has that name yet");

    // Twice: what comes back begins anew.
    for round in 1..=2 {
        // Without its files it is not added, and harms nobody.
        neighbours.edit("[environments.one]", &format!("{}\n[environments.one]", other.table()));
        if round == 1 {
            let (status, report) = neighbours.server.try_reload().await;
            assert_eq!((status, &report["configuration"]["outcome"]), (422, &"kept".into()), "{report}");
            assert!(report["configuration"]["problem"].as_str().unwrap().contains("other-ca.pem"), "{report}");
            assert_eq!(named.ask(&caller).await, UNRECOGNIZED_NAME);
            assert_eq!(call(&mut kept, HOST, "/kept").await, 200);
        }
        other.move_in(&neighbours.directory);
        let (status, report) = neighbours.server.try_reload().await;
        assert_eq!((status, &report["configuration"]), (200, &applied(&[])), "{report}");
        assert_eq!(report["environments"]["other"], json!({ "outcome": "added" }), "{report}");
        assert_eq!(report["environments"]["one"]["outcome"], "unchanged", "{report}");
        assert_eq!(neighbours.server.status_of("other").await["epoch"], 1);
        let mut sessions = sessions(&caller).await;
        for session in &mut sessions {
            assert_eq!(call(session, OTHER_HOST, "/added").await, 200);
        }
        assert_eq!(other.backend.arrivals("/added"), round * 2);
        caller.clone().presenting(&one.client).expect_refused("a client of the other environment").await;

        neighbours.edit(&other.table(), "");
        let report = neighbours.server.reload().await;
        let removed = json!({ "outcome": "removed", "connections_retired": 2 });
        assert_eq!(report["environments"]["other"], removed, "{report}");
        for mut session in sessions {
            let call = http::Request::post(format!("https://{OTHER_HOST}/removed")).body("".into()).unwrap();
            assert!(!session.send(call).await.is_ok_and(|reply| reply.status == 200), "it is still served");
            session.ended().await;
        }
        assert_eq!(other.backend.arrivals("/removed"), 0);
        assert_eq!(named.ask(&caller).await, UNRECOGNIZED_NAME);
        caller.expect_refused("a client of an environment that is gone").await;
        assert_eq!(neighbours.server.status_of("other").await, Value::Null);
        assert_eq!(call(&mut kept, HOST, "/kept").await, 200, "the other environment's connection");
        // Nobody is told of the expiry of certificates that are no longer used.
        let metrics = neighbours.server.admin_fetch("/metrics").await.1;
        let expiry = "issuer_host_certificate_expiry_timestamp_seconds{environment=";
        let told = |name: &str| metrics.lines().any(|line| line.starts_with(&format!("{expiry}\"{name}\"")));
        assert!(told("one") && !told("other"), "{metrics}");
    }
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_everything_else_is_applied() {
    let door = quiet("").await;
    let next = Backend::http1().await;
    let mut kept = sessions(&door.honest()).await;
    let listen = "listen = [\"127.0.0.1:0\"]\n";
    let other_listen = "listen = [\"127.0.0.3:0\"]\nworkers = 3\n";
    door.edit(listen, other_listen);
    door.edit("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.4:0\"");
    door.edit(&url(&door.backend), &url(&next));
    let keys = ["admin.listen", "server.listen", "server.workers"];
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, &report["configuration"]), (200, &applied(&keys)), "{report}");
    let configuration = door.server.status().await["configuration"].clone();
    assert_eq!((&configuration["needs_restart"], &configuration["problem"]), (&json!(keys), &Value::Null));
    for session in &mut kept {
        assert_eq!(call(session, HOST, "/after").await, 200);
    }
    door.honest().expect_accepted("a new connection at the old address").await;
    assert_eq!((next.all_arrivals(), door.backend.all_arrivals()), (3, 0), "the new backend, and no other");
    door.server.reload().await;

    door.edit(other_listen, listen);
    door.edit("127.0.0.4:0", "127.0.0.1:0");
    let report = door.server.reload().await;
    assert_eq!(report["configuration"], applied(&[]), "{report}");
    assert_eq!(door.server.status().await["configuration"]["needs_restart"], json!([]));
    // It is said once, however often it is found.
    eventually("the cure to be told", async || door.server.events("configuration_good").len() == 1).await;
    let said = door.server.events("restart_needed");
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0]["keys"], keys.join(", "));
}

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
        assert_eq!(door.server.events("configuration_refused").len(), rounds, "{other}");
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

/// The chain that the server presents.
async fn shown(door: &Door) -> Vec<rustls_pki_types::CertificateDer<'static>> {
    let stream = door.honest().connect().await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap().to_vec()
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

#[tokio::test]
async fn environments_that_cannot_be_told_apart_change_nothing() {
    let (one, other) = (Neighbour::new("one", HOST).await, Neighbour::new("other", OTHER_HOST).await);
    let neighbours = Neighbours::start(ONE_LISTENER, &[&one, &other]).await;
    neighbours.edit(&format!("host = \"{OTHER_HOST}\""), &format!("host = \"{HOST}\""));
    let (status, report) = neighbours.server.try_reload().await;
    assert_eq!((status, &report["configuration"]["outcome"]), (422, &"kept".into()), "{report}");
    for own in [&one, &other] {
        let mut session = own.caller(&neighbours).session().await.unwrap();
        assert_eq!(call(&mut session, own.host, "/kept").await, 200);
        assert_eq!(own.backend.arrivals("/kept"), 1);
    }
}

#[tokio::test]
async fn a_limit_below_what_is_open_cuts_nobody() {
    let door = Door::with(Setup { log: QUIET, server: "keep_alive_idle = \"60s\"", ..Setup::default() }).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(door.honest().session().await.unwrap());
    }
    door.edit("[server]\n", "[server]\nmax_connections = 2\n");
    door.expect_reload("unchanged").await;
    for session in &mut open {
        assert_eq!(call(session, HOST, "/open").await, 200, "it was open before");
    }
    drop(open);
    door.server.permits_return_to_zero().await;
    // From now on the new limit holds: the newcomer waits until a place is free.
    let (first, second) = (door.honest().session().await.unwrap(), door.honest().session().await.unwrap());
    let honest = door.honest();
    let third = tokio::spawn(async move { honest.call("/third").await });
    assert!(door.server.metric("issuer_host_connection_permits_in_use").await <= 2.0);
    assert_eq!(door.backend.arrivals("/third"), 0);
    drop(first);
    assert_eq!(within("the third connection", third).await.unwrap().unwrap().status, 200);
    drop(second);
    // And it is lifted in the same way.
    door.edit("max_connections = 2\n", "");
    door.expect_reload("unchanged").await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(door.honest().session().await.unwrap());
    }
    for session in &mut open {
        assert_eq!(call(session, HOST, "/lifted").await, 200);
    }
}
