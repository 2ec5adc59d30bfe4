//! A server whose configuration on disk is broken goes on with the last good one: it is healthy, and tells what is wrong.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tokio::net::TcpListener;

use crate::support::tool::{self, Finished};
use crate::support::{Answer, Authority, Door, Gate, Pki, QUIET, Setup, Spec, door, eventually, within};

const TOKEN: &str = "token-of-the-administrators";

const LISTEN: &str = "listen = \"127.0.0.1:0\"\n";

const REFUSED: &str = "docs/runbook/IssuerHostConfigurationRefused.md";

const TLS: &str = "[admin.tls]\ncertificate_chain = \"admin-chain.pem\"\nprivate_key = \"admin-key.pem\"\n";

/// A server whose configuration says where its admin listener is, as those of operators do.
struct Place {
    door: Door,
    servers: Authority,
}

impl Place {
    async fn open(admin: &str) -> Self {
        let servers = Authority::root("Admin Servers");
        let shown = servers.issue(Spec::server("admin.bank.test"));
        let table = format!("{LISTEN}{admin}");
        let arrange = |directory: &Path| door::edit(directory, LISTEN, &table);
        let files = vec![
            ("admin-chain.pem", shown.chain_pem().into()),
            ("admin-key.pem", shown.key_pem().into()),
            ("token", TOKEN.into()),
        ];
        let setup = Setup { log: QUIET, files, arrange: Some(&arrange), ..Setup::default() };
        let door = Door::behind(Pki::new(), setup).await;
        // As it was opened; to the server that is a change that waits for a restart.
        door.edit(LISTEN, &format!("listen = \"{}\"\n", door.server.admin()));
        Self { door, servers }
    }

