//! A PEM file, wherever one is configured: a chain, a client CA, a key.
#![no_main]

use issuer_host::pki::TrustAnchors;
use issuer_host::pki::pem::{self, PemError, StoredKey};
use issuer_host_fuzz::reference::is_printable;
use issuer_host_fuzz::samples::{NOW, anchor_rules};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let blocks = pem::blocks(file);
    match &blocks {
        Ok(blocks) => {
            let begun: Vec<usize> = begins(file);
            let lines: Vec<usize> = blocks.iter().map(|block| block.line).collect();
            assert_eq!(lines, begun, "no block is passed over, and none changes its place");
            assert!(blocks.iter().all(|block| !block.der().is_empty()));
        }
        Err(error) => assert_told_safely(error),
    }

    let located = pem::located_certificates(file);
    match &located {
        Ok(located) => {
            let blocks = blocks.as_ref().expect("certificates are blocks");
            assert_eq!(located.len(), blocks.len(), "each block is a certificate");
            for ((line, certificate), block) in located.iter().zip(blocks) {
                assert_eq!((*line, certificate.as_ref()), (block.line, block.der()));
            }
            let certificates = pem::certificates(file).expect("the same");
            let written = pem::certificates_text(certificates.iter().map(AsRef::as_ref));
            assert_eq!(pem::certificates(written.as_bytes()).ok(), Some(certificates), "written and read again");
        }
        Err(error) => assert_told_safely(error),
    }

    match (pem::private_key(file), pem::stored_key(file)) {
        (Ok(key), Ok(StoredKey::Plain(stored))) => assert_eq!(key, stored),
        (Err(PemError::EncryptedKey { .. }), Ok(StoredKey::Encrypted(_)) | Err(PemError::TraditionalKey { .. })) => {}
        (Err(error), Err(_)) => assert_told_safely(&error),
        (key, stored) => panic!("{} and {stored:?}", key.is_ok()),
    }

    match TrustAnchors::from_pem(file, &anchor_rules(), NOW) {
        Ok(anchors) => {
            let ends: Vec<_> = anchors.anchors().iter().map(|anchor| anchor.facts.not_after).collect();
            assert!(ends.iter().is_sorted_by(|one, other| one >= other), "the one that lives longest comes first");
            assert!(anchors.anchors().iter().any(|anchor| anchor.facts.is_valid_at(NOW)));
            assert!(anchors.anchors().iter().all(|anchor| anchor.facts.is_ca && anchor.facts.not_after >= NOW));
        }
        Err(error) => drop(error.to_string()),
    }
});

/// The lines, counted from 1, at which blocks begin.
fn begins(file: &[u8]) -> Vec<usize> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let lines = file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    (1..).zip(lines).filter(|(_, line)| line.starts_with(b"-----BEGIN ")).map(|(number, _)| number).collect()
}

/// An error goes to a terminal and a log, and a key may stand in the file.
fn assert_told_safely(error: &PemError) {
    let text = error.to_string();
    assert!(text.len() < 500 && is_printable(&text), "{text:?}");
}
