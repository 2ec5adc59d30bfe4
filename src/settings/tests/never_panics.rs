//! Whatever a file or a variable holds, the answer is settings or a report.

use std::ffi::OsString;
use std::path::Path;

use proptest::prelude::*;

use super::super::layers::Layers;
use super::super::load;
use super::{ASSETS, MINIMAL};

/// Words that lead deep into the reader, and words that lead astray.
fn word() -> impl Strategy<Value = String> {
    let known = [
        "server",
        "listen",
        "admin",
        "log",
        "environments",
        "preprod",
        "backend",
        "url",
        "http2",
        "inbox",
        "private_key",
        "private_key_file",
        "product",
        "host",
        "max_body_size",
        "body_timeout",
        "proxy_protocol",
        "from",
        "client_subject",
        "reload",
        "poll",
        "crl",
        "revocation",
        "products_dir",
        "backends",
        "base_paths",
        "api_keys",
        "key_sha256",
        "tokens",
        "clients",
        "secrets",
        "issuer",
        "expires",
        "operations",
        "deadline",
        "headers",
    ];
    prop_oneof![8 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "[a-z_.\\[\\]0-9]{0,8}"]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "\"\\PC{0,12}\"",
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}")),
        Just("true".to_owned()),
        Just("1979-05-27".to_owned()),
        Just("{ a = { b = 1 } }".to_owned()),
        Just("[[1], \"x\", { y = 2 }]".to_owned()),
        Just("\"0.0.0.0:8443\"".to_owned()),
        "[0-9]{1,30} ?[a-zA-Zé]{0,4}".prop_map(|text| format!("{text:?}")),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let path = || proptest::collection::vec(word(), 1..4).prop_map(|words| words.join("."));
    prop_oneof![
        3 => (path(), value()).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => path().prop_map(|key| format!("[{key}]")),
        1 => path().prop_map(|key| format!("[[{key}]]")),
        1 => word().prop_map(|key| format!("{key:?} = 1")),
    ]
}

fn run(text: &str, variables: &[(OsString, OsString)]) {
    for file in [None, Some((Path::new("issuer-host.toml"), text))] {
        match load(Layers::default(), file, variables) {
            Ok(settings) => assert!(!settings.environments.is_empty()),
            Err(report) => assert!(!report.is_empty() && !report.to_string().is_empty()),
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_text_is_settings_or_a_report(text in "\\PC{0,200}") {
        run(&text, &[]);
    }

    #[test]
    fn arbitrary_toml_is_settings_or_a_report(lines in proptest::collection::vec(line(), 0..12)) {
        // Line by line too: a repeated key would make the whole a syntax error.
        run(&lines.join("\n"), &[]);
        run(&format!("{}\n{MINIMAL}", lines.first().map_or("", String::as_str)), &[]);
        run(&format!("{MINIMAL}\n{}", lines.first().map_or("", String::as_str)), &[]);
    }

    #[test]
    fn arbitrary_variables_are_settings_or_a_report(
        names in proptest::collection::vec(proptest::collection::vec(word(), 0..5), 0..6),
        values in proptest::collection::vec("\\PC{0,20}", 6),
        assets in proptest::collection::vec("\\PC{0,20}", ASSETS.len()),
    ) {
        let settings = names.iter().map(|words| format!("ISSUER_HOST__{}", words.join("__").to_uppercase()));
        let mut variables: Vec<(OsString, OsString)> =
            settings.zip(&values).map(|(name, value)| (name.into(), value.into())).collect();
        run(MINIMAL, &variables);
        variables.extend(ASSETS.iter().zip(&assets).map(|((name, _), value)| (name.into(), value.into())));
        run("", &variables);
    }
}
