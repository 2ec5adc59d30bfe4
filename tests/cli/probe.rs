//! `issuer-host probe`, against a name server and TLS servers on loopback. Each way in which it does not connect has words of its own.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpListener};
use std::process::Output;

use hickory_resolver::proto::op::ResponseCode;
use rcgen::DnType;
use rustls::version::{TLS12, TLS13};
use serde_json::Value;
use tempfile::TempDir;

use super::dns::{NameServer, Says};
use super::pki::{Authority, Identity, Spec, self_signed};
use super::tls_server::{Admits, TlsServer, serve};
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
        // Errors and JSON are a line each.
        let mut report = text.lines().filter(|line| !line.starts_with("issuer-host: ") && !line.starts_with('{'));
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
fn a_name_that_comes_to_nothing_is_told_by_its_reason() {
    let code = |code| Says::Code(code);
    let customer = Customer::with_names([
        ("empty.bank.test", code(ResponseCode::NoError)),
        ("broken.bank.test", code(ResponseCode::ServFail)),
        ("private.bank.test", code(ResponseCode::Refused)),
        ("silent.bank.test", Says::Silence),
    ]);
    for (host, words) in [
        ("none.bank.test", ["there is no such name (NXDOMAIN)", "> is it spelt as Thales gives it?"]),
        ("empty.bank.test", ["no address (neither A nor AAAA", "> compare with another name server (--dns)"]),
        ("broken.bank.test", ["the name server failed (SERVFAIL)", "DNSSEC check fails: ask another one"]),
        ("private.bank.test", ["refuses to answer (REFUSED)", "> it does not answer this machine"]),
        ("silent.bank.test", ["no answer from the name server within 300ms", "by UDP and TCP at port 53?"]),
    ] {
        let timeout = if host.starts_with("silent") { "300ms" } else { "20s" };
        let text = is_told(&customer.probe(host, &["--timeout", timeout]), 1, &words);
        assert!(text.contains(&customer.names.address.to_string()), "{text}");
        assert!(
            text.contains("- TCP not looked at: it did not get that far") && text.contains("1 step failed"),
            "{text}"
        );
    }
}

#[test]
fn within_its_ttl_a_name_is_asked_for_once_and_without_one_before_every_connection() {
    let customer = Customer::with_names([
        (HOST, Says::Addresses(3600, vec![LOOPBACK])),
        ("now.bank.test", Says::Addresses(0, vec![LOOPBACK])),
    ]);
    let server = customer.thales();
    let again = ["--times", "3", "--every", "10ms"];
    let text = is_told(&customer.probe_port(server.port, &again), 0, &["round 3 of 3", "3 of 3 rounds went through."]);
    assert!(text.contains("127.0.0.1; asked before, and good for 3"), "{text}");
    assert_eq!(customer.names.times(HOST), 1);
    customer.probe(&format!("now.bank.test:{}", server.port), &again);
    // For TCP and for TLS of each round.
    assert_eq!(customer.names.times("now.bank.test"), 6);
}

