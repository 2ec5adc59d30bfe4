//! `issuer-host client-cert`: held against what OpenSSL makes of the same input, and read by OpenSSL and Java.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::csr::{names, openssl, run_examples, succeeds, tool, words_of};
use crate::{run, text_of};

const NAME: &str = "merchant: 0001/Ünïcode";

fn der(directory: &Path, name: &str) -> Vec<u8> {
    crate::pki::der(&fs::read_to_string(directory.join(name)).unwrap())
}

/// Identifier, criticality and value of each extension, in the order of the identifiers.
fn extensions(certificate: &X509Certificate<'_>) -> Vec<(String, bool, Vec<u8>)> {
    let all = certificate.extensions().iter();
    let mut all: Vec<_> = all.map(|found| (found.oid.to_id_string(), found.critical, found.value.to_vec())).collect();
    all.sort();
    all
}

#[test]
fn a_certificate_is_field_by_field_what_openssl_makes_of_the_same_input_and_key() {
    const PROFILE: &str = "[req]\ndistinguished_name = name\nx509_extensions = profile\nstring_mask = utf8only\n[name]\n\
        [profile]\nbasicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n\
        extendedKeyUsage = clientAuth\nsubjectKeyIdentifier = hash\nauthorityKeyIdentifier = none\n";
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    fs::write(here.join("profile.cnf"), PROFILE).unwrap();
    for (kind, described, key_in_java) in [
        ("p256", "EC P-256", "256-bit EC (secp256r1) key"),
        ("p384", "EC P-384", "384-bit EC (secp384r1) key"),
        ("rsa-2048", "RSA with 2048 bits", "2048-bit RSA key"),
    ] {
        let text = succeeds(here, &["client-cert", "--common-name", NAME, "--key", kind, "--out-dir", kind]);
        assert!(text.contains(described) && text.contains("CUSTOMER_TLS_CLIENT_CERTIFICATE"), "{text}");
        let file = |name: &str| format!("{kind}/{name}");
        let subject = format!("/CN={}", NAME.replace('/', "\\/"));
        let (key, theirs) = (file("client-key.pem"), file("openssl.pem"));
        let input = ["-key", &key, "-sha256", "-days", "730", "-utf8", "-subj", &subject, "-config", "profile.cnf"];
        openssl(here, &[&["req", "-x509", "-new"], &input[..], &["-out", &theirs]].concat());
        let (ours, theirs) = (der(here, &file("client-cert.pem")), der(here, &theirs));
        let (_, ours) = X509Certificate::from_der(&ours).unwrap();
        let (_, theirs) = X509Certificate::from_der(&theirs).unwrap();
        assert_eq!(ours.version(), theirs.version());
        assert_eq!(ours.subject().as_raw(), theirs.subject().as_raw());
        assert_eq!(ours.issuer().as_raw(), theirs.issuer().as_raw());
        assert_eq!(ours.public_key().raw, theirs.public_key().raw);
        assert_eq!(ours.signature_algorithm, theirs.signature_algorithm);
        assert_eq!(ours.signature, theirs.signature);
        assert_eq!(extensions(&ours), extensions(&theirs));
        // Random octets may begin with zeros, which are not written; ours never do.
        assert!(ours.raw_serial().len() == 20 && theirs.raw_serial().len() <= 20);
        assert_ne!(ours.raw_serial(), theirs.raw_serial());
        let validity = ours.validity();
        let seconds = validity.not_after.timestamp() - validity.not_before.timestamp() + 1;
        assert_eq!(seconds, 730 * 86_400, "both ends belong to it");
        let (_, java) = tool(here, "keytool", &["-printcert", "-file", &file("client-cert.pem")]);
        for words in [key_in_java, "Version: 3", "CA:false", "clientAuth", "DigitalSignature", "SHA256with"] {
            assert!(java.contains(words), "{words}: {java}");
        }
        assert_eq!(fs::metadata(here.join(&key)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn openssl_verifies_a_certificate_for_clients_and_for_nothing_else() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    for kind in ["p256", "p384", "rsa-2048"] {
        let certificate = format!("{kind}.pem");
        let key = format!("{kind}-key.pem");
        let files = ["--certificate", &certificate, "--key-out", &key];
        succeeds(here, &[&["client-cert", "--common-name", NAME, "--key", kind], &files[..]].concat());
        let verify = |purpose, trusted: &str, file: &str| {
            let checks = ["verify", "-x509_strict", "-check_ss_sig", "-purpose", purpose, "-CAfile", trusted];
            tool(here, "openssl", &[&checks[..], &[file]].concat())
        };
        let (verified, text) = verify("sslclient", &certificate, &certificate);
        assert!(verified, "{text}");
        assert!(!verify("sslserver", &certificate, &certificate).0, "control: another purpose");
        openssl(here, &["x509", "-in", &certificate, "-outform", "DER", "-out", "changed.der"]);
        let mut changed = fs::read(here.join("changed.der")).unwrap();
        *changed.last_mut().unwrap() ^= 1;
        fs::write(here.join("changed.der"), changed).unwrap();
        openssl(here, &["x509", "-inform", "DER", "-in", "changed.der", "-out", "changed.pem"]);
        assert!(!verify("sslclient", "changed.pem", "changed.pem").0, "control: another signature");
    }
}

#[test]
fn the_next_certificate_of_a_key_is_another_one() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    fs::write(here.join("passphrase"), "open sesame\r\n").unwrap();
    let common = ["client-cert", "--common-name", NAME, "--passphrase-file", "passphrase", "--format", "json"];
    let made = |more: &[&str]| -> serde_json::Value {
        serde_json::from_str(&succeeds(here, &[&common[..], more].concat())).unwrap()
    };
    let first = made(&["--out-dir", "first", "--days", "30"]);
    let second = made(&["--key-file", "first/client-key.pem", "--certificate", "second.pem"]);
    assert_eq!(first["public_key_sha256"], second["public_key_sha256"]);
    assert_ne!(first["certificate_serial"], second["certificate_serial"]);
    assert_eq!((&first["key_is_encrypted"], &second["key_is_encrypted"]), (&true.into(), &serde_json::Value::Null));
    let days = first["not_after"].as_u64().unwrap() - first["not_before"].as_u64().unwrap();
    assert_eq!(days, 30 * 86_400 - 1);
    assert_eq!(names(here), ["first", "passphrase", "second.pem"]);
}

#[test]
fn what_thales_forbids_is_refused_with_its_number_and_nothing_is_made() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    let with = |option: &str, value: &'static str| {
        let mut arguments = vec!["client-cert"];
        let sound = [("--common-name", "merchant-0001"), ("--key", "p256"), ("--days", "730"), ("--out-dir", "new")];
        for (name, usual) in sound {
            arguments.extend([name, if name == option { value } else { usual }]);
        }
        run(here, &arguments)
    };
    for (option, value, requirement, words) in [
        ("--key", "rsa-4096", "I2", "merchant tokenization refuses RSA with 4096 bits"),
        ("--days", "731", "I6", "1 to 730 days (two years)"),
        ("--days", "1095", "I6", "1095 days"),
        ("--days", "0", "I6", "1 to 730 days"),
        ("--common-name", "", "I4", "CN is empty"),
        ("--common-name", "merchant-0001 ", "I4", "begins or ends with a blank"),
    ] {
        let output = with(option, value);
        let text = words_of(&output);
        assert_eq!(output.status.code(), Some(1), "{option} {value}: {text}");
        assert!(text.contains(&format!("requirement {requirement} (")) && text.contains(words), "{words}: {text}");
        assert!(names(here).is_empty(), "{option} {value} left something behind");
    }
    assert_eq!(with("--key", "dsa").status.code(), Some(2));
    let output = with("", "");
    assert_eq!(output.status.code(), Some(0), "control: {}", text_of(&output));
    let output = with("", "");
    assert_eq!(output.status.code(), Some(1));
    assert!(words_of(&output).contains("nothing is overwritten"), "{}", text_of(&output));
}

#[test]
fn the_examples_of_the_help_run_as_they_stand() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("passphrase.txt"), "open sesame").unwrap();
    assert_eq!(run_examples(directory.path(), "client-cert"), 3);
    let made = ["merchant-key.pem", "merchant.pem", "next.pem", "passphrase.txt", "sandbox"];
    assert_eq!(names(directory.path()), made);
}
