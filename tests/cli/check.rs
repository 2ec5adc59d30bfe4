//! `issuer-host check` of sound configurations: what it explains, and what it warns of.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::pki::{Authority, Spec};
use super::{BAD_CONFIGURATION, HOST, Operator, command, text_of, without_times};

#[test]
fn a_sound_configuration_is_explained() {
    let operator = Operator::new();
    let output = operator.check();
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for word in ["preprod", "ISSUER0001", HOST, "Client Root", "tsh", "http://127.0.0.1:8080"] {
        assert!(text.contains(word), "{word} is missing:\n{text}");
    }
    assert!(!text.contains("PRIVATE KEY"), "{text}");
}

#[test]
fn an_explanation_tells_what_is_configured_what_each_file_holds_and_what_expires_when() {
    let operator = Operator::new();
    operator.write("backend-ca.pem", &operator.servers.pem());
    let client = operator.clients.issue(Spec::client("issuer-host").expired());
    operator.write("client-ca.crl", &operator.clients.crl(7, &[client.leaf()], time::Duration::days(30)));
    operator.edit("client_ca = ", "crl = [\"client-ca.crl\"]\nclient_ca = ");
    operator.write("backend-client.pem", &client.chain_pem());
    operator.write("backend-client-key.pem", &client.key_pem());
    operator.edit(
        "\"http://127.0.0.1:8080\"",
        "\"https://backend.bank.test:8080\"\nca = \"backend-ca.pem\"\nclient_certificate = \"backend-client.pem\"\n\
         client_key_file = \"backend-client-key.pem\"",
    );
    operator.edit(
        "private_key",
        "issuer_ids = [\"ISSUER0001\", \"ISSUER0002\"]\nrequire_client_auth_eku = true\nforward_client_certificate = true\n\
         client_subject.allow = [\"CN=tsh-*, O=Thales\"]\nclient_subject.deny = [\"OU=Customers\"]\nprivate_key",
    );
    operator.edit("[server]\n", "[server]\nproxy_protocol.from = \"10.0.0.0/8\"\nmax_connection_age = \"1h\"\n");
    let output = operator.check();
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(1), "what the backend is shown has expired: {text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    insta::assert_snapshot!(without_times(&text));
}

/// Puts TLS into the table of admin, with files of its own.
fn with_admin_tls(operator: &Operator) {
    let server = operator.servers.issue(Spec::server("admin.bank.test"));
    operator.write("admin-chain.pem", &server.chain_pem());
    operator.write("admin-key.pem", &server.key_pem());
    operator.write("admin-ca.pem", &Authority::root("Administrators").pem());
    let table = "[admin]\nlisten = \"0.0.0.0:0\"\nmetrics = \"protected\"\ntoken = \"a-token-of-administrators\"\n\
                 [admin.tls]\ncertificate_chain = \"admin-chain.pem\"\nprivate_key = \"admin-key.pem\"\n\
                 client_ca = \"admin-ca.pem\"\n";
    operator.edit("[admin]\nlisten = \"127.0.0.1:0\"\n", table);
}

#[test]
fn the_admin_listener_is_told_with_what_it_shows_whom_it_takes_and_what_it_tells_to_whom() {
    let operator = Operator::new();
    with_admin_tls(&operator);
    let text = without_times(&text_of(&operator.check()));
    let (_, admin) = text.split_once("\n  admin ").unwrap_or_else(|| panic!("{text}"));
    insta::assert_snapshot!(format!("  admin {admin}"));
    // Without a token and without a CA there is nobody to tell anything to.
    operator.edit("token = \"a-token-of-administrators\"\n", "");
    operator.edit("client_ca = \"admin-ca.pem\"\n", "");
    let text = operator.is_warned();
    assert!(text.contains("for nobody: /metrics /status /reload"), "{text}");
    assert!(text.contains("Nobody is told anything else on 0.0.0.0:0"), "{text}");
}

#[test]
fn tls_of_the_admin_listener_that_cannot_work_is_refused_with_all_that_is_wrong() {
    let operator = Operator::new();
    with_admin_tls(&operator);
    let somebody = operator.clients.issue(Spec::client("somebody"));
    operator.write("admin-key.pem", &somebody.key_pem());
    operator.write("admin-ca.pem", &somebody.chain_pem());
    operator.is_told(&[
        "admin.tls.private_key",
        "admin-key.pem",
        "admin.tls.client_ca",
        "cannot vouch for administrators",
    ]);
    fs::remove_file(operator.directory.path().join("admin-chain.pem")).unwrap();
    operator.is_told(&["admin.tls.certificate_chain", "admin-chain.pem"]);
    operator.edit("private_key = \"admin-key.pem\"\nclient_ca", "client_ca");
    operator.is_told(&["admin.tls", "private_key"]);
}

