use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::auth::LiveSecret;
use crate::inbox::Sealing;
use crate::inbox::testing::{Memory, stored};

const TOKEN: &str = "a-token-of-administrators";

struct Served {
    store: Arc<Memory>,
    sealing: Sealing,
    routes: Router,
}

impl Served {
    async fn new() -> Self {
        let store = Arc::new(Memory::default());
        let sealing = Sealing::establish(store.as_ref(), None).await.unwrap();
        let routes = routes(Some(Arc::clone(&store) as _), AdminToken::new(Some(token())));
        Self { store, sealing, routes }
    }

    async fn ask(&self, method: &str, path: &str) -> (StatusCode, String) {
        let (status, _, body) = ask(&self.routes, method, path, &[("authorization", &bearer(TOKEN))]).await;
        (status, body)
    }

    async fn json(&self, path: &str) -> serde_json::Value {
        let (status, body) = self.ask("GET", path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

fn token() -> LiveSecret {
    LiveSecret::from_text("admin", TOKEN).unwrap()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

async fn ask(routes: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, body) = routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn only_who_shows_the_token_is_answered() {
    let served = Served::new().await;
    let id = stored(&served.store, &served.sealing, "body").await.id;
    let calls = [
        ("GET", "/inbox".to_owned()),
        ("GET", format!("/inbox/{id}")),
        ("POST", format!("/inbox/{id}/replay")),
        ("POST", format!("/inbox/{id}/discard")),
    ];
    let mut expired = token();
    expired.expires = Some(std::time::SystemTime::UNIX_EPOCH);
    let with_expired = routes(Some(Arc::clone(&served.store) as _), AdminToken::new(Some(expired)));
    for (method, path) in &calls {
        let wrong = bearer("a-token-of-administratorz");
        let basic = format!("Basic {TOKEN}");
        for headers in [
            &[][..],
            &[("authorization", wrong.as_str())],
            &[("authorization", "Bearer ")],
            &[("authorization", "Bearer")],
            &[("authorization", TOKEN)],
            &[("authorization", basic.as_str())],
            &[("authorization", bearer(TOKEN).as_str()), ("authorization", bearer(TOKEN).as_str())],
        ] {
            let (status, answer, body) = ask(&served.routes, method, path, headers).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path} {headers:?}");
            assert_eq!(answer["www-authenticate"], "Bearer");
            assert!(!body.contains(TOKEN), "{body}");
        }
        let shown = bearer(TOKEN);
        let (status, _, _) = ask(&with_expired, method, path, &[("authorization", &shown)]).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "expired");
        let without = routes(Some(Arc::clone(&served.store) as _), AdminToken::default());
        let (status, _, body) = ask(&without, method, path, &[("authorization", &shown)]).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(body.contains("token_file"), "{body}");
    }
    assert_eq!(served.store.all()[0].replays, 0, "nobody decided anything");
    let (status, _, _) = ask(&served.routes, "GET", "/inbox", &[("authorization", &format!("bearer  {TOKEN}"))]).await;
    assert_eq!(status, StatusCode::OK, "control");
}

#[tokio::test]
async fn entries_are_told_page_by_page_without_what_was_sent() {
    let served = Served::new().await;
    for _ in 0..5 {
        stored(&served.store, &served.sealing, "a body").await;
    }
    let first = served.json("/inbox?limit=3").await;
    assert_eq!(first["entries"].as_array().unwrap().len(), 3);
    let second = served.json(&format!("/inbox?limit=3&after={}", first["next"])).await;
    assert_eq!((second["entries"].as_array().unwrap().len(), &second["next"]), (2, &serde_json::Value::Null));
    assert_ne!(first["entries"][0]["id"], second["entries"][0]["id"]);
    let exact = served.json("/inbox?limit=5").await;
    assert!(exact["next"].is_null());
    for sent in ["a body", "CARD7", "ISSUER0001"] {
        assert!(!first.to_string().contains(sent), "{first}");
    }
}

#[tokio::test]
async fn a_filter_is_applied_and_what_means_nothing_is_refused() {
    let served = Served::new().await;
    let dead = stored(&served.store, &served.sealing, "body").await.id;
    stored(&served.store, &served.sealing, "body").await;
    served.store.change(dead, |row| row.state = EntryState::Dead);
    let found = served.json("/inbox?state=dead&environment=preprod&operation=notifyCardOperations").await;
    assert_eq!(found["entries"].as_array().unwrap().len(), 1);
    assert_eq!(found["entries"][0]["id"], dead.to_string());
    assert!(served.json("/inbox?environment=production").await["entries"].as_array().unwrap().is_empty());
    for bad in ["state=lost", "limit=0", "limit=501", "limit=x", "after=x", "sate=dead"] {
        assert_eq!(served.ask("GET", &format!("/inbox?{bad}")).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn an_entry_is_told_replayed_and_discarded() {
    let served = Served::new().await;
    let id = stored(&served.store, &served.sealing, "body").await.id;
    served.store.change(id, |row| row.state = EntryState::Dead);
    assert_eq!(served.json(&format!("/inbox/{id}")).await["state"], "dead");
    let (status, body) = served.ask("POST", &format!("/inbox/{id}/replay")).await;
    assert_eq!((status, body), (StatusCode::OK, format!(r#"{{"id":"{id}","state":"pending"}}"#)));
    assert_eq!(served.json(&format!("/inbox/{id}")).await["replays"], 1);
    assert_eq!(served.ask("POST", &format!("/inbox/{id}/discard")).await.0, StatusCode::OK);
    assert_eq!(served.json(&format!("/inbox/{id}")).await["state"], "discarded");
    assert_eq!(served.ask("POST", &format!("/inbox/{id}/discard")).await.0, StatusCode::CONFLICT);
    assert_eq!(served.ask("GET", &format!("/inbox/{id}/replay")).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_is_not_there_and_a_store_that_does_not_answer_are_told_apart() {
    let served = Served::new().await;
    for path in [format!("/inbox/{}", EntryId::new()), "/inbox/nonsense".into()] {
        assert_eq!(served.ask("GET", &path).await.0, StatusCode::NOT_FOUND);
        assert_eq!(served.ask("POST", &format!("{path}/replay")).await.0, StatusCode::NOT_FOUND);
    }
    *served.store.outage.lock().unwrap() = Some(StoreError::Unavailable("gone".into()));
    assert_eq!(served.ask("GET", "/inbox").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let none = routes(None, AdminToken::new(Some(token())));
    let (status, _, body) = ask(&none, "GET", "/inbox", &[("authorization", &bearer(TOKEN))]).await;
    assert!(status == StatusCode::NOT_FOUND && body.contains("[inbox] url"), "{body}");
}

#[tokio::test]
async fn no_page_in_a_browser_decides_anything() {
    let served = Served::new().await;
    let id = stored(&served.store, &served.sealing, "body").await.id;
    for decision in ["replay", "discard"] {
        let path = format!("/inbox/{id}/{decision}");
        let shown = bearer(TOKEN);
        let headers = [("authorization", shown.as_str()), ("origin", "https://evil.example")];
        assert_eq!(ask(&served.routes, "POST", &path, &headers).await.0, StatusCode::FORBIDDEN);
        assert_eq!(served.store.all()[0].state, EntryState::Pending);
    }
    assert_eq!(served.ask("POST", &format!("/inbox/{id}/discard")).await.0, StatusCode::OK, "control");
}
