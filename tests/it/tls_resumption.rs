//! Resumption by itself: whom it serves, what it gives, and that it can be off.

use rustls::HandshakeKind;
use tokio::io::AsyncWriteExt as _;

use crate::support::returning::resumptions;
use crate::support::{Caller, Door, HOST, Returning, Setup, raw};

#[tokio::test]
async fn a_caller_that_comes_back_resumes_on_both_versions() {
    let door = Door::open().await;
    for caller in [door.honest().tls12(), door.honest().tls13()] {
        let returning = Returning::new(&caller);
        returning.expect_resumption().await;
        assert_eq!(returning.expect_visit("at the third visit").await, HandshakeKind::Resumed, "renewed each time");
    }
    assert_eq!(resumptions(&door.server).await, 4);
    door.is_unharmed().await;
}

#[tokio::test]
async fn one_ticket_is_given_for_a_handshake_and_none_takes_early_data() {
    let door = Door::open().await;
    assert_eq!(tickets(&door.honest().tls13()).await, 1);
    let mut config = door.honest().tls13().config();
    config.resumption = rustls::client::Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    let config = std::sync::Arc::new(config);
    for visit in 0..2 {
        let mut stream = door.honest().connect_with(std::sync::Arc::clone(&config)).await.unwrap();
        assert!(!stream.get_ref().1.is_early_data_accepted(), "visit {visit}");
        call(&mut stream).await;
    }
}

#[tokio::test]
async fn switched_off_no_session_is_resumed_and_no_ticket_is_given() {
    let door = Door::with(Setup { environment: "resumption = \"off\"", ..Setup::default() }).await;
    for caller in [door.honest().tls12(), door.honest().tls13()] {
        let returning = Returning::new(&caller);
        for visit in 1..=2 {
            assert_eq!(returning.expect_visit("without resumption").await, HandshakeKind::Full, "visit {visit}");
        }
        assert_eq!(tickets(&caller).await, 0);
    }
}

/// How many TLS 1.3 tickets one call earns.
async fn tickets(caller: &Caller) -> u32 {
    let mut stream = caller.connect().await.unwrap();
    call(&mut stream).await;
    stream.get_ref().1.tls13_tickets_received()
}

async fn call(stream: &mut tokio_rustls::client::TlsStream<tokio::net::TcpStream>) {
    let request = format!("POST /resumption HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    raw::read_until(stream, "received").await;
}
