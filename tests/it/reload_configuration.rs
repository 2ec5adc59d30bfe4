//! The configuration is edited while the server runs: what is good is applied to it, what is not changes nothing.

mod broken;
mod environments;
mod limits;
mod of_process;

use serde_json::{Value, json};

use crate::support::neighbours::call;
use crate::support::{Backend, Caller, Door, HOST, QUIET, Session, Setup, eventually, request};

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
    // Whoever asked finds a line, even where nothing is new.
    let ended = |trigger: &str| {
        let told = |event: &&Value| event["trigger"] == trigger;
        door.server.events("reload_ended").iter().filter(told).cloned().collect::<Vec<_>>()
    };
    let report = |new, unchanged, kept, problem| serde_json::json!([new, unchanged, kept, problem]);
    let told = |event: &Value| serde_json::json!([event["new"], event["unchanged"], event["kept"], event["problem"]]);
    eventually("the end of the other one to be told", async || !ended("admin").is_empty()).await;
    assert_eq!(ended("admin").iter().map(told).collect::<Vec<_>>(), [report(0, 1, 0, false)]);
    eventually("the end of the signal's reload to be told", async || ended("signal").len() == 1).await;
    for session in &mut kept {
        assert_eq!(call(session, HOST, "/signal").await, 200);
    }
    assert_eq!((door.backend.arrivals("/signal"), next.arrivals("/signal")), (2, 0));
    assert_eq!(door.server.status_of("preprod").await["epoch"], 1);
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
