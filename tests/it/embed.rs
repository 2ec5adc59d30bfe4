//! The library: an axum router of one's own behind the door.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::{get, post};
use issuer_host::app::{ConfigurationReload, ConfigurationSource, Configured, EnvironmentReload, Reload, ServerEnded};
use issuer_host::handler::Handler;
use issuer_host::server::Drained;
use issuer_host::tls::material::MaterialKind;
use issuer_host::tls::reload::{ReloadProblem, ReloadReport};
use issuer_host::tls::trigger::{Trigger, TriggerOptions};
use issuer_host::tls::{MaterialSource, VerifiedClient};
use issuer_host::{App, AppOptions, EnvironmentOptions, Reloader, ServerOptions};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::support::door::replace;
use crate::support::{Authority, Caller, HOST, Pki, request};

struct Embedded {
    pki: Pki,
    address: std::net::SocketAddr,
    reloader: Reloader,
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
    let options = AppOptions { server, admin: None, environments: vec![environment], ..AppOptions::default() };
    run(pki, Box::pin(App::bind(options)).await.unwrap())
}

fn run(pki: Pki, app: App) -> Embedded {
    let (address, reloader) = (app.addresses()[0], app.reloader());
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(app.run(async {
        let _ = stopped.await;
    }));
    Embedded { pki, address, reloader, stop, server }
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
    let two = AppOptions {
        server: server(),
        admin: None,
        environments: vec![environment("one"), environment("two")],
        ..AppOptions::default()
    };
    let error = App::bind(two).await.unwrap_err().to_string();
    assert!(error.contains("environments one and two cannot be told apart"), "{error}");
    let none = AppOptions { server: server(), admin: None, environments: Vec::new(), ..AppOptions::default() };
    assert!(App::bind(none).await.unwrap_err().to_string().contains("no environment"));

    let mut pinned = environment("pinned");
    pinned.client_ca = MaterialSource::inline(pki.honest.chain_pem());
    let pinned = AppOptions { server: server(), admin: None, environments: vec![pinned], ..AppOptions::default() };
    let error = App::bind(pinned).await.unwrap_err().to_string();
    assert!(error.contains("Thales forbids pinning"), "{error}");
}

/// The material of a program that keeps it in files, which nothing watches.
struct Files(TempDir);

impl Files {
    fn of(pki: &Pki) -> Self {
        let files = Self(TempDir::new().unwrap());
        replace(files.0.path(), "ca.pem", &pki.clients.pem());
        replace(files.0.path(), "chain.pem", &pki.server.chain_pem());
        replace(files.0.path(), "key.pem", &pki.server.key_pem());
        files
    }

    fn options(&self, router: Router) -> AppOptions {
        let file = |name: &str| MaterialSource::File(self.0.path().join(name));
        let handler = Handler::from(router);
        let mut environment =
            EnvironmentOptions::new("embedded", file("ca.pem"), file("chain.pem"), file("key.pem"), handler);
        environment.host = Some(HOST.to_owned());
        let server = ServerOptions {
            listen: vec![([127, 0, 0, 1], 0).into()],
            reload: TriggerOptions { watch: false, poll: None },
            ..ServerOptions::default()
        };
        AppOptions { server, admin: None, environments: vec![environment], ..AppOptions::default() }
    }
}

fn answering(text: &'static str) -> Router {
    Router::new().fallback(move || async move { text })
}

