//! Which cipher suites and key exchange groups a server takes.
//!
//! A server picks one of what is offered; what it picked is left out of the next offer, until it refuses. A sound server ends that after
//! a few connections, and it is bounded for any other.

use rustls::crypto::aws_lc_rs::{cipher_suite, kx_group};

use super::hello::{self, ClientHello, FirstAnswer, TLS_1_2};
use super::visit::{Offer, visit};
use super::{InspectionOptions, Spoken};
use crate::caller::{Failure, TlsVersions};

/// The suites and groups that a server takes, as IANA writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suites {
    /// Of TLS 1.3.
    pub tls13: Vec<String>,
    /// Of TLS 1.2: forward secrecy and authenticated encryption.
    pub sound: Vec<&'static str>,
    /// Of TLS 1.2: without one of the two.
    pub weak: Vec<&'static str>,
    /// Of TLS 1.2: no encryption worth the name, or no authentication.
    pub broken: Vec<&'static str>,
    /// Key exchange groups of TLS 1.3.
    pub groups: Vec<String>,
}

/// After so many weak ones, and so many broken ones, no more are asked for.
const ENOUGH: usize = 5;

/// Suites of TLS 1.2 with forward secrecy and authenticated encryption.
const SOUND: &[(u16, &str)] = &[
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
];

/// Suites without forward secrecy, or with CBC.
pub(super) const WEAK: &[(u16, &str)] = &[
    (0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"),
];

/// Suites with ciphers that have been broken (RFC 7465, RFC 9325 section 4.1), with none, or without authentication.
pub(super) const BROKEN: &[(u16, &str)] = &[
    (0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0xc007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"),
    (0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"),
    (0x0009, "TLS_RSA_WITH_DES_CBC_SHA"),
    (0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5"),
    (0x0008, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA"),
    (0x0001, "TLS_RSA_WITH_NULL_MD5"),
    (0x0002, "TLS_RSA_WITH_NULL_SHA"),
    (0x003b, "TLS_RSA_WITH_NULL_SHA256"),
    (0xc006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA"),
    (0xc010, "TLS_ECDHE_RSA_WITH_NULL_SHA"),
    (0x0018, "TLS_DH_anon_WITH_RC4_128_MD5"),
    (0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA"),
    (0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256"),
    (0xc015, "TLS_ECDH_anon_WITH_NULL_SHA"),
    (0xc016, "TLS_ECDH_anon_WITH_RC4_128_SHA"),
    (0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"),
];

/// Asks for the suites and groups of the versions that the server speaks: at most 29 connections.
pub(super) async fn ask(options: &InspectionOptions, spoken: Spoken) -> Result<Suites, Failure> {
    let mut suites = Suites::default();
    if spoken.tls12 {
        suites.sound = taken(options, SOUND, SOUND.len()).await?;
        suites.weak = taken(options, WEAK, ENOUGH).await?;
        suites.broken = taken(options, BROKEN, ENOUGH).await?;
    }
    if spoken.tls13 {
        suites.tls13 = taken_of_tls13(options).await?;
        suites.groups = groups(options).await?;
    }
    Ok(suites)
}

/// Those of `offered` that the server takes in TLS 1.2, in its order; at most `enough`.
async fn taken(
    options: &InspectionOptions,
    offered: &[(u16, &'static str)],
    enough: usize,
) -> Result<Vec<&'static str>, Failure> {
    let mut left: Vec<u16> = offered.iter().map(|(number, _)| *number).collect();
    let mut taken = Vec::new();
    while !left.is_empty() && taken.len() < enough {
        let hello = ClientHello { version: TLS_1_2, suites: &left, name: &options.server_name };
        let FirstAnswer::ServerHello { suite, .. } = hello::ask(options.address, &hello, options.patience).await?
        else {
            break;
        };
        // A server that picks what it was not offered says nothing about any suite.
        let Some(name) = offered.iter().find(|(number, _)| *number == suite && left.contains(number)) else { break };
        taken.push(name.1);
        left.retain(|number| *number != suite);
    }
    Ok(taken)
}

async fn taken_of_tls13(options: &InspectionOptions) -> Result<Vec<String>, Failure> {
    let mut left = vec![
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    let mut taken = Vec::new();
    while !left.is_empty() {
        let offer = Offer { suites: Some(left.clone()), ..Offer::of(TlsVersions::Only13) };
        let seen = visit(options, offer).await?;
        let Some(suite) = seen.suite.filter(|_| seen.is_answered()) else { break };
        taken.push(crate::caller::suite_name(suite));
        left.retain(|offered| offered.suite() != suite);
    }
    Ok(taken)
}

async fn groups(options: &InspectionOptions) -> Result<Vec<String>, Failure> {
    let mut taken = Vec::new();
    for group in [kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1] {
        let offer = Offer { groups: Some(vec![group]), ..Offer::of(TlsVersions::Only13) };
        if visit(options, offer).await?.is_answered() {
            taken.push(format!("{:?}", group.name()));
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_suite_is_judged_twice() {
        let mut numbers: Vec<u16> = [SOUND, WEAK, BROKEN].concat().iter().map(|(number, _)| *number).collect();
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all);
    }

    #[test]
    fn names_and_numbers_are_those_that_rustls_knows() {
        let known = |number: u16| format!("{:?}", rustls::CipherSuite::from(number));
        let all = [SOUND, WEAK, BROKEN].concat();
        let (known, unknown): (Vec<_>, Vec<_>) =
            all.iter().map(|(number, name)| (known(*number), *name)).partition(|(known, _)| known.starts_with("TLS_"));
        assert!(known.len() >= 6 && unknown.len() < all.len(), "{unknown:?}");
        for (known, name) in known {
            assert_eq!(known, name);
        }
    }
}
