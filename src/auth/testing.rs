//! Keys, tokens and clients for tests.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::{Value, json};

use super::{BearerOptions, SigningKeys, TokenRefusal, Verdict};

pub(super) const ISSUER: &str = "https://tsh-pp.bank.example";
pub(super) const AUDIENCE: &str = "preprod";
pub(super) const ENVIRONMENT: &str = "preprod";

/// A time in 2030.
pub(super) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000)
}

pub(super) fn after(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// A P-256 key, in PEM.
pub(super) fn key_pem() -> String {
    KeyPair::generate().unwrap().serialize_pem()
}

pub(super) fn keys(pem: &str) -> Arc<SigningKeys> {
    Arc::new(SigningKeys::from_pem(pem.as_bytes()).unwrap())
}

/// The point of a public key: 4, x, y.
pub(super) fn point(pem: &str) -> Vec<u8> {
    KeyPair::from_pem(pem).unwrap().der_bytes().to_vec()
}

/// The public key as a JWK.
pub(super) fn jwk(pem: &str, id: &str) -> Value {
    let point = point(pem);
    let half = (point.len() - 1) / 2;
    let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let curve = if half == 32 { "P-256" } else { "P-384" };
    json!({"kty": "EC", "crv": curve, "kid": id, "x": coordinate(&point[1..=half]), "y": coordinate(&point[half + 1..])})
}

pub(super) fn options() -> BearerOptions {
    BearerOptions {
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        scope: None,
        environment: Some(ENVIRONMENT.into()),
    }
}

/// The claims of a good token, good for an hour from [`now`] on.
pub(super) fn claims() -> Value {
    let now = seconds(now());
    json!({
        "iss": ISSUER, "sub": "thales", "client_id": "thales", "aud": AUDIENCE, "environment": ENVIRONMENT,
        "iat": now, "nbf": now, "exp": now + 3600, "jti": "1", "scope": "notify query",
    })
}

/// `claims` with some of them changed; null takes one away.
pub(super) fn with(mut claims: Value, changes: Value) -> Value {
    let object = claims.as_object_mut().unwrap();
    let Value::Object(changes) = changes else { panic!("an object of changes") };
    for (name, value) in changes {
        if value.is_null() {
            object.remove(&name);
        } else {
            object.insert(name, value);
        }
    }
    claims
}

/// The two signed parts of a token.
pub(super) fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

pub(super) fn bearer(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap())])
}

/// What a verdict that needed no fetch says.
pub(super) fn refusal(verdict: &Verdict) -> Option<TokenRefusal> {
    match verdict {
        Verdict::Accepted(_) => None,
        Verdict::Refused(refusal) => Some(*refusal),
        Verdict::Pending(_) => panic!("no fetch was expected"),
    }
}
