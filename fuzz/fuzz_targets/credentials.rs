//! What a caller shows on top of its certificate. Up to an empty line each line is an `authorization` header; behind it stand header and
//! claims of a token, a line each, which the target signs with the right key.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use issuer_host::auth::{ApiKeyRefusal, ApiKeys, BearerOptions, BearerTokens, LiveSecret, SigningKeys, Verdict};
use issuer_host_fuzz::input::halves;
use issuer_host_fuzz::samples::now;
use jsonwebtoken::{Algorithm, EncodingKey};
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;

/// A key of these targets and of nothing else, and a token that it has signed (seeds/main.rs).
const SIGNING_KEY: &[u8] = include_bytes!("../fixtures/signing-key.pem");
const TOKEN: &str = include_str!("../fixtures/token.txt");
const ISSUER: &str = "https://tsh-pp.bank.example";
const PREPROD: &str = "preprod";

/// Keys: one for everybody, one with a user, one that is user and password together, one that has expired.
const PLAIN: &str = "plain-key-0123456789";
const OF_THALES: &str = "key-of-thales-0123456789";
const WHOLE: &str = "user:password-0123456789";
const EXPIRED: &str = "expired-key-0123456789";

struct Verifiers {
    api_keys: ApiKeys,
    tokens: BearerTokens,
    signing: EncodingKey,
    key_id: String,
}

static VERIFIERS: LazyLock<Verifiers> = LazyLock::new(|| {
    let keys = Arc::new(SigningKeys::from_pem(SIGNING_KEY).unwrap());
    let key_id = keys.ids().next().unwrap().to_owned();
    let options = BearerOptions {
        issuer: ISSUER.into(),
        audience: PREPROD.into(),
        scope: Some("notify".into()),
        environment: Some(PREPROD.into()),
    };
    let key = |name, text| LiveSecret::from_text(name, text).unwrap();
    let verifiers = Verifiers {
        api_keys: ApiKeys::new(vec![
            key("plain", PLAIN),
            LiveSecret { username: Some("thales".into()), ..key("thales", OF_THALES) },
            key("whole", WHOLE),
            LiveSecret { expires: Some(now()), ..key("expired", EXPIRED) },
        ]),
        key_id,
        tokens: BearerTokens::own(keys, options),
        signing: EncodingKey::from_ec_der(PrivatePkcs8KeyDer::from_pem_slice(SIGNING_KEY).unwrap().secret_pkcs8_der()),
    };
    // Control.
    assert!(verifiers.api_keys.verify(&headers(&[format!("APIKEY {PLAIN}").as_bytes()]).unwrap(), now()).is_ok());
    assert!(is_accepted(&verifiers.tokens, &format!("Bearer {TOKEN}")));
    let claims = r#"{"iss":"https://tsh-pp.bank.example","aud":"preprod","environment":"preprod","exp":1900003600,"scope":"notify"}"#;
    let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{}"}}"#, verifiers.key_id);
    assert!(is_accepted(&verifiers.tokens, &signed(&verifiers.signing, &header, claims)));
    verifiers
});

fuzz_target!(|input: &[u8]| {
    let (values, made) = halves(input, b"\n\n");
    let values: Vec<&[u8]> = values.split(|byte| *byte == b'\n').take(3).collect();
    if let Some(headers) = headers(&values) {
        assert_api_key(&headers, &values);
        if let Verdict::Accepted(_) = VERIFIERS.tokens.verify(&headers, now()) {
            let signed = |token: &str| token.rsplit_once('.').map(|(message, _)| message.to_owned());
            let shown = std::str::from_utf8(credentials(values[0]).1).unwrap();
            assert_eq!(values.len(), 1, "of two headers none is taken");
            assert_eq!(signed(shown), signed(TOKEN), "nobody has signed it");
        }
    }
    let (header, claims) = halves(made, b"\n");
    if let (Ok(header), Ok(claims)) = (std::str::from_utf8(header), std::str::from_utf8(claims)) {
        assert_claims(header, claims);
    }
});

fn headers(values: &[&[u8]]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).ok()?);
    }
    Some(headers)
}

/// Scheme and credentials of a header.
fn credentials(value: &[u8]) -> (&[u8], &[u8]) {
    let (scheme, credentials) = halves(value.trim_ascii(), b" ");
    (scheme, credentials.trim_ascii())
}

/// Exactly those headers are taken that show one of the keys in one of the ways.
fn assert_api_key(headers: &HeaderMap, values: &[&[u8]]) {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let (scheme, shown) = credentials(values[0]);
    let name = if values.len() > 1 || shown.len() > 4096 {
        None
    } else if scheme.eq_ignore_ascii_case(b"APIKEY") {
        [("plain", PLAIN), ("thales", OF_THALES), ("whole", WHOLE)].into_iter().find(|(_, key)| key.as_bytes() == shown)
    } else if scheme.eq_ignore_ascii_case(b"Basic") {
        let decoded = GeneralPurpose::new(&STANDARD, lenient).decode(shown).unwrap_or_default();
        let (user, password) = halves(&decoded, b":");
        [("plain", PLAIN), ("thales", OF_THALES), ("whole", WHOLE)].into_iter().find(|(name, key)| {
            let key = key.as_bytes();
            decoded.contains(&b':') && (decoded == key || password == key && (*name != "thales" || user == b"thales"))
        })
    } else {
        None
    };
    match VERIFIERS.api_keys.verify(headers, now()) {
        Ok(taken) => assert_eq!(Some(taken), name.map(|(name, _)| name)),
        Err(refusal) => {
            assert_eq!(name, None, "{refusal}");
            assert!(values.len() == 1 || refusal == ApiKeyRefusal::Several);
        }
    }
}

fn signed(key: &EncodingKey, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, Algorithm::ES256).unwrap();
    format!("Bearer {message}.{signature}")
}

fn is_accepted(tokens: &BearerTokens, value: &str) -> bool {
    let Some(headers) = headers(&[value.as_bytes()]) else { return false };
    matches!(tokens.verify(&headers, now()), Verdict::Accepted(_))
}

/// Of tokens with the right signature those are taken alone whose claims are in order.
fn assert_claims(header: &str, claims: &str) {
    let Verifiers { tokens, signing, key_id, .. } = &*VERIFIERS;
    if !is_accepted(tokens, &signed(signing, header, claims)) {
        return;
    }
    let (header, claims): (Value, Value) =
        (serde_json::from_str(header).unwrap(), serde_json::from_str(claims).unwrap());
    assert_eq!(header["alg"], "ES256");
    assert_eq!(header["kid"], **key_id);
    assert!(header.get("b64").is_none() && header["crit"].is_null(), "{header}");

    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["environment"], PREPROD);
    let holds = |claim: &Value, wanted: &str| match claim {
        Value::String(text) => text.split_ascii_whitespace().any(|word| word == wanted),
        Value::Array(list) => {
            list.iter().filter_map(Value::as_str).flat_map(str::split_ascii_whitespace).any(|word| word == wanted)
        }
        _ => false,
    };
    assert!(
        claims["aud"] == PREPROD || claims["aud"].as_array().is_some_and(|all| all.iter().any(|one| one == PREPROD))
    );
    assert!(holds(&claims["scope"], "notify") || holds(&claims["scp"], "notify"), "{claims}");
    let now = now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let skew = Duration::from_secs(60);
    assert!(claims["exp"].as_f64().unwrap() > (now - skew).as_secs_f64() - 0.001, "{claims}");
    for name in ["nbf", "iat"] {
        assert!(claims[name].as_f64().is_none_or(|date| date <= (now + skew).as_secs_f64() + 0.001), "{claims}");
    }
}
