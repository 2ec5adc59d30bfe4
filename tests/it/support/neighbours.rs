//! Several environments behind one server, each with a client CA, a certificate and a backend of its own.

use http::Request;
use tempfile::TempDir;

use super::door::{edit, replace, write};
use super::{Authority, Backend, Caller, Identity, QUIET, Server, Session, Spec};

/// As TOML: one socket, for every environment.
pub(crate) const ONE_LISTENER: &str = r#"["127.0.0.1:0"]"#;
/// The host of an environment beside that of [`HOST`](super::HOST).
pub(crate) const OTHER_HOST: &str = "other.bank.test";

/// One environment and its world.
pub(crate) struct Neighbour {
    pub(crate) name: &'static str,
    pub(crate) host: &'static str,
    /// As TOML.
    pub(crate) product: &'static str,
    /// Keys of its table beside those that every one has.
    pub(crate) more: &'static str,
    pub(crate) clients: Authority,
    pub(crate) client: Identity,
    pub(crate) servers: Authority,
    pub(crate) server: Identity,
    pub(crate) backend: Backend,
}

/// All of them, and the server.
pub(crate) struct Neighbours {
    pub(crate) server: Server,
    pub(crate) directory: TempDir,
}

impl Neighbour {
    pub(crate) async fn new(name: &'static str, host: &'static str) -> Self {
        let clients = Authority::root(&format!("Client Root of {name}"));
        let client = clients.client("client");
        let servers = Authority::root(&format!("Server Root of {name}"));
        let server = servers.intermediate(&format!("Server CA of {name}")).issue(Spec::server(host));
        Self {
            name,
            host,
            product: "\"tsh\"",
            more: "",
            clients,
            client,
            servers,
            server,
            backend: Backend::http1().await,
        }
    }

    /// Puts its files into `directory`.
    pub(crate) fn move_in(&self, directory: &TempDir) {
        let name = self.name;
        write(directory.path(), &format!("{name}-ca.pem"), &self.clients.pem());
        write(directory.path(), &format!("{name}-chain.pem"), &self.server.chain_pem());
        write(directory.path(), &format!("{name}-key.pem"), &self.server.key_pem());
    }

    /// Its table.
    pub(crate) fn table(&self) -> String {
        let Self { name, host, product, more, .. } = self;
        format!(
            r#"
[environments.{name}]
product = {product}
customer_id = "ISSUER0001"
host = "{host}"
client_ca = "{name}-ca.pem"
certificate_chain = "{name}-chain.pem"
private_key = "{name}-key.pem"
backend = {{ url = "http://{}" }}
{more}
"#,
            self.backend.address()
        )
    }

    /// A caller of its client CA that asks for `name` in TLS and expects its certificate.
    pub(crate) fn caller_for(&self, neighbours: &Neighbours, name: &str) -> Caller {
        let caller = Caller::new(neighbours.server.address(), name, self.servers.certificate().clone());
        caller.presenting(&self.client)
    }

    /// The same that asks for its host.
    pub(crate) fn caller(&self, neighbours: &Neighbours) -> Caller {
        self.caller_for(neighbours, self.host)
    }
}

impl Neighbours {
    /// A server that reloads when it is told to, and by itself never.
    pub(crate) async fn start(listen: &str, all: &[&Neighbour]) -> Self {
        Self::start_with(listen, all, &[]).await
    }

    /// The same with these files, by name, beside those of the neighbours.
    pub(crate) async fn start_with(listen: &str, all: &[&Neighbour], files: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        for (name, text) in files {
            write(directory.path(), name, text);
        }
        let mut text = format!(
            "log = {{ format = \"json\" }}\nadmin = {{ listen = \"127.0.0.1:0\" }}\nserver = {{ listen = {listen} }}\n{QUIET}\n"
        );
        for neighbour in all {
            neighbour.move_in(&directory);
            text += &neighbour.table();
        }
        write(directory.path(), "issuer-host.toml", &text);
        let server = Server::start(&directory.path().join("issuer-host.toml")).await;
        Self { server, directory }
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
}

/// The status of a call to `host` over an open connection.
pub(crate) async fn call(session: &mut Session, host: &str, path: &str) -> u16 {
    let request = Request::post(format!("https://{host}{path}")).body("call".into()).unwrap();
    session.send(request).await.unwrap_or_else(|refusal| panic!("{host}{path}: {refusal:?}")).status
}
