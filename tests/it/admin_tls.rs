//! The admin listener over TLS: a chain of its own, administrators by token or certificate, probes without either.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpStream;

use crate::support::{
    Authority, Caller, Door, Identity, Pki, QUIET, Refusal, Session, Setup, Spec, door, eventually, raw, request, tool,
};

const TOKEN: &str = "token-of-the-administrators";
const OTHER: &str = "token-of-somebody-else-here";
const NAME: &str = "admin.bank.test";

/// A door whose admin listener others reach, over TLS.
struct Place {
    door: Door,
    servers: Authority,
    administrators: Authority,
}

impl Place {
    async fn open() -> Self {
        Self::behind(Pki::new()).await
    }

    async fn behind(pki: Pki) -> Self {
        let (servers, administrators) = (Authority::root("Admin Servers"), Authority::root("Administrators"));
        let server = servers.issue(Spec::server(NAME));
        let table = format!(
            "[admin]\nlisten = \"0.0.0.0:0\"\ntoken = \"{TOKEN}\"\n[admin.tls]\ncertificate_chain = \"admin-chain.pem\"\n\
             private_key = \"admin-key.pem\"\nclient_ca = \"admin-ca.pem\"\n"
        );
        let arrange = |directory: &Path| door::edit(directory, "[admin]\nlisten = \"127.0.0.1:0\"\n", &table);
        let files = vec![
            ("admin-chain.pem", server.chain_pem().into()),
            ("admin-key.pem", server.key_pem().into()),
            ("admin-ca.pem", administrators.pem().into()),
        ];
        let setup = Setup { log: QUIET, files, arrange: Some(&arrange), ..Setup::default() };
        Self { door: Door::behind(pki, setup).await, servers, administrators }
    }

    fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.door.server.admin().port()).into()
    }

    /// Somebody without a certificate.
    fn caller(&self) -> Caller {
        self.caller_of(&self.servers)
    }

    fn caller_of(&self, servers: &Authority) -> Caller {
        Caller::new(self.address(), NAME, servers.certificate().clone())
    }

    /// Reads everything again, as an administrator.
    async fn reload(&self) -> u16 {
        ask(&mut self.caller().session().await.unwrap(), "POST", "/reload", Some(TOKEN)).await
    }
}

async fn ask(session: &mut Session, method: &str, path: &str, token: Option<&str>) -> u16 {
    let mut request = request(method, path).header("issuer-host-admin", "1");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    session.send(request.body("".into()).unwrap()).await.unwrap().status
}

#[tokio::test]
async fn probes_need_nothing_and_administrators_a_token_or_a_certificate() {
    let place = Place::open().await;
    for caller in [place.caller().tls12(), place.caller().tls13()] {
        let mut nobody = caller.session().await.unwrap();
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(ask(&mut nobody, "GET", path, None).await, 200, "{path}");
        }
        for (method, path) in [("GET", "/status"), ("POST", "/reload")] {
            assert_eq!(ask(&mut nobody, method, path, None).await, 401, "{path}");
            assert_eq!(ask(&mut nobody, method, path, Some(OTHER)).await, 401, "{path}");
            assert_eq!(ask(&mut nobody, method, path, Some(TOKEN)).await, 200, "{path}");
        }
        let administrator = caller.presenting(&place.administrators.client("somebody"));
        let mut administrator = administrator.session().await.unwrap();
        assert_eq!(ask(&mut administrator, "GET", "/status", None).await, 200);
        assert_eq!(ask(&mut administrator, "POST", "/reload", None).await, 200);
    }
    let by = |by: &str| {
        let lines = place.door.server.events("admin_action").into_iter();
        lines.filter(|line| line["by"] == by).collect::<Vec<_>>()
    };
    eventually("who reloaded", async || by("certificate").len() == 2 && by("token").len() == 2).await;
    for line in by("certificate") {
        assert!(line["subject"].as_str().unwrap().contains("CN=somebody"), "{line}");
        assert_eq!(line["sha256"].as_str().map(str::len), Some(64), "{line}");
    }
    // Nothing is told in clear.
    let mut plain = TcpStream::connect(place.address()).await.unwrap();
    let answer =
        raw::exchange(&mut plain, b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    place.door.honest().expect_accepted("a caller of the other port").await;
}

