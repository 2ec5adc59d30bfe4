//! What is no TLS at all, or stops half-way. The server closes, keeps no permit and serves the next honest client.

use tokio::io::AsyncWriteExt as _;

use crate::support::hello::Hello;
use crate::support::{Door, HOST, Setup, raw};

#[tokio::test]
async fn what_is_no_client_hello_is_answered_by_closing() {
    let door = Door::with(Setup { server: "handshake_timeout = \"2s\"", ..Setup::default() }).await;
    let hello = Hello { version: 0x0303, suites: &[0xc02b], name: Some(HOST) }.record();
    let mut oversized = hello.clone();
    oversized[3..5].copy_from_slice(&0xffff_u16.to_be_bytes());
    oversized.resize(0x1_0000, 0);
    let mut lying = hello.clone();
    lying[6] = 0xff;
    lying.resize(0x8000, 0);
    for (what, bytes) in [
        ("an HTTP request in the clear", b"GET / HTTP/1.1\r\nhost: issuer.bank.test\r\n\r\n".to_vec()),
        ("an HTTP/2 preface in the clear", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("an SSLv2 hello", vec![0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10, 1, 0, 0x80, 3, 0, 0x80, 7, 0, 0xc0]),
        (
            "a PROXY header that nobody asked for",
            [b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n".to_vec(), hello.clone()].concat(),
        ),
        ("a record that is too long", oversized),
        ("a hello that claims to be 16 MB long", lying),
        ("application data before a handshake", vec![23, 3, 3, 0, 4, 1, 2, 3, 4]),
        ("an alert", vec![21, 3, 3, 0, 2, 2, 0]),
        ("an empty handshake record", vec![22, 3, 1, 0, 0, 22, 3, 1, 0, 0]),
        ("a server hello", vec![22, 3, 3, 0, 4, 2, 0, 0, 0]),
        ("an SSH greeting", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("zeros", vec![0; 1000]),
        ("ones", vec![0xff; 1000]),
        ("two hellos", [hello.clone(), hello.clone()].concat()),
    ] {
        let mut socket = door.stranger().socket().await.unwrap();
        let answer = raw::exchange(&mut socket, &bytes).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(!text.contains("HTTP/"), "{what} was answered with HTTP: {text}");
    }
    door.is_unharmed().await;
    assert_eq!(door.backend.all_arrivals(), 1);
}

#[tokio::test]
async fn every_truncation_of_a_hello_is_survived() {
    let door = Door::open().await;
    let hello = Hello { version: 0x0303, suites: &[0xc02b], name: Some(HOST) }.record();
    for length in (0..hello.len()).step_by(7) {
        let mut socket = door.stranger().socket().await.unwrap();
        socket.write_all(&hello[..length]).await.unwrap();
        socket.shutdown().await.unwrap();
        raw::drain(&mut socket).await;
    }
    for position in (0..hello.len()).step_by(3) {
        let mut damaged = hello.clone();
        damaged[position] ^= 0x55;
        let mut socket = door.stranger().socket().await.unwrap();
        socket.write_all(&damaged).await.unwrap();
        socket.shutdown().await.unwrap();
        raw::drain(&mut socket).await;
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_handshake_that_stalls_is_cut_at_its_deadline() {
    let door = Door::with(Setup { server: "handshake_timeout = \"300ms\"", ..Setup::default() }).await;
    let hello = Hello { version: 0x0303, suites: &[0xc02b], name: Some(HOST) }.record();
    let mut silent = door.stranger().socket().await.unwrap();
    assert_eq!(raw::drain(&mut silent).await, b"", "a silent socket is closed without a word");
    let mut halfway = door.stranger().socket().await.unwrap();
    raw::exchange(&mut halfway, &hello[..40]).await;
    let mut stalled = door.stranger().socket().await.unwrap();
    raw::exchange(&mut stalled, &hello).await;
    // One byte at a time does not buy more time: the deadline is absolute.
    let mut drip = door.stranger().socket().await.unwrap();
    let dripping = async {
        for byte in hello.iter().cycle().take(4000) {
            if drip.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("a hello in drips is read for ever");
    };
    crate::support::within("a dripping hello to be cut", dripping).await;
    door.is_unharmed().await;
}
