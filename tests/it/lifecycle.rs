//! Ready, draining, gone.

use crate::support::tool;
use crate::support::{Answer, Door, Gate, Refusal, Setup, eventually, request, within};

#[tokio::test]
async fn a_request_in_flight_is_finished_after_sigterm() {
    let mut door = Door::open().await;
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 200);
    let gate = Gate::closed();
    door.backend.answer("/flight", Answer::Held(gate.clone()));
    let mut calls = Vec::new();
    for caller in [door.honest(), door.honest().h2()] {
        calls.push(tokio::spawn(async move { caller.call("/flight").await }));
        gate.arrival().await;
    }
    door.server.terminate();
    let honest = door.honest();
    eventually("new connections to be refused", async || {
        honest.call("/new").await.err() == Some(Refusal::NotListening)
    })
    .await;
    // Draining: not ready, and still alive, as long as the admin listener is there to be asked.
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 503);
    assert_eq!(door.server.admin_fetch("/livez").await.0, 200);
    for call in calls {
        gate.open();
        let reply = within("the answer of a request in flight", call).await.unwrap().unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (200, "held"));
    }
    assert_eq!(door.server.exit_code().await, Some(0));
}

#[tokio::test]
async fn idle_connections_end_at_once_on_sigint() {
    let mut door = Door::with(Setup { server: "drain_timeout = \"60s\"", ..Setup::default() }).await;
    let mut sessions = Vec::new();
    for caller in [door.honest(), door.honest().h2()] {
        let mut session = caller.session().await.unwrap();
        session.send(request("GET", "/idle").body("".into()).unwrap()).await.unwrap();
        sessions.push(session);
    }
    let silent = door.stranger().socket().await.unwrap();
    door.server.interrupt();
    for session in sessions {
        session.ended().await;
    }
    assert_eq!(door.server.exit_code().await, Some(0));
    drop(silent);
}

#[tokio::test]
async fn what_outlasts_the_drain_is_cut() {
    let mut door = Door::with(Setup { server: "drain_timeout = \"300ms\"", ..Setup::default() }).await;
    let gate = Gate::closed();
    door.backend.answer("/flight", Answer::Held(gate.clone()));
    let mut calls = Vec::new();
    for caller in [door.honest(), door.honest().h2()] {
        calls.push(tokio::spawn(async move { caller.call("/flight").await }));
        gate.arrival().await;
    }
    door.server.terminate();
    for call in calls {
        let outcome = within("a request to be cut", call).await.unwrap();
        assert!(outcome.is_err() || outcome.as_ref().is_ok_and(|reply| reply.status >= 500), "{outcome:?}");
        gate.departure().await;
    }
    assert_eq!(door.server.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_server_without_connections_ends_at_once() {
    for signal in ["TERM", "INT"] {
        let mut door = Door::with(Setup { server: "drain_timeout = \"60s\"", ..Setup::default() }).await;
        match signal {
            "TERM" => door.server.terminate(),
            _ => door.server.interrupt(),
        }
        assert_eq!(door.server.exit_code().await, Some(0), "SIG{signal}");
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_and_are_served_later() {
    let server = "max_connections = 2\nkeep_alive_idle = \"60s\"";
    let door = Door::with(Setup { server, ..Setup::default() }).await;
    let first = door.honest().session().await.unwrap();
    let second = door.honest().session().await.unwrap();
    let honest = door.honest();
    let third = tokio::spawn(async move { honest.call("/third").await });
    // The permit gauge shows that the third is not in; that it gets in is what counts.
    assert!(door.server.metric("issuer_host_connection_permits_in_use").await <= 2.0);
    assert_eq!(door.backend.arrivals("/third"), 0);
    drop(first);
    assert_eq!(within("the third connection", third).await.unwrap().unwrap().status, 200);
    drop(second);
    door.server.permits_return_to_zero().await;
}

#[tokio::test]
async fn the_healthcheck_follows_readiness() {
    let mut door = Door::open().await;
    let gate = Gate::closed();
    door.backend.answer("/flight", Answer::Held(gate.clone()));
    let healthy = async |door: &Door| {
        let arguments = ["healthcheck", "--address", &door.server.admin().to_string()];
        tool::run(door.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await.succeeded()
    };
    assert!(healthy(&door).await);
    let honest = door.honest();
    let call = tokio::spawn(async move { honest.call("/flight").await });
    gate.arrival().await;
    door.server.terminate();
    eventually("the healthcheck to fail", async || !healthy(&door).await).await;
    gate.open();
    assert_eq!(within("the answer", call).await.unwrap().unwrap().status, 200);
    assert_eq!(door.server.exit_code().await, Some(0));
}