#[test]
fn addresses_that_change_are_told_and_followed() {
    let says = |octet| Box::new(Says::Addresses(0, vec![[127, 0, 0, octet]]));
    let customer = Customer::with_names([(HOST, Says::First(2, says(1), says(2)))]);
    let server = customer.thales();
    let output = customer.probe_port(server.port, &["--times", "2", "--every", "10ms"]);
    is_told(&output, 0, &["changed: 127.0.0.2 came", "changed: 127.0.0.1 went"]);
    let called: Vec<_> = server.called_at().iter().map(IpAddr::to_string).collect();
    assert_eq!(called, ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2"]);
}

#[test]
fn a_host_of_thales_at_an_address_of_one_s_own_deserves_a_look() {
    let thales = "api.d1.thalescloud.io";
    let says = |address| Says::Addresses(60, vec![address]);
    for address in [LOOPBACK, [10, 1, 2, 3], [169, 254, 1, 1], [198, 18, 0, 1]] {
        let customer = Customer::with_names([(thales, says(address)), (HOST, says(address))]);
        // Nobody listens there, or an ordinary server does: it is the name that is looked at.
        let timeout = ["--timeout", "100ms", "--format", "json"];
        let of = |host: &str| step(&rounds(&customer.probe(&format!("{host}:9"), &timeout))[0], "name").clone();
        let found = of(thales);
        assert_eq!((&found["verdict"], &found["requirement"]), (&Value::from("warn"), &Value::from("I9")), "{found}");
        let details = found["details"].to_string();
        assert!(details.contains("a name server of your own answers for Thales' name"), "{found}");
        assert!(found["to_do"].to_string().contains("public name server (--dns)"), "{found}");
        assert_eq!(of(HOST)["verdict"], "pass", "control: the name of a bank");
    }
    let customer = Customer::with_names([(thales, says([192, 0, 2, 7]))]);
    let output = customer.probe(thales, &["--timeout", "100ms", "--format", "json"]);
    assert_eq!(step(&rounds(&output)[0], "name")["verdict"], "pass", "control: an address of the internet");
}

#[test]
fn of_many_addresses_the_first_are_called_and_all_are_counted() {
    let all: Vec<_> = (1..=200).map(|octet| [127, 0, 0, octet]).collect();
    let customer = Customer::with_names([(HOST, Says::OverTcp(60, all))]);
    let server = customer.thales();
    let words = ["127.0.0.16 and 184 more; TTL 60 s", "200 addresses; the first 16 are called", "127.0.0.16:"];
    let text = is_told(&customer.probe_port(server.port, &[]), 0, &words);
    assert!(!text.contains("127.0.0.17"), "{text}");
    let mut called: Vec<_> = server.called_at();
    called.sort();
    called.dedup();
    assert_eq!(called.len(), 16, "{called:?}");
    let round = &rounds(&customer.probe_port(server.port, &["--format", "json"]))[0];
    let facts = &step(round, "name")["facts"];
    assert_eq!((facts["addresses"].as_array().unwrap().len(), &facts["addresses_in_all"]), (16, &Value::from(200)));
}

#[test]
fn an_alias_is_told_and_the_least_ttl_on_the_way_counts() {
    let customer = Customer::with_names([
        (HOST, Says::Alias(5, "edge.bank.test")),
        ("edge.bank.test", Says::Addresses(60, vec![LOOPBACK])),
    ]);
    let server = customer.thales();
    let output = customer.probe_port(server.port, &[]);
    is_told(&output, 0, &["127.0.0.1; TTL 5 s;", "stands for edge.bank.test"]);
}

#[test]
fn a_port_that_does_not_answer_is_told_for_each_address() {
    let customer = Customer::with_names([
        (HOST, Says::Addresses(60, vec![LOOPBACK, [127, 0, 0, 2]])),
        ("one.bank.test", Says::Addresses(60, vec![LOOPBACK])),
    ]);
    // One address is listened on, and the other is not.
    let server = customer.thales();
    let only = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = only.local_addr().unwrap().port();
    let timeout = ["--timeout", "300ms"];
    let words = ["WARN TCP 1 of 2 addresses are reached", "127.0.0.2:", "refused: nothing listens at that port"];
    is_told(&customer.probe(&format!("{HOST}:{port}"), &timeout), 1, &words);
    drop(only);
    is_told(
        &customer.probe(&format!("{HOST}:{port}"), &timeout),
        1,
        &["FAIL TCP none of 2 addresses is reached (I10)"],
    );
    let one = customer.probe(&format!("one.bank.test:{port}"), &timeout);
    is_told(&one, 1, &["FAIL TCP 127.0.0.1:", "> is the port right?", "- TLS not looked at"]);
    let text = is_told(&customer.probe_port(server.port, &[]), 0, &["pass TCP 127.0.0.1:"]);
    assert!(!text.contains("refused"), "control: {text}");
}

#[test]
fn a_handshake_that_comes_to_nothing_is_told_by_its_symptom() {
    let customer = Customer::new();
    let deaf = serve(|mut stream| {
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let output = customer.probe_port(deaf, &["--timeout", "300ms"]);
    is_told(
        &output,
        1,
        &["FAIL TLS TCP works, but the handshake had no end within 300 ms", "opens or filters TLS on the way"],
    );
    let cut = serve(|mut stream| {
        let _ = stream.read(&mut [0; 10]);
    });
    let output = customer.probe_port(cut, &[]);
    is_told(&output, 1, &["FAIL TLS the connection was cut in the middle of the handshake", "filters by name (SNI)"]);
    let plain = serve(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        super::tls_server::drain(&mut stream);
    });
    let output = customer.probe_port(plain, &[]);
    is_told(&output, 1, &["FAIL TLS what answers there speaks no TLS", "answers in plain HTTP?"]);
    // An alert (21) with unrecognized_name (112).
    let nameless = serve(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 112]);
        super::tls_server::drain(&mut stream);
    });
    let output = customer.probe_port(nameless, &[]);
    is_told(&output, 1, &["the server knows no such name", "> call the host by the name that Thales gives"]);
}

