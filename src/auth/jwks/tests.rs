//! An identity provider that answers what a test wants, and counts.

mod keys;
mod refreshing;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{Response, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::*;
use crate::auth::testing::{AUDIENCE, ISSUER, bearer, claims, jwk, key_pem, keys, message, now};
use crate::auth::{BearerOptions, BearerTokens, TokenRefusal, Verdict};

pub(super) const KEYS_URL: &str = "https://idp.example/keys";

/// What stands at each URL. Nothing = no answer at all.
#[derive(Debug)]
struct FakeProvider {
    documents: Mutex<HashMap<String, Document>>,
    asked: AtomicUsize,
    /// A permit for each answer that may leave.
    gate: Semaphore,
}

#[derive(Clone, Debug)]
struct Document {
    status: StatusCode,
    max_age: u32,
    body: Bytes,
}

impl FakeProvider {
    /// With these keys, and answering at once.
    fn new(keys: &Value) -> Arc<Self> {
        let provider = Self::closed();
        provider.put(KEYS_URL, keys);
        provider.gate.add_permits(Semaphore::MAX_PERMITS);
        provider
    }

    fn closed() -> Arc<Self> {
        Arc::new(Self { documents: Mutex::default(), asked: AtomicUsize::new(0), gate: Semaphore::new(0) })
    }

    fn put(&self, url: &str, body: &Value) {
        self.put_document(url, StatusCode::OK, body.to_string());
    }

    fn put_document(&self, url: &str, status: StatusCode, body: impl Into<Bytes>) {
        let document = Document { status, max_age: 600, body: body.into() };
        self.documents.lock().unwrap().insert(url.into(), document);
    }

    fn vanish(&self) {
        self.documents.lock().unwrap().clear();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn jwks(self: &Arc<Self>) -> Jwks {
        self.jwks_of(&JwksSource::Keys(KEYS_URL.into()))
    }

    fn jwks_of(self: &Arc<Self>, source: &JwksSource) -> Jwks {
        Jwks::new(source, Arc::new(Client(Arc::clone(self)))).unwrap()
    }

    fn tokens(self: &Arc<Self>) -> BearerTokens {
        BearerTokens::of_identity_provider(self.jwks(), options())
    }
}

#[derive(Debug)]
struct Client(Arc<FakeProvider>);

impl Fetch for Client {
    fn get(&self, url: Uri, max_body: usize) -> BoxFuture<'static, Result<Response<Bytes>, FetchError>> {
        let provider = Arc::clone(&self.0);
        async move {
            provider.asked.fetch_add(1, Ordering::SeqCst);
            provider.gate.acquire().await.unwrap().forget();
            let document = provider.documents.lock().unwrap().get(&url.to_string()).cloned();
            let document = document.ok_or_else(|| FetchError::Exchange("connection refused".into()))?;
            if document.body.len() > max_body {
                return Err(FetchError::TooLarge(max_body));
            }
            let max_age = format!("max-age={}", document.max_age);
            let answer = Response::builder().status(document.status).header(CACHE_CONTROL, max_age);
            Ok(answer.body(document.body).unwrap())
        }
        .boxed()
    }
}

fn options() -> BearerOptions {
    BearerOptions { issuer: ISSUER.into(), audience: AUDIENCE.into(), scope: None, environment: None }
}

/// The set of these keys, each with its thumbprint as id.
fn set(pems: &[&str]) -> Value {
    let keys: Vec<_> = pems.iter().map(|pem| jwk(pem, keys(pem).ids().next().unwrap())).collect();
    json!({ "keys": keys })
}

/// A good token, signed with the key in `pem`.
fn token(pem: &str) -> String {
    keys(pem).sign(&claims()).unwrap()
}

/// What is said of `token` in the end, and whether that had to wait for a fetch.
async fn judged(tokens: &BearerTokens, token: &str, now: SystemTime) -> (Option<TokenRefusal>, bool) {
    match tokens.verify(&bearer(token), now) {
        Verdict::Accepted(_) => (None, false),
        Verdict::Refused(refusal) => (Some(refusal), false),
        Verdict::Pending(future) => (future.await.err(), true),
    }
}

/// Lets what runs in the background come to its end.
async fn settle(jwks: &Jwks) {
    let flight = jwks.0.attempts.lock().unwrap().under_way.as_ref().map(|(_, flight)| flight.clone());
    if let Some(flight) = flight {
        flight.await;
    }
}