/// What a reload did to the material.
fn material(reload: &Reload) -> &ReloadReport {
    match &reload.environments["embedded"] {
        EnvironmentReload::Material(report) => report,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_program_that_asks_for_a_reload_gets_a_typed_report() {
    let pki = Pki::new();
    let files = Files::of(&pki);
    let other = Authority::root("Other Client Root");
    let embedded = run(pki, App::bind(files.options(answering("received"))).await.unwrap());
    let reloader = embedded.reloader.clone();
    let newcomer = embedded.caller().presenting(&other.client("newcomer"));
    let reload = reloader.reload().await.unwrap();
    assert_eq!((reload.trigger, &reload.configuration, reload.has_problem()), (Trigger::Call, &None, false));
    assert!(matches!(material(&reload), ReloadReport::Unchanged), "{reload:?}");
    newcomer.expect_refused("a client of a CA that is not there yet").await;

    let mut retired = embedded.caller().presenting(&embedded.pki.honest).session().await.unwrap();
    assert_eq!(retired.send(request("GET", "/").body("".into()).unwrap()).await.unwrap().status, 200);
    replace(files.0.path(), "ca.pem", &other.pem());
    let reload = reloader.reload().await.unwrap();
    let ReloadReport::Installed { from, to, anchors_added, anchors_removed, leaf_changed, connections_retired, .. } =
        material(&reload)
    else {
        panic!("{reload:?}")
    };
    assert_eq!((*from, *to, *leaf_changed, *connections_retired, reload.has_problem()), (1, 2, false, 1, false));
    for (names, subject) in [(anchors_added, "CN=Other Client Root"), (anchors_removed, "CN=Client Root")] {
        assert_eq!(names.len(), 1, "{names:?}");
        assert!(names[0].subject.split(',').any(|attribute| attribute == subject), "{names:?}");
    }
    newcomer.expect_accepted("a client of the new CA").await;
    retired.ended().await;

    replace(files.0.path(), "ca.pem", "garbage");
    let reload = reloader.reload().await.unwrap();
    let ReloadReport::Kept { problem } = material(&reload) else { panic!("{reload:?}") };
    let ReloadProblem::Material(error) = problem else { panic!("{problem:?}") };
    assert_eq!((error.0.len(), error.0[0].kind), (1, MaterialKind::ClientCa));
    assert_eq!(error.0[0].file.as_deref(), Some(files.0.path().join("ca.pem").as_path()));
    assert!(reload.has_problem(), "{reload:?}");
    newcomer.expect_accepted("a client of the CA that stays").await;

    // Many at once: each is answered.
    let many = futures_util::future::join_all((0..100).map(|_| reloader.reload())).await;
    assert!(many.iter().all(|reload| reload.as_ref().is_ok_and(|reload| reload.has_problem())));

    embedded.stop.send(()).unwrap();
    embedded.server.await.unwrap();
    assert_eq!(reloader.reload().await.unwrap_err(), ServerEnded);
    replace(files.0.path(), "ca.pem", &other.pem());
    let reloader = App::bind(files.options(answering(""))).await.unwrap().reloader();
    assert_eq!(reloader.reload().await.unwrap_err(), ServerEnded, "the server is gone without having run");
}

#[tokio::test]
async fn a_program_that_says_how_its_options_are_read_again_changes_them_while_it_runs() {
    let pki = Pki::new();
    let files = Files::of(&pki);
    let next: Arc<Mutex<Result<AppOptions, String>>> = Arc::new(Mutex::new(Ok(files.options(answering("second")))));
    let app = App::bind(files.options(answering("first"))).await.unwrap();
    let read = Arc::clone(&next);
    let source = ConfigurationSource::new(Vec::new(), move || {
        let options = read.lock().unwrap().clone()?;
        Ok(Configured {
            options,
            problem: None,
            refused: BTreeMap::new(),
            needs_restart: vec!["their.key".to_owned()],
            files: Vec::new(),
        })
    });
    let embedded = run(pki, app.with_configuration(source));
    let mut session = embedded.caller().presenting(&embedded.pki.honest).h2().session().await.unwrap();
    let mut answer = async || session.send(request("GET", "/").body("".into()).unwrap()).await.unwrap().text();
    let applied = |keys: &[&str]| {
        let needs_restart = keys.iter().map(|key| (*key).to_owned()).collect();
        Some(ConfigurationReload::Applied { needs_restart })
    };
    assert_eq!(answer().await, "first");
    let reload = embedded.reloader.reload().await.unwrap();
    assert_eq!((&reload.configuration, reload.has_problem()), (&applied(&["their.key"]), false));
    assert!(matches!(material(&reload), ReloadReport::Unchanged), "{reload:?}");
    assert_eq!(answer().await, "second");

    *next.lock().unwrap() = Err("not today".to_owned());
    let reload = embedded.reloader.reload().await.unwrap();
    let kept = ConfigurationReload::Kept { problem: "not today".to_owned() };
    assert_eq!((&reload.configuration, reload.has_problem()), (&Some(kept), true));
    assert_eq!(answer().await, "second");

    let nobody = AppOptions { environments: Vec::new(), ..files.options(answering("")) };
    *next.lock().unwrap() = Ok(nobody);
    let reload = embedded.reloader.reload().await.unwrap();
    assert!(
        matches!(&reload.configuration, Some(ConfigurationReload::Kept { problem }) if problem.contains("no environment"))
    );
    assert_eq!(answer().await, "second");
}

#[tokio::test]
async fn an_environment_that_is_kept_is_still_reached_although_the_server_is_to_listen_elsewhere() {
    let pki = Pki::new();
    let files = Files::of(&pki);
    let mut elsewhere = files.options(answering("received"));
    elsewhere.server.listen = vec![([127, 0, 0, 9], 0).into()];
    let app = App::bind(files.options(answering("received"))).await.unwrap();
    let source = ConfigurationSource::new(Vec::new(), move || {
        Ok(Configured {
            options: elsewhere.clone(),
            problem: None,
            refused: BTreeMap::new(),
            needs_restart: Vec::new(),
            files: Vec::new(),
        })
    });
    let embedded = run(pki, app.with_configuration(source));
    let honest = embedded.caller().presenting(&embedded.pki.honest);
    honest.expect_accepted("control: before the reload").await;
    replace(files.0.path(), "key.pem", "garbage");
    let reload = embedded.reloader.reload().await.unwrap();
    assert!(matches!(material(&reload), ReloadReport::Kept { .. }), "{reload:?}");
    let needs_restart = ["server.listen".to_owned()].into();
    assert_eq!(reload.configuration, Some(ConfigurationReload::Applied { needs_restart }));
    honest.expect_accepted("a client of an environment that stays what it was").await;
}