#[test]
fn a_server_that_is_not_to_be_trusted_is_told_with_its_whole_chain_and_nothing_is_sent_to_it() {
    let customer = Customer::new();
    let client = ["--client-certificate", "client.pem", "--client-key", "client-key.pem"];
    let own_ca = [&["--server-ca", "server-ca.pem"], &client[..]].concat();
    let other = Authority::root("Proxy CA");
    let issuing = customer.servers.intermediate("Server Issuing CA");
    let cases = [
        // What opens TLS on the way has a CA that Mozilla does not know.
        (
            other.intermediate("Proxy Issuing CA").issue(Spec::server(HOST)),
            &client[..],
            ["CN=Proxy CA, which Mozilla", "does not know (I8)", "most likely something on the way opens TLS"],
        ),
        (
            issuing.issue(Spec::server(HOST)).leaf_only(),
            &client[..],
            [
                "no other certificate was sent with it",
                "1. O=issuer-host tests,C=FR,CN=api.bank.test",
                "leaves its intermediates out",
            ],
        ),
        (
            other.issue(Spec::server(HOST)),
            &own_ca[..],
            [
                "does not lead to a certificate of --server-ca",
                "1. O=issuer-host tests,C=FR,CN=api.bank.test",
                "leave --server-ca out",
            ],
        ),
        (
            issuing.issue(Spec::server("other.bank.test")),
            &own_ca[..],
            [
                "it is not for api.bank.test, but for other.bank.test",
                "2. O=issuer-host tests,C=FR,CN=Server Issuing CA",
                "something in between",
            ],
        ),
        (
            issuing.issue(Spec::server(HOST).expired()),
            &own_ca[..],
            ["CN=api.bank.test", "expired at", "is this machine's clock right?"],
        ),
        (
            issuing.issue(Spec::server(HOST).not_yet_valid()),
            &own_ca[..],
            ["CN=api.bank.test", "is not valid before", "is this machine's clock right?"],
        ),
    ];
    for (identity, arguments, words) in cases {
        let server = TlsServer::start(&identity, &Admits::Only(&customer.clients));
        let output = customer.probe(&format!("{HOST}:{}", server.port), arguments);
        let text = is_told(&output, 1, &words);
        assert!(text.contains("FAIL server's chain") && text.contains("SHA-256"), "{text}");
        assert!(text.contains("- TLS ended from here") && text.contains("- admission not looked at"), "{text}");
        assert_eq!(server.requests(), [] as [String; 0]);
    }
}

#[test]
fn the_ca_that_thales_names_is_looked_for() {
    let customer = Customer::new();
    let d1 = ["--product", "d1", "--environment", "preprod"];
    let output = customer.probe_port(customer.thales().port, &d1);
    is_told(
        &output,
        0,
        &[
            "WARN server's chain O=issuer-host tests,C=FR,CN=api.bank.test",
            "for D1 Thales names Amazon Trust Services",
            "(I8)",
        ],
    );
    let of_amazon = |name: &str| {
        Spec::authority(name).with(|params| params.distinguished_name.push(DnType::OrganizationName, "Amazon"))
    };
    let identity = customer.servers.intermediate_of(of_amazon("Amazon CA")).issue(Spec::server(HOST));
    let server = TlsServer::start(&identity, &Admits::Only(&customer.clients));
    let text = is_told(
        &customer.probe_port(server.port, &d1),
        0,
        &["pass server's chain O=issuer-host tests,C=FR,CN=api.bank.test"],
    );
    assert!(text.contains("can be called from here"), "{text}");
}

#[test]
fn a_client_certificate_that_is_refused_is_told_in_both_versions_of_tls() {
    let customer = Customer::new();
    let identity = customer.server(Spec::server(HOST));
    for version in [&TLS12, &TLS13] {
        let server = TlsServer::of_versions(&identity, &Admits::Only(&customer.clients), &[version], "");
        customer.shows(&Authority::root("Other CA").client(CLIENT));
        let output = customer.probe_port(server.port, &XPAY);
        let text = is_told(
            &output,
            1,
            &[
                "FAIL admission refused with the alert unknown_ca",
                "not endorsed yet, or the certificate of another environment (I1)",
                "> show the certificate that the Thales CA of this environment signed",
                "pass server's chain",
                "- HTTP not looked at",
            ],
        );
        assert!(text.contains("pass TLS TLS 1."), "{text}");
        customer.shows(&customer.clients.issue(Spec::client(CLIENT).expired()));
        let output = customer.probe_port(server.port, &XPAY);
        let words = [
            "FAIL own certificate it expired at",
            "alert certificate_expired: it has expired",
            "(I6)",
            "2 steps failed",
        ];
        is_told(&output, 1, &words);
    }
    customer.shows(&self_signed(Spec::client("merchant-1")));
    let server = customer.thales();
    let merchant = ["--product", "merchant", "--environment", "sandbox"];
    let output = customer.probe_port(server.port, &merchant);
    is_told(&output, 1, &["CN=merchant-1, EC P-256", "> have Thales endorse this certificate for this environment"]);
}

