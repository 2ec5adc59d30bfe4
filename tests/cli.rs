//! The command line as an operator meets it: exit codes, and words that help.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by failing"
)]

#[path = "it/support/pki.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod pki;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use pki::{Authority, Spec};
use tempfile::TempDir;

const BAD_CONFIGURATION: i32 = 78;
const HOST: &str = "issuer.bank.test";

/// A directory with a sound configuration in it, which each test breaks in its own way.
struct Operator {
    directory: TempDir,
    clients: Authority,
    servers: Authority,
}

impl Operator {
    fn new() -> Self {
        let operator = Self {
            directory: TempDir::new().unwrap(),
            clients: Authority::root("Client Root"),
            servers: Authority::root("Server Root"),
        };
        operator.write("client-ca.pem", &operator.clients.pem());
        operator.serve_with(Spec::server(HOST));
        operator.write("issuer-host.toml", SOUND);
        operator
    }

    fn serve_with(&self, spec: Spec) {
        let identity = self.servers.intermediate("Server Issuing CA").issue(spec);
        self.write("server-chain.pem", &identity.chain_pem());
        self.write("server-key.pem", &identity.key_pem());
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// Replaces a piece of the configuration that is there.
    fn edit(&self, piece: &str, other: &str) {
        let path = self.directory.path().join("issuer-host.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(piece), "{piece:?} is not in the configuration");
        fs::write(path, text.replace(piece, other)).unwrap();
    }

    fn run(&self, subcommand: &str) -> Output {
        run(self.directory.path(), &[subcommand, "--config", "issuer-host.toml"])
    }

    /// Asserts that `check` and `serve` both refuse the configuration, and that the report says all of `words`.
    #[track_caller]
    fn is_told(&self, words: &[&str]) {
        for subcommand in ["check", "serve"] {
            let output = self.run(subcommand);
            let text = text_of(&output);
            assert_eq!(output.status.code(), Some(BAD_CONFIGURATION), "{subcommand}: {text}");
            for word in words {
                assert!(
                    text.to_lowercase().contains(&word.to_lowercase()),
                    "{subcommand} does not say {word:?}:\n{text}"
                );
            }
            assert!(!text.contains("panicked"), "{text}");
        }
    }
}

const SOUND: &str = r#"
[server]
listen = ["127.0.0.1:0"]

[admin]
listen = "127.0.0.1:0"

[environments.preprod]
product = "tsh"
customer_id = "ISSUER0001"
host = "issuer.bank.test"
client_ca = "client-ca.pem"
certificate_chain = "server-chain.pem"
private_key = "server-key.pem"

[environments.preprod.backend]
url = "http://127.0.0.1:8080"
"#;

#[test]
fn a_sound_configuration_is_explained() {
    let operator = Operator::new();
    let output = operator.run("check");
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for word in ["preprod", "ISSUER0001", HOST, "Client Root", "tsh", "http://127.0.0.1:8080"] {
        assert!(text.contains(word), "{word} is missing:\n{text}");
    }
    assert!(!text.contains("PRIVATE KEY"), "{text}");
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
fn settings_that_are_not_built_yet_are_refused_and_not_ignored() {
    let operator = Operator::new();
    operator.edit("product", "resumption = \"reverified\"\ncrl = [\"thales.crl\"]\nproduct");
    operator.edit("[server]\n", "[inbox]\nurl = \"sqlite:///tmp/inbox.db\"\n\n[server]\n");
    operator.is_told(&["resumption", "crl", "inbox", "not built yet"]);
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
fn a_sample_pki_is_written_once_and_its_keys_are_private() {
    let directory = TempDir::new().unwrap();
    let written = run(directory.path(), &["sample-pki", "sample"]);
    assert_eq!(written.status.code(), Some(0), "{}", text_of(&written));
    let files: Vec<_> =
        fs::read_dir(directory.path().join("sample")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let holds = |path: &Path, what: &str| fs::read_to_string(path).unwrap().contains(what);
    let keys: Vec<_> = files.iter().filter(|path| holds(path, "PRIVATE KEY")).collect();
    assert!(keys.len() >= 3 && files.iter().filter(|path| holds(path, "BEGIN CERTIFICATE")).count() >= 4, "{files:?}");
    for key in keys {
        assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600, "{}", key.display());
    }
    let before: Vec<_> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    let again = run(directory.path(), &["sample-pki", "sample"]);
    assert_eq!(again.status.code(), Some(1), "{}", text_of(&again));
    let after: Vec<_> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(before == after, "something was overwritten");
}

#[test]
fn the_demo_tells_its_story_and_ends() {
    let directory = TempDir::new().unwrap();
    let output = run(directory.path(), &["demo", "--once"]);
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains("WRONG") && !text.contains("panicked"), "{text}");
}

#[test]
fn a_healthcheck_without_a_server_fails() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let directory = TempDir::new().unwrap();
    let output = run(directory.path(), &["healthcheck", "--address", &free]);
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
    assert!(text_of(&output).contains(&free), "{}", text_of(&output));
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    // `timeout` so that a server that starts where it should not fails the test and does not hang it.
    let mut command = Command::new("timeout");
    command.arg("60").arg(env!("CARGO_BIN_EXE_issuer-host")).args(arguments).current_dir(directory);
    // Nothing that happens to be set where the tests run is a setting.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.output().unwrap()
}

fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
