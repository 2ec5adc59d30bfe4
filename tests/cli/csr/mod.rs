//! `issuer-host csr`: held against what OpenSSL makes of the same input, and read by OpenSSL and Java.

mod keys;
mod openssl;
mod renewal;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rcgen::DnType;
use tempfile::TempDir;

use crate::pki::{Authority, Spec};
use crate::{run, text_of};

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

/// What was said, with single blanks; in lines of at most 100 columns.
#[track_caller]
pub(crate) fn words_of(output: &Output) -> String {
    let text = text_of(output);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
        let text = words_of(&output);
        assert_eq!(output.status.code(), Some(1), "{option} {value}: {text}");
        assert!(text.contains(&format!("requirement {requirement} (")) && text.contains(words), "{words}: {text}");
        assert!(names(directory.path()).is_empty(), "{option} {value} left something behind");
    }
    let output = with("--product", "cof");
    assert_eq!(output.status.code(), Some(2));
    assert!(text_of(&output).contains("issuer-host client-cert"), "{}", text_of(&output));
    let output = with("", "");
    assert_eq!(output.status.code(), Some(0), "control: {}", text_of(&output));
    let look = "Look: of D1's common names only the beginning is published";
    assert!(text_of(&output).contains(look) && words_of(&output).contains("say so with --cn-template."));
    let output = run(directory.path(), &["csr", "--product", "xpay", "--out-dir", "other"]);
    assert_eq!(output.status.code(), Some(2), "{}", text_of(&output));
}

#[test]
fn whoever_names_no_place_is_asked_for_a_directory_first() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    let merchant = ["client-cert", "--common-name", "m"];
    for (command, file) in [(&xpay(&[])[..], "--csr"), (&merchant, "--certificate")] {
        let refused = |more: &[&'static str]| {
            let output = run(here, &[command, more].concat());
            let text = text_of(&output);
            assert_eq!(output.status.code(), Some(2), "{text}");
            assert!(names(here).is_empty(), "{text}");
            text
        };
        let asked_for = format!("\n  <--out-dir <DIR>|{file} <FILE>>\n");
        for nowhere in [&[][..], &["--key-out", "key.pem"], &["--key-file", "key.pem"]] {
            let text = refused(nowhere);
            assert!(text.contains(&asked_for), "{text}");
        }
        let text = refused(&[file, "made.pem"]);
        assert!(text.contains("\n  <--key-out <FILE>|--key-file <FILE>>\n") && !text.contains(&asked_for), "{text}");
        for (one, other) in [("--out-dir", file), ("--out-dir", "--key-out"), ("--key-file", "--key-out")] {
            let rest = if one == "--key-file" { [file, "x"] } else { ["--format", "text"] };
            let text = refused(&[&[one, "new", other, "key.pem"], &rest[..]].concat());
            assert!(text.contains("cannot be used with"), "{one} {other}: {text}");
        }
    }
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
