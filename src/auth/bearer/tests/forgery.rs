//! Forgeries. The control arm of each is the good token that it differs from in one thing.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PublicKeyData as _};

use super::*;
use crate::auth::testing::{jwk, message, point};

/// One key, and whatever is said about tokens that claim to be signed with it.
struct Mint {
    pem: String,
    keys: Arc<SigningKeys>,
}

impl Mint {
    fn new() -> Self {
        let pem = key_pem();
        Self { keys: keys(&pem), pem }
    }

    fn id(&self) -> String {
        self.keys.ids().next().unwrap().to_owned()
    }

    fn judge(&self, token: &str) -> Option<TokenRefusal> {
        refusal(&verifier(&self.keys).verify(&bearer(token), now()))
    }

    fn good(&self) -> String {
        self.keys.sign(&claims()).unwrap()
    }

    /// A token with this header, signed with this mint's key.
    fn with_header(&self, header: &Header) -> String {
        let der = KeyPair::from_pem(&self.pem).unwrap().serialize_der();
        jsonwebtoken::encode(header, &claims(), &EncodingKey::from_ec_der(&der)).unwrap()
    }

    fn header(&self) -> Header {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id());
        header
    }
}

#[test]
fn no_algorithm_at_all_is_none_that_is_taken() {
    let mint = Mint::new();
    assert_eq!(mint.judge(&mint.good()), None);
    for algorithm in ["none", "None", "NONE", "", "ES256K"] {
        let message = message(&json!({"alg": algorithm, "typ": "JWT", "kid": mint.id()}), &claims());
        assert_eq!(mint.judge(&format!("{message}.")), Some(TokenRefusal::Malformed), "{algorithm}");
        assert_eq!(mint.judge(&format!("{message}.AAAA")), Some(TokenRefusal::Malformed), "{algorithm}");
        assert_eq!(mint.judge(&message), Some(TokenRefusal::Malformed), "{algorithm}");
    }
}

#[test]
fn the_public_key_is_no_shared_secret() {
    let mint = Mint::new();
    let pair = KeyPair::from_pem(&mint.pem).unwrap();
    let message = message(&json!({"alg": "HS256", "typ": "JWT", "kid": mint.id()}), &claims());
    let secrets = [
        pair.public_key_pem().into_bytes(),
        pair.subject_public_key_info(),
        point(&mint.pem),
        jwk(&mint.pem, &mint.id()).to_string().into_bytes(),
    ];
    for secret in secrets {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
        assert_eq!(mint.judge(&token), Some(TokenRefusal::Algorithm));
    }
    // Control: the same claims, signed with the private key.
    assert_eq!(mint.judge(&mint.with_header(&mint.header())), None);
}

#[test]
fn a_key_is_found_by_its_id_alone() {
    let (mint, other) = (Mint::new(), Mint::new());
    assert_eq!(mint.judge(&mint.with_header(&mint.header())), None);
    let with_id = |id: Option<&str>| {
        let mut header = mint.header();
        header.kid = id.map(str::to_owned);
        mint.judge(&mint.with_header(&header))
    };
    for wrong in [None, Some(""), Some("other"), Some("../../dev/null"), Some(&*other.id())] {
        assert_eq!(with_id(wrong), Some(TokenRefusal::UnknownKey), "{wrong:?}");
    }
    // The id of a key that is known, on a token of another key.
    let mut header = other.header();
    header.kid = Some(mint.id());
    assert_eq!(mint.judge(&other.with_header(&header)), Some(TokenRefusal::Signature));
    let both = keys(&format!("{}{}", mint.pem, other.pem));
    assert_eq!(
        refusal(&verifier(&both).verify(&bearer(&other.with_header(&header)), now())),
        Some(TokenRefusal::Signature)
    );
    assert_eq!(refusal(&verifier(&both).verify(&bearer(&other.good()), now())), None);
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    let (mint, thief) = (Mint::new(), Mint::new());
    let mut header = thief.header();
    header.jwk = Some(serde_json::from_value(jwk(&thief.pem, &thief.id())).unwrap());
    header.jku = Some("https://thief.example/keys".into());
    assert_eq!(mint.judge(&thief.with_header(&header)), Some(TokenRefusal::UnknownKey));
    header.kid = Some(mint.id());
    assert_eq!(mint.judge(&thief.with_header(&header)), Some(TokenRefusal::Signature));
}

#[test]
fn extensions_that_must_be_understood_are_not() {
    let mint = Mint::new();
    let mut header = mint.header();
    header.crit = Some(vec!["exp".into()]);
    assert_eq!(mint.judge(&mint.with_header(&header)), Some(TokenRefusal::Malformed));
    let mut header = mint.header();
    header.extras.insert("b64", false);
    assert_eq!(mint.judge(&mint.with_header(&header)), Some(TokenRefusal::Malformed));
    // Control: what need not be understood is left alone.
    let mut header = mint.header();
    header.extras.insert("x", 1);
    assert_eq!(mint.judge(&mint.with_header(&header)), None);
}

