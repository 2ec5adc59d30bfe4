//! `issuer-host demo` and `sample-pki`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{run, text_of};

#[test]
fn a_sample_pki_is_written_once_and_its_keys_are_private() {
    let directory = TempDir::new().unwrap();
    let written = run(directory.path(), &["sample-pki", "sample"]);
    assert_eq!(written.status.code(), Some(0), "{}", text_of(&written));
    let files: Vec<_> =
        fs::read_dir(directory.path().join("sample")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let holds = |path: &Path, what: &str| fs::read_to_string(path).unwrap().contains(what);
    let keys: Vec<_> = files.iter().filter(|path| holds(path, "PRIVATE KEY")).collect();
    assert!(keys.len() >= 3 && files.iter().filter(|path| holds(path, "BEGIN CERTIFICATE")).count() >= 4, "{files:?}");
    for key in keys {
        assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600, "{}", key.display());
    }
    let before: Vec<_> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    let again = run(directory.path(), &["sample-pki", "sample"]);
    assert_eq!(again.status.code(), Some(1), "{}", text_of(&again));
    let after: Vec<_> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(before == after, "something was overwritten");
}

#[test]
fn the_demo_tells_its_story_and_ends() {
    let directory = TempDir::new().unwrap();
    let output = run(directory.path(), &["demo", "--once"]);
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains("WRONG") && !text.contains("panicked"), "{text}");
    assert_eq!(text.matches("  ok ").count(), 14, "{text}");
    for alert in ["certificate_required", "unknown_ca", "certificate_expired"] {
        assert!(text.contains(&format!("refused: alert {alert}")), "{text}");
    }
}

#[test]
fn a_story_that_differs_in_one_line_ends_with_1() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs-sample");
    let directory = TempDir::new().unwrap();
    for entry in fs::read_dir(&samples).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
    }
    // Who should have expired is a client that has not.
    for part in ["chain", "key"] {
        let (valid, expired) = (format!("client-a-{part}.pem"), format!("client-expired-{part}.pem"));
        fs::copy(samples.join(valid), directory.path().join(expired)).unwrap();
    }
    let output = run(directory.path(), &["demo", "--once", "--certificates", "."]);
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!((text.matches("  ok ").count(), text.matches("WRONG").count()), (13, 1), "{text}");
}

#[test]
fn the_demo_goes_on_serving_until_it_is_interrupted() {
    let directory = TempDir::new().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_issuer-host"))
        .args(["demo", "--listen", "127.0.0.1:0"])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<_> = lines.take_while(|line| line != "Ctrl-C ends it.").collect();
    assert!(told.iter().any(|line| line.contains("curl --cacert")), "{told:?}");
    assert!(demo.try_wait().unwrap().is_none(), "it has ended: {told:?}");
    assert!(Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap().success());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
}
