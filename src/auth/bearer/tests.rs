//! Tokens of our own: what is taken, and the usual forgeries, each beside the good token that it was made from.

mod forgery;

use std::time::Duration;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::auth::testing::{after, bearer, claims, key_pem, keys, now, options, refusal, with};

fn verifier(keys: &Arc<SigningKeys>) -> BearerTokens {
    BearerTokens::own(Arc::clone(keys), options())
}

/// What a fresh verifier says to a token with these claims.
fn judged(claims: &Value, now: SystemTime) -> Option<TokenRefusal> {
    let keys = keys(&key_pem());
    refusal(&verifier(&keys).verify(&bearer(&keys.sign(claims).unwrap()), now))
}

#[test]
fn a_good_token_is_taken_with_what_it_says() {
    let keys = keys(&key_pem());
    let token = keys.sign(&claims()).unwrap();
    for value in [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER  {token} ")] {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        let Verdict::Accepted(said) = verifier(&keys).verify(&headers, now()) else { panic!("{value}") };
        let expected = TokenClaims {
            subject: Some("thales".into()),
            client: Some("thales".into()),
            id: Some("1".into()),
            scopes: vec!["notify".into(), "query".into()],
            expires: after(3600),
        };
        assert_eq!(*said, expected);
    }
}

#[test]
fn clocks_may_be_a_minute_apart() {
    assert_eq!(judged(&claims(), after(3659)), None);
    assert_eq!(judged(&claims(), after(3660)), Some(TokenRefusal::Expired));
    assert_eq!(judged(&claims(), now() - Duration::from_secs(60)), None);
    assert_eq!(judged(&claims(), now() - Duration::from_secs(61)), Some(TokenRefusal::NotYetValid));
    let seconds = crate::auth::testing::seconds(now());
    for claim in ["nbf", "iat"] {
        assert_eq!(judged(&with(claims(), json!({claim: seconds + 60})), now()), None);
        assert_eq!(judged(&with(claims(), json!({claim: seconds + 61})), now()), Some(TokenRefusal::NotYetValid));
        // Neither has to be there.
        assert_eq!(judged(&with(claims(), json!({claim: null})), now()), None);
    }
}

#[test]
fn claims_of_another_place_or_purpose_are_refused() {
    assert_eq!(judged(&claims(), now()), None);
    for (changes, expected) in [
        (json!({"iss": "https://elsewhere.example"}), TokenRefusal::Issuer),
        (json!({"iss": null}), TokenRefusal::Issuer),
        (json!({"aud": "production"}), TokenRefusal::Audience),
        (json!({"aud": ["production", "Preprod"]}), TokenRefusal::Audience),
        (json!({"aud": []}), TokenRefusal::Audience),
        (json!({"aud": null}), TokenRefusal::Audience),
        (json!({"environment": "production"}), TokenRefusal::Environment),
        (json!({"environment": ["preprod"]}), TokenRefusal::Environment),
        (json!({"environment": null}), TokenRefusal::Environment),
        (json!({"exp": null}), TokenRefusal::Malformed),
        (json!({"exp": "1900003600"}), TokenRefusal::Malformed),
        (json!({"exp": -1}), TokenRefusal::Malformed),
        (json!({"exp": 1e300}), TokenRefusal::Malformed),
        (json!({"exp": 0}), TokenRefusal::Expired),
        (json!({"nbf": 1e300}), TokenRefusal::Malformed),
        (json!({"aud": 1}), TokenRefusal::Malformed),
    ] {
        assert_eq!(judged(&with(claims(), changes.clone()), now()), Some(expected), "{changes}");
    }
    assert_eq!(judged(&with(claims(), json!({"aud": ["production", "preprod"], "exp": 1_900_003_600.5})), now()), None);
    assert_eq!(judged(&json!("text"), now()), Some(TokenRefusal::Malformed));
}

