//! Which layer wins, what variables can say, and the single environment without a file.

use std::time::Duration;

use super::super::{PemSource, Product, Resumption, Settings, Sources};
use super::{ASSETS, MINIMAL, Place};

fn with(extra: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    ASSETS.iter().chain(extra).copied().collect()
}

fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    ASSETS.iter().filter(|(asset, _)| *asset != name).copied().collect()
}

#[test]
fn variables_win_over_the_file_and_the_file_over_the_defaults() {
    let place = Place::new();
    let text = format!("[server]\nbody_timeout = \"7s\"\nheader_timeout = \"8s\"\n{MINIMAL}");
    let settings = place
        .load_with(
            &text,
            &[
                ("ISSUER_HOST__SERVER__BODY_TIMEOUT", "9s"),
                ("ISSUER_HOST__SERVER__LISTEN", "127.0.0.1:443, [::1]:443"),
                ("ISSUER_HOST__SERVER__MAX_HEADERS", "50"),
                ("ISSUER_HOST__LOG__ACCESS", "false"),
                ("ISSUER_HOST__ENVIRONMENTS__PREPROD__BACKEND__URL", "http://127.0.0.1:9999"),
            ],
        )
        .unwrap();
    assert_eq!(settings.server.body_timeout, Duration::from_secs(9));
    assert_eq!(settings.server.header_timeout, Duration::from_secs(8));
    assert_eq!(settings.server.request_timeout, Duration::from_secs(60));
    assert_eq!(settings.server.max_headers, 50);
    assert_eq!(settings.server.max_body_size, 1 << 20);
    assert_eq!(settings.server.max_connection_age, None);
    assert!(!settings.log.access);
    assert_eq!(settings.listeners().len(), 2);
    let environment = &settings.environments[0];
    assert_eq!(environment.backend.url.to_string(), "http://127.0.0.1:9999/");
    assert_eq!(environment.customer_id, "0012345678");
    assert_eq!(environment.issuer_ids, ["0012345678"]);
    assert_eq!(environment.resumption, Resumption::Reverified);
    assert_eq!(environment.client_ca, PemSource::File(place.path().join("ca.pem")));
    assert_eq!(settings.origins.of("server.body_timeout").to_string(), "variable ISSUER_HOST__SERVER__BODY_TIMEOUT");
    assert!(settings.origins.of("server.header_timeout").to_string().ends_with("issuer-host.toml, line 3"));
}

#[test]
fn a_single_environment_needs_no_file() {
    let place = Place::new();
    let settings = place.load_variables(ASSETS).unwrap();
    let environment = &settings.environments[0];
    assert_eq!(environment.name, "default");
    assert_eq!(environment.host.as_deref(), Some("tsh-pp.bank.example"));
    assert_eq!(environment.products, [Product::D1, Product::Tsh]);
    assert!(matches!(environment.private_key, PemSource::Inline(_)));
    assert!(!format!("{settings:?}").contains("AAAA"));
    assert_eq!(settings.warnings, ["environments.default, d1: no tokens, so mutual TLS alone admits the callers."]);
}

#[test]
fn the_single_environment_takes_further_settings_from_variables() {
    let place = Place::new();
    let set = with(&[("ISSUER_HOST__ENVIRONMENTS__DEFAULT__ALLOW_SAMPLE_CERTIFICATES", "true")]);
    assert!(place.load_variables(&set).unwrap().environments[0].allow_sample_certificates);
}

#[test]
fn asset_names_are_not_used_and_say_so_where_environments_are_defined_elsewhere() {
    let place = Place::new();
    let settings = place.load_with(MINIMAL, ASSETS).unwrap();
    assert_eq!(settings.environments.len(), 1);
    assert_eq!(settings.environments[0].name, "preprod");
    assert!(settings.warnings[0].contains("not used: ISSUER_HOST, CUSTOMER_ID"), "{:?}", settings.warnings);
}

