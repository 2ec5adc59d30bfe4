//! Resumption is off: every handshake is a full one, so that every connection meets the client verifier.

use std::sync::Arc;

use rustls::HandshakeKind;
use rustls::client::Resumption;

use crate::support::control::ControlServer;
use crate::support::{Caller, Door, Pki, raw};

#[tokio::test]
async fn no_session_is_resumed_and_no_ticket_is_given() {
    let door = Door::open().await;
    for caller in [door.honest().tls12(), door.honest().tls13()] {
        assert_eq!(second_handshake(&caller).await, (HandshakeKind::Full, 0));
    }
}

#[tokio::test]
async fn the_same_caller_would_resume_where_it_could() {
    let pki = Pki::new();
    let control = ControlServer::demanding(&pki).await;
    let caller = control.caller(&pki).presenting(&pki.honest);
    assert_eq!(second_handshake(&caller.clone().tls12()).await.0, HandshakeKind::Resumed);
    let (kind, tickets) = second_handshake(&caller.tls13()).await;
    assert_eq!(kind, HandshakeKind::Resumed);
    assert_ne!(tickets, 0);
}

/// Calls twice with one session store; says how the second handshake went, and how many tickets the first call earned.
async fn second_handshake(caller: &Caller) -> (HandshakeKind, u32) {
    let mut config = caller.config();
    config.resumption = Resumption::in_memory_sessions(8);
    let config = Arc::new(config);
    let mut tickets = 0;
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let mut stream = caller.connect_with(Arc::clone(&config)).await.unwrap();
        let request =
            format!("POST /resumption HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\r\n", crate::support::HOST);
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
        raw::read_until(&mut stream, "received").await;
        let connection = stream.get_ref().1;
        kinds.push(connection.handshake_kind().unwrap());
        tickets += connection.tls13_tickets_received();
    }
    assert_ne!(kinds[0], HandshakeKind::Resumed, "the first handshake has nothing to resume");
    (kinds[1], tickets)
}
