//! `issuer-host csr`: held against what OpenSSL makes of the same input, and read by OpenSSL and Java.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rcgen::{DnType, DnValue};
use tempfile::TempDir;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use crate::pki::{Authority, Spec};
use crate::{command, run, text_of};

const PASSPHRASE: &str = "open sesame";
const HOLDER: [&str; 10] = [
    "--country",
    "FR",
    "--state",
    "Île-de-France",
    "--locality",
    "Paris",
    "--organization",
    "Crédit, \"A\" + B",
    "--organizational-unit",
    "Cards & Tokens",
];
/// The same as OpenSSL wants it, but for the CN.
const OPENSSL_HOLDER: &str = "/C=FR/ST=Île-de-France/L=Paris/O=Crédit, \"A\" \\+ B/OU=Cards & Tokens/CN=";

/// Arguments of a request for xPay, pre-production.
fn xpay(more: &[&'static str]) -> Vec<&'static str> {
    [&["csr", "--product", "xpay", "--id", "TSP0001", "--environment", "ppr"], &HOLDER[..], more].concat()
}

#[track_caller]
pub(crate) fn succeeds(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {text}");
    assert!(!text.contains("PRIVATE KEY") && !text.contains(PASSPHRASE), "{text}");
    assert!(text.starts_with('{') || text.lines().all(|line| line.chars().count() <= 100), "{text}");
    text
}

/// Runs another program; whether it succeeded, and what it said.
pub(crate) fn tool(directory: &Path, program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(arguments).current_dir(directory).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; the test script installs it"));
    (output.status.success(), text_of(&output))
}

#[track_caller]
pub(crate) fn openssl(directory: &Path, arguments: &[&str]) -> String {
    let (succeeded, text) = tool(directory, "openssl", arguments);
    assert!(succeeded, "openssl {arguments:?}: {text}");
    text
}

fn der(directory: &Path, name: &str) -> Vec<u8> {
    crate::pki::der(&fs::read_to_string(directory.join(name)).unwrap())
}

/// The names of what is in a directory.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

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

#[test]
fn keys_are_private_and_nothing_is_overwritten_or_left_half_done() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    succeeds(here, &xpay(&["--out-dir", "a/new/one"]));
    let key = here.join("a/new/one/client-key.pem");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&key).unwrap();
    let again = run(here, &xpay(&["--out-dir", "a/new/one"]));
    assert_eq!(again.status.code(), Some(1), "{}", text_of(&again));
    assert!(text_of(&again).contains("client-key.pem is there already"), "{}", text_of(&again));
    assert_eq!(fs::read(&key).unwrap(), before);
    fs::write(here.join("there.csr"), "old").unwrap();
    for (request, key) in [("there.csr", "key.pem"), ("new.csr", "nowhere/key.pem"), ("same", "same")] {
        let output = run(here, &xpay(&["--csr", request, "--key-out", key]));
        assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
        assert_eq!(names(here), ["a", "there.csr"]);
    }
    assert_eq!(fs::read(here.join("there.csr")).unwrap(), b"old");
    succeeds(here, &xpay(&["--csr", "new.csr", "--key-out", "key.pem"]));
    assert_eq!(names(here), ["a", "key.pem", "new.csr", "there.csr"]);
}

