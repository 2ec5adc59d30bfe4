//! What changes while a server runs: revocation lists, sessions, and when files are looked at again.

use std::path::PathBuf;
use std::time::Duration;

use super::super::{EnvironmentSettings, PemSource, ReloadSettings, Resumption, RevocationMode};
use super::{MINIMAL, Place, load, sole_problem};

fn place() -> Place {
    let place = Place::new();
    for name in ["a.crl", "b.crl", "endorsed.pem", "backend-ca.pem", "backend.pem", "backend-key.pem"] {
        place.write(name, "text");
    }
    place
}

fn environment(place: &Place, more: &str) -> EnvironmentSettings {
    load(place, &format!("{MINIMAL}\n{more}")).environments.remove(0)
}

#[test]
fn lists_that_are_named_are_enforced_unless_something_else_is_said() {
    let place = place();
    let without = environment(&place, "");
    assert_eq!((without.crl, without.revocation), (Vec::new(), RevocationMode::Off));
    let one = environment(&place, "crl = \"a.crl\"");
    assert_eq!((one.crl, one.revocation), (vec![place.path().join("a.crl")], RevocationMode::IfCovered));
    for mode in [RevocationMode::Off, RevocationMode::IfCovered, RevocationMode::Require] {
        let text = format!("crl = [\"a.crl\", \"b.crl\"]\nrevocation = \"{}\"", mode.name());
        let environment = environment(&place, &text);
        assert_eq!((environment.crl.len(), environment.revocation), (2, mode));
    }
}

#[test]
fn a_variable_separates_lists_by_commas() {
    let place = place();
    let variables = [
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__CRL", "DIR/a.crl, DIR/b.crl"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__REVOCATION", "require"),
    ];
    let environment = place.load_with(MINIMAL, &variables).unwrap().environments.remove(0);
    assert_eq!(environment.crl, [place.path().join("a.crl"), place.path().join("b.crl")]);
    assert_eq!(environment.revocation, RevocationMode::Require);
}

