//! Server names (SNI), ALPN and the hints that a client gets.

use std::fmt;
use std::sync::{Arc, Mutex};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use crate::support::hello::{FirstAnswer, Hello};
use crate::support::{Authority, Door, HOST, Pki, Refusal, Setup};

const ECDHE_GCM: &[u16] = &[0xc02b];

#[tokio::test]
async fn the_host_is_taken_in_any_case_and_other_names_are_refused() {
    let door = Door::open().await;
    for name in [HOST, "ISSUER.bank.test", "Issuer.Bank.Test"] {
        let answer = named(Some(name)).ask(&door.stranger()).await;
        assert!(matches!(answer, FirstAnswer::ServerHello { .. }), "{name}: {answer:?}");
    }
    for name in ["other.bank.test", "bank.test", "sub.issuer.bank.test", "localhost", "issuer.bank.test.evil.test"] {
        let answer = named(Some(name)).ask(&door.stranger()).await;
        assert!(matches!(answer, FirstAnswer::Alert(_)), "{name}: {answer:?}");
        let refusal = door.honest().name(name).expect_refused(name).await;
        assert!(matches!(refusal, Refusal::Alert(_)), "{name}: {refusal:?}");
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn names_that_are_no_names_do_not_harm() {
    let door = Door::open().await;
    let long = "a".repeat(300);
    for name in
        ["", ".", "issuer.bank.test.", "issuer..bank.test", "127.0.0.1", "nul\0.bank.test", "*.bank.test", &long]
    {
        let answer = named(Some(name)).ask(&door.stranger()).await;
        // RFC 6066, 3, forbids a trailing dot and an address: the one may be taken for the host, the other for no name at all.
        let arguable = ["issuer.bank.test.", "127.0.0.1"].contains(&name);
        assert!(arguable || !matches!(answer, FirstAnswer::ServerHello { .. }), "{name:?}: {answer:?}");
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_caller_without_a_name_is_taken_where_one_environment_listens() {
    let door = Door::open().await;
    door.honest().without_name().tls12().expect_accepted("a client without SNI on TLS 1.2").await;
    door.honest().without_name().tls13().expect_accepted("a client without SNI on TLS 1.3").await;
    door.stranger().without_name().expect_refused("a stranger without SNI").await;
}

#[tokio::test]
async fn alpn_chooses_the_protocol() {
    let door = Door::open().await;
    for (offered, chosen) in [
        (&["h2"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&["h2", "http/1.1"], Some("h2")),
        (&["spdy/3", "http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let caller = door.honest().alpn(offered);
        let stream = caller.connect().await.unwrap();
        let negotiated = stream.get_ref().1.alpn_protocol().map(String::from_utf8_lossy);
        assert_eq!(negotiated.as_deref(), chosen, "offered {offered:?}");
        drop(stream);
        caller.expect_accepted(&format!("a client that offers {offered:?}")).await;
    }
    let refusal = door.honest().alpn(&["spdy/3"]).expect_refused("a client of an unknown protocol").await;
    assert_eq!(refusal, Refusal::Alert(rustls::AlertDescription::NoApplicationProtocol));
    door.is_unharmed().await;
}

#[tokio::test]
async fn the_names_of_the_client_authorities_are_sent_as_hints() {
    let pki = Pki::new();
    let second = Authority::root("Second Client Root");
    let bundle = pki.clients.pem() + &second.pem();
    let door = Door::behind(pki, Setup { client_ca: Some(bundle), ..Setup::default() }).await;
    for names in hinted(&door).await {
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names[0].contains("CN=Client Root") && names[1].contains("CN=Second Client Root"), "{names:?}");
    }
}

#[tokio::test]
async fn a_list_of_authorities_that_every_handshake_would_be_long_for_is_left_out() {
    let pki = Pki::new();
    let many: String = (0..100).map(|number| Authority::root(&format!("Client Root Number {number}")).pem()).collect();
    let bundle = pki.clients.pem() + &many;
    let door = Door::behind(pki, Setup { client_ca: Some(bundle), ..Setup::default() }).await;
    assert_eq!(hinted(&door).await, [const { Vec::<String>::new() }; 2]);
    door.is_unharmed().await;
}

/// The names that a client hears, in order, with TLS 1.2 and with 1.3.
async fn hinted(door: &Door) -> [Vec<String>; 2] {
    let mut heard = [const { Vec::new() }; 2];
    for (names, caller) in heard.iter_mut().zip([door.stranger().tls12(), door.stranger().tls13()]) {
        let seen = Arc::new(Hints::default());
        let mut config = caller.config();
        config.client_auth_cert_resolver = Arc::clone(&seen) as Arc<dyn ResolvesClientCert>;
        // Without a certificate the handshake comes to nothing; the hints were seen on the way.
        let _ = caller.connect_with(Arc::new(config)).await;
        names.clone_from(&seen.0.lock().unwrap());
        names.sort();
    }
    heard
}

fn named(name: Option<&str>) -> Hello<'_> {
    Hello { version: 0x0303, suites: ECDHE_GCM, name }
}

/// Notes the hints and presents nothing.
#[derive(Default)]
struct Hints(Mutex<Vec<String>>);

impl ResolvesClientCert for Hints {
    fn resolve(&self, hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        *self.0.lock().unwrap() = hints.iter().map(|hint| X509Name::from_der(hint).unwrap().1.to_string()).collect();
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Hints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hints")
    }
}
