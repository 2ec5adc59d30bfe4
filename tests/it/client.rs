//! The tests' own client, against a server of rustls' making: what it can do here and cannot do at the real server is the real
//! server's doing.

use rustls::AlertDescription;

use crate::support::control::ControlServer;
use crate::support::frames::{self, END_STREAM, Frame, HEADERS};
use crate::support::hello::{FirstAnswer, Hello};
use crate::support::{Authority, Backend, HOST, Pki, Refusal, eventually};

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

#[tokio::test]
async fn hellos_and_frames_by_hand_are_understood_by_other_servers() {
    let pki = Pki::new();
    let control = ControlServer::open(&pki).await;
    let hello = Hello { version: 0x0303, suites: &[0xc02b], name: Some(HOST) };
    let answer = hello.ask(&control.caller(&pki)).await;
    assert_eq!(answer, FirstAnswer::ServerHello { version: 0x0303, suite: 0xc02b });

    let backend = Backend::h2c().await;
    let stream = tokio::net::TcpStream::connect(backend.address()).await.unwrap();
    let request = Frame::request(1, END_STREAM, "GET", "/by-hand", &[("x-long", &"x".repeat(1000))]);
    let said = [frames::opening(), request.bytes()].concat();
    let frames = frames::converse(stream, said, |frame| frame.kind == HEADERS).await;
    assert_eq!(frames.last().unwrap().payload[0], 0x88, "{frames:?}");
    assert_eq!(backend.received("/by-hand").headers["x-long"].len(), 1000);
}
