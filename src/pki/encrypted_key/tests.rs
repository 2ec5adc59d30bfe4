use super::*;
use crate::pki::pem::{PemError, StoredKey, private_key, stored_key};

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.as_bytes().to_vec().into())
}

fn opened(pem: &str, with: &str) -> Result<Vec<u8>, EncryptedKeyError> {
    match stored_key(pem.as_bytes()).unwrap() {
        StoredKey::Encrypted(key) => Ok(key.decrypt(&passphrase(with))?.secret_der().to_vec()),
        StoredKey::Plain(_) => panic!("the key is not encrypted"),
    }
}

#[test]
fn a_key_is_opened_by_its_passphrase_and_by_no_other() {
    let key = der::sequence(&[&der::octet_string(b"secret")]);
    let encrypted = EncryptedKey::encrypt(&key, &passphrase("open sesame")).unwrap();
    let pem = encrypted.to_pem();
    assert_eq!(opened(&pem, "open sesame").unwrap(), key);
    for other in ["open Sesame", "", "open sesame\n"] {
        assert_eq!(opened(&pem, other), Err(EncryptedKeyError::WrongPassphrase { line: 1 }), "{other:?}");
    }
    assert!(!encrypted.der.windows(6).any(|octets| octets == b"secret"));
    assert_eq!(format!("{encrypted:?}"), "EncryptedKey { line: 1, .. }");
    assert_eq!(format!("{:?}", passphrase("open sesame")), "Passphrase(..)");
}

#[test]
fn the_same_key_is_never_encrypted_twice_in_the_same_way() {
    let key = der::sequence(&[]);
    let encrypted = || EncryptedKey::encrypt(&key, &passphrase("open sesame")).unwrap();
    assert_ne!(encrypted().der, encrypted().der);
}

#[test]
fn a_server_still_refuses_an_encrypted_key_with_its_line() {
    let pem = format!("a key\n{}", *EncryptedKey::at_line(1, vec![0x30, 0]).to_pem());
    assert_eq!(private_key(pem.as_bytes()), Err(PemError::EncryptedKey { line: 2 }));
}

#[test]
fn keys_that_openssl_has_encrypted_are_opened() {
    for (pem, how) in [
        (include_str!("../testdata/encrypted-aes256-sha256.pem"), "openssl genpkey -aes256"),
        (include_str!("../testdata/encrypted-aes128-sha1.pem"), "openssl pkcs8 -v2 aes-128-cbc -v2prf hmacWithSHA1"),
        (
            include_str!("../testdata/encrypted-aes192-sha512.pem"),
            "openssl pkcs8 -v2 aes-192-cbc -v2prf hmacWithSHA512",
        ),
    ] {
        let key = opened(pem, "open sesame").unwrap_or_else(|error| panic!("{how}: {error}"));
        assert!(super::super::KeyPair::from_der(&PrivatePkcs8KeyDer::from(key).into()).is_ok(), "{how}");
    }
}

#[test]
fn what_is_encrypted_in_another_way_is_refused_with_the_command_that_converts_it() {
    for (pem, words) in [
        (include_str!("../testdata/encrypted-scrypt.pem"), "the key derivation scrypt"),
        (include_str!("../testdata/encrypted-3des.pem"), "the cipher 3DES"),
        (include_str!("../testdata/encrypted-pbes1.pem"), "the scheme 1.2.840.113549.1.12.1.3"),
    ] {
        let refused = opened(pem, "open sesame").unwrap_err().to_string();
        assert!(refused.contains(words) && refused.contains("openssl pkcs8 -topk8"), "{refused}");
    }
}

#[test]
fn parameters_that_make_no_sense_are_refused_before_any_work_is_done() {
    let with_rounds = |rounds: u32| {
        let algorithm = parameters::encoded(&[7; 16], NonZeroU32::new(rounds).unwrap(), &[7; 16]);
        EncryptedKey::at_line(3, der::sequence(&[&algorithm, &der::octet_string(&[7; 16])])).decrypt(&passphrase("x"))
    };
    for rounds in [10_000_001, u32::MAX] {
        let refused = with_rounds(rounds).unwrap_err();
        assert!(matches!(refused, EncryptedKeyError::TooManyRounds { line: 3, .. }), "{refused}");
        assert!(refused.to_string().contains("-iter 600000 "), "{refused}");
    }
    assert_eq!(with_rounds(1).unwrap_err(), EncryptedKeyError::WrongPassphrase { line: 3 }, "control");
    for der in [vec![], vec![0x30, 0], vec![0x30, 2, 0x30, 0], vec![7; 40]] {
        let refused = EncryptedKey::at_line(3, der).decrypt(&passphrase("x")).unwrap_err();
        assert_eq!(refused, EncryptedKeyError::Malformed { line: 3 });
    }
}

proptest::proptest! {
    #[test]
    fn any_octets_give_a_result_and_never_a_panic(octets: Vec<u8>, cut in 0_usize..120, byte: u8) {
        let _ = EncryptedKey::at_line(1, octets).decrypt(&passphrase("x"));
        let algorithm = parameters::encoded(&[7; 16], NonZeroU32::MIN, &[7; 16]);
        let mut damaged = der::sequence(&[&algorithm, &der::octet_string(&[7; 16])]);
        if let Some(octet) = damaged.get_mut(cut) {
            *octet = byte;
        }
        // Any number of rounds would be worked off: what is damaged is not the number's place.
        if Parameters::read(&damaged, 1).is_ok_and(|(parameters, _)| parameters.iterations.get() < 1000) {
            let _ = EncryptedKey::at_line(1, damaged).decrypt(&passphrase("x"));
        }
    }
}
