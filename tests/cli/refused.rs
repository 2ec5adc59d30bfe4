//! Configurations that `check` and `serve` both refuse, with the same words about the same settings.

use std::net::TcpListener;

use tempfile::TempDir;

use super::pki::{Authority, Spec};
use super::{BAD_CONFIGURATION, HOST, Operator, SOUND, run, text_of};

#[test]
fn a_server_certificate_outside_of_the_endorsed_chain_is_refused() {
    let operator = Operator::new();
    operator.write("endorsed.pem", &Authority::root("Endorsed Root").pem());
    operator.edit("private_key", "endorsed_chain = \"endorsed.pem\"\nprivate_key");
    operator.is_told(&[
        "environments.preprod.certificate_chain",
        "does not chain to what Thales endorsed",
        "CN=Endorsed Root",
        "Thales pins your server chain: notify Thales before this change",
    ]);
    operator.write("endorsed.pem", &operator.servers.client("leaf").chain_pem());
    operator.is_told(&["environments.preprod.endorsed_chain", "Thales pins a chain, not a leaf"]);
}

#[test]
fn a_misspelt_key_is_named_with_its_line_and_the_nearest_known_one() {
    let operator = Operator::new();
    operator.edit("[server]\n", "[server]\nhandshake_timout = \"5s\"\n");
    operator.is_told(&["handshake_timout", "handshake_timeout", "issuer-host.toml", "3"]);
}

#[test]
fn a_value_of_the_wrong_type_is_named() {
    let operator = Operator::new();
    operator.edit("[server]\n", "[server]\nmax_connections = \"many\"\nhandshake_timeout = \"five\"\n");
    operator.is_told(&["server.max_connections", "many", "server.handshake_timeout", "five"]);
}

#[test]
fn text_that_is_no_toml_is_pointed_at() {
    let operator = Operator::new();
    operator.edit("product = \"tsh\"", "product = tsh");
    operator.is_told(&["issuer-host.toml", "9"]);
}

#[test]
fn a_missing_file_is_named() {
    let operator = Operator::new();
    operator.edit("client-ca.pem", "nowhere/thales-client-ca.pem");
    operator.is_told(&["client_ca", "nowhere/thales-client-ca.pem"]);
}

#[test]
fn a_leaf_in_the_client_ca_is_refused_because_thales_forbids_pinning() {
    let operator = Operator::new();
    operator.write("client-ca.pem", &operator.clients.client("pinned").chain_pem());
    operator.is_told(&["client_ca", "end-entity certificate", "Thales forbids pinning", "Thales Client CA"]);
}

#[test]
fn a_client_ca_that_leaves_no_anchor_is_refused() {
    let operator = Operator::new();
    operator.write("client-ca.pem", "");
    operator.is_told(&["client_ca", "empty"]);
    operator.write("client-ca.pem", &Authority::root_of(Spec::authority("Former Root").expired()).pem());
    operator.is_told(&["client_ca", "expired", "Former Root"]);
    operator.write("client-ca.pem", &operator.clients.key_pem());
    operator.is_told(&["client_ca", "private key"]);
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let operator = Operator::new();
    operator.write("server-key.pem", &operator.servers.client("other").key_pem());
    operator.is_told(&["private_key", "does not belong"]);
}

#[test]
fn a_server_chain_that_callers_could_not_verify_is_refused() {
    let operator = Operator::new();
    operator.serve_with(Spec::server("other.bank.test"));
    operator.is_told(&["certificate_chain", HOST, "other.bank.test"]);
    operator.serve_with(Spec::server(HOST).expired());
    operator.is_told(&["certificate_chain", "expired"]);
    let identity = operator
        .servers
        .intermediate("Server Issuing CA 1")
        .intermediate("Server Issuing CA 2")
        .issue(Spec::server(HOST));
    let swapped =
        identity.behind(vec![identity.chain[0].clone(), identity.chain[2].clone(), identity.chain[1].clone()]);
    operator.write("server-chain.pem", &swapped.chain_pem());
    operator.write("server-key.pem", &swapped.key_pem());
    operator.is_told(&["certificate_chain", "order"]);
}

