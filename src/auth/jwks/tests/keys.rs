//! Documents of identity providers: which keys are taken from them, and how they are found.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RsaEncoding, RsaKeyPair};
use aws_lc_rs::{hmac, signature};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::prelude::*;
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData as _};

use super::*;
use crate::auth::testing::with;

/// What a provider with this document says to `token`.
async fn said(document: &Value, token: &str) -> Option<TokenRefusal> {
    judged(&FakeProvider::new(document).tokens(), token, now()).await.0
}

fn one(key: &Value) -> Value {
    json!({ "keys": [key] })
}

/// A token signed with rcgen's or our own kind of key.
fn signed(algorithm: Algorithm, id: Option<&str>, key: &EncodingKey) -> String {
    let mut header = Header::new(algorithm);
    header.kid = id.map(str::to_owned);
    jsonwebtoken::encode(&header, &claims(), key).unwrap()
}

fn rsa(size: KeySize) -> (RsaKeyPair, Value) {
    let pair = RsaKeyPair::generate(size).unwrap();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let public = pair.public_key();
    let jwk = json!({
        "kty": "RSA", "kid": "rsa",
        "n": number(public.modulus().big_endian_without_leading_zero()),
        "e": number(public.exponent().big_endian_without_leading_zero()),
    });
    (pair, jwk)
}

fn rsa_token(pair: &RsaKeyPair, algorithm: &str, padding: &'static dyn RsaEncoding) -> String {
    let message = message(&json!({"alg": algorithm, "kid": "rsa"}), &claims());
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn every_kind_of_key_that_is_allowed_verifies() {
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let token = signed(Algorithm::ES384, Some("a"), &EncodingKey::from_ec_der(&p384.serialize_der()));
    assert_eq!(said(&one(&jwk(&p384.serialize_pem(), "a")), &token).await, None);

    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let token = signed(Algorithm::EdDSA, Some("a"), &EncodingKey::from_ed_der(&ed25519.serialize_der()));
    let x = URL_SAFE_NO_PAD.encode(ed25519.der_bytes());
    assert_eq!(said(&one(&json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x})), &token).await, None);

    let (pair, jwk) = rsa(KeySize::Rsa2048);
    let (pkcs1, pss) = (
        rsa_token(&pair, "RS256", &signature::RSA_PKCS1_SHA256),
        rsa_token(&pair, "PS256", &signature::RSA_PSS_SHA256),
    );
    let named = |name: &str| one(&with(jwk.clone(), json!({"alg": name})));
    // The key says which, and a token that says something else is refused.
    for (document, token, expected) in [
        (one(&jwk), &pkcs1, None),
        (one(&jwk), &pss, Some(TokenRefusal::Algorithm)),
        (named("RS256"), &pkcs1, None),
        (named("RS256"), &pss, Some(TokenRefusal::Algorithm)),
        (named("PS256"), &pss, None),
        (named("PS256"), &pkcs1, Some(TokenRefusal::Algorithm)),
        (named("RS512"), &pkcs1, Some(TokenRefusal::NoKeys)),
        (named("HS256"), &pkcs1, Some(TokenRefusal::NoKeys)),
    ] {
        assert_eq!(said(&document, token).await, expected, "{document}");
    }
}

#[tokio::test]
async fn keys_of_other_kinds_uses_and_sizes_are_not_taken() {
    let pem = key_pem();
    let (good, token) = (set(&[&pem])["keys"][0].clone(), token(&pem));
    assert_eq!(said(&one(&good), &token).await, None);
    for (changes, taken) in [
        (json!({"use": "sig"}), true),
        (json!({"use": "enc"}), false),
        (json!({"key_ops": ["verify"]}), true),
        (json!({"key_ops": ["encrypt"]}), false),
        (json!({"alg": "ES256"}), true),
        (json!({"alg": "ES384"}), false),
        (json!({"alg": "ECDH-ES"}), false),
        (json!({"crv": "P-384"}), false),
        (json!({"crv": "secp256k1"}), false),
        (json!({"x": "AAAA"}), false),
        (json!({"kty": "oct"}), false),
        (json!({"kty": "XYZ"}), false),
        (json!({"unheard": {"of": 1}}), true),
    ] {
        let key = with(good.clone(), changes.clone());
        let expected = (!taken).then_some(TokenRefusal::NoKeys);
        assert_eq!(said(&one(&key), &token).await, expected, "{changes}");
        // Beside a good one it does no harm.
        let beside = json!({"keys": [with(key, json!({"kid": "odd"})), good, 1, {}]});
        assert_eq!(said(&beside, &token).await, None, "{changes}");
    }
}

