//! Two environments on one listener, told apart by SNI: each with its own client CA, certificate and backend. And listeners.

use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

use crate::support::door::write;
use crate::support::hello::{FirstAnswer, Hello};
use crate::support::{Authority, Backend, Caller, Door, Identity, Server, Setup, Spec};

const PREPROD: &str = "preprod.bank.test";
const PRODUCTION: &str = "production.bank.test";

/// One environment and its world.
struct Environment {
    name: &'static str,
    host: &'static str,
    clients: Authority,
    client: Identity,
    servers: Authority,
    backend: Backend,
}

/// Both of them behind one server.
struct Pair {
    server: Server,
    preprod: Environment,
    production: Environment,
    _directory: TempDir,
}

impl Environment {
    async fn new(name: &'static str, host: &'static str) -> Self {
        let clients = Authority::root(&format!("Client Root of {name}"));
        let client = clients.client("client");
        let servers = Authority::root(&format!("Server Root of {name}"));
        Self { name, host, clients, client, servers, backend: Backend::http1().await }
    }

    fn configure(&self, directory: &TempDir) -> String {
        let Self { name, host, .. } = self;
        let server = self.servers.intermediate(&format!("Server CA of {name}")).issue(Spec::server(host));
        write(directory.path(), &format!("{name}-ca.pem"), &self.clients.pem());
        write(directory.path(), &format!("{name}-chain.pem"), &server.chain_pem());
        write(directory.path(), &format!("{name}-key.pem"), &server.key_pem());
        format!(
            r#"
[environments.{name}]
product = "tsh"
customer_id = "ISSUER0001"
host = "{host}"
client_ca = "{name}-ca.pem"
certificate_chain = "{name}-chain.pem"
private_key = "{name}-key.pem"
backend = {{ url = "http://{}" }}
"#,
            self.backend.address()
        )
    }
}

impl Pair {
    async fn start() -> Self {
        let preprod = Environment::new("preprod", PREPROD).await;
        let production = Environment::new("production", PRODUCTION).await;
        let directory = TempDir::new().unwrap();
        let common = "log = { format = \"json\" }\nadmin = { listen = \"127.0.0.1:0\" }\nserver = { listen = [\"127.0.0.1:0\"] }\n";
        let text = [common, &preprod.configure(&directory), &production.configure(&directory)].concat();
        write(directory.path(), "issuer-host.toml", &text);
        let server = Server::start(&directory.path().join("issuer-host.toml")).await;
        Self { server, preprod, production, _directory: directory }
    }

    /// A caller that asks for the host of `environment` and expects its certificate.
    fn caller(&self, environment: &Environment) -> Caller {
        let trust: CertificateDer<'static> = environment.servers.certificate().clone();
        Caller::new(self.server.address(), environment.host, trust)
    }

    fn both(&self) -> [(&Environment, &Environment); 2] {
        [(&self.preprod, &self.production), (&self.production, &self.preprod)]
    }
}

#[tokio::test]
async fn each_environment_admits_its_own_callers_alone() {
    let pair = Pair::start().await;
    for (own, other) in pair.both() {
        for caller in [pair.caller(own).tls12(), pair.caller(own).tls13()] {
            caller.clone().presenting(&other.client).expect_refused("a client of the other environment").await;
            caller.clone().expect_refused("a stranger").await;
            caller.presenting(&own.client).connect().await.unwrap();
        }
    }
    assert_eq!(pair.preprod.backend.all_arrivals() + pair.production.backend.all_arrivals(), 0);
}

#[tokio::test]
async fn each_environment_forwards_to_its_own_backend() {
    let pair = Pair::start().await;
    for (own, other) in pair.both() {
        for protocol in ["http/1.1", "h2"] {
            let path = format!("/{}/{}", own.name, protocol.len());
            let mut session = pair.caller(own).presenting(&own.client).alpn(&[protocol]).session().await.unwrap();
            let call = http::Request::get(format!("https://{}{path}", own.host)).body("".into()).unwrap();
            assert_eq!(session.send(call).await.unwrap().status, 200);
            assert_eq!(own.backend.received(&path).headers["issuer-host-environment"], own.name);
            // The same connection is no way into the other environment.
            let call = http::Request::get(format!("https://{}{path}", other.host)).body("".into()).unwrap();
            assert_eq!(session.send(call).await.unwrap().status, 421);
            assert_eq!(other.backend.arrivals(&path), 0);
        }
    }
}

#[tokio::test]
async fn a_name_is_needed_where_two_environments_listen() {
    let pair = Pair::start().await;
    let nameless = pair.caller(&pair.preprod).presenting(&pair.preprod.client).without_name();
    nameless.clone().tls12().expect_refused("a client without SNI").await;
    nameless.tls13().expect_refused("a client without SNI").await;
    for (name, known) in
        [(None, false), (Some("other.bank.test"), false), (Some(PREPROD), true), (Some(PRODUCTION), true)]
    {
        let answer = Hello { version: 0x0303, suites: &[0xc02b], name }.ask(&pair.caller(&pair.preprod)).await;
        assert_eq!(matches!(answer, FirstAnswer::ServerHello { .. }), known, "{name:?}: {answer:?}");
    }
    pair.server.permits_return_to_zero().await;
}

#[tokio::test]
async fn every_listener_takes_calls_ipv6_among_them() {
    let listen = Some(r#"["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"]"#);
    let door = Door::with(Setup { listen, ..Setup::default() }).await;
    let addresses = door.server.listeners().to_vec();
    assert_eq!((addresses.len(), addresses.iter().filter(|address| address.is_ipv6()).count()), (3, 1));
    for address in addresses {
        door.honest().to(address).expect_accepted(&format!("a client at {address}")).await;
        let source = door.backend.received("/accepted").headers["x-forwarded-for"].to_str().unwrap().to_owned();
        assert_eq!(source, if address.is_ipv6() { "::1" } else { "127.0.0.1" }.to_owned());
        door.stranger().to(address).expect_refused(&format!("a stranger at {address}")).await;
    }
    door.server.permits_return_to_zero().await;
}
