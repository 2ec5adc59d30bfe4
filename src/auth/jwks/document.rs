//! A JWK set (RFC 7517): which of its keys are taken, and what for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, EllipticCurveKeyParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::{JwksError, MAX_DOCUMENT};
use crate::auth::verification_keys::{VerificationKey, VerificationKeys};
use crate::outgoing::Fetch;

/// Most keys in a set. Identity providers have two or three.
const MOST_KEYS: usize = 64;
/// Fewest and most bits of an RSA modulus; more make every verification slow.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

#[derive(Deserialize)]
struct KeySet {
    /// Each by itself, since one that is odd must not cost the others (section 5).
    keys: Vec<Value>,
}

/// The answer of status 200 at `url`.
pub(super) async fn get(fetch: &dyn Fetch, url: Uri) -> Result<Response<Bytes>, JwksError> {
    let answer = fetch.get(url, MAX_DOCUMENT).await?;
    match answer.status() {
        StatusCode::OK if answer.body().len() <= MAX_DOCUMENT => Ok(answer),
        StatusCode::OK => Err(crate::outgoing::FetchError::TooLarge(MAX_DOCUMENT).into()),
        other => Err(JwksError::Status(other.as_u16())),
    }
}

/// The keys in `document` that tokens can be verified with.
pub(super) fn keys(document: &[u8], generation: u64) -> Result<VerificationKeys, JwksError> {
    let set: KeySet = serde_json::from_slice(document).map_err(|_| JwksError::Malformed("JWK set"))?;
    if set.keys.len() > MOST_KEYS {
        return Err(JwksError::TooMany(MOST_KEYS));
    }
    let jwks = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
    let keys: Vec<_> = jwks.filter_map(|jwk| verification_key(&jwk)).collect();
    if keys.is_empty() { Err(JwksError::NoKeys) } else { Ok(VerificationKeys::new(keys, generation, true)) }
}

/// `None` for keys of other uses, kinds and sizes.
fn verification_key(jwk: &Jwk) -> Option<VerificationKey> {
    let common = &jwk.common;
    if common.public_key_use.as_ref().is_some_and(|used| *used != PublicKeyUse::Signature) {
        return None;
    }
    if common.key_operations.as_ref().is_some_and(|all| !all.contains(&KeyOperations::Verify)) {
        return None;
    }
    let algorithm = algorithm(jwk)?;
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(VerificationKey { id: common.key_id.clone(), algorithm, key })
}

/// The one algorithm that the key is for. Where it names one, that has to fit its kind.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let named = jwk.common.key_algorithm;
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 if is_point(key, 32) => (Algorithm::ES256, KeyAlgorithm::ES256),
            EllipticCurve::P384 if is_point(key, 48) => (Algorithm::ES384, KeyAlgorithm::ES384),
            _ => return None,
        },
        AlgorithmParameters::RSA(key) if RSA_BITS.contains(&bits(&key.n)?) => match named {
            Some(KeyAlgorithm::PS256) => (Algorithm::PS256, KeyAlgorithm::PS256),
            _ => (Algorithm::RS256, KeyAlgorithm::RS256),
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 && len(&key.x)? == 32 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        // Of other kinds and sizes; and a symmetric key in a public document is everybody's.
        _ => return None,
    };
    named.is_none_or(|named| named == name).then_some(algorithm)
}

fn is_point(key: &EllipticCurveKeyParameters, length: usize) -> bool {
    len(&key.x) == Some(length) && len(&key.y) == Some(length)
}

fn len(text: &str) -> Option<usize> {
    Some(URL_SAFE_NO_PAD.decode(text).ok()?.len())
}

/// The length of a big-endian number.
fn bits(text: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let start = bytes.iter().position(|byte| *byte != 0)?;
    let number = bytes.get(start..)?;
    Some(number.len() * 8 - number.first()?.leading_zeros() as usize)
}
