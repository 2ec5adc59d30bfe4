//! The library: an axum router of one's own behind the door.

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::{get, post};
use issuer_host::handler::Handler;
use issuer_host::server::Drained;
use issuer_host::tls::{MaterialSource, VerifiedClient};
use issuer_host::{App, AppOptions, EnvironmentOptions, ServerOptions};
use tokio::sync::oneshot;

use crate::support::{Authority, Caller, HOST, Pki, request};

struct Embedded {
    pki: Pki,
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<Drained>,
}

async fn embed(router: Router) -> Embedded {
    let pki = Pki::new();
    let mut environment = EnvironmentOptions::new(
        "embedded",
        MaterialSource::inline(pki.clients.pem()),
        MaterialSource::inline(pki.server.chain_pem()),
        MaterialSource::inline(pki.server.key_pem()),
        Handler::from(router),
    );
    environment.host = Some(HOST.to_owned());
    let server = ServerOptions { listen: vec![([127, 0, 0, 1], 0).into()], ..ServerOptions::default() };
    let app = App::bind(AppOptions { server, admin: None, environments: vec![environment] }).await.unwrap();
    let address = app.addresses()[0];
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(app.run(async {
        let _ = stopped.await;
    }));
    Embedded { pki, address, stop, server }
}

impl Embedded {
    fn caller(&self) -> Caller {
        Caller::new(self.address, HOST, self.pki.servers.certificate().clone())
    }
}

#[tokio::test]
async fn handlers_of_the_embedder_get_the_verified_client_and_the_body() {
    let router = Router::new()
        .route("/whoami", get(|client: VerifiedClient| async move { client.identity().subject.clone() }))
        .route("/echo", post(|body: Bytes| async move { (StatusCode::CREATED, body) }));
    let embedded = embed(router).await;
    let honest = embedded.caller().presenting(&embedded.pki.honest);
    for caller in [honest.clone(), honest.h2()] {
        let mut session = caller.session().await.unwrap();
        let whoami = session.send(request("GET", "/whoami").body("".into()).unwrap()).await.unwrap();
        assert_eq!(whoami.status, 200);
        assert!(whoami.text().split(',').any(|attribute| attribute == "CN=honest"), "{}", whoami.text());
        let echo = session.send(request("POST", "/echo").body("body".into()).unwrap()).await.unwrap();
        assert_eq!((echo.status, echo.text().as_str()), (201, "body"));
    }
    embedded.caller().expect_refused("nobody").await;
    let foreign = Authority::root("Foreign Root").client("foreign");
    embedded.caller().presenting(&foreign).expect_refused("a foreign client").await;
    embedded.stop.send(()).unwrap();
    assert_eq!(embedded.server.await.unwrap(), Drained::Completely);
}

#[tokio::test]
async fn a_handler_that_panics_answers_500_and_harms_nobody_else() {
    async fn panics() -> StatusCode {
        panic!("a defect of the embedder")
    }
    let router = Router::new().route("/panics", get(panics)).route("/works", get(|| async { "works" }));
    let embedded = embed(router).await;
    let mut session = embedded.caller().presenting(&embedded.pki.honest).h2().session().await.unwrap();
    for (path, status) in [("/panics", 500), ("/works", 200), ("/panics", 500), ("/unknown", 404)] {
        assert_eq!(session.send(request("GET", path).body("".into()).unwrap()).await.unwrap().status, status, "{path}");
    }
    drop(session);
    embedded.stop.send(()).unwrap();
    embedded.server.await.unwrap();
}

#[tokio::test]
async fn options_that_contradict_each_other_bind_nothing() {
    let pki = Pki::new();
    let environment = |name: &str| {
        EnvironmentOptions::new(
            name,
            MaterialSource::inline(pki.clients.pem()),
            MaterialSource::inline(pki.server.chain_pem()),
            MaterialSource::inline(pki.server.key_pem()),
            Handler::from(Router::new()),
        )
    };
    let server = || ServerOptions { listen: vec![([127, 0, 0, 1], 0).into()], ..ServerOptions::default() };
    let two = AppOptions { server: server(), admin: None, environments: vec![environment("one"), environment("two")] };
    let error = App::bind(two).await.unwrap_err().to_string();
    assert!(error.contains("environments one and two cannot be told apart"), "{error}");
    let none = AppOptions { server: server(), admin: None, environments: Vec::new() };
    assert!(App::bind(none).await.unwrap_err().to_string().contains("no environment"));

    let mut pinned = environment("pinned");
    pinned.client_ca = MaterialSource::inline(pki.honest.chain_pem());
    let pinned = AppOptions { server: server(), admin: None, environments: vec![pinned] };
    let error = App::bind(pinned).await.unwrap_err().to_string();
    assert!(error.contains("Thales forbids pinning"), "{error}");
}
