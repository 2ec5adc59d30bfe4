//! `check --live`: our own server is found good, and each server that is wrong in one way gets exactly the lines of that.

mod old_server;
mod other_server;

use std::net::SocketAddr;

use old_server::OldServer;
use other_server::{Clients, Knobs, OtherServer};
use rustls::SupportedProtocolVersion;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::support::door::write;
use crate::support::tool::{self, Finished};
use crate::support::{Authority, Door, HOST, Identity, Pki, Setup, Spec};

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
    }
}

#[tokio::test]
async fn a_client_certificate_that_is_not_admitted_is_told_of() {
    let door = Door::open().await;
    let looker = Looker::of(&door.pki);
    looker.holds(&Authority::root("Another Root").client("other"));
    assert_eq!(looker.faults(door.server.address()).await, ["fail O5"]);
    looker.holds(&door.pki.issuing.issue(Spec::client("expired").expired()));
    assert_eq!(looker.faults(door.server.address()).await, ["fail O5"]);
}

#[tokio::test]
async fn a_chain_that_callers_cannot_use_is_told_of() {
    let mut pki = Pki::new();
    let first = pki.servers.intermediate("Server CA 1");
    let second = first.intermediate("Server CA 2");
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
    assert_eq!(Looker::of(&pki).faults(address).await, ["fail O2"]);
    server.abort();
    assert!(server.await.is_err());
    let nobody = Looker::of(&pki).runs(address, &[]).await;
    assert_eq!(nobody.code(), Some(1));
    assert!(nobody.words().contains(&format!("cannot connect to {address}")), "{}", nobody.text());
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
        assert_eq!(told.code(), Some(1), "{}", told.text());
        assert!(told.words().contains(words), "{words}: {}", told.text());
        assert!(!told.text().contains("PRIVATE KEY-"), "{}", told.text());
    }
}

/// Without what is another one in each run.
fn masked(told: &Finished, address: SocketAddr) -> String {
    let port = address.port().to_string();
    let word = |word: &str| match word.as_bytes() {
        [_, _, _, _, b'-', _, _, b'-', _, _] => "YYYY-MM-DD".to_owned(),
        [_, _, b':', _, _] => "HH:MM".to_owned(),
        _ => word.replace(&port, "PORT"),
    };
    told.text()
        .lines()
        .map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n")
}
