use proptest::prelude::*;

use super::*;
use crate::pki::minting::{Minted, ca};

fn certificate_pem() -> String {
    Minted::self_signed(ca("root")).pem
}

fn key_pem() -> String {
    Minted::self_signed(ca("root")).key_pem
}

fn block(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn refusal(pem: &str) -> PemError {
    blocks(pem.as_bytes()).expect_err("the file was accepted")
}

#[test]
fn certificates_come_in_their_order_with_their_lines() {
    let (first, second) = (Minted::self_signed(ca("first")), Minted::self_signed(ca("second")));
    let pem = format!("# two of them\n\n{}\n{}", first.pem, second.pem);
    let found = located_certificates(pem.as_bytes()).unwrap();
    let line = |name: &Minted| pem.lines().position(|line| name.pem.lines().nth(1) == Some(line)).unwrap();
    assert_eq!(found, [(line(&first), first.der.clone()), (line(&second), second.der.clone())]);
    assert_eq!(certificates(pem.as_bytes()).unwrap(), [first.der, second.der]);
}

#[test]
fn crlf_byte_order_mark_indentation_and_text_around_blocks_are_accepted() {
    let pem = certificate_pem();
    for variant in [
        pem.replace('\n', "\r\n"),
        format!("\u{feff}{pem}"),
        format!("subject=/CN=Zoë\nissuer: x - y -- z\n---\n--------\n{pem}\nthe end"),
        format!("  {}", pem.replace('\n', " \t\n  ")),
        pem.trim_end().to_owned(),
        format!("{pem}\n\n"),
    ] {
        assert_eq!(certificates(variant.as_bytes()).unwrap().len(), 1, "{variant}");
    }
    let latin1 = [b"issuer=M\xfcller\n".as_slice(), pem.as_bytes()].concat();
    assert_eq!(certificates(&latin1).unwrap().len(), 1);
}

#[test]
fn a_file_that_is_no_pem_is_named_for_what_it_is() {
    let minted = Minted::self_signed(ca("root"));
    assert_eq!(blocks(b"").unwrap_err(), PemError::Empty);
    assert_eq!(blocks(b"\xef\xbb\xbf \r\n").unwrap_err(), PemError::Empty);
    assert_eq!(blocks(b"hello").unwrap_err(), PemError::NoBlock);
    assert_eq!(blocks(b"0 is how a text may begin").unwrap_err(), PemError::NoBlock);
    assert_eq!(blocks(&minted.der).unwrap_err(), PemError::Der);
    assert_eq!(blocks(&[0x30, 3, 2, 1, 5]).unwrap_err(), PemError::Der);
    let utf16: Vec<u8> = "\u{feff}-----BEGIN".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(blocks(&utf16).unwrap_err(), PemError::Utf16);
    assert!(PemError::Der.to_string().starts_with("this file is DER; convert with `openssl x509 -inform der"));
}

#[test]
fn broken_boundaries_are_refused_with_their_line() {
    let pem = certificate_pem();
    let cut = pem.lines().take(3).collect::<Vec<_>>().join("\n");
    let label = || "CERTIFICATE".to_owned();
    assert_eq!(refusal(&cut), PemError::MissingEnd { line: 1, label: label() });
    assert_eq!(refusal(&format!("{cut}\n{pem}")), PemError::MissingEnd { line: 1, label: label() });
    let headless = pem.split_once('\n').unwrap().1;
    assert!(matches!(refusal(headless), PemError::MissingBegin { .. }));
    let other = pem.replace("END CERTIFICATE", "END X509 CRL");
    assert!(matches!(refusal(&other), PemError::OtherEnd { found, .. } if found == "X509 CRL"));
    for damaged in [
        "----BEGIN CERTIFICATE-----",
        "-----BEGIN CERTIFICATE----",
        "-----begin CERTIFICATE-----",
        "\u{2014}BEGIN CERTIFICATE\u{2014}",
    ] {
        assert_eq!(refusal(&format!("{pem}{}", pem.replace("-----BEGIN CERTIFICATE-----", damaged))), {
            PemError::Boundary { line: pem.lines().count() + 1 }
        });
    }
    let joined = format!("{}{pem}", pem.trim_end());
    assert_eq!(refusal(&joined), PemError::Boundary { line: pem.lines().count() });
}

#[test]
fn a_key_whose_line_breaks_were_lost_is_refused_without_quoting_it() {
    let key = key_pem();
    let secret = key.lines().nth(1).unwrap();
    for flat in [key.replace('\n', " "), key.replace('\n', ""), key.replace('\n', "\\n")] {
        let error = private_key(flat.as_bytes()).unwrap_err();
        assert_eq!(error, PemError::Boundary { line: 1 });
        assert!(!format!("{error} {error:?}").contains(&secret[..16]));
    }
}

#[test]
fn a_body_must_be_base64_and_nothing_else() {
    assert_eq!(refusal(&block("CERTIFICATE", "AAAA\nAA!A")), PemError::Base64 { line: 3 });
    assert_eq!(refusal(&block("CERTIFICATE", "AAAA\nA A A")), PemError::Base64 { line: 3 });
    assert_eq!(refusal(&block("CERTIFICATE", "AAAA\nAAA")), PemError::Base64 { line: 3 });
    assert_eq!(refusal(&block("CERTIFICATE", "AAB=")), PemError::Base64 { line: 2 });
    assert_eq!(refusal(&block("CERTIFICATE", "AA==\nAAAA")), PemError::AfterPadding { line: 3 });
    assert_eq!(refusal(&block("CERTIFICATE", "AA==AAAA")), PemError::AfterPadding { line: 2 });
    assert_eq!(refusal(&block("CERTIFICATE", "")), PemError::EmptyBlock { line: 1 });
    assert_eq!(refusal(&block("CERTIFICATE", "Comment: hi\n\nAAAA")), PemError::Header { line: 2 });
    assert_eq!(blocks(block("CERTIFICATE", "AAA=").as_bytes()).unwrap()[0].der(), [0, 0], "control");
}

#[test]
fn a_certificate_block_must_hold_exactly_one_x509_certificate() {
    let der = Minted::self_signed(ca("root")).der;
    let with = |der: &[u8]| certificates(block("CERTIFICATE", &STANDARD.encode(der)).as_bytes());
    assert_eq!(with(&der).unwrap().len(), 1, "control");
    assert_eq!(with(b"\x30\x03\x02\x01\x05"), Err(PemError::NotX509 { line: 1 }));
    assert_eq!(with(&[&der[..], b"\0"].concat()), Err(PemError::NotX509 { line: 1 }));
    assert_eq!(with(&der[..der.len() - 1]), Err(PemError::NotX509 { line: 1 }));
}

#[test]
fn keys_and_certificates_are_kept_apart() {
    let (certificate, key) = (certificate_pem(), key_pem());
    let lines = certificate.lines().count();
    let error = certificates(format!("{certificate}{key}").as_bytes()).unwrap_err();
    assert!(matches!(error, PemError::Misplaced { line, found: Label::Pkcs8Key, .. } if line == lines + 1));
    assert!(error.to_string().contains("a private key in a file of certificates"), "{error}");
    // Converted, as a file of keys would be told to be, it would be as much out of place.
    let traditional = block("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA");
    let error = certificates(format!("{certificate}{traditional}").as_bytes()).unwrap_err();
    assert!(matches!(error, PemError::Misplaced { found: Label::EncryptedKey, .. }), "{error}");
    assert!(error.to_string().ends_with("remove it from here, and see who could read it"), "{error}");
    let error = private_key(format!("{key}{certificate}").as_bytes()).unwrap_err();
    assert!(matches!(error, PemError::Misplaced { found: Label::Certificate, .. }));
    let error = private_key(certificate.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("a certificate in a file of a private key"), "{error}");
}

#[test]
fn there_is_exactly_one_private_key() {
    let key = key_pem();
    let lines = key.lines().count();
    let error = private_key(format!("{key}{key}").as_bytes()).unwrap_err();
    assert_eq!(error, PemError::SeveralKeys { first: 1, second: lines + 1 });
    assert_eq!(private_key(block("EC PARAMETERS", "BggqhkjOPQMBBw==").as_bytes()), Err(PemError::NoKey));
}

#[test]
fn encrypted_keys_are_refused_with_the_command_that_decrypts_them() {
    let pkcs8 = private_key(block("ENCRYPTED PRIVATE KEY", "AAAA").as_bytes()).unwrap_err();
    assert_eq!(pkcs8, PemError::EncryptedKey { line: 1 });
    let body = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA";
    let traditional = private_key(block("RSA PRIVATE KEY", body).as_bytes()).unwrap_err();
    assert_eq!(traditional, PemError::EncryptedKey { line: 2 });
    assert!(traditional.to_string().contains("decrypt it with `openssl pkey -in FILE"));
    let asked_for = stored_key(block("RSA PRIVATE KEY", body).as_bytes()).unwrap_err();
    assert_eq!(asked_for, PemError::TraditionalKey { line: 2 });
    assert!(asked_for.to_string().contains("convert it with `openssl pkcs8 -topk8"), "{asked_for}");
    assert!(!asked_for.to_string().contains("server"), "whoever is asked for a passphrase is none: {asked_for}");
}

#[test]
fn pkcs8_sec1_with_parameters_and_pkcs1_keys_are_told_apart() {
    let body = "AAAA";
    let with = |pem: String| private_key(pem.as_bytes()).unwrap();
    assert!(matches!(with(block("PRIVATE KEY", body)), PrivateKeyDer::Pkcs8(_)));
    assert!(matches!(with(block("RSA PRIVATE KEY", body)), PrivateKeyDer::Pkcs1(_)));
    let sec1 = block("EC PARAMETERS", "BggqhkjOPQMBBw==") + &block("EC PRIVATE KEY", body);
    assert!(matches!(with(sec1), PrivateKeyDer::Sec1(key) if key.secret_sec1_der() == [0, 0, 0]));
}

#[test]
fn other_blocks_are_refused_with_advice() {
    let error = refusal(&block("TRUSTED CERTIFICATE", "AAAA"));
    assert!(error.to_string().contains("line 1: a TRUSTED CERTIFICATE block has no place here; convert it"), "{error}");
    assert!(matches!(refusal(&block("DH PARAMETERS", "AAAA")), PemError::UnknownLabel { .. }));
    let error = certificates(block("NEW CERTIFICATE REQUEST", "AAAA").as_bytes()).unwrap_err();
    assert!(error.to_string().contains("a certificate request (CSR) in a file of certificates; put the"), "{error}");
}

#[test]
fn revocation_lists_can_be_read_as_blocks() {
    let read = blocks(block("X509 CRL", "AAAA").as_bytes()).unwrap();
    assert_eq!((read[0].label, read[0].line, read[0].der()), (Label::RevocationList, 1, [0; 3].as_slice()));
}

#[test]
fn debug_output_of_a_block_holds_no_body() {
    let read = blocks(block("PRIVATE KEY", "U2VjcmV0").as_bytes()).unwrap();
    assert_eq!(format!("{:?}", read[0]), "Block { label: Pkcs8Key, line: 1, .. }");
}

proptest! {
    #[test]
    fn any_bytes_give_a_result_and_never_a_panic(bytes: Vec<u8>) {
        let _ = (certificates(&bytes), private_key(&bytes));
    }

    #[test]
    fn any_lines_give_a_result_and_never_a_panic(lines in "(-{4,5}(BEGIN|END) (CERTIFICATE|PRIVATE KEY|X)-{4,5}|[A-Za-z=:]{0,8}|\r?\n){0,12}") {
        let _ = (certificates(lines.as_bytes()), private_key(lines.as_bytes()));
    }

    #[test]
    fn what_is_encoded_is_read_back(der in proptest::collection::vec(any::<u8>(), 1..300), width in 1_usize..100) {
        let text = STANDARD.encode(&der);
        let body: Vec<_> = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem = block("X509 CRL", &body.join("\n"));
        let read = blocks(pem.as_bytes()).unwrap();
        prop_assert_eq!(read[0].der(), &der[..]);
    }

    #[test]
    fn no_error_quotes_a_damaged_key(cut in 0_usize..260, byte: u8) {
        let key = include_str!("../../../certs-sample/client-a-key.pem");
        let mut damaged = key.as_bytes().to_vec();
        damaged.insert(cut.min(damaged.len()), byte);
        if let Err(error) = private_key(&damaged) {
            let text = format!("{error} {error:?}");
            for secret in key.lines().filter(|line| !line.contains('-')).flat_map(|line| line.as_bytes().chunks_exact(8)) {
                prop_assert!(!text.contains(std::str::from_utf8(secret).unwrap()));
            }
        }
    }
}
