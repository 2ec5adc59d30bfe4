//! The readiness report of `check`: a sound configuration, and what each single fault in it comes to. Each snapshot holds every line
//! that is not as it should be, and so shows as well that a fault is told once.

#[path = "readiness/callers.rs"]
mod callers;
#[path = "readiness/own_chain.rs"]
mod own_chain;
#[path = "readiness/settings.rs"]
mod settings;
#[path = "readiness/several.rs"]
mod several;

use serde_json::Value;

use super::pki::{Authority, Identity, Spec};
use super::{HOST, Operator, Output, TempDir, run, text_of, without_times};

/// Longer than any threshold.
const YEARS: i64 = 3650;
const INBOX_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const READY: &str = r#"
[server]
listen = ["0.0.0.0:8443"]

[inbox]
url = "sqlite:inbox.db"
key_file = "inbox-keys"

[environments.preprod]
product = "tsh"
customer_id = "ISSUER0001"
host = "issuer.bank.test"
client_ca = "client-ca.pem"
certificate_chain = "server-chain.pem"
private_key = "server-key.pem"
endorsed_chain = "endorsed.pem"

[environments.preprod.backend]
url = "http://127.0.0.1:8080"
"#;

/// A configuration of which nothing is to be said.
fn ready() -> Operator {
    let operator = Operator {
        directory: TempDir::new().unwrap(),
        clients: Authority::root_of(lasting("Client Root")),
        servers: Authority::root_of(lasting("Server Root")),
    };
    operator.write("client-ca.pem", &operator.clients.pem());
    operator.write("endorsed.pem", &operator.servers.pem());
    operator.write("inbox-keys", &format!("first:{INBOX_KEY}\n"));
    operator.write("issuer-host.toml", READY);
    operator.show(&operator.issuing().issue(Spec::server(HOST)));
    operator
}

/// An authority that lives long.
fn lasting(name: &str) -> Spec {
    Spec::authority(name).valid(-1, YEARS)
}

impl Operator {
    /// The authority that the server's certificates come from.
    fn issuing(&self) -> Authority {
        self.servers.intermediate_of(lasting("Server Issuing CA"))
    }

    /// Puts a chain and its key into their files.
    fn show(&self, identity: &Identity) {
        self.write("server-chain.pem", &identity.chain_pem());
        self.write("server-key.pem", &identity.key_pem());
    }

    fn report(&self, more: &[&str]) -> Output {
        let arguments = [&["check", "--config", "issuer-host.toml", "--format", "json"], more].concat();
        run(self.directory.path(), &arguments)
    }

    /// Every line that is not as it should be, and the exit code.
    #[track_caller]
    fn shortcomings(&self, more: &[&str]) -> String {
        let output = self.report(more);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text_of(&output)));
        let mut told = vec![format!("exit code {}", output.status.code().unwrap())];
        let environments = report["environments"].as_array().unwrap().iter();
        let parts =
            environments.map(|environment| (environment["environment"].as_str().unwrap(), &environment["lines"]));
        for (name, lines) in parts.chain([("server", &report["server"])]) {
            for line in lines.as_array().unwrap().iter().filter(|line| line["status"] != "pass") {
                told.push(format!("{name} {} {}", line["subject"].as_str().unwrap(), line["status"].as_str().unwrap()));
                let findings = line["findings"].as_array().unwrap().iter();
                for finding in findings.filter(|finding| finding["status"] != "pass" && finding["status"] != "note") {
                    told.push(format!(
                        "  {}: {}",
                        finding["status"].as_str().unwrap(),
                        finding["found"].as_str().unwrap()
                    ));
                    let to_do = finding["to_do"].as_str().unwrap();
                    told.extend((!to_do.is_empty()).then(|| format!("    to do: {to_do}")));
                }
            }
        }
        without_times(&told.join("\n").replace(&format!("{}/", self.directory.path().display()), ""))
    }
}