#[test]
fn a_server_that_refuses_without_a_word_or_in_http_is_understood() {
    let customer = Customer::new();
    let identity = customer.server(Spec::server(HOST));
    let page = "HTTP/1.1 400 Bad Request\r\ncontent-length: 35\r\nconnection: close\r\n\r\n400 The SSL certificate error nginx";
    for (answer, words) in [
        (page, "FAIL admission refused, in HTTP: 400 Bad Request with a page about the SSL certificate"),
        ("", "FAIL admission the server cut the connection after the certificate was shown"),
    ] {
        let server = TlsServer::of_versions(&identity, &Admits::Only(&customer.clients), &[&TLS13], answer);
        is_told(&customer.probe_port(server.port, &[]), 1, &[words]);
    }
}

#[test]
fn how_far_one_gets_without_a_certificate_is_a_warning() {
    let customer = Customer::new();
    let identity = customer.server(Spec::server(HOST));
    let without =
        |server: &TlsServer| customer.probe(&format!("{HOST}:{}", server.port), &["--server-ca", "server-ca.pem"]);
    for version in [&TLS12, &TLS13] {
        let server = TlsServer::of_versions(&identity, &Admits::Only(&customer.clients), &[version], "");
        let words = ["WARN admission the server asks for a certificate, and none was given", "- HTTP not looked at"];
        is_told(&without(&server), 0, &words);
    }
    let lenient = TlsServer::start(&identity, &Admits::OrNone(&customer.clients));
    is_told(&without(&lenient), 0, &["WARN admission the server asked for a certificate, and answers without one"]);
    let open = TlsServer::start(&identity, &Admits::Anybody);
    is_told(&without(&open), 0, &["WARN admission the server asked for no certificate (I1)"]);
    let text = is_told(&customer.probe_port(open.port, &[]), 0, &["so yours was not shown", "Nothing failed at"]);
    assert!(text.contains("pass HTTP 404"), "{text}");
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
fn the_certificate_is_held_against_the_rules_before_anybody_is_called() {
    let customer = Customer::with_names([]);
    let output = customer.probe_port(443, &[&XPAY[..3], &["production"]].concat());
    let words = ["FAIL own certificate its CN TLSMA-ECDSA/TSP1/TSH/TSP.PPR is for pre-production", "(I5)", "NXDOMAIN"];
    is_told(&output, 1, &words);
    customer.shows(&customer.clients.client("TSP1"));
    is_told(
        &customer.probe_port(443, &XPAY),
        1,
        &["with this key it has to be TLSMA-ECDSA/<tspId>/TSH/TSP.<env> (I4)"],
    );
    customer.write("client-key.pem", &customer.servers.client("other").key_pem());
    let text =
        is_told(&customer.probe_port(443, &[]), 1, &["client.pem with client-key.pem: ", "the key does not belong"]);
    assert!(!text.contains("NXDOMAIN"), "nobody was asked: {text}");
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
fn an_address_is_no_name_and_is_taken_on_request_alone() {
    let customer = Customer::new();
    let identity = customer.server(Spec::server("127.0.0.1"));
    let server = TlsServer::start(&identity, &Admits::Only(&customer.clients));
    let (place, dns) = (format!("127.0.0.1:{}", server.port), customer.names.address.to_string());
    let refused = customer.probe(&place, &[]);
    is_told(&refused, 2, &["127.0.0.1 is an address: Thales' addresses change", "(I9)", "--allow-address"]);
    assert_eq!(server.called_at(), [] as [IpAddr; 0]);
    let own = ["--server-ca", "server-ca.pem", "--client-certificate", "client.pem", "--client-key", "client-key.pem"];
    let arguments = [&["probe", &place, "--dns", &dns, "--allow-address"], &own[..]].concat();
    let output = command(customer.directory.path(), &arguments).output().unwrap();
    is_told(&output, 0, &["WARN name not resolved: an address was given", "no SNI", "accepted"]);
    assert_eq!(customer.names.asked(), []);
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