#[tokio::test]
async fn a_certificate_that_other_cas_vouch_for_is_refused() {
    let place = Place::open().await;
    let known = place.administrators.client("somebody");
    let foreign = Authority::root("Other Administrators").client("somebody");
    let impostor = place.administrators.impostor().client("somebody");
    let expired = place.administrators.issue(Spec::client("somebody").expired());
    // Whoever may call the other port is nobody here, and the other way round.
    let callers: [(&str, &Identity); 4] = [
        ("of another CA", &foreign),
        ("of a CA with the same name", &impostor),
        ("that has expired", &expired),
        ("of Thales", &place.door.pki.honest),
    ];
    for versions in [Caller::tls12, Caller::tls13] {
        for (who, identity) in callers {
            let refusal = versions(place.caller()).presenting(identity).expect_refused(who).await;
            assert!(matches!(refusal, Refusal::Alert(_) | Refusal::Closed), "{who}: {refusal:?}");
        }
        let mut control = versions(place.caller()).presenting(&known).session().await.unwrap();
        assert_eq!(ask(&mut control, "GET", "/status", None).await, 200);
        versions(place.door.stranger()).presenting(&known).expect_refused("an administrator at the other port").await;
    }
}

#[tokio::test]
async fn a_change_of_ca_counts_for_connections_that_live_and_a_new_chain_is_shown_to_the_next() {
    let place = Place::open().await;
    let (first, next) = (place.administrators.client("first"), Authority::root("Next Administrators"));
    let mut kept = place.caller().presenting(&first).session().await.unwrap();
    assert_eq!(ask(&mut kept, "GET", "/status", None).await, 200, "control");
    // What does not fit together stays out.
    let other = Authority::root("Other Servers");
    let server = other.issue(Spec::server(NAME));
    place.door.replace("admin-ca.pem", next.pem());
    place.door.replace("admin-chain.pem", server.chain_pem());
    assert_eq!(place.reload().await, 422);
    assert_eq!(ask(&mut kept, "GET", "/status", None).await, 200, "nothing has changed");
    place.door.replace("admin-key.pem", server.key_pem());
    assert_eq!(place.reload().await, 200);
    assert_eq!(ask(&mut kept, "GET", "/status", None).await, 401, "its CA is gone");
    assert_eq!(ask(&mut kept, "GET", "/status", Some(TOKEN)).await, 200, "the token is not");
    place.caller_of(&other).presenting(&first).expect_refused("of the CA before").await;
    let mut new = place.caller_of(&other).presenting(&next.client("second")).session().await.unwrap();
    assert_eq!(ask(&mut new, "GET", "/status", None).await, 200);
}

#[tokio::test]
async fn the_healthcheck_speaks_tls_where_that_is_configured_and_takes_whatever_certificate_is_shown() {
    let place = Place::open().await;
    let address = place.address().to_string();
    let healthy = async |arguments: &[&str]| {
        let arguments = [&["healthcheck", "--address", &address], arguments].concat();
        let directory = place.door.directory.path();
        tool::run(directory, env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await.succeeded()
    };
    let configured = ["--config", "issuer-host.toml"];
    assert!(healthy(&configured).await);
    assert!(!healthy(&[]).await, "control: in plain HTTP nobody answers");
    // The server goes on with the certificate that it had.
    let other = place.servers.issue(Spec::server(NAME));
    place.door.replace("admin-chain.pem", other.chain_pem());
    assert_eq!(place.reload().await, 422);
    assert!(healthy(&configured).await);
    place.door.replace("admin-key.pem", other.key_pem());
    assert_eq!(place.reload().await, 200);
    assert!(healthy(&configured).await);
    place.door.server.terminate();
    eventually("the healthcheck to fail", async || !healthy(&configured).await).await;
}

#[tokio::test]
async fn a_chain_that_is_near_its_end_is_told_of_once_without_monitoring() {
    let place = Place::open().await;
    let warned = || place.door.server.warned_of("certificate_chain of [admin.tls] expires at");
    let soon = place.servers.issue(Spec::server(NAME).valid(-1, 5));
    place.door.replace("admin-key.pem", soon.key_pem());
    place.door.replace("admin-chain.pem", soon.chain_pem());
    // The first one takes it up; what is in force is looked at before each one.
    for _ in 0..2 {
        assert_eq!(place.reload().await, 200);
    }
    eventually("it to be told", async || !warned().is_empty()).await;
    assert_eq!(place.reload().await, 200);
    place.door.server.told("reload_ended", 3).await;
    assert_eq!(warned().len(), 1, "{:?}", warned());
    assert!(warned()[0].get("environment").is_none(), "it is of no environment: {:?}", warned());
}
