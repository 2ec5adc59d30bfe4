//! Keys: new or there before, private, encrypted.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{PASSPHRASE, names, openssl, succeeds, tool, words_of, xpay};
use crate::pki::Authority;
use crate::{command, run, text_of};

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
    assert!(words_of(&again).contains("client-key.pem is there already"), "{}", text_of(&again));
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
    assert!(words_of(&refused).contains("theirs.pem: line 1: the passphrase does not open the key"));
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
    let text = words_of(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no terminal") && text.contains("name a file with --passphrase-file"), "{text}");
    assert!(names(directory.path()).is_empty());
    for passphrase in ["", "\n", "short\n", "two\nlines\n"] {
        fs::write(directory.path().join("passphrase"), passphrase).unwrap();
        let output = run(directory.path(), &xpay(&["--passphrase-file", "passphrase", "--out-dir", "new"]));
        assert_eq!(output.status.code(), Some(1), "{passphrase:?}: {}", text_of(&output));
        assert_eq!(names(directory.path()), ["passphrase"]);
    }
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

#[test]
fn a_passphrase_that_nobody_can_be_asked_for_is_told_by_the_option_that_names_its_file() {
    let directory = TempDir::new().unwrap();
    let here = directory.path();
    let client = Authority::root("CA").client("client");
    for (name, text) in [("clear.pem", client.key_pem()), ("cert.pem", client.chain_pem()), ("csr.pem", String::new())]
    {
        fs::write(here.join(name), text).unwrap();
    }
    let clear = ["-in", "clear.pem", "-passout", "pass:open sesame"];
    openssl(here, &[&["pkcs8", "-topk8", "-out", "sealed.pem"], &clear[..]].concat());
    openssl(here, &[&["ec", "-aes256", "-out", "old.pem"], &clear[..]].concat());
    let ca = ["--ca", "cert.pem", "--ca-key"];
    let shown = ["--client-certificate", "cert.pem", "--client-key"];
    for (command, key, option, code) in [
        (xpay(&["--csr", "new.csr"]), &["--key-file"][..], "--passphrase-file", 1),
        (vec!["sign", "--csr", "csr.pem", "--out", "new.pem"], &ca, "--ca-key-passphrase-file", 1),
        (vec!["crl", "--out", "new.crl", "--new"], &ca, "--ca-key-passphrase-file", 1),
        (vec!["probe", "api.bank.invalid"], &shown, "--client-key-passphrase-file", 2),
        (vec!["check", "--live", "127.0.0.1:9"], &shown, "--client-key-passphrase-file", 2),
    ] {
        let with = |key_file| {
            let mut alone = Command::new("setsid");
            alone.arg("--wait").arg(env!("CARGO_BIN_EXE_issuer-host")).args(&command).args(key).arg(key_file);
            let output = alone.current_dir(here).output().unwrap();
            assert_eq!(output.status.code(), Some(code), "{command:?}: {}", text_of(&output));
            words_of(&output)
        };
        let text = with("sealed.pem");
        assert!(text.contains(&format!("name a file with {option}")), "{command:?}: {text}");
        let text = with("old.pem");
        let convert = "convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out CONVERTED`";
        assert!(text.contains("old.pem: line 2: the private key is encrypted in the way of before PKCS#8"), "{text}");
        assert!(text.contains(convert) && !text.contains("server"), "{command:?}: {text}");
    }
}
