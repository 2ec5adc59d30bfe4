//! A server with certificates and a backend: what most tests start from.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::tool::{self, Finished};
use super::{Authority, Backend, Caller, Identity, Server, Spec};

/// The name that the server answers to, unless a test says otherwise.
pub(crate) const HOST: &str = "issuer.bank.test";

/// `[reload]` by which nothing but a signal or the admin listener makes the server look at its files.
pub(crate) const BY_HAND: &str = "[reload]\nwatch = false\npoll = \"0s\"\n";

/// The certificates around a server: whom it trusts, and whom its callers trust.
pub(crate) struct Pki {
    /// The client CA: the anchor, unless a test says otherwise.
    pub(crate) clients: Authority,
    /// An authority under the client CA.
    pub(crate) issuing: Authority,
    pub(crate) servers: Authority,
    pub(crate) server: Identity,
    /// An honest client under the issuing authority.
    pub(crate) honest: Identity,
}

/// For [`Setup::log`]: nothing but the test itself asks for a reload.
pub(crate) const QUIET: &str = "[reload]\nwatch = false\npoll = \"0s\"";

/// What a test wants to be different. All strings are TOML.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    /// Keys of `[server]`, and tables below it at the end.
    pub(crate) server: &'a str,
    /// Keys of `[log]`.
    pub(crate) log: &'a str,
    /// Keys of `[environments.preprod]`.
    pub(crate) environment: &'a str,
    /// Keys of `[environments.preprod.backend]` beside `url`.
    pub(crate) backend: &'a str,
    /// `listen`, when it is not one port on 127.0.0.1.
    pub(crate) listen: Option<&'a str>,
    /// PEM, when it is not the client CA alone.
    pub(crate) client_ca: Option<String>,
    /// Where the backend is, when it is not the door's own.
    pub(crate) backend_url: Option<String>,
    /// Files beside those that every door has: name and contents.
    pub(crate) files: Vec<(&'a str, Vec<u8>)>,
    /// Done to the directory of the configuration before the server starts.
    pub(crate) arrange: Option<&'a (dyn Fn(&Path) + Sync)>,
    /// What becomes the server, when it is not the program by itself.
    pub(crate) command: Option<Command>,
}

/// A running server, its backend and its certificates.
pub(crate) struct Door {
    pub(crate) server: Server,
    pub(crate) backend: Backend,
    pub(crate) pki: Pki,
    pub(crate) directory: TempDir,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let clients = Authority::root("Client Root");
        let issuing = clients.intermediate("Client Issuing CA");
        let servers = Authority::root("Server Root");
        let server = servers.intermediate("Server Issuing CA").issue(Spec::server(HOST));
        let honest = issuing.client("honest");
        Self { clients, issuing, servers, server, honest }
    }
}