#[test]
fn an_alias_is_as_good_as_the_name() {
    let place = Place::new();
    let mut set = without("THALES_CLIENT_CA");
    set.push(("TSH_TLS_CLIENT_CERTIFICATE", "DIR/ca.pem"));
    assert!(place.load_variables(&set).is_ok());
    // The same under both names is fine.
    assert!(place.load_variables(&with(&[("TSH_TLS_CLIENT_CERTIFICATE", "DIR/ca.pem")])).is_ok());
}

#[test]
fn an_empty_asset_variable_is_one_that_is_not_set() {
    let place = Place::new();
    let mut set = without("ISSUER_HOST");
    set.push(("ISSUER_HOST", ""));
    assert_eq!(place.load_variables(&set).unwrap().environments[0].host, None);
}

#[test]
fn variables_that_an_orchestrator_injects_for_a_service_of_our_name_are_not_settings() {
    let place = Place::new();
    let injected = [
        ("ISSUER_HOST_SERVICE_HOST", "10.0.0.1"),
        ("ISSUER_HOST_PORT_8443_TCP", "tcp://10.0.0.1:8443"),
        ("PATH", "/bin"),
    ];
    assert!(place.load_with(MINIMAL, &injected).unwrap().warnings.is_empty());
}

#[test]
fn environments_without_a_shared_listener_need_no_host() {
    let place = Place::new();
    let second = MINIMAL.replace("preprod", "production") + "listen = \"0.0.0.0:9443\"";
    let settings = place.load(&format!("{MINIMAL}{second}")).unwrap();
    assert_eq!(settings.listeners().len(), 2);
}

#[test]
fn a_wildcard_may_stand_beside_hosts_that_it_covers() {
    let place = Place::new();
    let named = |name: &str, host: &str| format!("{}host = \"{host}\"\n", MINIMAL.replace("preprod", name));
    let texts = [named("a", "*.bank.example"), named("b", "tsh.bank.example"), named("c", "*.pp.bank.example")];
    let settings = place.load(&texts.concat()).unwrap();
    assert_eq!(settings.environments[0].host.as_deref(), Some("*.bank.example"));
    // The same wildcard twice is fine on different listeners.
    let apart = named("d", "*.bank.example") + "listen = \"0.0.0.0:9443\"\n";
    assert!(place.load(&format!("{}{apart}", texts.concat())).is_ok());
}

#[test]
fn a_listener_that_no_environment_uses_is_warned_about() {
    let place = Place::new();
    let text = format!("[server]\nlisten = [\"0.0.0.0:443\"]\n{MINIMAL}\nlisten = [\"0.0.0.0:8443\"]");
    let settings = place.load(&text).unwrap();
    assert!(settings.warnings[0].contains("0.0.0.0:443, but no environment listens there"), "{:?}", settings.warnings);
}

#[test]
fn an_admin_listener_that_others_can_reach_is_warned_about() {
    let place = Place::new();
    let public = place.load(&format!("[admin]\nlisten = \"0.0.0.0:9090\"\n{MINIMAL}")).unwrap();
    assert!(public.warnings[0].contains("not a loopback address") && public.warnings[0].contains("without TLS"));
    assert!(public.warnings[1].contains("neither an admin.token nor an admin.tls.client_ca"), "{:?}", public.warnings);
    let token = "token = \"a-token-of-administrators\"";
    let token = place.load(&format!("[admin]\nlisten = \"0.0.0.0:9090\"\n{token}\n{MINIMAL}")).unwrap();
    assert!(token.warnings[1].contains("taken over TLS alone"), "{:?}", token.warnings);
    for name in ["chain", "key", "ca"] {
        place.write(&format!("admin-{name}.pem"), "text");
    }
    let tls = "tls.certificate_chain = \"admin-chain.pem\"\ntls.private_key = \"admin-key.pem\"";
    let tls = format!("[admin]\nlisten = \"0.0.0.0:9090\"\nmetrics = \"protected\"\n{tls}");
    let known = place.load(&format!("{tls}\ntls.client_ca = \"admin-ca.pem\"\n{MINIMAL}")).unwrap();
    let [only] = &known.warnings[..] else { panic!("{:?}", known.warnings) };
    assert!(only.ends_with("which is not a loopback address: health can be read by whoever reaches it."), "{only}");
    assert!(place.load(&format!("{tls}\n{MINIMAL}")).unwrap().warnings[1].contains("neither"));
    let private = place.load(&format!("[admin]\nlisten = \"[::1]:9090\"\n{MINIMAL}")).unwrap();
    assert!(private.warnings.is_empty());
}

