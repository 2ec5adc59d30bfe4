//! `issuer-host probe`, against a name server and TLS servers on loopback. Each way in which it does not connect has words of its own.

mod admission;
mod name;
mod server_chain;
mod transport;

use std::process::Output;

use rustls::version::TLS13;
use serde_json::Value;
use tempfile::TempDir;

use super::dns::{NameServer, Says};
use super::pki::{Authority, Identity, Spec};
use super::tls_server::{Admits, TlsServer};
use super::{command, fs, text_of};

const HOST: &str = "api.bank.test";
const LOOPBACK: [u8; 4] = [127, 0, 0, 1];
const CLIENT: &str = "TLSMA-ECDSA/TSP1/TSH/TSP.PPR";
const XPAY: [&str; 4] = ["--product", "xpay", "--environment", "preprod"];

/// A customer of Thales with a client certificate, and the authorities of both sides.
struct Customer {
    directory: TempDir,
    clients: Authority,
    servers: Authority,
    names: NameServer,
}

impl Customer {
    fn new() -> Self {
        Self::with_names([(HOST, Says::Addresses(3600, vec![LOOPBACK]))])
    }

    fn with_names(names: impl IntoIterator<Item = (&'static str, Says)>) -> Self {
        let customer = Self {
            directory: TempDir::new().unwrap(),
            clients: Authority::root("Thales CA"),
            servers: Authority::root("Server Root"),
            names: NameServer::start(names),
        };
        customer.write("server-ca.pem", &customer.servers.pem());
        customer.shows(&customer.clients.client(CLIENT));
        customer
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    fn shows(&self, identity: &Identity) {
        self.write("client.pem", &identity.chain_pem());
        self.write("client-key.pem", &identity.key_pem());
    }

    /// A server of Thales as it should be.
    fn thales(&self) -> TlsServer {
        TlsServer::start(&self.server(Spec::server(HOST)), &Admits::Only(&self.clients))
    }

    fn server(&self, spec: Spec) -> Identity {
        self.servers.intermediate("Server Issuing CA").issue(spec)
    }

    fn probe(&self, host: &str, more: &[&str]) -> Output {
        let dns = self.names.address.to_string();
        let arguments = [&["probe", host, "--dns", &dns], more].concat();
        let output = command(self.directory.path(), &arguments).output().unwrap();
        let text = text_of(&output);
        // JSON is a line.
        let mut report = text.lines().filter(|line| !line.starts_with('{'));
        assert!(report.all(|line| line.chars().count() <= 100), "{text}");
        assert!(!text.contains("PRIVATE KEY") && !text.contains("panicked"), "{text}");
        output
    }

    /// With the server's CA and the client's certificate.
    fn probe_port(&self, port: u16, more: &[&str]) -> Output {
        let own =
            ["--server-ca", "server-ca.pem", "--client-certificate", "client.pem", "--client-key", "client-key.pem"];
        self.probe(&format!("{HOST}:{port}"), &[&own, more].concat())
    }
}

/// Asserts on the exit code and all of these words; everything that was written, with single spaces.
#[track_caller]
fn is_told(output: &Output, code: i32, words: &[&str]) -> String {
    let text = text_of(output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(code), "{}", text_of(output));
    for word in words {
        assert!(text.contains(word), "{word:?} is not in\n{}", text_of(output));
    }
    text
}

/// The rounds of `--format json`.
fn rounds(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What one step of a round came to.
fn step<'a>(round: &'a Value, name: &str) -> &'a Value {
    round["steps"].as_array().unwrap().iter().find(|step| step["step"] == name).unwrap()
}

#[test]
fn the_whole_way_is_told_where_all_is_well() {
    let (customer, json) = (Customer::new(), ["--format", "json"]);
    let server = customer.thales();
    let output = customer.probe_port(server.port, &XPAY);
    let asked = customer.names.address.to_string();
    let text = is_told(
        &output,
        0,
        &[
            "xPay in pre-production",
            "CN=TLSMA-ECDSA/TSP1/TSH/TSP.PPR, EC P-256",
            "pass name 127.0.0.1; TTL 3600 s; asked",
            &asked,
            "(I9)",
            "pass TCP 127.0.0.1:",
            "pass TLS TLS 1.3, TLS_",
            "SNI api.bank.test",
            "pass server's chain O=issuer-host tests,C=FR,CN=api.bank.test",
            "trusted by --server-ca, for this name, for ",
            "pass admission asked for, shown, and an answer came: accepted (I1) asked of: O=issuer-host tests,C=FR,CN=Thales CA",
            "pass HTTP 404 Not Found from test over HTTP/1.1",
            "can be called from here.",
        ],
    );
    assert!(!text.contains("WARN") && !text.contains("FAIL"), "{text}");

    let output = customer.probe_port(server.port, &[&XPAY[..], &json, &["--path", "/health?deep"]].concat());
    let round = &rounds(&output)[0];
    assert!(round["good"] == true && round["product"] == "xpay" && round["environment"] == "preprod", "{round}");
    assert!(round["steps"].as_array().unwrap().iter().all(|step| step["verdict"] == "pass"), "{round}");
    assert_eq!(step(round, "name")["facts"]["addresses"][0], "127.0.0.1");
    assert_eq!(step(round, "http")["facts"]["status"], 404);
    assert_eq!(step(round, "client_certificate")["facts"]["asked"], true);
    let requests = server.requests();
    assert!(requests[0].starts_with("GET / HTTP/1.1\r\n") && requests[1].starts_with("GET /health?deep HTTP/1.1\r\n"));
    assert!(requests[0].contains(&format!("host: {HOST}:{}\r\n", server.port)), "{requests:?}");
}

#[test]
fn what_the_server_calls_itself_is_printed_with_its_blanks_and_without_its_tabs() {
    let customer = Customer::new();
    let answer = "HTTP/1.1 404 Not Found\r\nserver: nginx 1.25 (a\tb)\r\ncontent-length: 0\r\n\r\n";
    let identity = customer.server(Spec::server(HOST));
    let server = TlsServer::of_versions(&identity, &Admits::Only(&customer.clients), &[&TLS13], answer);
    is_told(&customer.probe_port(server.port, &[]), 0, &["from nginx 1.25 (a\\09b) over"]);
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let customer = Customer::new();
    let identity = customer.server(Spec::server(HOST));
    let answering = |length: usize| {
        let answer = format!("HTTP/1.1 500 Oops\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length)).leak();
        TlsServer::of_versions(&identity, &Admits::Only(&customer.clients), &[&TLS13], answer)
    };
    let most = 1024 * 1024;
    is_told(&customer.probe_port(answering(most).port, &[]), 0, &["pass HTTP 500 Internal Server Error"]);
    let words = ["FAIL HTTP the answer (500 Internal Server Error) is longer than 1048576 bytes"];
    is_told(&customer.probe_port(answering(most + 1).port, &[]), 1, &words);
}

#[test]
fn thales_own_hosts_are_known_and_asked_of_dns() {
    let customer = Customer::with_names([]);
    let dns = customer.names.address.to_string();
    for (product, environment, place) in [
        ("xpay", "preprod", "api.dbp-stg.thalescloud.io:443/, xPay in pre-production"),
        ("xpay", "production", "api.dbp.thalescloud.io:443/, xPay in production"),
        ("d1", "preprod", "api.d1-stg.thalescloud.io:443/, D1 in pre-production"),
        ("d1", "production", "api.d1.thalescloud.io:443/, D1 in production"),
        ("merchant", "sandbox", "tmg.dbp-stg.thalescloud.io:443/1/sandbox-v2/, merchant tokenization in sandbox"),
        ("merchant", "production", "tmg.dbp.thalescloud.io:443/1/mg/, merchant tokenization in production"),
    ] {
        let arguments = ["probe", "--product", product, "--environment", environment, "--dns", &dns];
        let output = command(customer.directory.path(), &arguments).output().unwrap();
        is_told(&output, 1, &[place, "NXDOMAIN"]);
        let host = place.split(':').next().unwrap();
        assert_eq!(customer.names.times(host), 1);
        let by_host = customer.probe(host, &[]);
        is_told(&by_host, 1, &[place]);
    }
}

#[test]
fn arguments_that_do_not_go_together_are_refused() {
    let customer = Customer::with_names([]);
    let usage = |arguments: &[&str]| {
        let arguments = [&["probe"], arguments].concat();
        command(customer.directory.path(), &arguments).output().unwrap()
    };
    for (arguments, words) in [
        (&["--product", "d1"][..], "Name a host, or --product with --environment"),
        (&["--product", "merchant", "--environment", "preprod"], "write --environment sandbox or production"),
        (
            &["api.d1.thalescloud.io", "--environment", "preprod"],
            "is D1 in production: leave --product and --environment",
        ),
        (&["api.d1.thalescloud.io", "--product", "xpay"], "is D1 in production: leave --product and --environment"),
        (&["http://api.bank.test"], "https alone"),
        (&["api.bank.test", "--client-certificate", "client.pem"], "--client-key"),
        (&["api.bank.test", "--dns", "ns.bank.test"], "write the IP address of a name server"),
        (&["api.bank.test", "--times", "0"], "--times"),
        (&["api.bank.test", "--path", "health"], "is not a path"),
        (&["api.bank.test", "--timeout", "0s"], "nothing is done in no time"),
        (&["api.bank.test", "--server-ca", "missing.pem"], "missing.pem cannot be read"),
    ] {
        is_told(&usage(arguments), 2, &[words]);
    }
}

#[test]
fn a_proxy_that_is_set_is_not_used_and_its_password_not_told() {
    let customer = Customer::new();
    let server = customer.thales();
    let (place, dns) = (format!("{HOST}:{}", server.port), customer.names.address.to_string());
    let mut command =
        command(customer.directory.path(), &["probe", &place, "--dns", &dns, "--server-ca", "server-ca.pem"]);
    let output = command.env("HTTPS_PROXY", "http://bank:hunter2@127.0.0.1:1").output().unwrap();
    let text = is_told(&output, 0, &["WARN proxy HTTPS_PROXY is set, and not used here", "pass server's chain"]);
    assert!(!text.contains("hunter2"), "{text}");
    let text = is_told(&customer.probe_port(server.port, &[]), 0, &["can be called"]);
    assert!(!text.contains("PROXY"), "control: {text}");
}