    async fn run(&self, command: &[&str]) -> Finished {
        let arguments = [command, &["--config", "issuer-host.toml"]].concat();
        tool::run(self.door.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await
    }

    async fn healthy(&self) -> bool {
        self.run(&["healthcheck"]).await.succeeded()
    }

    /// The runbook pages of what `status` tells to be wrong.
    async fn told(&self) -> Vec<String> {
        let told = self.run(&["status", "--json"]).await;
        let text = told.text();
        let json = text.split_once("\n}").map(|(json, _)| format!("{json}\n}}")).unwrap_or_default();
        let report: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {text}"));
        let problems = report["problems"].as_array().unwrap().iter();
        problems.map(|problem| problem["runbook"].as_str().unwrap().to_owned()).collect()
    }

    /// Has the server read its configuration again, which it refuses.
    async fn is_refused(&self) {
        let before = self.door.server.events("configuration_refused").len();
        self.door.server.hang_up();
        self.door.server.told("configuration_refused", before + 1).await;
    }

    /// Asserts what container and operator see of a server that has refused what lies on disk.
    async fn goes_on(&self, what: &str) {
        self.is_refused().await;
        let health = self.run(&["healthcheck"]).await;
        assert_eq!(health.code(), Some(0), "{what}: {}", health.text());
        let told = self.run(&["status"]).await;
        assert_eq!(told.code(), Some(1), "{what}: {}", told.text());
        assert!(self.told().await.contains(&REFUSED.to_owned()), "{what}: {}", told.text());
    }
}

#[tokio::test]
async fn a_typo_or_a_file_that_is_gone_leaves_the_server_healthy_and_is_told() {
    let mut place = Place::open("token_file = \"token\"\n").await;
    assert!(place.healthy().await, "control");
    assert_eq!(place.told().await, [""; 0], "control");
    let good = std::fs::read_to_string(place.door.directory.path().join("issuer-host.toml")).unwrap();

    place.door.replace("issuer-host.toml", good.replace("format = \"json\"", "format = \"json"));
    place.goes_on("a syntax error").await;
    let told = place.run(&["status"]).await;
    assert!(
        told.words().contains("the configuration on disk cannot be read (issuer-host.toml, line 3"),
        "{}",
        told.text()
    );
    assert!(told.words().contains("To do: Correct it, try it with issuer-host check"), "{}", told.text());
    place.door.replace("issuer-host.toml", format!("no = 1\n{good}"));
    place.goes_on("a setting that there is not").await;
    place.door.replace("issuer-host.toml", &good);
    std::fs::remove_file(place.door.directory.path().join("client-ca.pem")).unwrap();
    place.goes_on("a file that is gone").await;

    // It is the server that is asked, and not what lies on disk.
    let gate = Gate::closed();
    place.door.backend.answer("/flight", Answer::Held(gate.clone()));
    let honest = place.door.honest();
    let call = tokio::spawn(async move { honest.call("/flight").await });
    gate.arrival().await;
    place.door.server.terminate();
    eventually("the healthcheck to fail while it drains", async || !place.healthy().await).await;
    gate.open();
    assert_eq!(within("the answer", call).await.unwrap().unwrap().status, 200);
    assert_eq!(place.door.server.exit_code().await, Some(0));
    assert!(!place.healthy().await, "it is gone");
    assert_eq!(place.run(&["status"]).await.code(), Some(69));
}

#[tokio::test]
async fn a_certificate_of_the_admin_listener_that_is_refused_leaves_the_server_healthy_and_is_told() {
    let mut place = Place::open(TLS).await;
    assert!(place.healthy().await, "control");
    assert_eq!(place.told().await, [""; 0], "control");
    // Without its key.
    let other = place.servers.issue(Spec::server("admin.bank.test"));
    place.door.replace("admin-chain.pem", other.chain_pem());
    place.goes_on("another certificate").await;
    std::fs::remove_file(place.door.directory.path().join("admin-chain.pem")).unwrap();
    place.goes_on("no certificate").await;
    // A new table that is refused: what is spoken has not changed.
    place.door.edit(TLS, "");
    place.door.edit("[log]", "[log");
    place.goes_on("no table").await;
    place.door.server.kill();
    assert!(!place.healthy().await, "it is gone");
}

#[tokio::test]
async fn tls_that_is_configured_and_refused_leaves_a_server_without_it_healthy() {
    let place = Place::open("").await;
    let listen = format!("listen = \"{}\"\n", place.door.server.admin());
    place.door.edit(&listen, &format!("{listen}{TLS}"));
    place.door.replace("admin-chain.pem", "no certificate");
    place.goes_on("TLS with a broken chain").await;
}

#[tokio::test]
async fn the_token_is_shown_to_no_other_certificate_than_that_on_disk() {
    let place = Place::open(&format!("token_file = \"token\"\n{TLS}")).await;
    assert_eq!(place.told().await, [""; 0], "control: it is taken");
    let good = std::fs::read_to_string(place.door.directory.path().join("admin-chain.pem")).unwrap();
    place.door.replace("admin-chain.pem", place.servers.issue(Spec::server("admin.bank.test")).chain_pem());
    place.is_refused().await;
    assert!(place.healthy().await);
    let told = place.run(&["status"]).await;
    assert_eq!(told.code(), Some(69), "{}", told.text());
    assert!(told.words().contains("its log (configuration_refused) and issuer-host check say why"), "{}", told.text());
    place.door.replace("admin-chain.pem", good);
    assert!(place.told().await.contains(&REFUSED.to_owned()), "control: with that before");
}

#[tokio::test]
async fn where_the_address_is_a_guess_the_token_is_not_shown_and_the_exit_code_says_so() {
    let place = Place::open("token_file = \"token\"\n").await;
    let address: SocketAddr = place.door.server.admin();
    place.door.edit("[admin]\n", "[admin\n");
    // Whoever answers there, nobody is told the token.
    let guess = place.run(&["status"]).await;
    assert_eq!(guess.code(), Some(78), "{}", guess.text());
    assert!(guess.words().contains("127.0.0.1:9090"), "{}", guess.text());
    // A port that nobody listens on: bound once, to know that it is free, and let go.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (address, code) in [(free, 69), (address, 69)] {
        let told = place.run(&["status", "--address", &address.to_string()]).await;
        assert_eq!(told.code(), Some(code), "{}", told.text());
    }
    let token = format!("[log]\nlevel = 1\n[admin]\ntoken_file = \"token\"\n{}", "[server");
    place.door.replace("issuer-host.toml", token);
    let told = place.run(&["status", "--address", &address.to_string()]).await;
    assert_eq!(told.code(), Some(0), "control: the address is named, and the table read: {}", told.text());
    assert!(told.words().contains("the configuration on disk cannot be read"), "{}", told.text());
}
