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

#[path = "cli/broken.rs"]
mod broken;

#[path = "cli/chain.rs"]
mod chain;

#[path = "cli/client_cert.rs"]
mod client_cert;

#[path = "cli/crl.rs"]
mod crl;

#[path = "cli/csr/mod.rs"]
mod csr;

#[path = "cli/dns.rs"]
mod dns;

#[path = "cli/explain.rs"]
mod explain;

#[path = "cli/inbox.rs"]
mod inbox;

#[path = "cli/probe/mod.rs"]
mod probe;

#[path = "cli/readiness.rs"]
mod readiness;

#[path = "cli/resolution.rs"]
mod resolution;

#[path = "cli/shell.rs"]
mod shell;

#[path = "cli/sign.rs"]
mod sign;

#[path = "cli/tls_server.rs"]
mod tls_server;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use pki::{Authority, Spec};
use tempfile::TempDir;

const BAD_CONFIGURATION: i32 = 78;
const LIST_LIFE: time::Duration = time::Duration::days(7);
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

    /// The same with the sample PKI.
    fn with_samples() -> Self {
        let operator = Self::new();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs-sample");
        for (name, sample) in [
            ("client-ca.pem", "thales-client-ca.pem"),
            ("server-chain.pem", "server-chain.pem"),
            ("server-key.pem", "server-key.pem"),
        ] {
            operator.write(name, &fs::read_to_string(samples.join(sample)).unwrap());
        }
        operator.edit("issuer.bank.test", "issuer.sample");
        operator
    }

    fn serve_with(&self, spec: Spec) {
        let identity = self.servers.intermediate("Server Issuing CA").issue(spec);
        self.write("server-chain.pem", &identity.chain_pem());
        self.write("server-key.pem", &identity.key_pem());
    }

    /// A file for its owner alone, as keys have to be.
    fn write(&self, name: &str, text: &str) {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
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

    /// `check`, with all that is configured.
    fn check(&self) -> Output {
        run(self.directory.path(), &["check", "--details", "--config", "issuer-host.toml"])
    }

    /// Asserts that `check` takes the configuration with a warning; what it says, with single spaces.
    #[track_caller]
    fn is_warned(&self) -> String {
        let output = self.check();
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("can be served; look at the "), "{text}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Asserts that `check` finds a requirement that is not met, though the configuration can be served; what it says, with single
    /// spaces.
    #[track_caller]
    fn falls_short(&self) -> String {
        let output = self.check();
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("can be served, but "), "{text}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Asserts that `check` and `serve` both refuse the configuration, and that what they say holds all of `words`; `check` parts them
    /// at a semicolon, into what is wrong and what to do.
    #[track_caller]
    fn is_told(&self, words: &[&str]) {
        for subcommand in ["check", "serve"] {
            let output = self.run(subcommand);
            let text = text_of(&output);
            assert_eq!(output.status.code(), Some(BAD_CONFIGURATION), "{subcommand}: {text}");
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let told = words.iter().flat_map(|words| match subcommand {
                "check" => words.split("; ").collect(),
                _ => vec![*words],
            });
            for word in told {
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
fn files_that_hold_no_usable_revocation_list_are_refused() {
    let operator = Operator::new();
    operator.edit("private_key", "crl = [\"a.crl\"]\nprivate_key");
    operator.is_told(&["environments.preprod.crl", "a.crl", "there is no file"]);
    let list = operator.clients.crl(7, &[], LIST_LIFE);
    // The crlNumber (2.5.29.20) turned into a deltaCRLIndicator (2.5.29.27), which has the same form.
    let mut delta = pki::der(&list);
    let number = delta.windows(5).position(|bytes| bytes == [6, 3, 0x55, 0x1d, 20]).unwrap();
    delta[number + 4] = 27;
    let certificate = operator.clients.pem();
    let cut = list.lines().take(3).collect::<Vec<_>>().join("\n");
    for (contents, words) in [
        (Vec::new(), "there is no certificate revocation list in it"),
        (b"a list".to_vec(), "there is no certificate revocation list in it"),
        (pki::pem("X509 CRL", &[0x30; 60]).into_bytes(), "this is not a certificate revocation list"),
        (operator.clients.certificate().to_vec(), "this is a certificate, not a certificate revocation list"),
        (cut.into_bytes(), "BEGIN X509 CRL has no END X509 CRL"),
        (certificate.into_bytes(), "CA certificates belong into client_ca"),
        (operator.clients.key_pem().into_bytes(), "private key in a file of certificate revocation lists"),
        (delta, "this is a delta list, which holds changes only; take the CA's complete list"),
        (operator.clients.impostor().crl(8, &[], LIST_LIFE).into_bytes(), "is not signed by that CA's key"),
    ] {
        fs::write(operator.directory.path().join("a.crl"), contents).unwrap();
        operator.is_told(&["environments.preprod.crl", "a.crl", words]);
    }
    operator.write("a.crl", &list);
    let words = operator.is_warned();
    assert!(words.contains("if-covered: whoever is on a list is refused"), "control: {words}");
    assert!(words.contains("CN=Client Root, 0 revoked"), "{words}");
}

#[test]
fn a_revocation_list_that_deserves_a_look_is_warned_of() {
    let operator = Operator::new();
    let list = |number| operator.clients.crl(number, &[], LIST_LIFE);
    operator.edit("private_key", "crl = [\"a.crl\"]\nprivate_key");
    for (lists, warning) in [
        (list(1), None),
        (list(1) + &list(2), Some("is left out: number 2 of")),
        (list(3).repeat(2), Some("is the same list as number 1 of")),
        (
            operator.clients.crl(1, &[], time::Duration::seconds(8)),
            Some("clients that it covers are refused from then on"),
        ),
        (operator.clients.intermediate("Issuing CA").crl(1, &[], LIST_LIFE), Some("its issuer is not in client_ca")),
    ] {
        operator.write("a.crl", &lists);
        let words = operator.is_warned();
        assert_eq!(words.contains("crl:"), warning.is_some(), "{words}");
        assert!(words.contains(warning.unwrap_or_default()), "{warning:?}: {words}");
    }
    operator.write("a.crl", &operator.clients.crl(1, &[], time::Duration::seconds(-10)));
    let words = operator.falls_short();
    assert!(words.contains("crl: ") && words.contains("expired at"), "everybody is refused: {words}");
    operator.edit("private_key", "revocation = \"off\"\nprivate_key");
    operator.write("a.crl", &list(1));
    let words = operator.is_warned();
    assert!(
        words.contains("revocation is \"off\": the lists of environments.preprod.crl are not consulted"),
        "{words}"
    );
}

#[test]
fn a_mode_of_revocation_that_makes_no_sense_is_refused() {
    let operator = Operator::new();
    operator.edit("private_key", "revocation = \"require\"\nprivate_key");
    operator.is_told(&["environments.preprod.revocation", "\"require\" would refuse everybody"]);
    operator.edit("require", "if-covered");
    operator.is_told(&["environments.preprod.revocation", "\"if-covered\" would check nothing"]);
    operator.edit("if-covered", "sometimes");
    operator.is_told(&["environments.preprod.revocation", "sometimes", "if-covered"]);
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
    assert_eq!(text.matches("  ok ").count(), 14, "{text}");
    for alert in ["certificate_required", "unknown_ca", "certificate_expired"] {
        assert!(text.contains(&format!("refused: alert {alert}")), "{text}");
    }
}

#[test]
fn a_story_that_differs_in_one_line_ends_with_1() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs-sample");
    let directory = TempDir::new().unwrap();
    for entry in fs::read_dir(&samples).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
    }
    // Who should have expired is a client that has not.
    for part in ["chain", "key"] {
        let (valid, expired) = (format!("client-a-{part}.pem"), format!("client-expired-{part}.pem"));
        fs::copy(samples.join(valid), directory.path().join(expired)).unwrap();
    }
    let output = run(directory.path(), &["demo", "--once", "--certificates", "."]);
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!((text.matches("  ok ").count(), text.matches("WRONG").count()), (13, 1), "{text}");
}

#[test]
fn the_demo_goes_on_serving_until_it_is_interrupted() {
    let directory = TempDir::new().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_issuer-host"))
        .args(["demo", "--listen", "127.0.0.1:0"])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<_> = lines.take_while(|line| line != "Ctrl-C ends it.").collect();
    assert!(told.iter().any(|line| line.contains("curl --cacert")), "{told:?}");
    assert!(demo.try_wait().unwrap().is_none(), "it has ended: {told:?}");
    assert!(Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap().success());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
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
    command(directory, arguments).output().unwrap()
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    // `timeout` so that a server that starts where it should not fails the test and does not hang it.
    let mut command = Command::new("timeout");
    command.arg("60").arg(env!("CARGO_BIN_EXE_issuer-host")).args(arguments).current_dir(directory);
    // Nothing that happens to be set where the tests run is a setting.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command
}

fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Text without what is another one in each run: times and digests.
fn without_times(text: &str) -> String {
    let is_time = |word: &str, pattern: &str| {
        word.len() == pattern.len()
            && word.chars().zip(pattern.chars()).all(|(c, p)| if p == '0' { c.is_ascii_digit() } else { c == p })
    };
    let masked = |word: &str| match word.trim_end_matches([',', ';']) {
        bare if is_time(bare, "0000-00-00") => word.replace(bare, "YYYY-MM-DD"),
        bare if is_time(bare, "00:00") => word.replace(bare, "HH:MM"),
        bare if bare.strip_prefix('(').is_some_and(|days| days.parse::<u32>().is_ok()) => "(N".to_owned(),
        bare if bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) => "[digest]".to_owned(),
        _ => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(masked).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
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
