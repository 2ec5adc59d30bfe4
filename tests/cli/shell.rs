//! What the program gives to a shell: completions, manual pages, colour.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{Operator, run, text_of};

/// The first words of the lines of a page's list of commands.
fn commands() -> BTreeSet<String> {
    let help = run(Path::new("."), &["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    let list = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let command = |line: &str| line.strip_prefix("  ").and_then(|line| line.split(' ').next()).unwrap_or("").to_owned();
    let found: BTreeSet<String> = list.lines().map(command).filter(|name| !name.is_empty() && name != "help").collect();
    assert!(found.len() > 8 && found.contains("serve"), "{found:?}");
    found
}

fn shell(program: &str, script: &str) -> String {
    let output = Command::new(program).args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{}", text_of(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_commands_and_options() {
    let directory = TempDir::new().unwrap();
    let script = directory.path().join("issuer-host.bash");
    fs::write(&script, run(directory.path(), &["completions", "bash"]).stdout).unwrap();
    let completed = |words: &[&str]| {
        let last = words.len() - 1;
        let line = format!(
            "source {}; complete=$(complete -p issuer-host | sed 's/.*-F \\([^ ]*\\).*/\\1/'); COMP_WORDS=({}); \
             COMP_CWORD={last}; $complete issuer-host '{}' '{}'; echo \"${{COMPREPLY[@]}}\"",
            script.display(),
            words.join(" "),
            words[last],
            words[last - 1]
        );
        shell("bash", &line).trim().to_owned()
    };
    assert_eq!(completed(&["issuer-host", "inb"]), "inbox");
    assert_eq!(completed(&["issuer-host", "inbox", "li"]), "list");
    assert_eq!(completed(&["issuer-host", "serve", "--conf"]), "--config");
    assert_eq!(completed(&["issuer-host", "explain", "co"]), "cof");
    assert_eq!(completed(&["issuer-host", "client-cert", "--comm"]), "--common-name");
    for (words, value) in [
        (["call", "--all", "co"], "cof"),
        (["csr", "--product", "x"], "xpay"),
        (["csr", "--environment", "pp"], "ppr"),
        (["csr", "--key", "r"], "rsa-4096"),
        (["client-cert", "--key", "r"], "rsa-2048"),
        (["probe", "--product", "x"], "xpay"),
    ] {
        assert_eq!(completed(&[&["issuer-host"][..], &words].concat()), value, "{words:?}");
    }
    assert_eq!(completed(&["issuer-host", "call", "co"]), "cof");
    assert_eq!(completed(&["issuer-host", "nothing-begins-so"]), "", "control");
}

#[test]
fn every_shell_is_told_of_every_command() {
    for name in ["bash", "zsh", "fish"] {
        let output = run(Path::new("."), &["completions", name]);
        let script = String::from_utf8(output.stdout).unwrap();
        for command in commands() {
            assert!(script.contains(&command), "{name} does not know {command}");
        }
    }
    assert_eq!(run(Path::new("."), &["completions", "command.com"]).status.code(), Some(2), "control");
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let directory = TempDir::new().unwrap();
    let pages = directory.path().join("share/man/man1");
    for _ in 0..2 {
        let output = run(directory.path(), &["man", "share/man/man1"]);
        assert!(output.status.success(), "{}", text_of(&output));
    }
    let top = fs::read_to_string(pages.join("issuer-host.1")).unwrap();
    for command in commands() {
        let page = fs::read_to_string(pages.join(format!("issuer-host-{command}.1"))).unwrap();
        for part in [".TH", ".SH NAME", ".SH SYNOPSIS", ".SH EXAMPLES"] {
            assert!(page.contains(part), "{command} has no {part}");
        }
        assert!(top.contains(&format!("issuer\\-host\\-{}(1)", command.replace('-', "\\-"))), "{command}: {top}");
    }
    assert!(pages.join("issuer-host-inbox-replay.1").is_file());
    let refused = run(directory.path(), &["man", "share/man/man1/issuer-host.1"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text_of(&refused));
}

/// What `check` prints on a terminal, with these variables.
fn on_a_terminal(operator: &Operator, arguments: &str, variables: &[(&str, &str)]) -> Output {
    let command = format!("{} check --config issuer-host.toml {arguments}", env!("CARGO_BIN_EXE_issuer-host"));
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &command, "/dev/null"]).current_dir(operator.directory.path());
    terminal.env_clear().env("TERM", "xterm").env("PATH", "/usr/bin:/bin").envs(variables.iter().copied());
    terminal.output().unwrap()
}

#[test]
fn colour_is_for_terminals_and_for_those_who_want_it() {
    let operator = Operator::new();
    let coloured = |output: &Output| output.stdout.contains(&0x1b);
    assert!(coloured(&on_a_terminal(&operator, "", &[])), "a terminal");
    assert!(!coloured(&on_a_terminal(&operator, "", &[("NO_COLOR", "1")])), "NO_COLOR");
    assert!(!coloured(&on_a_terminal(&operator, "--color never", &[])), "never, on a terminal");
    let checked = |color| run(operator.directory.path(), &["check", "--config", "issuer-host.toml", "--color", color]);
    assert!(!coloured(&checked("auto")), "a pipe");
    assert!(coloured(&checked("always")), "always, into a pipe");
}