#[test]
fn the_scope_that_is_demanded_has_to_be_there_under_either_name() {
    let keys = keys(&key_pem());
    let judged = |demanded: &str, changes: Value| {
        let options = BearerOptions { scope: Some(demanded.into()), ..options() };
        let token = keys.sign(&with(claims(), changes)).unwrap();
        refusal(&BearerTokens::own(Arc::clone(&keys), options).verify(&bearer(&token), now()))
    };
    for (demanded, changes, taken) in [
        ("query", json!({}), true),
        ("query notify", json!({}), true),
        ("admin", json!({}), false),
        ("query admin", json!({}), false),
        ("quer", json!({}), false),
        ("query", json!({"scope": null}), false),
        ("query", json!({"scope": null, "scp": ["a", "query"]}), true),
        ("query", json!({"scope": null, "scp": "a query"}), true),
        ("query", json!({"scope": null, "scp": ["a"]}), false),
    ] {
        let expected = (!taken).then_some(TokenRefusal::Scope);
        assert_eq!(judged(demanded, changes.clone()), expected, "{demanded} {changes}");
    }
}

#[test]
fn a_token_lives_as_long_as_its_key() {
    let (old, new) = (key_pem(), key_pem());
    let token = keys(&old).sign(&claims()).unwrap();
    let judged = |pem: &str| refusal(&verifier(&keys(pem)).verify(&bearer(&token), now()));
    // The new key signs, the old one verifies; then it is gone.
    assert_eq!(judged(&format!("{new}{old}")), None);
    assert_eq!(judged(&new), Some(TokenRefusal::UnknownKey));
}

#[test]
fn a_remembered_token_is_taken_no_longer_than_the_full_check_would() {
    let keys = keys(&key_pem());
    let (verifier, token) = (verifier(&keys), keys.sign(&claims()).unwrap());
    let judged = |now| refusal(&verifier.verify(&bearer(&token), now));
    assert!(verifier.0.remembered.find(&sha256(token.as_bytes()), 0, now()).is_none());
    assert_eq!(judged(now()), None);
    assert!(verifier.0.remembered.find(&sha256(token.as_bytes()), 0, now()).is_some());
    assert_eq!(judged(after(3659)), None);
    assert_eq!(judged(after(3660)), Some(TokenRefusal::Expired));
    assert_eq!(judged(now() - Duration::from_secs(61)), Some(TokenRefusal::NotYetValid));
    // What is refused is not remembered.
    let refused = keys.sign(&with(claims(), json!({"aud": "production"}))).unwrap();
    assert!(refusal(&verifier.verify(&bearer(&refused), now())).is_some());
    assert!(verifier.0.remembered.find(&sha256(refused.as_bytes()), 0, now()).is_none());
}

#[test]
fn the_challenge_tells_no_more_than_the_rfc_wants() {
    for (refusal, challenge) in [
        (TokenRefusal::Missing, "Bearer"),
        (TokenRefusal::NoKeys, "Bearer"),
        (TokenRefusal::Several, "Bearer error=\"invalid_request\""),
        (TokenRefusal::Scope, "Bearer error=\"insufficient_scope\""),
        (TokenRefusal::Expired, "Bearer error=\"invalid_token\", error_description=\"The access token expired\""),
        (TokenRefusal::Audience, "Bearer error=\"invalid_token\""),
        (TokenRefusal::Signature, "Bearer error=\"invalid_token\""),
    ] {
        assert_eq!(refusal.www_authenticate(), challenge);
    }
}

#[test]
fn no_token_is_printed() {
    let keys = keys(&key_pem());
    let (verifier, token) = (verifier(&keys), keys.sign(&claims()).unwrap());
    let verdict = verifier.verify(&bearer(&token), now());
    let refused = verifier.verify(&bearer(&format!("{token}A")), now());
    let printed = format!("{verifier:?} {verdict:?} {refused:?}");
    assert!(token.split('.').all(|part| !printed.contains(part)), "{printed}");
}

proptest! {
    #[test]
    fn no_header_makes_it_panic_or_is_taken(value in proptest::collection::vec(any::<u8>(), 0..300)) {
        let verifier = verifier(&keys(&key_pem()));
        for value in [value.clone(), [b"Bearer ".to_vec(), value].concat()] {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
                prop_assert!(refusal(&verifier.verify(&headers, now())).is_some());
            }
        }
    }

    #[test]
    fn no_signed_claims_make_it_panic(name in "(iss|aud|exp|nbf|iat|scope|scp|sub|jti|azp|environment)", value in "[-0-9.eE\"a-z\\[\\]{}:, ]{0,20}") {
        let keys = keys(&key_pem());
        if let Ok(value) = serde_json::from_str::<Value>(&value) {
            let token = keys.sign(&with(claims(), json!({name: value}))).unwrap();
            let _ = refusal(&verifier(&keys).verify(&bearer(&token), now()));
        }
    }
}