#[test]
fn to_check_without_a_list_is_a_problem() {
    let place = place();
    for (mode, word) in [("require", "refuse everybody"), ("if-covered", "check nothing")] {
        let (key, text) = sole_problem(&place, &format!("{MINIMAL}\nrevocation = \"{mode}\"\ncrl = []"));
        assert_eq!(key, "environments.preprod.revocation");
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(environment(&place, "revocation = \"off\"").revocation, RevocationMode::Off, "control");
}

#[test]
fn lists_that_are_not_consulted_are_warned_about() {
    let place = place();
    let off = load(&place, &format!("{MINIMAL}\ncrl = \"a.crl\"\nrevocation = \"off\""));
    let [warning] = off.warnings.as_slice() else { panic!("{:?}", off.warnings) };
    assert!(warning.contains("environments.preprod.crl are not consulted"), "{warning}");
    for quiet in ["crl = \"a.crl\"", "revocation = \"off\""] {
        assert!(load(&place, &format!("{MINIMAL}\n{quiet}")).warnings.is_empty(), "{quiet}");
    }
}

#[test]
fn sessions_resume_unless_that_is_off_and_not_for_longer_than_an_hour() {
    let place = place();
    let default = environment(&place, "");
    assert_eq!((default.resumption, default.session_lifetime), (Resumption::Reverified, Duration::from_secs(3600)));
    let other = environment(&place, "resumption = \"off\"\nsession_lifetime = \"1s\"");
    assert_eq!((other.resumption, other.session_lifetime), (Resumption::Off, Duration::from_secs(1)));
    for bad in ["0s", "999ms", "61m"] {
        let (key, _) = sole_problem(&place, &format!("{MINIMAL}\nsession_lifetime = \"{bad}\""));
        assert_eq!(key, "environments.preprod.session_lifetime", "{bad}");
    }
}

#[test]
fn a_client_that_no_longer_passes_gets_a_minute_at_most() {
    let place = place();
    assert_eq!(load(&place, MINIMAL).server.retire_grace, Duration::from_secs(5));
    for (text, grace) in [("0s", 0), ("1m", 60)] {
        let settings = load(&place, &format!("server.retire_grace = \"{text}\"\n{MINIMAL}"));
        assert_eq!(settings.server.retire_grace, Duration::from_secs(grace));
    }
    assert_eq!(sole_problem(&place, &format!("server.retire_grace = \"61s\"\n{MINIMAL}")).0, "server.retire_grace");
}

#[test]
fn files_are_watched_and_polled_unless_switched_off() {
    let place = place();
    let reload = |text: &str| load(&place, &format!("[reload]\n{text}\n{MINIMAL}")).reload;
    assert_eq!(reload(""), ReloadSettings { watch: true, poll: Some(Duration::from_secs(30)) });
    assert_eq!(
        reload("watch = false\npoll = \"1s\""),
        ReloadSettings { watch: false, poll: Some(Duration::from_secs(1)) }
    );
    assert_eq!(reload("poll = \"0s\""), ReloadSettings { watch: true, poll: None });
    for bad in ["500ms", "2h"] {
        let (key, text) = sole_problem(&place, &format!("reload.poll = \"{bad}\"\n{MINIMAL}"));
        assert_eq!(key, "reload.poll");
        assert!(text.contains("\"0s\" turns it off"), "{text}");
    }
}

#[test]
fn that_nothing_looks_at_files_by_itself_is_warned_about() {
    let place = place();
    let warnings = |text: &str| load(&place, &format!("[reload]\n{text}\n{MINIMAL}")).warnings;
    let off = warnings("watch = false\npoll = \"0s\"");
    assert!(off[0].contains("SIGHUP and POST /reload only"), "{off:?}");
    assert!(warnings("watch = false").is_empty() && warnings("poll = \"0s\"").is_empty());
}

#[test]
fn every_file_that_is_named_is_known_once() {
    let place = place();
    for name in ["signing.pem", "idp-ca.pem", "other-ca.pem", "key.txt", "secret.txt"] {
        place.write(name, "text");
    }
    place.write("products/mine.toml", "");
    let second = MINIMAL.replace("preprod", "production").replace("8080", "8081");
    let text = format!(
        "products_dir = \"products\"\n{}\nhost = \"a.example\"\ncrl = [\"a.crl\", \"b.crl\"]\nendorsed_chain = \"endorsed.pem\"\nbackend.ca = \"backend-ca.pem\"\n\
         backend.client_certificate = \"backend.pem\"\nbackend.client_key_file = \"backend-key.pem\"\n\
         api_keys.main.key_file = \"key.txt\"\napi_keys.next.key = \"text\"\ntokens.signing_key = \"signing.pem\"\n\
         tokens.clients.one.secrets.current.secret_file = \"secret.txt\"\n{}\nhost = \"b.example\"\n\
         tokens.issuer = \"https://idp.example\"\ntokens.audience = \"b\"\ntokens.jwks_ca = \"idp-ca.pem\"\n\
         [backends.other]\nurl = \"https://other\"\nca = \"other-ca.pem\"",
        MINIMAL.replace("http:", "https:").replace("\"tsh\"", "[\"cof\", \"d1\"]"),
        second.replace("\"tsh\"", "\"d1\"")
    );
    let mut expected: Vec<PathBuf> = [
        "ca.pem",
        "chain.pem",
        "key.pem",
        "a.crl",
        "b.crl",
        "endorsed.pem",
        "backend-ca.pem",
        "backend.pem",
        "backend-key.pem",
        "signing.pem",
        "idp-ca.pem",
        "other-ca.pem",
        "key.txt",
        "secret.txt",
    ]
    .iter()
    .map(|name| place.path().join(name))
    .collect();
    expected.sort();
    assert_eq!(load(&place, &text).files(), expected);
}

#[test]
fn text_in_a_setting_is_no_file() {
    let place = place();
    let inline = "\"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\"";
    let text = format!("{}\nendorsed_chain = {inline}", MINIMAL.replace("\"ca.pem\"", inline));
    let settings = load(&place, &text);
    assert!(matches!(settings.environments[0].endorsed_chain, Some(PemSource::Inline(_))));
    assert_eq!(settings.files(), [place.path().join("chain.pem"), place.path().join("key.pem")]);
    // A list may be binary, so it is a file always.
    let crl = "\"-----BEGIN X509 CRL-----\\nAAAA\\n-----END X509 CRL-----\"";
    let (key, problem) = sole_problem(&place, &format!("{MINIMAL}\ncrl = [{crl}]"));
    assert_eq!(key, "environments.preprod.crl[0]");
    assert!(problem.contains("path of a file is expected"), "{problem}");
}

#[test]
fn lists_and_the_endorsed_chain_are_known_even_where_the_rest_is_broken() {
    let place = place();
    let broken = format!("{MINIMAL}\ncrl = \"a.crl\"\nrevocation = \"allways\"\nendorsed_chain = \"endorsed.pem\"");
    let report = place.load(&broken).unwrap_err();
    let parts = &report.environments()[0];
    assert_eq!((parts.crl.len(), parts.revocation), (1, RevocationMode::IfCovered));
    assert!(parts.endorsed_chain.is_some());
    // Nothing is said of how lists are used where the lists themselves are missing.
    let report = place.load(&format!("{MINIMAL}\ncrl = \"none.crl\"\nrevocation = \"require\"")).unwrap_err();
    assert_eq!(report.findings().len(), 1, "{report}");
    assert!(report.environments()[0].crl.is_empty());
}