#[tokio::test]
async fn an_rsa_key_has_2048_bits_at_least() {
    // 2047 bits: the first bit of the modulus is put out.
    let (pair, key) = rsa(KeySize::Rsa2048);
    let mut modulus = URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap();
    modulus[0] &= 0x7f;
    let short = with(key.clone(), json!({"n": URL_SAFE_NO_PAD.encode(&modulus)}));
    let token = rsa_token(&pair, "RS256", &signature::RSA_PKCS1_SHA256);
    assert_eq!(said(&one(&key), &token).await, None);
    assert_eq!(said(&one(&short), &token).await, Some(TokenRefusal::NoKeys));
}

#[tokio::test]
async fn a_symmetric_key_in_the_set_is_nobodys_key() {
    let pem = key_pem();
    let secret = b"a secret that everybody can read";
    let oct = json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(secret)});
    let document = json!({"keys": [oct, set(&[&pem])["keys"][0]]});
    let message = message(&json!({"alg": "HS256", "kid": "oct"}), &claims());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    let forged = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
    assert_eq!(said(&document, &forged).await, Some(TokenRefusal::UnknownKey));
    assert_eq!(said(&document, &token(&pem)).await, None);
}

#[tokio::test]
async fn a_token_may_leave_out_its_key_where_there_is_but_one() {
    let (pem, other) = (key_pem(), key_pem());
    let der = EncodingKey::from_ec_der(&KeyPair::from_pem(&pem).unwrap().serialize_der());
    let unnamed = signed(Algorithm::ES256, None, &der);
    assert_eq!(said(&set(&[&pem]), &unnamed).await, None);
    assert_eq!(said(&set(&[&pem, &other]), &unnamed).await, Some(TokenRefusal::UnknownKey));
    // One that is named has to be that one.
    let misnamed = signed(Algorithm::ES256, Some("other"), &der);
    assert_eq!(said(&set(&[&pem]), &misnamed).await, Some(TokenRefusal::UnknownKey));
}

#[tokio::test]
async fn keys_of_different_algorithms_may_share_an_id() {
    let pem = key_pem();
    let (pair, rsa) = rsa(KeySize::Rsa2048);
    let document = json!({"keys": [rsa, jwk(&pem, "rsa")]});
    let der = EncodingKey::from_ec_der(&KeyPair::from_pem(&pem).unwrap().serialize_der());
    assert_eq!(said(&document, &signed(Algorithm::ES256, Some("rsa"), &der)).await, None);
    assert_eq!(said(&document, &rsa_token(&pair, "RS256", &signature::RSA_PKCS1_SHA256)).await, None);
}

#[tokio::test]
async fn what_is_no_set_of_keys_leaves_none() {
    let pem = key_pem();
    let provider = FakeProvider::new(&json!({}));
    let (good, token) = (set(&[&pem]).to_string(), token(&pem));
    let many = json!({"keys": vec![jwk(&pem, "a"); 65]}).to_string();
    let padded = json!({"keys": set(&[&pem])["keys"], "pad": "a".repeat(MAX_DOCUMENT)}).to_string();
    for (status, body, expected) in [
        (200, good.clone(), None),
        (204, good.clone(), Some(TokenRefusal::NoKeys)),
        (302, good.clone(), Some(TokenRefusal::NoKeys)),
        (500, good.clone(), Some(TokenRefusal::NoKeys)),
        (200, String::new(), Some(TokenRefusal::NoKeys)),
        (200, "[]".into(), Some(TokenRefusal::NoKeys)),
        (200, json!({"keys": []}).to_string(), Some(TokenRefusal::NoKeys)),
        (200, many, Some(TokenRefusal::NoKeys)),
        (200, padded, Some(TokenRefusal::NoKeys)),
    ] {
        let start = body.get(..40.min(body.len())).map(str::to_owned);
        provider.put_document(KEYS_URL, StatusCode::from_u16(status).unwrap(), body);
        assert_eq!(judged(&provider.tokens(), &token, now()).await.0, expected, "{status} {start:?}");
    }
}

