//! Ready, draining, gone.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::tool;
use crate::support::{Answer, Door, Gate, HOST, Refusal, Setup, eventually, request, within};

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
    // Whoever asks again learns what the end waits for, and ends nothing by it.
    let begun = door.server.told("draining", 1).await;
    assert_eq!(begun.len(), 1);
    // The two, and perhaps one of those that were taken just before.
    assert!(begun[0]["connections"].as_u64() >= Some(2), "{begun:?}");
    door.server.terminate();
    eventually("the drain to be told of again", async || door.server.events("draining").len() == 2).await;
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
async fn idle_connections_end_long_before_the_drain_timeout() {
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
async fn during_the_drain_delay_callers_are_served_although_the_server_is_not_ready() {
    let server = "drain_delay = \"10m\"\ndrain_timeout = \"60s\"";
    let mut door = Door::with(Setup { server, ..Setup::default() }).await;
    let mut kept = door.honest().session().await.unwrap();
    door.server.terminate();
    eventually("the server to say that it is not ready", async || {
        door.server.admin_fetch("/readyz").await == (503, "draining\n".to_owned())
    })
    .await;
    assert_eq!(door.server.told("stopping", 1).await.len(), 1);
    for _ in 0..2 {
        let reply = kept.send(request("POST", "/kept").body("".into()).unwrap()).await.unwrap();
        assert_eq!((reply.status, reply.headers.get("connection")), (200, None), "it need not leave yet");
    }
    for caller in [door.honest(), door.honest().h2()] {
        assert_eq!(caller.call("/new").await.unwrap().status, 200);
    }
    assert!(door.server.events("draining").is_empty(), "control: the delay is not over");
    // Whoever cannot wait asks again.
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    assert_eq!((door.server.events("delay_ended").len(), door.server.events("draining").len()), (1, 1));
}

#[tokio::test]
async fn the_drain_delay_ends_by_itself_and_can_be_changed_by_a_reload() {
    let server = "drain_delay = \"10m\"";
    let mut door = Door::with(Setup { server, ..Setup::default() }).await;
    door.edit(server, "drain_delay = \"100ms\"");
    assert_eq!(door.server.reload().await["configuration"]["needs_restart"], serde_json::json!([]));
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    let stopping = door.server.events("stopping");
    assert_eq!((stopping.len(), &stopping[0]["delay_s"]), (1, &serde_json::json!(0.1)));
    assert_eq!(door.server.events("draining").len(), 1);
    assert!(door.server.events("delay_ended").is_empty());
}

#[tokio::test]
async fn a_caller_that_keeps_its_connection_has_one_more_request_answered_in_the_drain() {
    let mut door = Door::with(Setup { server: "drain_timeout = \"60s\"", ..Setup::default() }).await;
    let mut kept = door.honest().session().await.unwrap();
    let before = kept.send(request("POST", "/before").body("".into()).unwrap()).await.unwrap();
    assert_eq!((before.status, before.headers.get("connection")), (200, None), "control");
    let fresh = [door.honest().session().await.unwrap(), door.honest().h2().session().await.unwrap()];
    begin_drain(&door).await;
    for mut session in [kept].into_iter().chain(fresh) {
        let reply = session.send(request("POST", "/last").body("".into()).unwrap()).await.unwrap();
        assert_eq!(reply.status, 200);
        if reply.version == http::Version::HTTP_11 {
            assert_eq!(reply.headers["connection"], "close", "the caller has to learn that this was the last one");
        }
        session.ended().await;
    }
    assert_eq!(door.server.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_head_that_has_begun_to_arrive_is_answered_in_the_drain() {
    let mut door = Door::with(Setup { server: "drain_timeout = \"60s\"", ..Setup::default() }).await;
    let mut stream = door.honest().connect().await.unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: ").await.unwrap();
    stream.flush().await.unwrap();
    // A request on another connection that was accepted later shows that the bytes had time to come; whether they have is not visible.
    door.honest().expect_accepted("a caller").await;
    begin_drain(&door).await;
    stream.write_all(format!("{HOST}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("the answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close\r\n"), "{answer}");
    assert_eq!(door.server.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_handshake_that_is_under_way_when_the_drain_begins_is_finished_and_its_request_answered() {
    let mut door = Door::with(Setup { server: "drain_timeout = \"60s\"", ..Setup::default() }).await;
    let callers = [door.honest(), door.honest().h2()];
    let mut sockets = Vec::new();
    for caller in &callers {
        sockets.push(caller.socket().await.unwrap());
    }
    eventually("both handshakes to be under way", async || {
        door.server.metric("issuer_host_handshakes_in_flight").await > 1.5
    })
    .await;
    begin_drain(&door).await;
    for (caller, socket) in callers.iter().zip(sockets) {
        let mut session = caller.session_over(socket).await.unwrap();
        let reply = session.send(request("POST", "/late").body("".into()).unwrap()).await.unwrap();
        assert_eq!(reply.status, 200);
    }
    assert_eq!(door.server.exit_code().await, Some(0));
}

/// Sends SIGTERM, and waits until nobody listens any more.
async fn begin_drain(door: &Door) {
    door.server.terminate();
    let honest = door.honest();
    eventually("new connections to be refused", async || honest.socket().await.is_err()).await;
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