#[test]
fn a_sound_configuration_is_all_green_and_strictly_so() {
    let operator = ready();
    let customers = Authority::root("Thales Customers");
    let own = customers.client("TLSMA-ECDSA/1234567890/TSH/TSP.PPR");
    operator.write("own.pem", &(own.chain_pem() + &customers.pem()));
    assert_eq!(operator.shortcomings(&["--strict", "--own-client-certificate", "own.pem"]), "exit code 0");
    let report: Value = serde_json::from_slice(&operator.report(&[]).stdout).unwrap();
    let lines = report["environments"][0]["lines"].as_array().unwrap();
    let numbers: Vec<_> = lines.iter().filter_map(|line| line["requirement"].as_str()).collect();
    assert_eq!(numbers, (1..=14).map(|number| format!("O{number}")).collect::<Vec<_>>(), "each is told of");
    assert_eq!((&report["status"], &report["refused"]), (&"pass".into(), &false.into()));

    let output = operator.check();
    let text = text_of(&output);
    assert!(text.contains("The configuration is good.") && !text.contains(INBOX_KEY), "{text}");
    assert!(text.contains("endorsed.pem, and the server chain ends there"), "{text}");
}

#[test]
fn the_table_is_a_line_for_what_passes_and_tells_what_to_do_about_the_rest() {
    let operator = ready();
    operator.write("client-ca.pem", &operator.clients.client("TSH").chain_pem());
    operator.edit("0.0.0.0:8443", "0.0.0.0:9443");
    let output = operator.run("check");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(super::BAD_CONFIGURATION), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains('\u{1b}'), "no colour where nobody sees it: {text}");
    insta::assert_snapshot!(without_times(&text));
}

#[test]
fn the_days_that_are_left_of_each_certificate_are_told_beside_warnings_too() {
    let operator = ready();
    let ending = Authority::root_of(Spec::authority("Ending Root").valid(-1, 60));
    operator.write("client-ca.pem", &(operator.clients.pem() + &ending.pem()));
    operator.write("backend-ca.pem", &Authority::root_of(lasting("Backend Root")).pem());
    operator.edit("\"http://127.0.0.1:8080\"", "\"https://127.0.0.1:8080\"\nca = \"backend-ca.pem\"");
    operator.edit("endorsed_chain = \"endorsed.pem\"\n", "");
    let identity = operator.issuing().issue(Spec::server(HOST));
    operator.show(&identity.followed_by([operator.servers.certificate().clone()]));
    let text = String::from_utf8(operator.run("check").stdout).unwrap();
    let words = without_times(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    for line in ["O5 warn", "O8 warn", "O10 warn"] {
        assert!(words.contains(line), "control: {line}: {text}");
    }
    for name in [
        "CN=Client Root is trusted, EC P-256,",
        "the client CA O=issuer-host tests,C=FR,CN=Ending Root is good",
        "the server's certificate O=issuer-host tests,C=FR,CN=issuer.bank.test is good",
        "the server's CA O=issuer-host tests,C=FR,CN=Server Issuing CA is good",
        "the server's CA O=issuer-host tests,C=FR,CN=Server Root is good",
        "the CA of the backend O=issuer-host tests,C=FR,CN=Backend Root is good",
    ] {
        let told = format!("{name} until YYYY-MM-DD HH:MM UTC (N days)");
        assert!(words.contains(&told), "{told} is missing: {text}");
    }
}

#[test]
fn a_warning_alone_ends_with_1_only_where_it_is_strict() {
    let operator = ready();
    operator.edit("0.0.0.0:8443", "0.0.0.0:9443");
    assert_eq!(operator.report(&[]).status.code(), Some(0));
    assert_eq!(operator.report(&["--strict"]).status.code(), Some(1));
}

#[test]
fn a_reader_with_colours_sees_the_same_words() {
    let operator = ready();
    let arguments = ["check", "--config", "issuer-host.toml", "--color"];
    let [plain, coloured] = ["never", "always"].map(|color| {
        let output = run(operator.directory.path(), &[&arguments[..], &[color]].concat());
        String::from_utf8(output.stdout).unwrap()
    });
    assert!(coloured.contains("\u{1b}[32mpass\u{1b}[0m"), "{coloured}");
    let mut stripped = String::new();
    for (at, piece) in coloured.split('\u{1b}').enumerate() {
        stripped.push_str(if at == 0 { piece } else { piece.split_once('m').unwrap().1 });
    }
    // A day may end between the two.
    assert_eq!(without_times(&stripped), without_times(&plain));
}