#[tokio::test]
async fn an_issuer_moves_its_keys_to_http_only_where_it_is_on_this_machine_and_without_tls_itself() {
    const LOCAL: &str = "http://127.0.0.1:8080";
    const LOCAL_KEYS: &str = "http://127.0.0.1:8080/keys";
    let pem = key_pem();
    for (issuer, keys, expected) in [
        ("https://idp.example", LOCAL_KEYS, Some(TokenRefusal::NoKeys)),
        ("https://localhost", LOCAL_KEYS, Some(TokenRefusal::NoKeys)),
        (LOCAL, LOCAL_KEYS, None),
        (LOCAL, KEYS_URL, None),
        ("https://idp.example", KEYS_URL, None),
    ] {
        let provider = FakeProvider::new(&set(&[&pem]));
        let configuration = format!("{issuer}/.well-known/openid-configuration");
        provider.put(&configuration, &json!({"issuer": issuer, "jwks_uri": keys}));
        provider.put(LOCAL_KEYS, &set(&[&pem]));
        let tokens =
            BearerTokens::of_identity_provider(provider.jwks_of(&JwksSource::Issuer(issuer.into())), options());
        assert_eq!(judged(&tokens, &token(&pem), now()).await.0, expected, "{issuer} {keys}");
    }
}

#[tokio::test]
async fn an_issuer_tells_where_its_keys_are_and_speaks_for_itself_alone() {
    const CONFIGURATION: &str = "https://idp.example/.well-known/openid-configuration";
    let pem = key_pem();
    for (issuer, keys, expected) in [
        ("https://idp.example", KEYS_URL, None),
        ("https://idp.example/", KEYS_URL, Some(TokenRefusal::NoKeys)),
        ("https://other.example", KEYS_URL, Some(TokenRefusal::NoKeys)),
        ("https://idp.example", "http://idp.example/keys", Some(TokenRefusal::NoKeys)),
        ("https://idp.example", "keys", Some(TokenRefusal::NoKeys)),
    ] {
        let provider = FakeProvider::new(&set(&[&pem]));
        provider.put(CONFIGURATION, &json!({"issuer": issuer, "jwks_uri": keys, "token_endpoint": "x"}));
        provider.put("http://idp.example/keys", &set(&[&pem]));
        let jwks = provider.jwks_of(&JwksSource::Issuer("https://idp.example".into()));
        let tokens = BearerTokens::of_identity_provider(jwks, options());
        assert_eq!(judged(&tokens, &token(&pem), now()).await.0, expected, "{issuer} {keys}");
    }
}

proptest! {
    #[test]
    fn no_document_makes_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        member in "(kty|crv|x|y|n|e|k|kid|use|key_ops|alg)",
        value in "(\"[A-Za-z0-9_=-]{0,100}\"|[1-9][0-9]{0,2}|null|\\[\\]|\\{\\})",
    ) {
        prop_assert!(document::keys(&bytes, 0).is_err());
        let key = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([255; 256]), "e": "AQAB", "kid": "a"});
        prop_assert!(document::keys(one(&key).to_string().as_bytes(), 0).is_ok());
        let changed = with(key, json!({member: serde_json::from_str::<Value>(&value).unwrap()}));
        let _ = document::keys(one(&changed).to_string().as_bytes(), 0);
    }
}
