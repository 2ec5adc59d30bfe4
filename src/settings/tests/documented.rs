//! `config/default.toml` and the reader know the same settings, with the same defaults, and every file in `config/` loads.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::layers::Layers;
use super::super::{
    DEFAULTS, EventSettings, RevocationMode, Settings, ShownValue, Sources, documented, key, read_layers, restart,
};
use super::{MINIMAL, Place};

/// The defaults with the settings of an environment switched on: a `#` with a name or a table right behind it goes.
fn with_environment() -> String {
    let switched_on = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => setting.to_owned(),
        _ => line.to_owned(),
    };
    DEFAULTS.lines().map(switched_on).collect::<Vec<_>>().join("\n")
}

/// As [`with_environment`], without settings that cannot stand beside others: what they are written instead of stays.
fn loadable() -> String {
    with_environment().lines().filter(|line| !line.contains("# instead of ")).collect::<Vec<_>>().join("\n")
}

/// Every key of a TOML text, tables included, with `*` for names that an operator chose.
fn keys(text: &str) -> BTreeSet<String> {
    fn walk(path: &str, table: &dyn toml_edit::TableLike, keys: &mut BTreeSet<String>) {
        for (name, item) in table.iter() {
            let key = key::join(path, name);
            keys.insert(key::pattern(&key));
            if let Some(below) = item.as_table_like() {
                walk(&key, below, keys);
            }
        }
    }
    let mut keys = BTreeSet::new();
    walk("", toml_edit::Document::parse(text).unwrap().as_table(), &mut keys);
    keys
}

#[test]
fn every_setting_that_is_read_is_documented_and_every_documented_one_is_read() {
    let place = Place::new();
    let file = place.path().join("issuer-host.toml");
    let (reader, ..) = read_layers(Layers::default(), Some((&file, &with_environment())), &[]).unwrap();
    let known = reader.known();
    let is_twin = |key: &str| {
        let base = key.strip_suffix("_file").or_else(|| key.strip_suffix("_sha256"));
        base.is_some_and(|base| known.contains(base))
    };
    let (twins, read): (BTreeSet<String>, BTreeSet<String>) = known.iter().cloned().partition(|key| is_twin(key));
    let below = |table: &str, keys: &BTreeSet<String>| -> BTreeSet<String> {
        keys.iter().filter_map(|key| key.strip_prefix(table)).map(str::to_owned).collect()
    };
    let documented = keys(&with_environment());
    // A further backend has the settings of an environment's own, which are documented there.
    assert_eq!(below("backends.*.", &read), below("environments.*.backend.", &documented));
    let others = |keys: BTreeSet<String>| -> BTreeSet<String> {
        keys.into_iter().filter(|key| !key.starts_with("backends.*.")).collect()
    };
    assert_eq!(others(read), others(documented));
    // The path of a secret is the other way to write it: it cannot stand beside it, so the text names it.
    assert!(twins.iter().any(|key| key.ends_with("_file")) && twins.iter().any(|key| key.ends_with("_sha256")));
    for twin in twins {
        assert!(DEFAULTS.contains(key::split(&twin).1), "{twin} is not documented");
    }
}

#[test]
fn every_setting_has_a_line_about_it() {
    for line in with_environment().lines().filter(|line| line.contains(" = ") && !line.starts_with('#')) {
        assert!(line.split_once(" # ").is_some_and(|(_, about)| !about.trim().is_empty()), "no comment: {line}");
    }
}

#[test]
fn the_documented_defaults_of_an_environment_are_the_real_ones() {
    let place = Place::new();
    for name in [
        "thales-client-ca.pem",
        "thales-client-ca.crl",
        "server-chain.pem",
        "server-key.pem",
        "endorsed.pem",
        "backend-ca.pem",
        "backend-client.pem",
        "backend-client-key.pem",
        "signing-key.pem",
        "admin-chain.pem",
        "admin-key.pem",
        "admin-ca.pem",
        "collector-ca.pem",
    ] {
        place.write(&format!("tls/{name}"), "text");
    }
    place.write("products/mine.toml", "text");
    place.write("inbox-keys", "text");
    let documented = place.load(&loadable()).unwrap().environments.remove(0);
    let real = place.load(MINIMAL).unwrap().environments.remove(0);

    // What has no default is an example in the documentation.
    let mut expected = documented.clone();
    expected.host = None;
    expected.client_ca = real.client_ca.clone();
    // What is documented of revocation is the default where there are lists.
    assert_eq!(documented.revocation, RevocationMode::default_for(&documented.crl));
    expected.crl = Vec::new();
    expected.revocation = RevocationMode::default_for(&[]);
    expected.endorsed_chain = None;
    expected.certificate_chain = real.certificate_chain.clone();
    expected.private_key = real.private_key.clone();
    expected.backend.url = real.backend.url.clone();
    expected.backend.ca = None;
    expected.backend.client_credential = None;
    assert_eq!(documented.backend.events.subject, real.backend.events.subject);
    expected.backend.events =
        EventSettings { subject: documented.backend.events.subject.clone(), ..EventSettings::default() };
    expected.products = real.products.clone();
    expected.interpreter.base_paths = Vec::new();
    expected.interpreter.api_keys = Vec::new();
    expected.interpreter.tokens = None;
    expected.interpreter.operations = Vec::new();
    assert_eq!(real, expected);
    assert!(
        documented.host.is_some() && documented.backend.ca.is_some() && documented.backend.client_credential.is_some()
    );
    assert!(documented.endorsed_chain.is_some());
}