impl Door {
    pub(crate) async fn open() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup<'_>) -> Self {
        Self::behind(Pki::new(), setup).await
    }

    pub(crate) async fn behind(pki: Pki, setup: Setup<'_>) -> Self {
        Self::before(Backend::http1().await, pki, setup).await
    }

    pub(crate) async fn before(backend: Backend, pki: Pki, mut setup: Setup<'_>) -> Self {
        let directory = TempDir::new().unwrap();
        write(directory.path(), "client-ca.pem", &setup.client_ca.clone().unwrap_or_else(|| pki.clients.pem()));
        write(directory.path(), "server-chain.pem", &pki.server.chain_pem());
        write(directory.path(), "server-key.pem", &pki.server.key_pem());
        for (name, bytes) in &setup.files {
            write(directory.path(), name, bytes);
        }
        let config = directory.path().join("issuer-host.toml");
        let url = setup.backend_url.clone().unwrap_or_else(|| format!("http://{}", backend.address()));
        write(directory.path(), "issuer-host.toml", &text(&setup, &url));
        if let Some(arrange) = setup.arrange {
            arrange(directory.path());
        }
        let server = match setup.command.take() {
            Some(command) => Server::start_as(command, &config).await,
            None => Server::start(&config).await,
        };
        Self { server, backend, pki, directory }
    }

    /// A caller without a client certificate.
    pub(crate) fn stranger(&self) -> Caller {
        Caller::new(self.server.address(), HOST, self.pki.servers.certificate().clone())
    }

    /// A caller with an honest client certificate.
    pub(crate) fn honest(&self) -> Caller {
        self.stranger().presenting(&self.pki.honest)
    }

    /// Puts other trust anchors in the place of those that are configured; nothing is told to reload them.
    pub(crate) fn replace_anchors(&self, anchors: &[&Authority]) {
        let pem: String = anchors.iter().map(|anchor| anchor.pem()).collect();
        replace(self.directory.path(), "client-ca.pem", &pem);
    }

    /// The same, and has them installed.
    pub(crate) async fn install_anchors(&self, anchors: &[&Authority]) {
        self.replace_anchors(anchors);
        self.install().await;
    }

    /// Has the files installed as they are. Where they are watched, they may be in force before anybody asks.
    pub(crate) async fn install(&self) {
        let report = self.server.reload().await;
        // The watch may have been faster, and left nothing to do.
        let outcome = &report["environments"]["preprod"]["outcome"];
        assert!(outcome == "installed" || outcome == "unchanged", "{report}");
    }

    /// Replaces a piece of the configuration that is there.
    #[track_caller]
    pub(crate) fn edit(&self, piece: &str, other: &str) {
        edit(self.directory.path(), piece, other);
    }

    /// Puts a file in the place of what had its name.
    pub(crate) fn replace(&self, name: &str, contents: impl AsRef<[u8]>) {
        replace(self.directory.path(), name, &contents);
    }

    /// Reloads, and asserts what the report says of the environment: `installed`, `unchanged`, `kept`.
    pub(crate) async fn expect_reload(&self, outcome: &str) -> Value {
        let report = self.server.reload().await;
        let environment = report["environments"]["preprod"].clone();
        assert_eq!(environment["outcome"], outcome, "{report}");
        environment
    }

    /// Runs another command of the program on the door's configuration.
    pub(crate) async fn command(&self, subcommand: &str) -> Finished {
        let arguments = [subcommand, "--config", "issuer-host.toml"];
        tool::run(self.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await
    }

    /// Asserts that the server still serves an honest client and that every permit has come back.
    pub(crate) async fn is_unharmed(&self) {
        self.honest().expect_accepted("an honest client afterwards").await;
        self.server.permits_return_to_zero().await;
    }
}

/// Puts a new file in the place of an old one, as `mv` does: nobody reads half of it.
pub(crate) fn replace<T: AsRef<[u8]> + ?Sized>(directory: &Path, name: &str, contents: &T) {
    let next = format!("{name}.next");
    write(directory, &next, contents);
    std::fs::rename(directory.join(next), directory.join(name)).unwrap();
}

/// Replaces a piece of the configuration that is there.
#[track_caller]
pub(crate) fn edit(directory: &Path, piece: &str, other: &str) {
    let text = std::fs::read_to_string(directory.join("issuer-host.toml")).unwrap();
    assert!(text.contains(piece), "{piece:?} is not in the configuration:\n{text}");
    replace(directory, "issuer-host.toml", &text.replacen(piece, other, 1));
}

/// Writes a file into a test's directory, for its owner alone as `check` wants keys to be.
pub(crate) fn write<T: AsRef<[u8]> + ?Sized>(directory: &Path, name: &str, contents: &T) {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(directory.join(name)).unwrap();
    file.write_all(contents.as_ref()).unwrap();
}

fn text(setup: &Setup<'_>, backend_url: &str) -> String {
    let Setup { server, log, environment, backend, listen, .. } = setup;
    let listen = listen.unwrap_or(r#"["127.0.0.1:0"]"#);
    format!(
        r#"
[log]
format = "json"
{log}

[admin]
listen = "127.0.0.1:0"

[environments.preprod]
product = "tsh"
customer_id = "ISSUER0001"
host = "{HOST}"
client_ca = "client-ca.pem"
certificate_chain = "server-chain.pem"
private_key = "server-key.pem"
{environment}

[environments.preprod.backend]
url = "{backend_url}"
{backend}

[server]
listen = {listen}
{server}
"#
    )
}
