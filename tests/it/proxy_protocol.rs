//! A load balancer in TCP mode says who calls, when the server was told to believe it, and nobody else does.

use crate::support::{Door, Refusal, Setup};

const FROM_LOOPBACK: &str = "[server.proxy_protocol]\nfrom = [\"127.0.0.0/8\"]";
const V1: &str = "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n";
const V1_IPV6: &str = "PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

#[tokio::test]
async fn the_caller_s_address_reaches_the_backend() {
    let door = Door::with(Setup { server: FROM_LOOPBACK, ..Setup::default() }).await;
    for (what, header, address) in [
        ("version 1", V1.as_bytes().to_vec(), "203.0.113.7"),
        ("version 1 with IPv6", V1_IPV6.as_bytes().to_vec(), "2001:db8::7"),
        ("version 2", v2(0x21, 0x11, &ipv4()), "203.0.113.7"),
        ("version 2 with IPv6", v2(0x21, 0x21, &ipv6()), "2001:db8::7"),
        ("version 2 with a TLV", v2(0x21, 0x11, &[&ipv4()[..], &[4, 0, 3, 1, 2, 3]].concat()), "203.0.113.7"),
        ("version 2 LOCAL", v2(0x20, 0x00, &[]), "127.0.0.1"),
        ("version 1 UNKNOWN", b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
    ] {
        for caller in [door.honest(), door.honest().h2(), door.honest().tls12()] {
            caller.preface(header.clone()).expect_accepted(what).await;
            assert_eq!(door.backend.received("/accepted").headers["x-forwarded-for"], address, "{what}");
        }
        door.stranger().preface(header).expect_refused("a stranger behind the load balancer").await;
    }
    door.server.permits_return_to_zero().await;
}

#[tokio::test]
async fn without_a_proxy_header_the_address_is_the_socket_s() {
    let door = Door::open().await;
    let from = "127.0.0.9:0".parse().unwrap();
    door.honest().from(from).expect_accepted("an honest client").await;
    assert_eq!(door.backend.received("/accepted").headers["x-forwarded-for"], "127.0.0.9");
}

#[tokio::test]
async fn a_sender_that_has_to_send_the_header_is_closed_without_it() {
    let setup = format!("handshake_timeout = \"2s\"\n{FROM_LOOPBACK}");
    let door = Door::with(Setup { server: &setup, ..Setup::default() }).await;
    assert_eq!(door.honest().expect_refused("a client without the header").await, Refusal::Closed);
    for (what, header) in [
        ("half a header", b"PROXY TCP4 203.0.113.7".to_vec()),
        ("a header without an end", vec![b'x'; 300]),
        ("an unknown protocol", b"PROXY UDP4 203.0.113.7 192.0.2.1 1 2\r\n".to_vec()),
        ("an address that is none", b"PROXY TCP4 203.0.113.777 192.0.2.1 1 2\r\n".to_vec()),
        ("a port that is none", b"PROXY TCP4 203.0.113.7 192.0.2.1 99999 2\r\n".to_vec()),
        ("small letters", V1.to_lowercase().into_bytes()),
        ("two headers", V1.repeat(2).into_bytes()),
        ("version 3", v2(0x31, 0x11, &ipv4())),
        ("an unknown command", v2(0x22, 0x11, &ipv4())),
        ("a body that is too short", v2(0x21, 0x11, &[1, 2, 3])),
        ("a body that is too long", v2(0x21, 0x11, &vec![0; 60_000])),
    ] {
        door.honest().preface(header).expect_refused(what).await;
    }
    assert_eq!(door.backend.all_arrivals(), 0);
    door.honest().preface(V1).expect_accepted("an honest client").await;
    door.server.permits_return_to_zero().await;
}

#[tokio::test]
async fn a_header_from_somebody_else_is_not_believed() {
    let elsewhere = "[server.proxy_protocol]\nfrom = [\"192.0.2.0/24\", \"2001:db8::/32\"]";
    let door = Door::with(Setup { server: elsewhere, ..Setup::default() }).await;
    door.honest().preface(V1).expect_refused("a client that poses as a load balancer").await;
    door.honest().expect_refused("a client that comes past the load balancer").await;
    assert_eq!(door.backend.all_arrivals(), 0);

    let door = Door::open().await;
    door.honest().preface(V1).expect_refused("a header where there is no load balancer").await;
    door.is_unharmed().await;
}

/// A header of version 2: `command` holds version and command, `family` address family and protocol.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, body].concat()
}

fn ipv4() -> [u8; 12] {
    [203, 0, 113, 7, 192, 0, 2, 1, 0xdc, 4, 1, 0xbb]
}

fn ipv6() -> [u8; 36] {
    let mut body = [0; 36];
    body[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
    body[15] = 7;
    body[16..20].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
    body[31] = 1;
    body[32..].copy_from_slice(&[0xdc, 4, 1, 0xbb]);
    body
}
