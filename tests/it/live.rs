//! `check --live`: our own server is found good, and each server that is wrong in one way gets exactly the lines of that.

mod old_server;
mod other_server;

use std::net::SocketAddr;

use old_server::OldServer;
use other_server::{Clients, Knobs, OtherServer};
use rustls::SupportedProtocolVersion;
use serde_json::Value;
use tempfile::TempDir;
use time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::support::door::write;
use crate::support::tool::{self, Finished};
use crate::support::{Authority, Door, HOST, Identity, Pki, QUIET, Setup, Spec};

const ONLY_TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
const ONLY_TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// Who looks, and what he has at hand.
struct Looker {
    directory: TempDir,
}

impl Looker {
    fn of(pki: &Pki) -> Self {
        let looker = Self { directory: TempDir::new().unwrap() };
        write(looker.directory.path(), "server-ca.pem", &pki.servers.pem());
        looker.holds(&pki.honest);
        looker
    }

    /// Puts a client certificate in the place of the honest one.
    fn holds(&self, identity: &Identity) {
        write(self.directory.path(), "client.pem", &identity.chain_pem());
        write(self.directory.path(), "client-key.pem", &identity.key_pem());
    }

    async fn runs(&self, address: SocketAddr, more: &[&str]) -> Finished {
        let target = address.to_string();
        let arguments = [&["check", "--live", &target, "--server-name", HOST], more].concat();
        tool::run(self.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await
    }

    /// What is told of a server to which the client certificate is shown, with single spaces.
    async fn told(&self, address: SocketAddr) -> String {
        let arguments =
            ["--server-ca", "server-ca.pem", "--client-certificate", "client.pem", "--client-key", "client-key.pem"];
        self.runs(address, &arguments).await.words()
    }

    /// Everything that is not as it should be, as `fail O1`; with a client certificate and the server's CA. No test has a port of Thales'.
    async fn faults(&self, address: SocketAddr) -> Vec<String> {
        self.faults_with(address, &["--server-ca", "server-ca.pem"]).await
    }

    async fn faults_with(&self, address: SocketAddr, more: &[&str]) -> Vec<String> {
        let credential = ["--client-certificate", "client.pem", "--client-key", "client-key.pem"];
        let finished = self.runs(address, &[&credential[..], &["--format", "json"], more].concat()).await;
        let text = finished.text();
        let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let lines = report["lines"].as_array().unwrap();
        println!("{}", lines.iter().map(|line| format!("{line}\n")).collect::<String>());
        let mut faults = Vec::new();
        for line in lines {
            for finding in line["findings"].as_array().unwrap() {
                let status = finding["status"].as_str().unwrap();
                if ["warn", "fail"].contains(&status) {
                    assert_ne!(finding["to_do"], "", "nothing to do about {finding}");
                    faults.push(format!("{status} {}", line["subject"].as_str().unwrap()));
                }
            }
        }
        let failed = faults.iter().any(|fault| fault.starts_with("fail"));
        assert_eq!(finished.code(), Some(i32::from(failed)), "{text}");
        let port = faults.iter().position(|fault| fault == "warn O3").expect("a port that is neither 443 nor 8443");
        faults.remove(port);
        faults
    }
}

#[tokio::test]
async fn our_own_server_is_as_it_should_be() {
    let door = Door::open().await;
    let looker = Looker::of(&door.pki);
    assert_eq!(looker.faults(door.server.address()).await, Vec::<String>::new());
    let credential = ["--client-certificate", "client.pem", "--client-key", "client-key.pem"];
    let told = looker.runs(door.server.address(), &[&["--server-ca", "server-ca.pem"], &credential[..]].concat()).await;
    assert_eq!(told.code(), Some(0), "{}", told.text());
    assert!(told.text().lines().all(|line| line.chars().count() <= 100), "{}", told.text());
    insta::assert_snapshot!(masked(&told, door.server.address()));
    let strict = looker.runs(door.server.address(), &["--server-ca", "server-ca.pem", "--strict"]).await;
    assert_eq!(strict.code(), Some(1), "the port deserves a look: {}", strict.text());
    door.is_unharmed().await;
}

#[tokio::test]
async fn without_a_client_certificate_what_is_not_looked_at_is_said() {
    let door = Door::open().await;
    let told = Looker::of(&door.pki).runs(door.server.address(), &["--server-ca", "server-ca.pem"]).await;
    assert_eq!(told.code(), Some(0), "{}", told.text());
    for words in ["Not looked at: whether a caller of Thales is admitted", "Not looked at: what becomes of sessions"] {
        assert!(told.words().contains(words), "{words}: {}", told.text());
    }
    assert!(told.words().contains("Without a certificate: TLS 1.2 refuses (alert"), "{}", told.text());
}

#[tokio::test]
async fn our_own_server_without_resumption_is_as_good() {
    let door = Door::with(Setup { environment: "resumption = \"off\"", ..Setup::default() }).await;
    let looker = Looker::of(&door.pki);
    assert_eq!(looker.faults(door.server.address()).await, Vec::<String>::new());
}

#[tokio::test]
async fn whoever_is_admitted_wrongly_is_told_of() {
    let pki = Pki::new();
    let looker = Looker::of(&pki);
    for (clients, faults) in [
        (Clients::OfTheAuthority, &[][..]),
        (Clients::Unasked, &["fail O1"]),
        (Clients::OfTheAuthorityOrNone, &["fail O1"]),
        (Clients::Any, &["fail O5"]),
        (Clients::SortedOutInHttp, &["warn O1", "warn O5"]),
        // An end without an alert may be anything: it is no proof that nobody is admitted.
        (Clients::UnaskedAndCutOff, &["fail O1", "fail O5"]),
        (Clients::CutOffWithoutOne, &["warn O1"]),
        (Clients::CutOffWithoutOneAtTheRoot, &["fail O1"]),
    ] {
        let server = OtherServer::start(&pki, &pki.server, Knobs { clients, ..Knobs::default() }).await;
        assert_eq!(looker.faults(server.address).await, faults);
        let unseen = looker.told(server.address).await.contains("given certificate is admitted; the server");
        assert_eq!(
            unseen,
            clients == Clients::Unasked,
            "an answer to a certificate that nobody saw says nothing of it"
        );
    }
}

#[tokio::test]
async fn a_client_certificate_that_is_not_admitted_is_told_of_with_what_mends_it() {
    let pki = Pki::new();
    let looker = Looker::of(&pki);
    let revoked = pki.issuing.client("revoked");
    let list = pki.issuing.crl(1, &[revoked.leaf()], Duration::days(7));
    let files = vec![("a.crl", list.into_bytes())];
    let environment = "crl = [\"a.crl\"]";
    let others = Authority::root("Another Root").client("other");
    let expired = pki.issuing.issue(Spec::client("expired").expired());
    let coming = pki.issuing.issue(Spec::client("coming").not_yet_valid());
    let door = Door::behind(pki, Setup { environment, files, log: QUIET, ..Setup::default() }).await;
    assert_eq!(looker.faults(door.server.address()).await, Vec::<String>::new(), "control");
    let client_ca = "To do: Show a certificate of a CA in the server's client_ca";
    for (identity, words) in [
        (others, ["no CA that the server trusts has issued the client certificate", client_ca]),
        (expired, ["the client certificate has expired (", "To do: Show its successor"]),
        (coming, ["the client certificate is not valid yet (", "To do: Show one that is valid now"]),
        (revoked, ["stands in the server's revocation list", "To do: Show another one"]),
    ] {
        looker.holds(&identity);
        let faults = looker.faults(door.server.address()).await;
        assert_eq!(faults, ["fail O5"], "{words:?}");
        let told = looker.told(door.server.address()).await;
        assert!(words.iter().all(|words| told.contains(words)), "{words:?}: {told}");
        assert_eq!(told.contains(client_ca), words.contains(&client_ca), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_say_why_it_refuses_leaves_the_dates_of_the_certificate() {
    let pki = Pki::new();
    let looker = Looker::of(&pki);
    let server = OtherServer::start(&pki, &pki.server, Knobs { clients: Clients::SortedOutInHttp, ..Knobs::default() });
    let server = server.await;
    looker.holds(&pki.issuing.client("other"));
    let told = looker.told(server.address).await;
    assert!(told.contains("Look whether the server takes the certificate"), "control: {told}");
    looker.holds(&pki.issuing.issue(Spec::client("expired").expired()));
    let told = looker.told(server.address).await;
    assert!(told.contains("the client certificate has expired (") && told.contains("Show its successor"), "{told}");
}

#[tokio::test]
async fn a_chain_that_callers_cannot_use_is_told_of() {
    let mut pki = Pki::new();
    let first = pki.servers.intermediate("Server CA 1");
    let second = first.intermediate("Server CA 2");
    // A CA takes longer than a leaf: it is exchanged with Thales first.
    let ending = first.intermediate_of(Spec::authority("Ending CA").valid(-1, 60));
    pki.server = second.issue(Spec::server(HOST));
    let looker = Looker::of(&pki);
    let [leaf, upper, lower] = [0, 2, 1].map(|at| pki.server.chain[at].clone());
    for (what, credential, faults) in [
        ("in order", pki.server.behind(pki.server.chain.clone()), &[][..]),
        ("in the wrong order", pki.server.behind(vec![leaf.clone(), upper.clone(), lower]), &["fail O8"]),
        ("the leaf alone", pki.server.leaf_only(), &["fail O8"]),
        ("with a gap", pki.server.behind(vec![leaf, upper]), &["fail O8"]),
        ("of another name", second.issue(Spec::server("other.bank.test")), &["fail O8"]),
        ("expired", second.issue(Spec::server(HOST).expired()), &["fail O8"]),
        ("about to expire", second.issue(Spec::server(HOST).valid(-1, 20)), &["warn O8"]),
        ("below a CA that needs a successor", ending.issue(Spec::server(HOST)), &["warn O8"]),
        (
            "of an unknown CA",
            Authority::root("Nobody's").intermediate("Nobody's CA").issue(Spec::server(HOST)),
            &["fail O9"],
        ),
        ("self-signed", crate::support::pki::self_signed(Spec::server(HOST)), &["warn O8", "fail O9"]),
        ("directly below the root", pki.servers.issue(Spec::server(HOST)), &[]),
    ] {
        let server = OtherServer::start(&pki, &credential, Knobs::default()).await;
        assert_eq!(looker.faults(server.address).await, faults, "{what}");
    }
    let server = OtherServer::start(&pki, &pki.server, Knobs::default()).await;
    assert_eq!(looker.faults_with(server.address, &[]).await, ["fail O9"], "a private CA that was not named");
    let server = OtherServer::start(&pki, &ending.issue(Spec::server(HOST).valid(-1, 300)), Knobs::default()).await;
    let told = looker.told(server.address).await;
    for words in [
        "The server's own certificate (O=issuer-host tests,C=FR,CN=issuer.bank.test) is good until",
        "UTC (299 days). The CA certificate (O=issuer-host tests,C=FR,CN=Ending CA) is good until",
        "UTC (59 days). The CA certificate (O=issuer-host tests,C=FR,CN=Server CA 1) is good until",
        "To do: Ask the CA for its next certificate",
    ] {
        // Within the second in which it was issued, it is good for a day more.
        let told = told.replace("(300 days)", "(299 days)").replace("(60 days)", "(59 days)");
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[tokio::test]
async fn names_protocols_versions_and_early_data_that_deserve_a_look_are_told_of() {
    let pki = Pki::new();
    let looker = Looker::of(&pki);
    for (what, knobs, faults) in [
        ("any name", Knobs { strict_names: false, ..Knobs::default() }, &["warn O11"][..]),
        ("no ALPN", Knobs { protocols: &[], ..Knobs::default() }, &["warn O14"]),
        ("HTTP/1.1", Knobs { protocols: &[b"http/1.1"], ..Knobs::default() }, &[]),
        ("HTTP/2", Knobs { protocols: &[b"h2"], ..Knobs::default() }, &["warn O14"]),
        ("early data", Knobs { early_data: true, ..Knobs::default() }, &["warn O1"]),
        ("TLS 1.2", Knobs { versions: ONLY_TLS12, ..Knobs::default() }, &[]),
        ("TLS 1.3", Knobs { versions: ONLY_TLS13, ..Knobs::default() }, &["warn O2"]),
    ] {
        let server = OtherServer::start(&pki, &pki.server, knobs).await;
        assert_eq!(looker.faults(server.address).await, faults, "{what}");
    }
}

#[tokio::test]
async fn a_server_of_another_age_is_told_of() {
    let pki = Pki::new();
    let looker = Looker::of(&pki);
    // This one cannot be made to refuse unknown names.
    for (options, faults) in [
        (&["-cipher", "ECDHE+AESGCM"][..], &["warn O11"][..]),
        (&["-cipher", "ECDHE+AESGCM:ECDHE+AES:@SECLEVEL=0"], &["fail O2", "warn O2", "warn O11"]),
        (&["-cipher", "ECDHE+AESGCM:aNULL:@SECLEVEL=0", "-no_tls1", "-no_tls1_1"], &["fail O2", "warn O11"]),
        (&["-cipher", "ECDHE+AES:@SECLEVEL=0", "-tls1_1"], &["fail O2", "fail O2"]),
    ] {
        let server = OldServer::start(&pki, options).await;
        assert_eq!(looker.faults(server.address).await, faults, "{options:?}");
    }
}

#[tokio::test]
async fn what_is_no_tls_server_is_told_of() {
    let pki = Pki::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let looker = Looker::of(&pki);
    assert_eq!(looker.faults(address).await, ["fail O2"]);
    let told = looker.told(address).await;
    for words in ["FAIL TLS 1.2 or higher", "What answers there speaks no TLS.", "that answers in plain HTTP?"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    server.abort();
    assert!(server.await.is_err());
    let nobody = looker.runs(address, &[]).await;
    assert_eq!(nobody.code(), Some(1));
    for words in [&format!("cannot connect to {address}: refused: nothing listens at that port"), "is the port right"] {
        assert!(nobody.words().contains(words), "{words}: {}", nobody.text());
    }
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_refused() {
    let pki = Pki::new();
    let looker = Looker::of(&pki);
    let checked = async |arguments: &[&str]| {
        let arguments = [&["check"], arguments].concat();
        tool::run(looker.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await
    };
    for target in
        ["localhost", "localhost:", "localhost:0", ":443", "::1:443", "https://localhost:443", "localhost:66000"]
    {
        let told = checked(&["--live", target]).await;
        assert_eq!(told.code(), Some(2), "{target}: {}", told.text());
        assert!(told.words().contains("HOST:PORT"), "{target}: {}", told.text());
    }
    for lonely in [
        &["--server-name", HOST][..],
        &["--client-certificate", "client.pem", "--client-key", "client-key.pem"],
        &["--live", "localhost:1", "--client-certificate", "client.pem"],
        &["--live", "localhost:1", "--client-key", "client-key.pem"],
        &["--live", "localhost:1", "--server-name", "https://x"],
        &["--live", "localhost:1", "--config", "issuer-host.toml"],
    ] {
        assert_eq!(checked(lonely).await.code(), Some(2), "{lonely:?}");
    }
    for (arguments, words) in [
        (&["--server-ca", "none.pem"][..], "none.pem cannot be read"),
        (&["--server-ca", "client-key.pem"], "client-key.pem:"),
        (&["--client-certificate", "client.pem", "--client-key", "client.pem"], "client.pem:"),
        (&["--client-certificate", "server-ca.pem", "--client-key", "client-key.pem"], "does not belong"),
    ] {
        let told = checked(&[&["--live", "localhost:1"], arguments].concat()).await;
        assert_eq!(told.code(), Some(2), "{}", told.text());
        assert!(told.words().contains(words), "{words}: {}", told.text());
        assert!(!told.text().contains("PRIVATE KEY-"), "{}", told.text());
    }
}

#[tokio::test]
async fn a_configuration_that_only_a_variable_names_is_no_reason_not_to_look_at_a_server() {
    let door = Door::open().await;
    let looker = Looker::of(&door.pki);
    let target = door.server.address().to_string();
    let arguments = ["ISSUER_HOST_CONFIG=none.toml", env!("CARGO_BIN_EXE_issuer-host"), "check", "--live", &target];
    let looked = async |more: &[&str]| {
        let shown = ["--server-name", HOST, "--server-ca", "server-ca.pem"];
        tool::run(looker.directory.path(), "env", &[&arguments[..], &shown, more].concat(), "").await
    };
    let told = looked(&[]).await;
    assert_eq!(told.code(), Some(0), "{}", told.text());
    let told = looked(&["--config", "none.toml"]).await;
    assert_eq!(told.code(), Some(2), "{}", told.text());
    assert!(told.words().contains("leave --config out"), "{}", told.text());
}

/// Without what is another one in each run.
fn masked(told: &Finished, address: SocketAddr) -> String {
    let port = address.port().to_string();
    let word = |word: &str| match word.as_bytes() {
        [_, _, _, _, b'-', _, _, b'-', _, _] => "YYYY-MM-DD".to_owned(),
        [_, _, b':', _, _] => "HH:MM".to_owned(),
        [b'(', days @ ..] if days.iter().all(u8::is_ascii_digit) => "(DAYS".to_owned(),
        _ => word.replace(&port, "PORT"),
    };
    told.text()
        .lines()
        .map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n")
}