#[test]
fn what_is_shown_as_the_default_of_an_environment_changes_nothing_when_it_is_written() {
    let place = Place::new();
    let (_, tables) = documented();
    let mut written = MINIMAL.to_owned();
    let mut count = 0;
    for table in &tables {
        let below = table.name.strip_prefix("environments.preprod").filter(|below| !below.contains("tokens"));
        let Some(below) = below else { continue };
        let below = below.strip_prefix('.').map(|below| format!("{below}.")).unwrap_or_default();
        // A mode of revocation is the default where there are lists.
        let defaults = table.settings.iter().filter(|setting| setting.shown == ShownValue::Default);
        for setting in defaults.filter(|setting| setting.name != "revocation") {
            written = format!("{written}{below}{} = {}\n", setting.name, setting.value);
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
    let (written, real) = (place.load(&written).unwrap(), place.load(MINIMAL).unwrap());
    assert_eq!(written.environments, real.environments);
    let other = place.load(&format!("{MINIMAL}resumption = \"off\"\n")).unwrap();
    assert_ne!(other.environments, real.environments, "control");
}

#[test]
fn what_needs_a_restart_is_documented() {
    let (_, tables) = documented();
    let documented: BTreeSet<String> =
        tables.iter().flat_map(|table| &table.settings).map(|setting| key::pattern(&setting.key)).collect();
    let listed: Vec<&str> = restart::listed().collect();
    assert!(listed.contains(&"server.listen") && listed.contains(&"server.workers"), "control");
    for key in listed {
        let table = format!("{key}.");
        assert!(documented.iter().any(|documented| documented == key || documented.starts_with(&table)), "{key}");
    }
}

#[test]
fn the_documented_defaults_of_tokens_and_operations_are_the_real_ones() {
    let place = Place::new();
    for name in ["ca", "chain", "key", "signing-key"] {
        place.write(&format!("tls/{name}.pem"), "text");
    }
    // Those lines whose comment says what they are without them.
    let optional = ["audience", "scope", "lifetime", "credentials_in_body", "id", "scopes", "headers"];
    let tables = |keep: bool| {
        let mut kept = false;
        let lines = with_environment();
        let lines = lines.lines().filter(|line| {
            if line.starts_with('[') {
                kept = line.starts_with("[environments.preprod.tokens")
                    || line.starts_with("[environments.preprod.operations");
            }
            let name = line.split(" = ").next().unwrap_or_default();
            kept && !line.contains("# instead of ") && name != "backend" && (keep || !optional.contains(&name))
        });
        let tables = lines.collect::<Vec<_>>().join("\n");
        let text = format!("{}\n{tables}", MINIMAL.replace("\"tsh\"", "[\"tsh\", \"d1\"]"));
        place.load(&text).unwrap_or_else(|report| panic!("{report}")).environments.remove(0).interpreter
    };
    let (written, left_out) = (tables(true), tables(false));
    assert_eq!(written, left_out);
    assert!(written.tokens.is_some() && written.operations.len() == 1);
}

#[test]
fn every_file_in_the_configuration_directory_loads() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut examples = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let outcome = Settings::load(&Sources::from_file(&path));
        if path.ends_with("default.toml") {
            // It has all settings and no environment.
            let report = outcome.unwrap_err();
            let keys: Vec<_> = report.findings().iter().map(|finding| finding.key.as_str()).collect();
            assert_eq!(keys, ["environments"]);
        } else {
            examples += 1;
            if let Err(report) = outcome {
                panic!("{}: {report}", path.display());
            }
        }
    }
    assert!(examples >= 3);
}
