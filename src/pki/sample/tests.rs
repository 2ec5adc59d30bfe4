use std::collections::BTreeMap;

use rustls_pki_types::UnixTime;

use super::*;
use crate::pki::minting::now;
use crate::pki::server_credential::CredentialWarning;
use crate::pki::trust_anchors::{AnchorRefusal, AnchorRules, TrustAnchors, TrustAnchorsError};
use crate::pki::{CertificateFacts, ServerCredential, pem};

type Files = BTreeMap<&'static str, String>;

fn generated() -> Files {
    let files = SamplePki::generate(SampleOptions::default()).unwrap();
    files.files().map(|(name, text, _)| (name, text)).collect()
}

macro_rules! committed_files {
    ($($name:literal),* $(,)?) => {
        Files::from([$(($name, include_str!(concat!("../../../certs-sample/", $name)).to_owned())),*])
    };
}

fn committed() -> Files {
    committed_files![
        "README.md",
        "thales-client-ca.pem",
        "client-a-chain.pem",
        "client-a-key.pem",
        "client-b-chain.pem",
        "client-b-key.pem",
        "client-expired-chain.pem",
        "client-expired-key.pem",
        "foreign-ca.pem",
        "foreign-client-chain.pem",
        "foreign-client-key.pem",
        "server-chain.pem",
        "server-key.pem",
        "server-ca.pem",
    ]
}

const ALLOWED: AnchorRules = AnchorRules { allow_public_client_ca: false, allow_sample_certificates: true };

fn anchors(pem: &str) -> TrustAnchors {
    TrustAnchors::from_pem(pem.as_bytes(), &ALLOWED, now()).unwrap()
}

/// Whether webpki admits the client of `chain` for the anchors of `ca`.
fn admits(ca: &str, chain: &str, time: UnixTime) -> Result<(), webpki::Error> {
    let roots: Vec<_> = anchors(ca).anchors().iter().map(|anchor| anchor.webpki().clone()).collect();
    let chain = pem::certificates(chain.as_bytes()).unwrap();
    let leaf = webpki::EndEntityCert::try_from(&chain[0]).unwrap();
    let usage = webpki::KeyUsage::client_auth();
    leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &roots, &chain[1..], time, usage, None, None).map(|_| ())
}

fn tells_its_story(files: &Files) {
    let ca = &files["thales-client-ca.pem"];
    assert_eq!(admits(ca, &files["client-a-chain.pem"], now()), Ok(()));
    assert_eq!(admits(ca, &files["client-b-chain.pem"], now()), Ok(()));
    let expired = admits(ca, &files["client-expired-chain.pem"], now());
    assert!(matches!(expired, Err(webpki::Error::CertExpired { .. })), "{expired:?}");
    assert_eq!(admits(ca, &files["foreign-client-chain.pem"], now()), Err(webpki::Error::UnknownIssuer));
    assert_eq!(admits(&files["foreign-ca.pem"], &files["foreign-client-chain.pem"], now()), Ok(()), "control");
}

fn has_keys_that_match(files: &Files) {
    for name in ["client-a", "client-b", "client-expired", "foreign-client"] {
        let key = pem::private_key(files[&*format!("{name}-key.pem")].as_bytes()).unwrap();
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
        let chain = pem::certificates(files[&*format!("{name}-chain.pem")].as_bytes()).unwrap();
        rustls::sign::CertifiedKey::new(chain, key).keys_match().unwrap();
    }
}

fn serves_its_hosts(files: &Files) {
    for host in ["localhost", "issuer.sample", "127.0.0.1", "::1"] {
        let (chain, key) = (&files["server-chain.pem"], &files["server-key.pem"]);
        let credential = ServerCredential::from_pem(chain.as_bytes(), key.as_bytes(), Some(host), now()).unwrap();
        let is_sample = |warning: &CredentialWarning| matches!(warning, CredentialWarning::Sample { .. });
        assert!(credential.warnings().iter().any(is_sample));
    }
}

#[test]
fn a_generated_sample_pki_admits_its_clients_and_no_other() {
    let files = generated();
    tells_its_story(&files);
    has_keys_that_match(&files);
    serves_its_hosts(&files);
}

#[test]
fn the_committed_sample_pki_admits_its_clients_and_no_other() {
    let files = committed();
    tells_its_story(&files);
    has_keys_that_match(&files);
    serves_its_hosts(&files);
}

#[test]
fn the_committed_sample_ca_is_refused_unless_samples_are_allowed() {
    let files = committed();
    for name in ["thales-client-ca.pem", "foreign-ca.pem", "server-ca.pem"] {
        let strict = TrustAnchors::from_pem(files[name].as_bytes(), &AnchorRules::default(), now());
        let Err(TrustAnchorsError::Refused(problems)) = strict else { panic!("{name} was accepted") };
        assert!(matches!(problems.as_slice(), [problem] if problem.reason == AnchorRefusal::Sample), "{name}");
        assert_eq!(anchors(&files[name]).anchors().len(), 1, "control");
    }
}

#[test]
fn the_committed_readme_is_the_generated_one_and_names_every_file() {
    let files = committed();
    assert_eq!(files["README.md"], generated()["README.md"]);
    for name in files.keys().filter(|name| **name != "README.md") {
        assert!(files["README.md"].contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn every_subject_says_sample_and_the_two_clients_share_neither_key_nor_issuer() {
    let files = committed();
    for (name, text) in files.iter().filter(|(name, _)| name.contains("chain") || name.contains("ca.pem")) {
        for der in pem::certificates(text.as_bytes()).unwrap() {
            let subject = CertificateFacts::from_der(&der).unwrap().subject;
            assert!(subject.starts_with("CN=SAMPLE ") && subject.ends_with(SAMPLE_ORGANIZATION), "{name}: {subject}");
        }
    }
    let leaf = |name| {
        let chain = pem::certificates(files[name].as_bytes()).unwrap();
        CertificateFacts::from_der(&chain[0]).unwrap()
    };
    let (a, b) = (leaf("client-a-chain.pem"), leaf("client-b-chain.pem"));
    assert_ne!(a.public_key_der, b.public_key_der);
    assert_ne!(a.issuer, b.issuer);
}

#[test]
fn keys_are_marked_secret_and_no_ca_key_is_among_the_files() {
    let files = SamplePki::generate(SampleOptions::default()).unwrap();
    for (name, text, secret) in files.files() {
        assert_eq!(secret, text.contains("PRIVATE KEY-----"), "{name}");
        assert_eq!(secret, name.ends_with("-key.pem"), "{name}");
        assert!(!(secret && name.contains("ca")), "{name}");
    }
    assert!(!format!("{files:?}").contains("PRIVATE KEY"));
}

#[test]
fn a_sample_pki_can_be_made_for_another_host_and_for_no_impossible_one() {
    let options = |hosts: &[&str]| SampleOptions { hosts: hosts.iter().map(ToString::to_string).collect() };
    let files: Files = SamplePki::generate(options(&["tsh.bank.example"]))
        .unwrap()
        .files()
        .map(|(name, text, _)| (name, text))
        .collect();
    let (chain, key) = (files["server-chain.pem"].as_bytes(), files["server-key.pem"].as_bytes());
    ServerCredential::from_pem(chain, key, Some("tsh.bank.example"), now()).unwrap();
    ServerCredential::from_pem(chain, key, Some("localhost"), now()).unwrap_err();
    assert!(matches!(SamplePki::generate(options(&[])), Err(SampleError::NoHost)));
    assert!(matches!(SamplePki::generate(options(&["bänk.example"])), Err(SampleError::Generation(_))));
}
