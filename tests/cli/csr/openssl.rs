//! What OpenSSL makes of the same input; what OpenSSL and Java read.

use std::fs;

use tempfile::TempDir;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use super::{HOLDER, OPENSSL_HOLDER, der, openssl, succeeds, tool, xpay};

#[test]
fn a_request_is_octet_by_octet_what_openssl_makes_of_the_same_input_and_key() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    for (kind, algorithm, product, id) in
        [("rsa-4096", "RSA", "d1", "GW-1"), ("ecdsa-p256", "ECDSA", "xpay", "TSP0001")]
    {
        let given = ["csr", "--product", product, "--id", id, "--environment", "production", "--key", kind];
        let text = succeeds(here, &[&given[..], &HOLDER, &["--out-dir", kind]].concat());
        let common_name = format!("TLSMA-{algorithm}/{id}/TSH/TSP.PRD");
        assert!(text.contains(&format!("CN={common_name},OU=Cards & Tokens,O=Cr\\C3\\A9dit")), "{text}");
        let subject = format!("{OPENSSL_HOLDER}{}", common_name.replace('/', "\\/"));
        let theirs = format!("{kind}/openssl.csr");
        let key = format!("{kind}/client-key.pem");
        openssl(here, &["req", "-new", "-utf8", "-key", &key, "-sha256", "-subj", &subject, "-out", &theirs]);
        let (ours, theirs) = (der(here, &format!("{kind}/client.csr")), der(here, &theirs));
        // Signatures of RSA are always the same, those of ECDSA never.
        if algorithm == "RSA" {
            assert!(ours == theirs, "the requests differ");
        }
        let (_, ours) = X509CertificationRequest::from_der(&ours).unwrap();
        let (_, theirs) = X509CertificationRequest::from_der(&theirs).unwrap();
        assert_same_but_for_the_key(&ours, &theirs);
        let information = |request: &X509CertificationRequest<'_>| request.certification_request_info.raw.to_vec();
        assert_eq!(information(&ours), information(&theirs), "with the same key");
    }
}

fn assert_same_but_for_the_key(ours: &X509CertificationRequest<'_>, theirs: &X509CertificationRequest<'_>) {
    let (one, other) = (&ours.certification_request_info, &theirs.certification_request_info);
    assert_eq!(one.version, other.version);
    assert_eq!(one.subject.as_raw(), other.subject.as_raw(), "order, texts and types of strings");
    assert_eq!(one.subject_pki.algorithm, other.subject_pki.algorithm);
    assert_eq!(one.subject_pki.subject_public_key.data.len(), other.subject_pki.subject_public_key.data.len());
    assert_eq!((one.attributes().len(), other.attributes().len()), (0, 0));
    assert_eq!(ours.signature_algorithm, theirs.signature_algorithm);
}

#[test]
fn a_request_has_the_fields_of_one_for_which_openssl_has_made_the_key_too() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    succeeds(here, &xpay(&["--out-dir", "ours"]));
    let subject = format!("{OPENSSL_HOLDER}TLSMA-ECDSA\\/TSP0001\\/TSH\\/TSP.PPR");
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "their-key.pem"];
    let rest = ["-utf8", "-sha256", "-subj", &subject, "-out", "theirs.csr"];
    openssl(here, &[&["req", "-new"], &new_key[..], &rest].concat());
    let (ours, theirs) = (der(here, "ours/client.csr"), der(here, "theirs.csr"));
    let (_, ours) = X509CertificationRequest::from_der(&ours).unwrap();
    let (_, theirs) = X509CertificationRequest::from_der(&theirs).unwrap();
    assert_same_but_for_the_key(&ours, &theirs);
    assert_ne!(ours.certification_request_info.raw, theirs.certification_request_info.raw, "control: the keys differ");
}

#[test]
fn openssl_and_java_verify_a_request_and_refuse_one_that_was_changed() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    let text = succeeds(here, &xpay(&["--out-dir", "."]));
    let mut changed = der(here, "client.csr");
    let place = changed.windows(7).position(|octets| octets == b"TSP0001").unwrap();
    changed[place + 6] = b'2';
    fs::write(here.join("changed.csr"), crate::pki::pem("CERTIFICATE REQUEST", &changed)).unwrap();
    for (file, sound) in [("client.csr", true), ("changed.csr", false)] {
        let (_, said) = tool(here, "openssl", &["req", "-in", file, "-verify", "-noout"]);
        assert_eq!(said.contains("verify OK"), sound, "{file}: {said}");
        let (read, said) = tool(here, "keytool", &["-printcertreq", "-file", file]);
        assert_eq!(read, sound, "{file}: {said}");
    }
    let (_, said) = tool(here, "keytool", &["-J-Dfile.encoding=UTF-8", "-printcertreq", "-file", "client.csr"]);
    for words in ["CN=TLSMA-ECDSA/TSP0001/TSH/TSP.PPR", "256-bit EC (secp256r1) key", "SHA256withECDSA", "C=FR"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    openssl(here, &["pkey", "-in", "client-key.pem", "-pubout", "-outform", "DER", "-out", "public.der"]);
    let digest = openssl(here, &["dgst", "-sha256", "-r", "public.der"]);
    assert!(text.contains(&digest[..64]), "{digest}: {text}");
}
