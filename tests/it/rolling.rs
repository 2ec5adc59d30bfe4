//! Two replicas behind a load balancer, which stop and start one after the other while callers call. `deploy/haproxy/haproxy.cfg` is
//! what HAProxy gets here, and `docs/zero-downtime.md` tells of it.

mod callers;
mod haproxy;
mod pair;

use http::StatusCode;

use crate::support::{Answer, Gate, eventually};
use callers::Callers;
use haproxy::Haproxy;
use pair::Pair;

/// As in the comments of haproxy.cfg.
const DELAY: &str = "drain_delay = \"5s\"";

#[test]
#[ignore = "needs haproxy"]
fn haproxy_accepts_the_configuration_that_is_shipped() {
    let (accepted, said) = haproxy::verdict(&haproxy::shipped());
    assert!(accepted, "{said}");
    let (accepted, said) = haproxy::verdict(&haproxy::shipped().replace("option httpchk", "option httpcheck"));
    assert!(!accepted && said.contains("httpcheck"), "control: a misspelt word is accepted: {said}");
}

#[test]
fn the_document_shows_the_configuration_that_is_shipped() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/zero-downtime.md")).unwrap();
    let shipped = haproxy::shipped();
    let (_, configuration) = shipped.split_once("\n\n").unwrap();
    assert!(document.contains(&format!("```haproxy\n{configuration}```\n")), "docs/zero-downtime.md has another one");
    let delay = format!("[server]\n{DELAY}\n");
    assert!(document.contains(&delay), "and another delay");
}

#[tokio::test]
#[ignore = "needs haproxy"]
async fn a_rolling_restart_of_two_replicas_fails_no_call() {
    let mut pair = Pair::start(DELAY).await;
    let haproxy = Haproxy::before(&pair, &[]).await;
    let callers = Callers::start(&pair, haproxy.address(), "/rolling");
    callers.all_are_served().await;
    pair.both_serve().await;
    for name in ["a", "b"] {
        pair.replica(name).terminate();
        assert_eq!(pair.replica_mut(name).exit_code().await, Some(0), "{name}");
        // By the other one alone.
        callers.all_are_served().await;
        pair.restart(name).await;
        pair.both_serve().await;
        callers.all_are_served().await;
    }
    let mut served = 0;
    for (who, tally) in callers.stop().await {
        served += tally.served;
        assert_eq!(tally.failures, [""; 0], "{who}, after {} calls", tally.served);
        assert!(tally.connections > 1, "{who} kept its connection while both replicas went");
    }
    assert_eq!(pair.backend().arrivals("/rolling"), served, "none of them came to the backend twice");
}

#[tokio::test]
#[ignore = "needs haproxy"]
async fn a_call_in_flight_survives_the_stop_of_its_replica_and_not_its_death() {
    for killed in [false, true] {
        let mut pair = Pair::start("drain_delay = \"100ms\"").await;
        let haproxy = Haproxy::before(&pair, &[]).await;
        let gate = Gate::closed();
        pair.backend().answer("/held", Answer::Held(gate.clone()));
        let callers = Callers::start(&pair, haproxy.address(), "/held");
        for _ in 0..callers.count() {
            gate.arrival().await;
        }
        let held = pair.replica("a").counted("issuer_host_requests_in_flight", &[]).await;
        let held = usize::try_from(held).unwrap();
        assert!(held > 0, "the balancer spreads connections");
        // Whoever comes later is answered at once.
        pair.backend().answer("/held", Answer::Fixed(StatusCode::OK, "received"));
        if killed {
            pair.replica_mut("a").kill();
        } else {
            pair.replica("a").terminate();
            eventually("replica a to listen no more", async || !pair.replica("a").events("draining").is_empty()).await;
        }
        for _ in 0..callers.count() {
            gate.open();
        }
        callers.all_are_served().await;
        let failures: usize = callers.stop().await.iter().map(|(_, tally)| tally.failures.len()).sum();
        if killed {
            assert!(failures >= held, "control: {held} calls were in flight, and {failures} failed");
        } else {
            assert_eq!(failures, 0);
            assert_eq!(pair.replica_mut("a").exit_code().await, Some(0));
        }
    }
}

#[tokio::test]
#[ignore = "needs haproxy"]
async fn without_a_drain_delay_a_balancer_that_has_not_looked_yet_sends_callers_to_a_closed_door() {
    let mut pair = Pair::start("drain_delay = \"0s\"").await;
    // One that looks too rarely, and has no second try, as many have none.
    let looks_once = [("inter 500ms", "inter 1h"), ("    option redispatch 1\n", ""), ("retries 3", "retries 0")];
    let haproxy = Haproxy::before(&pair, &looks_once).await;
    let callers = Callers::start(&pair, haproxy.address(), "/rolling");
    callers.all_are_served().await;
    pair.both_serve().await;
    assert_eq!(callers.failures(), 0, "control: while both are there");
    pair.replica("a").terminate();
    assert_eq!(pair.replica_mut("a").exit_code().await, Some(0));
    eventually("calls to fail", async || callers.failures() > 0).await;
    callers.stop().await;
}