#[test]
fn a_key_is_encrypted_as_openssl_reads_it_and_one_that_openssl_encrypted_is_used() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    fs::write(here.join("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
    fs::write(here.join("other"), "open Sesame").unwrap();
    let text = succeeds(here, &xpay(&["--passphrase-file", "passphrase", "--out-dir", "ours"]));
    assert!(text.contains("encrypted: PBKDF2-HMAC-SHA256, AES-256-CBC"), "{text}");
    let structure = openssl(here, &["asn1parse", "-in", "ours/client-key.pem"]);
    // 0927C0: 600,000 rounds.
    for words in ["PBES2", "PBKDF2", "INTEGER           :0927C0", "hmacWithSHA256", "aes-256-cbc"] {
        assert!(structure.contains(words), "{words}: {structure}");
    }
    let public = |key: &str| openssl(here, &["pkey", "-in", key, "-passin", "file:passphrase", "-pubout"]);
    let of_request = |request: &str| openssl(here, &["req", "-in", request, "-noout", "-pubkey"]);
    assert_eq!(public("ours/client-key.pem"), of_request("ours/client.csr"));
    let (opened, _) = tool(here, "openssl", &["pkey", "-in", "ours/client-key.pem", "-passin", "file:other", "-noout"]);
    assert!(!opened, "control");

    let new = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256"];
    openssl(here, &[&new[..], &["-pass", "file:passphrase", "-out", "theirs.pem"]].concat());
    let used = |passphrase| xpay(&["--key-file", "theirs.pem", "--passphrase-file", passphrase, "--csr", "used.csr"]);
    let refused = run(here, &used("other"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(text_of(&refused).contains("theirs.pem: line 1: the passphrase does not open the key"));
    assert!(!here.join("used.csr").exists());
    let text = succeeds(here, &used("passphrase"));
    assert!(text.contains("theirs.pem (as it was)"), "{text}");
    assert_eq!(public("theirs.pem"), of_request("used.csr"));
}

#[test]
fn a_key_that_others_may_read_is_told_of_unless_it_is_encrypted() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    fs::write(here.join("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
    succeeds(here, &xpay(&["--out-dir", "clear"]));
    succeeds(here, &xpay(&["--passphrase-file", "passphrase", "--out-dir", "sealed"]));
    let (clear, sealed) = ("clear/client-key.pem", "sealed/client-key.pem");
    let told = |arguments: &[&str]| {
        let words = succeeds(here, arguments).split_whitespace().collect::<Vec<_>>().join(" ");
        words.contains("others than its owner may read")
    };
    assert!(!told(&xpay(&["--key-file", clear, "--csr", "private.csr"])), "control");
    for key in [clear, sealed] {
        fs::set_permissions(here.join(key), fs::Permissions::from_mode(0o644)).unwrap();
    }
    assert!(told(&xpay(&["--key-file", clear, "--csr", "clear.csr"])));
    assert!(told(&["client-cert", "--common-name", "m", "--key-file", clear, "--certificate", "clear.pem"]));
    let sealed = xpay(&["--key-file", sealed, "--passphrase-file", "passphrase", "--csr", "sealed.csr"]);
    assert!(!told(&sealed), "nobody reads it without the passphrase");
}

#[test]
fn without_a_terminal_nobody_is_asked_and_nothing_is_made() {
    let directory = TempDir::new().unwrap();
    let mut alone = Command::new("setsid");
    alone.arg("--wait").arg(env!("CARGO_BIN_EXE_issuer-host")).args(xpay(&["--encrypt", "--out-dir", "new"]));
    let output = alone.current_dir(directory.path()).output().unwrap();
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no terminal") && text.contains("--passphrase-file"), "{text}");
    assert!(names(directory.path()).is_empty());
    for passphrase in ["", "\n", "short\n", "two\nlines\n"] {
        fs::write(directory.path().join("passphrase"), passphrase).unwrap();
        let output = run(directory.path(), &xpay(&["--passphrase-file", "passphrase", "--out-dir", "new"]));
        assert_eq!(output.status.code(), Some(1), "{passphrase:?}: {}", text_of(&output));
        assert_eq!(names(directory.path()), ["passphrase"]);
    }
}

#[test]
fn a_renewal_takes_the_subject_octet_by_octet() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    let authority = Authority::root("Thales CA");
    let client = |common_name: &str| {
        authority.issue(Spec::client(common_name).with(|params| {
            // Not the types of strings, nor the order, of a new request.
            let name = &mut params.distinguished_name;
            name.push(DnType::LocalityName, DnValue::BmpString("Paris".try_into().unwrap()));
            name.push(DnType::OrganizationalUnitName, DnValue::PrintableString("Cards".try_into().unwrap()));
            name.push(DnType::StateOrProvinceName, "Ile-de-France");
        }))
    };
    let old = client("TLSMA-ECDSA/TSP0001/TSH/TSP.PPR");
    fs::write(here.join("old.pem"), old.chain_pem()).unwrap();
    let text = succeeds(here, &["csr", "--product", "xpay", "--renew", "old.pem", "--out-dir", "renewed"]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("xPay, pre-production") && words.contains("EC P-256"), "{text}");
    let (_, old) = x509_parser::parse_x509_certificate(old.leaf()).unwrap();
    let request = der(here, "renewed/client.csr");
    let (_, request) = X509CertificationRequest::from_der(&request).unwrap();
    assert_eq!(request.certification_request_info.subject.as_raw(), old.subject().as_raw());

    let renew = |more: &[&'static str]| {
        let output =
            run(here, &[&["csr", "--product", "xpay", "--renew", "old.pem", "--out-dir", "no"], more].concat());
        (output.status.code(), text_of(&output))
    };
    let (code, text) = renew(&["--key", "rsa-4096"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("requirement I4") && text.contains("must begin with TLSMA-RSA/"), "{text}");
    let (code, text) = renew(&["--organization", "Other"]);
    assert_eq!(code, Some(2), "{text}");
    let lacking = |change: fn(&mut rcgen::DistinguishedName)| {
        let spec = Spec::client("TLSMA-ECDSA/TSP0001/TSH/TSP.PPR");
        let old = authority.issue(spec.with(|params| {
            let name = &mut params.distinguished_name;
            name.push(DnType::LocalityName, "Paris");
            name.push(DnType::StateOrProvinceName, "Ile-de-France");
            name.push(DnType::OrganizationalUnitName, "Cards");
            change(name);
        }));
        fs::write(here.join("old.pem"), old.chain_pem()).unwrap();
        let (code, text) = renew(&[]);
        (code, text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    for (change, words) in [
        ((|name| name.push(DnType::OrganizationName, " ")) as fn(&mut rcgen::DistinguishedName), "O is empty"),
        (|name| name.push(DnType::OrganizationalUnitName, "Cards "), "OU begins or ends with a blank"),
        (|name| assert!(name.remove(DnType::StateOrProvinceName)), "the subject has no ST:"),
        (
            |name| {
                for kind in [DnType::CountryName, DnType::LocalityName, DnType::OrganizationName] {
                    name.remove(kind);
                }
            },
            "the subject has no C, L, O:",
        ),
    ] {
        let (code, text) = lacking(change);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("requirement I3 (") && text.contains(words), "{words}: {text}");
        assert!(!here.join("no").exists());
    }
    fs::write(here.join("old.pem"), client("someone else").chain_pem()).unwrap();
    assert!(renew(&[]).1.contains("requirement I4"));
    fs::write(here.join("old.pem"), authority.pem()).unwrap();
    assert!(renew(&[]).1.contains("begins with a CA certificate"));
    assert!(!here.join("no").exists());
}

#[test]
fn what_thales_forbids_is_refused_with_its_number_and_nothing_is_made() {
    let directory = TempDir::new().unwrap();
    let sound = [
        ("--product", "d1"),
        ("--id", "GATEWAY01"),
        ("--environment", "ppr"),
        ("--key", "ecdsa-p256"),
        ("--country", "FR"),
        ("--state", "Ile-de-France"),
        ("--locality", "Paris"),
        ("--organization", "Banque"),
        ("--organizational-unit", "Cards"),
        ("--cn-template", "TLSMA-{algorithm}/{id}/TSH/TSP.{env}"),
        ("--out-dir", "new"),
    ];
    let with = |option: &str, value: &'static str| {
        let mut arguments = vec!["csr"];
        for (name, usual) in sound {
            arguments.extend([name, if name == option { value } else { usual }]);
        }
        run(directory.path(), &arguments)
    };
    for (option, value, requirement, words) in [
        ("--key", "rsa-2048", "I2", "D1 refuses RSA with 2048 bits"),
        ("--key", "ecdsa-p384", "I2", "D1 refuses EC P-384"),
        ("--country", "France", "I3", "two capital letters"),
        ("--country", "fr", "I3", "two capital letters"),
        ("--state", " Paris", "I3", "ST begins or ends with a blank"),
        ("--organization", "", "I3", "O is empty"),
        ("--organization", "  ", "I3", "O is empty"),
        ("--organizational-unit", "Cards\u{200b}", "I3", "OU holds \\u{200b}"),
        ("--id", "<merchantGatewayId>", "I4", "is no merchantGatewayId"),
        ("--id", "GATEWAY01GATEWAY01GATEWAY01GATEWAY01GATEWAY01", "I4", "CN has"),
        ("--cn-template", "TLSMA-RSA/{id}/x", "I4", "must begin with TLSMA-ECDSA/"),
        ("--cn-template", "TLSMA-{algo}/{id}", "I4", "holds {algo}"),
        ("--cn-template", "TLSMA-{algorithm}/{id}/TSH/TSP.PRD", "I5", "the code of production"),
        ("--environment", "sandbox", "I5", "write PPR (pre-production) or PRD (production)"),
    ] {
        let output = with(option, value);
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(1), "{option} {value}: {text}");
        assert!(text.contains(&format!("requirement {requirement} (")) && text.contains(words), "{words}: {text}");
        assert!(names(directory.path()).is_empty(), "{option} {value} left something behind");
    }
    let output = with("--product", "cof");
    assert_eq!(output.status.code(), Some(2));
    assert!(text_of(&output).contains("issuer-host client-cert"), "{}", text_of(&output));
    let output = with("", "");
    assert_eq!(output.status.code(), Some(0), "control: {}", text_of(&output));
    assert!(text_of(&output).contains("Look: of D1's common names only the beginning is published"));
    let output = run(directory.path(), &["csr", "--product", "xpay", "--out-dir", "other"]);
    assert_eq!(output.status.code(), Some(2), "{}", text_of(&output));
}

#[test]
fn programs_read_what_was_made() {
    let directory = TempDir::new().unwrap();
    let text = succeeds(directory.path(), &xpay(&["--out-dir", "new", "--format", "json"]));
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (field, value) in [
        ("product", "xpay"),
        ("environment", "PPR"),
        ("made", "request"),
        ("file", "new/client.csr"),
        ("key_file", "new/client-key.pem"),
        ("key", "EC P-256"),
        ("signature", "ECDSA with SHA-256"),
    ] {
        assert_eq!(told[field], value, "{field}: {text}");
    }
    assert_eq!((&told["key_is_new"], &told["key_is_encrypted"]), (&true.into(), &false.into()));
    assert!(told["certificate_serial"].is_null() && told["public_key_sha256"].as_str().unwrap().len() == 64, "{text}");
}

#[test]
fn the_examples_of_the_help_run_as_they_stand() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    fs::write(here.join("passphrase.txt"), PASSPHRASE).unwrap();
    let spec = Spec::client("TLSMA-ECDSA/GATEWAY01/TSH/TSP.PPR").with(|params| {
        for kind in [DnType::StateOrProvinceName, DnType::LocalityName, DnType::OrganizationalUnitName] {
            params.distinguished_name.push(kind, "Paris");
        }
    });
    let old = Authority::root("Thales CA").issue(spec);
    fs::write(here.join("client.pem"), old.chain_pem()).unwrap();
    assert_eq!(run_examples(here, "csr"), 3);
    assert!(["xpay-ppr", "d1-prd", "d1-renewed"].iter().all(|made| here.join(made).join("client.csr").exists()));
}

/// Runs what stands in the help of a command with a margin of four, in a shell; how many there were.
pub(crate) fn run_examples(directory: &Path, subcommand: &str) -> usize {
    let help = text_of(&run(directory, &[subcommand, "--help"]));
    let (_, examples) = help.split_once("Examples:").unwrap();
    let examples = examples.replace("\\\n", " ");
    let examples: Vec<&str> = examples.lines().filter(|line| line.starts_with("    issuer-host ")).collect();
    for example in &examples {
        let binary = env!("CARGO_BIN_EXE_issuer-host");
        let line = example.trim().replacen("issuer-host", &format!("'{binary}'"), 1);
        let (succeeded, text) = tool(directory, "sh", &["-c", &line]);
        assert!(succeeded, "{line}: {text}");
    }
    examples.len()
}

#[test]
fn a_passphrase_is_read_from_a_pipe_too() {
    let directory = TempDir::new().unwrap();
    let mut shell = command(directory.path(), &[]);
    let arguments = xpay(&["--passphrase-file", "/dev/stdin", "--out-dir", "new"]);
    let mut piped = shell.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(PASSPHRASE.as_bytes()).unwrap();
    assert!(piped.wait_with_output().unwrap().status.success());
    let key = fs::read_to_string(directory.path().join("new/client-key.pem")).unwrap();
    assert!(key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
}
