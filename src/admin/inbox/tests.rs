use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::admin::audit::By;
use crate::inbox::Sealing;
use crate::inbox::testing::{Memory, stored};

struct Served {
    store: Arc<Memory>,
    sealing: Sealing,
    routes: Router,
}

impl Served {
    async fn new() -> Self {
        let store = Arc::new(Memory::default());
        let sealing = Sealing::establish(store.as_ref(), None).await.unwrap();
        let routes = routes(Some(Arc::clone(&store) as _));
        Self { store, sealing, routes }
    }

    async fn ask(&self, method: &str, path: &str) -> (StatusCode, String) {
        ask(&self.routes, method, path).await
    }

    async fn json(&self, path: &str) -> serde_json::Value {
        let (status, body) = self.ask("GET", path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

async fn ask(routes: &Router, method: &str, path: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let who = Who { peer: [127, 0, 0, 1].into(), by: By::Loopback };
    let (head, body) = routes.clone().layer(Extension(who)).oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, String::from_utf8(body.to_vec()).unwrap())
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
    let (status, body) = ask(&routes(None), "GET", "/inbox").await;
    assert!(status == StatusCode::NOT_FOUND && body.contains("[inbox] url"), "{body}");
}
