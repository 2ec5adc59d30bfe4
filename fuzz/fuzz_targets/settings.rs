//! A configuration file and environment variables. Behind a line `--- variables` each line is a variable, `NAME=VALUE`.
#![no_main]

use std::ffi::OsString;
use std::path::Path;

use issuer_host::fuzzing::settings;
use issuer_host::settings::{Origin, Report};
use issuer_host_fuzz::input::halves;
use libfuzzer_sys::fuzz_target;

/// Where the file would be: beside those whose neighbours it names. Settings look at files, and read none.
const PLACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/fuzz.toml");
const SEPARATOR: &[u8] = b"--- variables\n";
/// A table that no setting is in, in any case.
const NOBODYS: &str = "nobody_asked_for_this";

fuzz_target!(|input: &[u8]| {
    let (text, variables) = halves(input, SEPARATOR);
    // A file that is not UTF-8 is refused before it is parsed.
    let Ok(text) = std::str::from_utf8(text) else { return };
    let variables = variables_of(variables);
    let place = Path::new(PLACE);

    let outcome = settings(place, text, &variables);
    match (&outcome, settings(place, text, &variables)) {
        (Ok(one), Ok(other)) => assert!(*one == other, "the same configuration twice"),
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
        _ => panic!("good and bad"),
    }
    let settings_of_this = match outcome {
        Ok(settings) => settings,
        Err(report) => return assert_tells(&report),
    };

    // What is accepted can be used and told.
    assert!(!settings_of_this.environments.is_empty());
    for environment in &settings_of_this.environments {
        assert!(!environment.name.is_empty() && !environment.listen.is_empty());
        let key = format!("environments.{}", environment.name);
        assert!(!matches!(settings_of_this.origins.of(&key), Origin::Unset | Origin::Default), "{key}");
    }
    assert!(!settings_of_this.listeners().is_empty());
    assert!(settings_of_this.needs_restart(&settings_of_this).is_empty(), "nothing has changed");
    assert!(settings_of_this.files().iter().all(|file| !file.as_os_str().is_empty()));
    assert!(settings_of_this.report().is_empty());
    assert!(!format!("{settings_of_this:?}").is_empty());
    assert!(settings_of_this.inbox_warning().is_none_or(|warning| !warning.is_empty()));

    // A key that nobody asked for is never passed over.
    let misspelt = format!("{text}\n[{NOBODYS}]\nx = 1\n");
    let report = settings(place, &misspelt, &variables).expect_err("a table that nobody asked for");
    assert!(report.findings().iter().any(|finding| finding.key.starts_with(NOBODYS)), "{report}");
    let mut more = variables;
    more.push(("ISSUER_HOST__NOBODY_ASKED_FOR_THIS".into(), "1".into()));
    let report = settings(place, text, &more).expect_err("a variable that nobody asked for");
    assert!(report.findings().iter().any(|finding| finding.key == NOBODYS), "{report}");
});

fn variables_of(lines: &[u8]) -> Vec<(OsString, OsString)> {
    use std::os::unix::ffi::OsStrExt as _;

    let os = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_owned();
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.contains(&0));
    lines.map(|line| halves(line, b"=")).map(|(name, value)| (os(name), os(value))).take(64).collect()
}

fn assert_tells(report: &Report) {
    assert!(!report.is_empty(), "a refusal says why");
    for finding in report.findings() {
        assert!(!finding.problem.trim().is_empty() && !finding.remedy.trim().is_empty(), "{finding:?}");
    }
    let text = report.to_string();
    // Line ends are the report's own; everything else that a terminal obeys is escaped.
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}
