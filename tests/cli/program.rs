//! The program itself: help, version, and whether a server is there.

use std::net::TcpListener;

use tempfile::TempDir;

use super::{run, text_of};

#[test]
fn help_and_version_are_given() {
    let directory = TempDir::new().unwrap();
    let help = run(directory.path(), &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for word in ["serve", "check", "demo", "sample-pki", "healthcheck"] {
        assert!(text_of(&help).contains(word), "{word}");
    }
    let version = run(directory.path(), &["--version"]);
    assert!(text_of(&version).contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(run(directory.path(), &["serv"]).status.code(), Some(2));
    assert_eq!(run(directory.path(), &[]).status.code(), Some(2));
}

#[test]
fn a_healthcheck_without_a_server_fails() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let directory = TempDir::new().unwrap();
    let output = run(directory.path(), &["healthcheck", "--address", &free]);
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
    assert!(text_of(&output).contains(&free), "{}", text_of(&output));
}

#[test]
fn wrong_arguments_are_told_in_lines_that_fit_a_terminal() {
    let directory = TempDir::new().unwrap();
    for (arguments, words) in [
        (&["csr", "--product", "cof"][..], "error: invalid value 'cof' for '--product <xpay|d1>': merchant"),
        (&["csr", "--product", "xpay"], "Usage: issuer-host csr --product <xpay|d1> --id <ID>"),
        (&["explain", "requirement", "O99"], "there is no requirement \"O99\": write O1 to O14"),
        (&["inbox", "lst"], "tip: a similar subcommand exists: 'list'"),
        (&[], "Usage: issuer-host [OPTIONS] <COMMAND>"),
    ] {
        let output = run(directory.path(), arguments);
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(output.stdout.is_empty() && !text.contains('\u{1b}'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{words}: {text}");
    }
}