#[test]
fn other_types_of_jwt_are_not_taken() {
    let mint = Mint::new();
    let typed = |typ: Option<&str>| {
        let mut header = mint.header();
        header.typ = typ.map(str::to_owned);
        mint.judge(&mint.with_header(&header))
    };
    for typ in [None, Some("JWT"), Some("jwt"), Some("at+jwt"), Some("AT+JWT"), Some("application/at+jwt")] {
        assert_eq!(typed(typ), None, "{typ:?}");
    }
    for typ in [
        "",
        "dpop+jwt",
        "logout+jwt",
        "application/",
        "application/dpop+jwt",
        "JOSE",
        "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}",
    ] {
        assert_eq!(typed(Some(typ)), Some(TokenRefusal::Malformed), "{typ}");
    }
}

#[test]
fn a_token_that_is_cut_or_longer_is_no_token() {
    let mint = Mint::new();
    let good = mint.good();
    assert_eq!(mint.judge(&good), None);
    for length in 0..good.len() {
        assert!(mint.judge(&good[..length]).is_some(), "cut at {length}");
        assert!(mint.judge(&good[good.len() - length..]).is_some(), "the last {length}");
    }
    for longer in
        [format!("{good}A"), format!("{good}."), format!(".{good}"), format!("{good}.{good}"), format!("{good}=")]
    {
        assert!(mint.judge(&longer).is_some(), "{longer}");
    }
}

#[test]
fn no_bit_can_be_turned() {
    let mint = Mint::new();
    let good = mint.good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let parts: Vec<Vec<u8>> =
        message.split('.').chain([signature]).map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let verifier = verifier(&mint.keys);
    // Control: and remembered, so that a near miss would have something to hit.
    assert_eq!(refusal(&verifier.verify(&bearer(&good), now())), None);
    for (index, part) in parts.iter().enumerate() {
        for byte in 0..part.len() {
            let mut turned = parts.clone();
            turned[index][byte] ^= 1 << (byte % 8);
            let token = turned.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect::<Vec<_>>().join(".");
            assert!(refusal(&verifier.verify(&bearer(&token), now())).is_some(), "part {index}, byte {byte}");
        }
    }
}

#[test]
fn a_token_of_a_megabyte_is_not_looked_at() {
    let mint = Mint::new();
    let pad = |length: usize| with(claims(), json!({"pad": "a".repeat(length)}));
    // Control: a large one is.
    let large = mint.keys.sign(&pad(5_000)).unwrap();
    assert!(large.len() < LONGEST_TOKEN);
    assert_eq!(mint.judge(&large), None);
    for length in [6_200, 1_000_000] {
        assert_eq!(mint.judge(&mint.keys.sign(&pad(length)).unwrap()), Some(TokenRefusal::TooLong));
    }
}

#[test]
fn one_header_of_the_scheme_and_no_other_form() {
    let mint = Mint::new();
    let good = mint.good();
    let judged = |values: &[String]| {
        let headers = values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect();
        refusal(&verifier(&mint.keys).verify(&headers, now()))
    };
    assert_eq!(judged(&[format!("Bearer {good}")]), None);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (protected, payload) = message.split_once('.').unwrap();
    let flattened = json!({"protected": protected, "payload": payload, "signature": signature});
    let general = json!({"payload": payload, "signatures": [{"protected": protected, "signature": signature}]});
    for (values, expected) in [
        (vec![], TokenRefusal::Missing),
        (vec![good.clone()], TokenRefusal::Missing),
        (vec![format!("Basic {good}")], TokenRefusal::Missing),
        (vec![format!("Bearer {good}"), format!("Bearer {good}")], TokenRefusal::Several),
        (vec![format!("Bearer {good}"), "Basic abc".into()], TokenRefusal::Several),
        (vec![format!("Bearer {good} {good}")], TokenRefusal::Malformed),
        (vec![format!("Bearer {good}, Bearer {good}")], TokenRefusal::Malformed),
        (vec!["Bearer".into()], TokenRefusal::Malformed),
        (vec![format!("Bearer {flattened}")], TokenRefusal::Malformed),
        (vec![format!("Bearer {general}")], TokenRefusal::Malformed),
    ] {
        assert_eq!(judged(&values), Some(expected), "{values:?}");
    }
}

#[test]
fn a_claim_that_stands_there_twice_is_no_claim() {
    let mint = Mint::new();
    let text = claims().to_string();
    let judged = |text: &str| {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "ES256", "kid": mint.id()}).to_string());
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(text));
        let der = KeyPair::from_pem(&mint.pem).unwrap().serialize_der();
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_ec_der(&der), Algorithm::ES256).unwrap();
        mint.judge(&format!("{message}.{signature}"))
    };
    assert_eq!(judged(&text), None);
    let twice = text.replacen('{', "{\"aud\":\"production\",", 1);
    assert_eq!(judged(&twice), Some(TokenRefusal::Malformed));
}