#[test]
fn metrics_that_are_protected_by_nothing_are_warned_about() {
    let place = Place::new();
    let of =
        |admin: &str| place.load(&format!("[admin]\nmetrics = \"protected\"\n{admin}\n{MINIMAL}")).unwrap().warnings;
    let [only] = &of("")[..] else { panic!("{:?}", of("")) };
    assert!(only.contains("has no effect") && only.contains("whoever is on this machine"), "{only}");
    assert_eq!(of("token = \"a-token-of-administrators\""), [""; 0], "control");
}

#[test]
fn ports_that_the_system_chooses_do_not_collide() {
    let place = Place::new();
    let text = format!("server.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\n{MINIMAL}");
    assert!(place.load(&text).is_ok());
}

#[test]
fn settings_are_read_from_a_real_file_with_paths_beside_it() {
    let place = Place::new();
    place.write(
        "etc/issuer-host.toml",
        &MINIMAL.replace("ca.pem", "../ca.pem").replace("\"chain", "\"../chain").replace("\"key", "\"../key"),
    );
    let settings = Settings::load(&Sources::from_file(place.path().join("etc/issuer-host.toml"))).unwrap();
    assert_eq!(settings.environments[0].client_ca.read().unwrap().as_slice(), b"text");
}

#[test]
fn an_unreadable_or_binary_file_is_a_problem() {
    let place = Place::new();
    std::fs::write(place.path().join("binary.toml"), b"a = 1\n\xff\xfe").unwrap();
    for (name, expected) in [("none.toml", "cannot be read"), ("", "cannot be read"), ("binary.toml", "line 2")] {
        let report = Settings::load(&Sources::from_file(place.path().join(name))).unwrap_err();
        assert!(report.to_string().contains(expected), "{report}");
    }
}

#[test]
#[cfg(unix)]
fn a_variable_that_is_not_text_is_a_problem_and_not_a_panic() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let broken = || OsString::from_vec(b"\xff\xfe".to_vec());
    let mut name = OsString::from("ISSUER_HOST__");
    name.push(broken());
    let sources =
        Sources::default().with_variable("CUSTOMER_ID", broken()).with_variable(name, "x").with_variable(broken(), "");
    let report = Settings::load(&sources).unwrap_err();
    assert_eq!(report.findings().iter().filter(|finding| finding.problem.contains("UTF-8")).count(), 2);
}

#[test]
fn sources_print_no_values() {
    let sources = Sources::default().with_variable("CUSTOMER_TLS_SERVER_PRIVATE_KEY", "hunter2");
    assert!(!format!("{sources:?}").contains("hunter2"));
}

#[test]
fn what_an_environment_names_is_known_even_where_the_rest_of_it_is_broken() {
    let place = Place::new();
    let broken = MINIMAL.replace("preprod", "production").replace("\"tsh\"", "\"tsx\"").replace("key.pem", "none.pem");
    let report = place.load(&format!("{MINIMAL}\nhost = \"a.example\"\n{broken}\nhost = \"b.example\"")).unwrap_err();
    let known: Vec<_> = report
        .environments()
        .iter()
        .map(|parts| (parts.name.as_str(), parts.certificate_chain.is_some(), parts.private_key.is_some()))
        .collect();
    assert_eq!(known, [("preprod", true, true), ("production", true, false)]);
}
