//! That what is configured arrives.

use std::collections::BTreeSet;

use super::*;
use crate::settings::{DEFAULTS, Sources};

/// Every setting of `[server]` with another value than its default, as a variable holds it.
const OTHERS: &[(&str, &str)] = &[
    ("listen", "127.0.0.1:18443"),
    ("max_connections", "11"),
    ("max_handshakes", "12"),
    ("max_handshakes_per_source", "3"),
    ("handshake_timeout", "4s"),
    ("header_timeout", "6s"),
    ("body_timeout", "7s"),
    ("request_timeout", "59s"),
    ("keep_alive_idle", "8s"),
    ("max_connection_age", "9s"),
    ("drain_delay", "3s"),
    ("drain_timeout", "1s"),
    ("retire_grace", "2s"),
    ("max_body_size", "2 KiB"),
    ("max_header_size", "16 KiB"),
    ("max_headers", "50"),
    ("http2.max_concurrent_streams", "7"),
    ("http2.initial_stream_window", "128 KiB"),
    ("http2.initial_connection_window", "512 KiB"),
    ("proxy_protocol.from", "192.0.2.0/24"),
];

/// A single environment of samples, with `key` set to `value`.
fn settings_with(key: &str, value: &str) -> Settings {
    let sample = |name: &str| format!("{}/certs-sample/{name}", env!("CARGO_MANIFEST_DIR"));
    let variable = format!("ISSUER_HOST__{}", key.to_ascii_uppercase().replace('.', "__"));
    let sources = Sources::default()
        .with_variable("CUSTOMER_ID", "ISSUER0001")
        .with_variable("PRODUCT", "tsh")
        .with_variable("BACKEND_URL", "http://127.0.0.1:8080")
        .with_variable("THALES_CLIENT_CA", sample("thales-client-ca.pem"))
        .with_variable("CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN", sample("server-chain.pem"))
        .with_variable("CUSTOMER_TLS_SERVER_PRIVATE_KEY", sample("server-key.pem"))
        .with_variable(variable, value);
    Settings::load(&sources).unwrap()
}

#[test]
fn every_setting_of_the_server_arrives_in_its_options() {
    let shown = |key: &str, value: &str| format!("{:?}", ServerOptions::from(&settings_with(key, value)));
    let default = format!("{:?}", ServerOptions::default());
    assert_eq!(shown("server.workers", "2"), default, "threads are the business of whoever makes the runtime");
    let mut seen = BTreeSet::from([default]);
    for (key, other) in OTHERS {
        assert!(seen.insert(shown(&format!("server.{key}"), other)), "{key} changes nothing, or what another one does");
    }
    assert!(seen.insert(shown("log.access", "false")));
    assert!(seen.insert(shown("reload.watch", "false")));
    assert!(seen.insert(shown("reload.poll", "31s")));
}

#[test]
fn no_setting_of_the_server_is_left_out_above() {
    let table = DEFAULTS.split("\n[server]\n").nth(1).and_then(|rest| rest.split("\n[admin]\n").next()).unwrap();
    let documented = table.lines().filter(|line| line.contains(" = ")).count();
    assert_eq!(documented, OTHERS.len() + 1, "and workers");
}

#[test]
fn the_rules_of_an_environment_arrive_in_its_options() {
    let options = |key: &str, value: &str| {
        let settings = settings_with(&format!("environments.default.{key}"), value);
        AppOptions::from_settings(&settings).unwrap().environments.remove(0)
    };
    assert_eq!(options("host", "a.example").host.as_deref(), Some("a.example"));
    assert_eq!(options("listen", "127.0.0.1:1").listen, ["127.0.0.1:1".parse().unwrap()]);
    assert!(options("require_client_auth_eku", "true").client_rules.require_client_auth_eku);
    assert!(options("allow_public_client_ca", "true").allow_public_client_ca);
    assert!(options("allow_sample_certificates", "true").allow_sample_certificates);
    assert!(options("forward_client_certificate", "true").forward_client_certificate);
    let crl = options("crl", &format!("{}/certs-sample/thales-client-ca.pem", env!("CARGO_MANIFEST_DIR")));
    assert_eq!((crl.crl.len(), crl.revocation), (1, RevocationMode::IfCovered));
    let endorsed = format!("{}/certs-sample/server-chain.pem", env!("CARGO_MANIFEST_DIR"));
    assert!(options("endorsed_chain", &endorsed).endorsed_chain.is_some());
    assert_eq!(options("resumption", "off").session_lifetime, None);
    assert_eq!(options("session_lifetime", "2s").session_lifetime, Some(std::time::Duration::from_secs(2)));
    let none = options("require_client_auth_eku", "false");
    assert_eq!(none.session_lifetime, Some(std::time::Duration::from_secs(3600)));
    assert!(none.crl.is_empty() && none.endorsed_chain.is_none() && none.revocation == RevocationMode::Off);
    assert!(!none.client_rules.require_client_auth_eku && !none.allow_public_client_ca);
    assert!(!none.allow_sample_certificates && !none.forward_client_certificate);
    assert_eq!(none.client_rules.subject, SubjectRules::default());
    assert_ne!(options("client_subject.allow", "CN=a").client_rules.subject, SubjectRules::default());
    assert_ne!(options("client_subject.deny", "CN=a; O=b").client_rules.subject, SubjectRules::default());
}

#[test]
fn what_is_wrong_beside_a_missing_piece_is_found_and_nothing_is_said_of_the_piece() {
    let settings = settings_with("environments.default.host", "other.example");
    let whole = EnvironmentParts::from(&settings.environments[0]);
    let keys = |parts: &EnvironmentParts| problems_of(parts).into_iter().map(|found| found.key).collect::<Vec<_>>();
    // The samples are trusted on loopback alone, and their certificate is for other hosts.
    let (ca, chain) = ("environments.default.client_ca", "environments.default.certificate_chain");
    assert_eq!(keys(&whole), [ca, chain]);
    assert_eq!(keys(&EnvironmentParts { private_key: None, ..whole.clone() }), [ca, chain]);
    assert_eq!(keys(&EnvironmentParts { client_ca: None, ..whole.clone() }), [chain]);
    assert_eq!(keys(&EnvironmentParts { certificate_chain: None, ..whole.clone() }), [ca]);
    let unknown = EnvironmentParts { allow_sample_certificates: true, host: None, ..whole };
    assert_eq!(keys(&unknown), [""; 0]);
}
