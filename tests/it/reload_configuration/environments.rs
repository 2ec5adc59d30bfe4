//! Environments are added and removed, and get another host.

use serde_json::{Value, json};

use super::{applied, sessions};
use crate::support::hello::{FirstAnswer, Hello, UNRECOGNIZED_NAME};
use crate::support::neighbours::{ONE_LISTENER, OTHER_HOST, call};
use crate::support::{Door, HOST, Neighbour, Neighbours, Pki, QUIET, Setup, Spec};

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