#[test]
fn second_keys_that_are_good_for_nobody_or_the_same_are_warned_of() {
    let operator = Operator::new();
    operator.edit("product = \"tsh\"", "product = [\"cof\", \"d1\"]");
    let signing_key = operator.clients.issue(Spec::client("signs"));
    operator.write("signing.pem", &signing_key.key_pem());
    let secrets = r#"
[environments.preprod.api_keys.old]
key = "0123456789abcdef-key"
expires = "2020-01-01T00:00:00Z"
[environments.preprod.tokens]
signing_key_file = "signing.pem"
[environments.preprod.tokens.clients.thales.secrets.old]
secret = "0123456789abcdef-secret"
expires = "2020-01-01T00:00:00Z"
[environments.preprod.tokens.clients.thales.secrets.new]
secret = "0123456789abcdef-secret"
[environments.preprod.backend]"#;
    operator.edit("[environments.preprod.backend]", secrets);
    let text = operator.falls_short();
    for word in [
        "all API keys have expired",
        "secrets of the client thales: old expired at 2020-01-01T00:00:00Z",
        "(secrets: new; old, EXPIRED at 2020-01-01T00:00:00Z)",
        "secrets of the client thales: new and old are the same",
        "go to the backend, once they have shown the second key",
    ] {
        assert!(text.contains(word), "{word} is missing:\n{text}");
    }
    assert!(!text.contains("API keys: new and old"), "control: one key is like no other: {text}");

    operator
        .edit("api_keys.old]", "api_keys.new]\nkey = \"0123456789abcdef-key\"\n[environments.preprod.api_keys.old]");
    let text = operator.is_warned();
    assert!(text.contains("API keys: new and old are the same"), "{text}");
    assert!(!text.contains("all API keys have expired"), "control: one of them is good: {text}");
    assert!(!text.contains("0123456789abcdef"), "{text}");
}

#[test]
fn a_server_chain_that_nothing_is_held_against_is_warned_of() {
    let operator = Operator::new();
    let words = operator.is_warned();
    assert!(words.contains("endorsed_chain is not set"), "{words}");
    assert!(words.contains("Put the CA certificates that Thales was given into a file"), "{words}");
}

#[test]
fn a_single_environment_needs_no_file() {
    let operator = Operator::new();
    let assets = [
        ("ISSUER_HOST", HOST),
        ("CUSTOMER_ID", "ISSUER0001"),
        ("PRODUCT", "tsh"),
        ("BACKEND_URL", "http://127.0.0.1:8080"),
        ("CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN", "server-chain.pem"),
        ("CUSTOMER_TLS_SERVER_PRIVATE_KEY", "server-key.pem"),
    ];
    let check = |client_ca: &str| {
        let mut command = command(operator.directory.path(), &["check"]);
        command.envs(assets).env(client_ca, "client-ca.pem").output().unwrap()
    };
    for name in ["THALES_CLIENT_CA", "TSH_TLS_CLIENT_CERTIFICATE"] {
        let output = check(name);
        assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
        assert!(text_of(&output).contains("0.0.0.0:8443"), "{}", text_of(&output));
    }
    // What the file of a variable holds is reported under the variable's name.
    operator.write("client-ca.pem", &operator.clients.client("TSH").chain_pem());
    let output = check("THALES_CLIENT_CA");
    assert_eq!(output.status.code(), Some(BAD_CONFIGURATION), "{}", text_of(&output));
    assert!(text_of(&output).contains("(variable THALES_CLIENT_CA)"), "{}", text_of(&output));
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let operator = Operator::new();
    let mut check = command(operator.directory.path(), &["check", "--config", "issuer-host.toml"]);
    let mut check = check.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(check.stdout.take());
    let output = check.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    assert_eq!(text_of(&output), "");
}

#[test]
fn every_example_configuration_passes_the_check() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut examples = 0;
    for entry in fs::read_dir(root.join("config")).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_str().unwrap().starts_with("example-") {
            continue;
        }
        examples += 1;
        let output = Command::new(env!("CARGO_BIN_EXE_issuer-host"))
            .env_clear()
            .args(["check", "--config"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}:\n{}", path.display(), String::from_utf8_lossy(&output.stderr));
    }
    assert!(examples >= 3, "{examples} examples");
}
