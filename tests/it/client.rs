//! The tests' own client, against a server of rustls' making: what it can do here and cannot do at the real server is the real
//! server's doing.

use rustls::AlertDescription;

use crate::support::control::ControlServer;
use crate::support::{Authority, Pki, Refusal, eventually};

#[tokio::test]
async fn the_client_calls_over_both_versions_with_and_without_a_name() {
    let pki = Pki::new();
    let control = ControlServer::open(&pki).await;
    let caller = control.caller(&pki);
    for caller in [caller.clone(), caller.clone().tls12(), caller.clone().tls13(), caller.without_name()] {
        caller.expect_accepted("the tests' client").await;
    }
}

#[tokio::test]
async fn the_client_sees_acceptance_and_refusal_on_both_versions() {
    let pki = Pki::new();
    let control = ControlServer::demanding(&pki).await;
    let stranger = control.caller(&pki);
    let foreigner = stranger.clone().presenting(&Authority::root("Foreign Root").client("foreigner"));
    for (version, caller) in [("1.2", foreigner.clone().tls12()), ("1.3", foreigner.tls13())] {
        assert_eq!(caller.expect_refused(version).await, Refusal::Alert(AlertDescription::UnknownCA), "TLS {version}");
    }
    stranger.clone().tls13().expect_refused("a stranger").await;
    let honest = stranger.presenting(&pki.honest);
    honest.clone().tls12().expect_accepted("an honest client").await;
    honest.tls13().expect_accepted("an honest client").await;
}

#[tokio::test]
async fn the_client_tells_a_closed_port_from_a_refusal() {
    let pki = Pki::new();
    let control = ControlServer::open(&pki).await;
    let caller = control.caller(&pki);
    drop(control);
    eventually("the port to close", async || caller.call("/").await.err() == Some(Refusal::NotListening)).await;
}
