//! What every command has to hold to.

use clap::{Command, CommandFactory as _, Parser as _};

use super::Arguments;

/// Every command that does something, with the words that lead to it.
fn commands() -> Vec<(String, Command)> {
    fn collect(path: &str, command: &Command, found: &mut Vec<(String, Command)>) {
        found.push((path.to_owned(), command.clone()));
        for below in command.get_subcommands() {
            collect(&format!("{path} {}", below.get_name()), below, found);
        }
    }
    let mut found = Vec::new();
    collect("issuer-host", &Arguments::command(), &mut found);
    found
}

/// The examples of a command: the lines of its help that call this program, those that a backslash continues in one.
fn examples(command: &Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = help.replace("\\\n", " ");
    lines
        .lines()
        .filter(|line| !line.trim_start().starts_with('#') && line.contains("issuer-host "))
        .map(str::to_owned)
        .collect()
}

/// The words of the first call of this program in a line of shell.
fn words(line: &str) -> Vec<String> {
    let call = &line[line.find("issuer-host ").unwrap()..];
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), None);
    for letter in call.chars() {
        match (letter, quoted) {
            (quote @ ('"' | '\''), None) => quoted = Some(quote),
            (quote, Some(open)) if quote == open => quoted = None,
            (' ', None) if word.is_empty() => {}
            (' ', None) => words.push(std::mem::take(&mut word)),
            ('|' | '>' | '<' | '&' | ';' | ')', None) => break,
            (letter, _) => word.push(letter),
        }
    }
    if !word.is_empty() && word != "2" {
        words.push(word);
    }
    words
}

#[test]
fn the_definition_of_the_commands_holds_together() {
    Arguments::command().debug_assert();
}

#[test]
fn the_ca_of_a_server_means_the_same_to_all_who_call_one() {
    let arguments = Arguments::command();
    for name in ["call", "check", "probe"] {
        let command = arguments.find_subcommand(name).unwrap();
        let argument = command.get_arguments().find(|argument| argument.get_long() == Some("server-ca")).unwrap();
        let help = argument.get_help().unwrap().to_string();
        assert_eq!(
            help,
            "The CAs that the server's certificate has to come from (PEM), in place of those that Mozilla trusts"
        );
    }
}

#[test]
fn each_command_has_examples_and_its_own_parser_takes_them() {
    for (path, command) in commands() {
        let examples = examples(&command);
        assert!(!examples.is_empty(), "{path} --help has no example");
        let own = examples.iter().filter(|line| words(line).join(" ").starts_with(&path)).count();
        assert!(own > 0, "no example of {path} is of {path}: {examples:?}");
        for line in examples {
            if let Err(error) = Arguments::try_parse_from(words(&line)) {
                panic!("{path}: {line}\n{error}");
            }
        }
    }
}

#[test]
fn no_example_is_broken_by_a_terminal_of_eighty_columns() {
    for (path, command) in commands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines() {
            assert!(line.chars().count() <= 79, "{path}: {line}");
        }
    }
}

#[test]
fn an_example_that_nobody_could_run_would_be_found() {
    let line = "  issuer-host inbox list --states 'dead' | jq .";
    assert_eq!(words(line), ["issuer-host", "inbox", "list", "--states", "dead"]);
    assert!(Arguments::try_parse_from(words(line)).is_err());
    assert!(Arguments::try_parse_from(words("issuer-host inbox list --state dead > dead.txt")).is_ok(), "control");
}

#[test]
fn every_command_of_the_runbook_is_one_that_there_is() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbook");
    let mut commands = 0;
    for page in std::fs::read_dir(directory).unwrap().map(|page| page.unwrap().path()) {
        let text = std::fs::read_to_string(&page).unwrap();
        let blocks = text.replace("\\\n", " ");
        let blocks = blocks.lines().map(str::to_owned);
        // What stands between two backticks may be broken between words.
        let inline =
            text.split('`').skip(1).step_by(2).map(|code| code.split_whitespace().collect::<Vec<_>>().join(" "));
        for line in blocks.chain(inline).filter(|line| line.starts_with("issuer-host ")) {
            let line = line.split(" # ").next().unwrap_or_default();
            if let Err(error) = Arguments::try_parse_from(words(line)) {
                panic!("{}: {line}\n{error}", page.display());
            }
            commands += 1;
        }
    }
    assert!(commands > 30, "{commands}");
}

#[test]
fn a_command_that_makes_something_says_what_its_exit_codes_mean() {
    for name in ["csr", "client-cert", "chain", "sign", "crl"] {
        let command = Arguments::command().find_subcommand(name).unwrap().clone();
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.starts_with("Exit codes: 0 "), "{name}: {help}");
    }
}

#[test]
fn help_fits_a_terminal() {
    for (path, command) in commands() {
        let help = command.clone().term_width(100).render_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{path}: {line}");
        }
    }
}
