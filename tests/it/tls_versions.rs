//! TLS versions, cipher suites, key exchange groups and signature schemes.

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::{cipher_suite, kx_group};

use crate::support::hello::{FirstAnswer, HANDSHAKE_FAILURE, Hello, PROTOCOL_VERSION};
use crate::support::{Caller, Door, HOST, Pki, Setup, Spec};

/// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`: what an honest TLS 1.2 client offers.
const ECDHE_GCM: u16 = 0xc02b;

#[tokio::test]
async fn every_aead_suite_and_common_group_is_accepted() {
    let door = Door::open().await;
    let honest = door.honest();
    for (who, caller) in [
        ("TLS 1.2 AES-128", honest.clone().tls12().suite(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)),
        ("TLS 1.2 AES-256", honest.clone().tls12().suite(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)),
        ("TLS 1.2 ChaCha20", honest.clone().tls12().suite(cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)),
        ("TLS 1.3 AES-128", honest.clone().tls13().suite(cipher_suite::TLS13_AES_128_GCM_SHA256)),
        ("TLS 1.3 AES-256", honest.clone().tls13().suite(cipher_suite::TLS13_AES_256_GCM_SHA384)),
        ("TLS 1.3 ChaCha20", honest.clone().tls13().suite(cipher_suite::TLS13_CHACHA20_POLY1305_SHA256)),
        ("X25519MLKEM768", honest.clone().tls13().group(kx_group::X25519MLKEM768)),
        ("X25519", honest.clone().tls13().group(kx_group::X25519)),
        ("P-256", honest.clone().tls13().group(kx_group::SECP256R1)),
        ("P-384", honest.clone().tls13().group(kx_group::SECP384R1)),
        ("P-256 on TLS 1.2", honest.clone().tls12().group(kx_group::SECP256R1)),
    ] {
        caller.expect_accepted(who).await;
    }
}

#[tokio::test]
async fn the_server_chooses_the_suite_whatever_its_callers_prefer() {
    let door = Door::open().await;
    for (caller, preferred, chosen) in [
        (
            door.honest().tls13(),
            cipher_suite::TLS13_AES_256_GCM_SHA384.suite(),
            cipher_suite::TLS13_AES_128_GCM_SHA256.suite(),
        ),
        (
            door.honest().tls12(),
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384.suite(),
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256.suite(),
        ),
    ] {
        let offered: Vec<_> =
            caller.config().crypto_provider().cipher_suites.iter().map(SupportedCipherSuite::suite).collect();
        let place = |wanted| offered.iter().position(|suite| *suite == wanted).unwrap();
        assert!(place(preferred) < place(chosen), "control: {offered:?}");
        let stream = caller.connect().await.unwrap();
        assert_eq!(stream.get_ref().1.negotiated_cipher_suite().unwrap().suite(), chosen);
    }
}

#[tokio::test]
async fn an_rsa_server_key_serves_both_versions() {
    let mut pki = Pki::new();
    let issuing = pki.servers.intermediate("Server Issuing CA for RSA");
    pki.server = issuing.issue(Spec::server(HOST).key(&rcgen::PKCS_RSA_SHA256));
    let door = Door::behind(pki, Setup::default()).await;
    let honest = door.honest();
    honest.clone().tls12().expect_accepted("a client on TLS 1.2").await;
    honest.clone().tls13().expect_accepted("a client on TLS 1.3").await;
    let suite = cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
    honest.tls12().suite(suite).expect_accepted("a client of an RSA suite").await;
    // The static key exchange and CBC of the same key stay closed: TLS_RSA_WITH_AES_128_GCM_SHA256 and two of CBC.
    for suite in [0x009c, 0x002f, 0xc013] {
        assert_eq!(hello(0x0303, &[suite]).ask(&door.stranger()).await, HANDSHAKE_FAILURE, "suite {suite:#06x}");
    }
}

#[tokio::test]
async fn a_server_certificate_directly_under_its_root_is_served() {
    let mut pki = Pki::new();
    pki.server = pki.servers.issue(Spec::server(HOST));
    assert_eq!(pki.server.chain.len(), 1);
    let door = Door::behind(pki, Setup::default()).await;
    door.honest().expect_accepted("a client that trusts the root").await;
}

#[tokio::test]
async fn old_versions_are_refused_by_alert() {
    let door = Door::open().await;
    let control = hello(0x0303, &[ECDHE_GCM]).ask(&door.stranger()).await;
    assert_eq!(control, FirstAnswer::ServerHello { version: 0x0303, suite: ECDHE_GCM });
    for (name, version) in [("SSL 3.0", 0x0300), ("TLS 1.0", 0x0301), ("TLS 1.1", 0x0302)] {
        assert_eq!(hello(version, &[ECDHE_GCM, 0xc009]).ask(&door.stranger()).await, PROTOCOL_VERSION, "{name}");
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn weak_suites_are_refused_by_alert() {
    let door = Door::open().await;
    let stranger: Caller = door.stranger();
    for (name, suite) in [
        ("ECDHE-ECDSA with AES-128-CBC and SHA-1", 0xc009),
        ("ECDHE-ECDSA with AES-128-CBC and SHA-256", 0xc023),
        ("static RSA with AES-128-GCM", 0x009c),
        ("static RSA with 3DES", 0x000a),
        ("DHE-RSA with AES-128-GCM", 0x009e),
        ("RC4", 0xc007),
        ("no encryption", 0xc006),
        ("anonymous ECDH", 0xc018),
        ("an export suite", 0x0003),
    ] {
        assert_eq!(hello(0x0303, &[suite]).ask(&stranger).await, HANDSHAKE_FAILURE, "{name}");
        let beside = hello(0x0303, &[suite, ECDHE_GCM]).ask(&stranger).await;
        assert_eq!(beside, FirstAnswer::ServerHello { version: 0x0303, suite: ECDHE_GCM }, "{name} beside a good one");
    }
    door.is_unharmed().await;
}

fn hello(version: u16, suites: &[u16]) -> Hello<'_> {
    Hello { version, suites, name: Some(HOST) }
}
