use super::*;
use crate::pki::der;
use crate::pki::signature::{Issuance, signed_form, signed_with};

const KINDS: [KeyKind; 3] = [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048];

fn nobody_is_asked() -> Result<Passphrase, KeyPairError> {
    panic!("the key is not encrypted")
}

#[test]
fn a_key_is_what_was_asked_for_and_is_read_back_from_what_is_written() {
    for kind in KINDS {
        let key = KeyPair::generate(kind).unwrap();
        assert_eq!(*key.public_key(), kind.public_key());
        let read = KeyPair::from_pem(key.to_pem().unwrap().as_bytes(), nobody_is_asked).unwrap();
        assert_eq!(read.public_key_der(), key.public_key_der());
        let passphrase = || Passphrase::new(b"open sesame".to_vec().into());
        let encrypted = key.to_encrypted_pem(&passphrase()).unwrap();
        let read = KeyPair::from_pem::<KeyPairError>(encrypted.as_bytes(), || Ok(passphrase())).unwrap();
        assert_eq!(read.public_key_der(), key.public_key_der());
    }
}

#[test]
fn signatures_verify_with_the_public_key_and_with_no_other() {
    let message = der::sequence(&[&der::octet_string(b"signed")]);
    for kind in KINDS {
        let (key, other) = (KeyPair::generate(kind).unwrap(), KeyPair::generate(kind).unwrap());
        let signed = signed_form(&message, key.signature_algorithm_der(), &key.sign(&message).unwrap());
        assert_eq!(signed_with(&signed, key.public_key_der()), Issuance::Proven, "{kind:?}");
        assert_eq!(signed_with(&signed, other.public_key_der()), Issuance::BadSignature, "{kind:?}");
    }
}

#[test]
fn keys_that_nothing_signs_with_are_refused() {
    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
    let refused = KeyPair::from_pem(ed25519.as_bytes(), nobody_is_asked).unwrap_err();
    assert_eq!(refused, KeyPairError::Unusable);
    let damaged = pem::encoded("PRIVATE KEY", &[0x30, 3, 2, 1, 0]);
    assert_eq!(KeyPair::from_pem(damaged.as_bytes(), nobody_is_asked).unwrap_err(), KeyPairError::Unusable);
}

#[test]
fn a_key_that_is_encrypted_in_the_old_way_is_refused_with_the_command_that_converts_it() {
    let pem = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
               -----END EC PRIVATE KEY-----\n";
    let refused = KeyPair::from_pem(pem.as_bytes(), nobody_is_asked).unwrap_err();
    assert_eq!(refused, KeyPairError::Pem(pem::PemError::TraditionalKey { line: 2 }));
    assert!(refused.to_string().contains("openssl pkcs8 -topk8"), "{refused}");
}

#[test]
fn nothing_of_a_key_is_shown() {
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    assert_eq!(format!("{key:?}"), "KeyPair { public_key: P256, .. }");
}
