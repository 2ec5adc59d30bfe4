use proptest::prelude::*;
use rcgen::{CustomExtension, IsCa, SanType, SerialNumber};
use rustls_pki_types::CertificateDer;

use super::*;
use crate::pki::ClientIdentity;
use crate::pki::identity::IdentityError;
use crate::pki::minting::{Minted, ca, client, server};

#[test]
fn the_facts_of_a_client_certificate_are_read() {
    let root = Minted::self_signed(ca("root"));
    let mut params = client("leaf");
    params.serial_number = Some(SerialNumber::from(vec![0x00, 0x0a, 0xff]));
    let leaf = root.issue(params);
    let facts = leaf.facts();
    assert_eq!(facts.version, 3);
    assert_eq!((facts.subject.as_str(), facts.issuer.as_str()), ("CN=leaf,O=Test", "CN=root,O=Test"));
    assert_eq!(facts.serial, "0aff");
    assert_eq!(facts.sha256, Fingerprint::of(&leaf.der));
    assert_eq!((facts.not_before.as_secs(), facts.not_after.as_secs()), (1_577_836_800, 2_208_988_800));
    assert!(!facts.is_ca && !facts.self_issued);
    assert_eq!(facts.key, PublicKey::P256);
    assert_eq!(facts.key_usage, Some(KeyUsage { digital_signature: true, key_cert_sign: false, crl_sign: false }));
    let purposes = ExtendedKeyUsage { server_auth: false, client_auth: true, any: false };
    assert_eq!(facts.extended_key_usage, Some(purposes));
    assert_eq!(facts.issuer_der, root.facts().subject_der);
}

#[test]
fn the_facts_of_a_ca_are_read() {
    let facts = Minted::self_signed(ca("root")).facts();
    assert!(facts.is_ca && facts.self_issued);
    assert_eq!(facts.key_usage, Some(KeyUsage { digital_signature: false, key_cert_sign: true, crl_sign: true }));
    assert_eq!(facts.extended_key_usage, None);
}

#[test]
fn an_identity_says_the_same_as_the_facts() {
    let leaf = Minted::self_signed(ca("root")).issue(server("leaf", &["a.example", "::1"]));
    let (facts, identity) = (leaf.facts(), ClientIdentity::from_der(&leaf.der).unwrap());
    assert_eq!(
        identity,
        ClientIdentity {
            subject: facts.subject,
            issuer: facts.issuer,
            serial: facts.serial,
            subject_alt_names: facts.subject_alt_names,
            sha256: facts.sha256,
            not_before: facts.not_before,
            not_after: facts.not_after,
        }
    );
    assert_eq!(identity.subject_alt_names, ["DNS:a.example", "IP:::1"]);
}

#[test]
fn alternative_names_are_printed_so_that_none_can_pass_for_two() {
    let mut params = client("leaf");
    params.subject_alt_names = vec![
        SanType::DnsName("a.example, DNS:b.example".try_into().unwrap()),
        SanType::URI("spiffe://thales/tsh".try_into().unwrap()),
        SanType::Rfc822Name("ops@bank.example".try_into().unwrap()),
        SanType::IpAddress([192, 0, 2, 7].into()),
        SanType::OtherName((vec![1, 3, 6, 1], rcgen::OtherNameValue::Utf8String("x".to_owned()))),
    ];
    let names = Minted::self_signed(params).facts().subject_alt_names;
    let expected = [
        r"DNS:a.example\2C DNS:b.example",
        "URI:spiffe://thales/tsh",
        "email:ops@bank.example",
        "IP:192.0.2.7",
        "other:1.3.6.1",
    ];
    assert_eq!(names, expected);
}