#[test]
fn an_admin_listener_on_a_public_address_is_refused() {
    let operator = Operator::new();
    operator.edit("127.0.0.1:0\"]", "127.0.0.1:18443\"]");
    operator.edit("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:18443\"");
    operator.is_told(&["admin.listen", "127.0.0.1:18443", "public"]);
}

#[test]
fn two_environments_of_one_host_are_refused() {
    let operator = Operator::new();
    let second = SOUND.split_once("[environments").unwrap().1.replace("preprod", "production");
    let text = format!("{SOUND}\n[environments{second}").replace(":0\"]", ":18443\"]");
    operator.write("issuer-host.toml", &text);
    operator.is_told(&["preprod", "production", HOST, "127.0.0.1:18443"]);
}

#[test]
fn a_wildcard_host_needs_a_certificate_for_the_wildcard() {
    let operator = Operator::new();
    operator.edit("host = \"issuer.bank.test\"", "host = \"*.bank.test\"");
    operator.is_told(&["certificate_chain", "is not for the host *.bank.test", "DNS:issuer.bank.test"]);
    operator.serve_with(Spec::server("*.bank.test"));
    let output = operator.run("check");
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    assert!(text_of(&output).contains("*.bank.test"), "{}", text_of(&output));
}

#[test]
fn a_password_in_the_backend_s_address_is_refused_and_not_repeated() {
    let operator = Operator::new();
    operator.edit("http://127", "http://user:hunter2@127");
    operator.is_told(&["backend.url", "password"]);
    assert!(!text_of(&operator.run("check")).contains("hunter2"));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let operator = Operator::new();
    operator.edit("[server]\n", "[server]\nlisten_on = 1\n");
    operator.edit("customer_id = \"ISSUER0001\"\n", "");
    operator.edit("product = \"tsh\"", "product = \"tsx\"");
    operator.edit("http://127.0.0.1:8080", "127.0.0.1:8080");
    operator.is_told(&["listen_on", "customer_id", "tsx", "backend.url"]);
}

#[test]
fn a_missing_configuration_is_exit_78() {
    let directory = TempDir::new().unwrap();
    for subcommand in ["check", "serve"] {
        let output = run(directory.path(), &[subcommand, "--config", "nowhere.toml"]);
        assert_eq!(output.status.code(), Some(BAD_CONFIGURATION), "{}", text_of(&output));
        assert!(text_of(&output).contains("nowhere.toml"), "{}", text_of(&output));
    }
}

#[test]
fn nothing_is_bound_before_the_configuration_is_known_to_be_good() {
    // The port is taken: whoever tried to bind it first would fail with that, and not with 78.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let operator = Operator::new();
    operator.edit("127.0.0.1:0\"]", &format!("{address}\"]"));
    let sound = operator.run("serve");
    assert_eq!(sound.status.code(), Some(1), "{}", text_of(&sound));
    assert!(text_of(&sound).contains(&address), "{}", text_of(&sound));
    operator.write("server-key.pem", &operator.servers.client("other").key_pem());
    operator.is_told(&["private_key"]);
}

#[test]
fn a_server_that_cannot_start_says_so_in_the_format_of_its_log() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (piece, other) in
        [("127.0.0.1:0\"]", format!("{address}\"]")), ("listen = \"127.0.0.1:0", format!("listen = \"{address}"))]
    {
        let operator = Operator::new();
        operator.edit(piece, &other);
        operator.edit("[admin]\n", "[log]\nformat = \"json\"\nlevel = \"error\"\n\n[admin]\n");
        let output = operator.run("serve");
        assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
        let line: serde_json::Value = serde_json::from_str(&text_of(&output)).unwrap();
        assert_eq!(line["event"], "start_failed");
        assert!(line["message"].as_str().unwrap().contains(&address), "{line}");
    }
}
