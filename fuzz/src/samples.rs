//! The sample PKI of the repository, which is valid from 2019 to 2125, and a moment in between.

use std::time::{Duration, SystemTime};

use issuer_host::pki::pem::certificates;
use issuer_host::pki::{AnchorRules, Revocation, TrustAnchors};
use issuer_host::tls::{ClientRules, Judge};
use rustls_pki_types::{CertificateDer, UnixTime};

pub const CLIENT_CA: &[u8] = include_bytes!("../../certs-sample/thales-client-ca.pem");
pub const CLIENT_A: &[u8] = include_bytes!("../../certs-sample/client-a-chain.pem");
pub const CLIENT_B: &[u8] = include_bytes!("../../certs-sample/client-b-chain.pem");
pub const EXPIRED: &[u8] = include_bytes!("../../certs-sample/client-expired-chain.pem");
pub const FOREIGN: &[u8] = include_bytes!("../../certs-sample/foreign-client-chain.pem");

const SECONDS: u64 = 1_900_000_000;

/// A moment in 2030: what a target finds does not depend on the day on which it runs.
pub const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(SECONDS));

/// The same.
pub fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(SECONDS)
}

pub fn chain(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    certificates(pem).expect("a chain in PEM")
}

/// The rules under which CAs of the sample PKI are taken.
pub fn anchor_rules() -> AnchorRules {
    AnchorRules { allow_sample_certificates: true, ..AnchorRules::default() }
}

pub fn anchors(pem: &[u8]) -> TrustAnchors {
    TrustAnchors::from_pem(pem, &anchor_rules(), NOW).expect("a client CA")
}

pub fn judge(ca: &[u8], revocation: Revocation, remember_verdicts: bool) -> Judge {
    let rules = ClientRules { remember_verdicts, ..ClientRules::default() };
    Judge::new(anchors(ca), revocation, rules, issuer_host::fuzzing::algorithms())
}
