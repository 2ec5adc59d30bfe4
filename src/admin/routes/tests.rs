use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt as _;

use super::*;
use crate::admin::{AdminAccess, AdminRules, Readiness};
use crate::auth::LiveSecret;
use crate::inbox::Sealing;
use crate::inbox::entry::State as EntryState;
use crate::inbox::testing::{Memory, stored};

const TOKEN: &str = "a-token-of-administrators";

/// Everything that can be asked for, and what of it can change.
struct Served {
    routes: Router,
    reloads: Arc<AtomicUsize>,
    store: Arc<Memory>,
    /// A dead letter.
    entry: String,
    session: String,
    /// The session's second secret.
    secret: String,
}

impl Served {
    async fn new() -> Self {
        let reloads = Arc::new(AtomicUsize::new(0));
        let store = Arc::new(Memory::default());
        let sealing = Sealing::establish(store.as_ref(), None).await.unwrap();
        let id = stored(&store, &sealing, "body").await.id;
        store.change(id, |row| row.state = EntryState::Dead);
        let token = LiveSecret::from_text("admin", TOKEN).unwrap();
        let count = Arc::clone(&reloads);
        let reload: ReloadSource = Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Some((true, serde_json::Value::Null)) })
        });
        let sources = AdminSources {
            readiness: Readiness::default(),
            metrics: Metrics::new(),
            status: Arc::new(crate::admin::tests::report),
            reload,
            log_level: None,
            inbox: Some(Arc::clone(&store) as _),
            access: AdminAccess::new(AdminRules { token: Some(token), ..AdminRules::default() }),
        };
        let routes = routes(sources, "127.0.0.1:9090".parse().unwrap());
        let mut served =
            Self { routes, reloads, store, entry: id.to_string(), session: String::new(), secret: "1".into() };
        let opened = served.ask("POST", "/session", TOKEN).await;
        let cookie = opened.headers()["set-cookie"].to_str().unwrap();
        served.session = cookie.split(';').next().unwrap().to_owned();
        let told = to_bytes(opened.into_body(), 1 << 20).await.unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
        served.secret = told["secret"].as_str().unwrap().to_owned();
        served
    }

    /// Asks with all that an administrator can show.
    async fn ask(&self, method: &str, path: &str, body: &'static str) -> Response {
        let request = Request::builder()
            .method(method)
            .uri(path.replace("{id}", &self.entry))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("cookie", &self.session)
            .header("issuer-host-admin", &self.secret)
            .body(Body::from(body))
            .unwrap();
        self.routes.clone().oneshot(request).await.unwrap()
    }

    /// Reloads, the state and replays of the entry, whether the session lives.
    async fn state(&self) -> (usize, EntryState, String, bool) {
        let row = self.store.all().remove(0);
        let told = self.ask("GET", "/inbox/{id}", "").await;
        let told = String::from_utf8(to_bytes(told.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
        let request = Request::builder().uri("/status").header("cookie", &self.session).body(Body::empty()).unwrap();
        let lives = self.routes.clone().oneshot(request).await.unwrap().status() == StatusCode::OK;
        (self.reloads.load(Ordering::Relaxed), row.state, told, lives)
    }
}

/// The paths of all routes, as the sources of the admin listener name them.
fn paths(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(paths(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") && !entry.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&entry).unwrap();
            found.extend(text.split(".route(").skip(1).map(|rest| {
                let literal = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
                literal.unwrap_or_else(|| panic!("{}: a route without its path", entry.display())).0.to_owned()
            }));
        }
    }
    found
}

#[tokio::test]
async fn no_get_changes_anything() {
    let served = Served::new().await;
    let paths = paths(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin"));
    for known in ["/livez", "/metrics", "/status", "/reload", "/session", "/inbox/{id}/replay", "/inbox/{id}/discard"] {
        assert!(paths.iter().any(|path| path == known), "control: {known} is not among {paths:?}");
    }
    let before = served.state().await;
    assert_eq!((before.0, before.1, before.3), (0, EntryState::Dead, true));
    for path in &paths {
        for method in ["GET", "HEAD", "OPTIONS"] {
            served.ask(method, path, TOKEN).await;
            assert_eq!(served.state().await, before, "{method} {path}");
        }
    }
    // Control: what is asked for is there, and is done.
    assert_eq!(served.ask("POST", "/reload", "").await.status(), StatusCode::OK);
    assert_eq!(served.ask("POST", "/inbox/{id}/replay", "").await.status(), StatusCode::OK);
    assert_eq!(served.ask("DELETE", "/session", "").await.status(), StatusCode::NO_CONTENT);
    let after = served.state().await;
    assert_eq!((after.0, after.1, after.3), (1, EntryState::Pending, false));
}

#[tokio::test]
async fn what_changes_something_is_out_of_reach_where_nobody_has_said_who_asks() {
    let served = Served::new().await;
    let reload: ReloadSource = Arc::new(|| Box::pin(async { Some((true, serde_json::Value::Null)) }));
    let unguarded = reloading(reload).merge(inbox::routes(Some(Arc::clone(&served.store) as _)));
    let post = |path: &str| Request::post(path).body(Body::empty()).unwrap();
    for path in ["/reload".to_owned(), format!("/inbox/{}/discard", served.entry)] {
        let ask = |routes: Router| routes.oneshot(post(&path));
        assert_eq!(ask(unguarded.clone()).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        let who = Who { peer: [127, 0, 0, 1].into(), by: crate::admin::audit::By::Loopback };
        assert_eq!(
            ask(unguarded.clone().layer(Extension(who))).await.unwrap().status(),
            StatusCode::OK,
            "control: {path}"
        );
    }
}