#[test]
fn many_alternative_names_are_counted() {
    let hosts: Vec<String> = (0..103).map(|index| format!("h{index}.example")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let names = Minted::self_signed(server("leaf", &hosts)).facts().subject_alt_names;
    assert_eq!((names.len(), names[100].as_str()), (101, "more:3"));
}

#[test]
fn repeated_and_malformed_extensions_are_refused() {
    let with = |oid: &[u64], contents: &[&[u8]]| {
        let mut params = client("leaf");
        params.is_ca = IsCa::NoCa;
        params.key_usages = Vec::new();
        let extension = |content: &&[u8]| CustomExtension::from_oid_content(oid, content.to_vec());
        params.custom_extensions = contents.iter().map(extension).collect();
        CertificateFacts::from_der(&Minted::self_signed(params).der)
    };
    let key_usage: &[u8] = &[3, 2, 7, 0x80];
    assert!(with(&[2, 5, 29, 15], &[key_usage]).is_ok(), "control");
    assert_eq!(with(&[2, 5, 29, 15], &[key_usage, key_usage]), Err(FactsError::Extension("keyUsage")));
    assert_eq!(with(&[2, 5, 29, 15], &[b"\x05\x00"]), Err(FactsError::Extension("keyUsage")));
    assert_eq!(with(&[2, 5, 29, 19], &[b"\x04\x00"]), Err(FactsError::Extension("basicConstraints")));
    assert_eq!(with(&[2, 5, 29, 17], &[b"\x04\x00"]), Err(FactsError::Extension("subjectAltName")));
}

#[test]
fn bytes_after_a_certificate_are_refused() {
    let der = [&Minted::self_signed(ca("root")).der[..], b"\0"].concat();
    assert_eq!(CertificateFacts::from_der(&der), Err(FactsError::Malformed));
    let identity = ClientIdentity::from_der(&CertificateDer::from(der));
    assert_eq!(identity, Err(IdentityError::Facts(FactsError::Malformed)));
}

#[test]
fn a_serial_number_that_would_flood_a_header_is_refused() {
    let with = |length: usize| {
        let mut params = client("leaf");
        params.serial_number = Some(SerialNumber::from(vec![0x7f; length]));
        ClientIdentity::from_der(&Minted::self_signed(params).der)
    };
    assert_eq!(with(20).unwrap().serial, "7f".repeat(20));
    assert_eq!(with(22), Err(IdentityError::LongSerial));
}

#[test]
fn serial_numbers_lose_their_leading_zero_bytes_and_only_those() {
    assert_eq!(serial(&[0, 0x80, 0]), "8000");
    assert_eq!(serial(&[0]), "00");
    assert_eq!(serial(&[]), "00");
}

#[test]
fn the_length_of_an_rsa_key_is_that_of_its_modulus() {
    assert_eq!(bit_length(&[0, 0x80, 0]), 16);
    assert_eq!(bit_length(&[0x7f, 0]), 15);
    assert_eq!(bit_length(&[0, 0]), 0);
}

#[test]
fn times_are_written_to_the_minute() {
    assert_eq!(minute(UnixTime::since_unix_epoch(Duration::from_secs(1_906_545_659))), "2030-06-01 12:00 UTC");
    let beyond = minute(UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX)));
    assert!(beyond.ends_with("s after 1970"), "{beyond}");
}

proptest! {
    #[test]
    fn any_bytes_give_a_result_and_never_a_panic(bytes: Vec<u8>) {
        let _ = (CertificateFacts::from_der(&bytes), ClientIdentity::from_der(&CertificateDer::from(bytes)));
    }

    #[test]
    fn a_damaged_certificate_gives_printable_text_or_an_error(
        damage in proptest::collection::vec((0_usize..2000, any::<u8>()), 1..6),
    ) {
        let mut der = crate::pki::pem::certificates(include_bytes!("../../../certs-sample/server-chain.pem")).unwrap().remove(0).to_vec();
        let length = der.len();
        for (at, byte) in damage {
            der[at % length] = byte;
        }
        if let Ok(facts) = CertificateFacts::from_der(&der) {
            let texts = facts.subject_alt_names.iter().chain([&facts.subject, &facts.issuer, &facts.serial]);
            for text in texts {
                prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", text);
            }
        }
        let _ = ClientIdentity::from_der(&CertificateDer::from(der));
    }
}
