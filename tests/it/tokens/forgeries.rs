//! Tokens that the server did not make, or not for this: all refused, and no call with one goes anywhere. Each differs in one
//! thing from a token that is taken.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::jwt::{TokenKey, message, now, opened, with};
use crate::support::token_door::{D1_CALL, D1_TOKEN, SECRET, ask, call_d1, json as body, open_own, token};
use crate::support::{Door, Neighbour, Neighbours, Refusal, Session};

/// The listener of a server of several environments.
const LISTEN: &str = r#"["127.0.0.1:0"]"#;

/// A door, its key, and a good token of it.
struct Forge {
    door: Door,
    key: TokenKey,
    good: String,
    header: Value,
    claims: Value,
    session: Session,
}

impl Forge {
    async fn open() -> Self {
        let key = TokenKey::new();
        let door = open_own(&key).await;
        let mut session = door.honest().session().await.unwrap();
        let good = token(&ask(&mut session, D1_TOKEN, SECRET).await);
        let (header, claims) = opened(&good);
        Self { door, key, good, header, claims, session }
    }

    /// The door's own key, with this header and these claims.
    fn signed(&self, header: &Value, claims: &Value) -> String {
        self.key.sign(header, claims)
    }

    async fn expect_taken(&mut self, what: &str, token: &str) {
        let reply = call_d1(&mut self.session, Some(&format!("Bearer {token}"))).await;
        assert_eq!(reply.status, 200, "{what}: {reply:?}");
    }

    async fn expect_refused(&mut self, what: &str, token: &str) {
        let arrivals = self.door.backend.all_arrivals();
        let reply = call_d1(&mut self.session, Some(&format!("Bearer {token}"))).await;
        assert_eq!(reply.status, 401, "{what}: {reply:?}");
        let challenge = reply.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer"), "{what}: {challenge}");
        assert!(body(&reply)["error"].is_string(), "{what}: {reply:?}");
        assert_eq!(self.door.backend.all_arrivals(), arrivals, "{what}");
    }
}

#[tokio::test]
async fn tokens_without_a_signature_or_with_one_of_another_kind_are_refused() {
    let mut forge = Forge::open().await;
    for algorithm in ["none", "None", "NONE", ""] {
        let unsigned = message(&with(&forge.header, "alg", algorithm), &forge.claims);
        forge.expect_refused(algorithm, &format!("{unsigned}.")).await;
        forge.expect_refused(algorithm, &unsigned).await;
    }
    // The public key is no secret, and must not be used as one.
    let public = forge.key.public_pem();
    let point = forge.key.jwk("any").to_string();
    for secret in [public.as_bytes(), point.as_bytes()] {
        let message = message(&with(&forge.header, "alg", "HS256"), &forge.claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        forge.expect_refused("HS256", &format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))).await;
    }
    for algorithm in ["ES384", "RS256", "PS256", "EdDSA"] {
        let renamed = forge.signed(&with(&forge.header, "alg", algorithm), &forge.claims);
        forge.expect_refused(algorithm, &renamed).await;
    }
    let again = forge.signed(&forge.header, &forge.claims);
    forge.expect_taken("the same content with its own algorithm", &again).await;
}

#[tokio::test]
async fn tokens_of_other_keys_are_refused_whatever_they_say_of_them() {
    let mut forge = Forge::open().await;
    let thief = TokenKey::new();
    let (header, claims) = (forge.header.clone(), forge.claims.clone());
    for id in ["", "another", "../../dev/null"] {
        forge.expect_refused("another key id", &forge.signed(&with(&header, "kid", id), &claims)).await;
        forge.expect_refused("another key with its id", &thief.sign(&with(&header, "kid", id), &claims)).await;
    }
    forge.expect_refused("another key with our id", &thief.sign(&header, &claims)).await;
    let brought = with(&with(&header, "jwk", thief.jwk("brought")), "jku", "https://thief.example/keys");
    forge.expect_refused("another key that is brought along", &thief.sign(&brought, &claims)).await;
    let critical = with(&header, "crit", json!(["exp"]));
    forge.expect_refused("an extension that must be understood", &forge.signed(&critical, &claims)).await;
    forge.expect_taken("our key with our id", &forge.signed(&header, &claims)).await;
}

#[tokio::test]
async fn tokens_of_another_time_or_for_somebody_else_are_refused() {
    let mut forge = Forge::open().await;
    let (header, claims) = (forge.header.clone(), forge.claims.clone());
    for (what, name, value) in [
        ("expired", "exp", json!(now() - 3600)),
        ("expired for ever", "exp", json!(0)),
        ("never expiring", "exp", Value::Null),
        ("expiring in words", "exp", json!("tomorrow")),
        ("not valid yet", "nbf", json!(now() + 3600)),
        ("made in the future", "iat", json!(now() + 3600)),
        ("another audience", "aud", json!("production")),
        ("no audience", "aud", Value::Null),
        ("another environment", "environment", json!("production")),
        ("no environment", "environment", Value::Null),
        ("another issuer", "iss", json!("https://idp.example")),
    ] {
        forge.expect_refused(what, &forge.signed(&header, &with(&claims, name, value))).await;
    }
    for (what, name, value) in [
        ("one of several audiences", "aud", json!(["production", "preprod"])),
        ("a claim that nobody knows", "favourite", json!("blue")),
        ("clocks that differ by half a minute", "nbf", json!(now() + 30)),
    ] {
        forge.expect_taken(what, &forge.signed(&header, &with(&claims, name, value))).await;
    }
}

#[tokio::test]
async fn tokens_that_are_cut_or_changed_are_refused() {
    let mut forge = Forge::open().await;
    let good = forge.good.clone();
    let dots: Vec<usize> = good.match_indices('.').map(|(at, _)| at).collect();
    for end in [1, dots[0], dots[0] + 1, dots[0] + 9, dots[1], dots[1] + 1, dots[1] + 40, good.len() - 1] {
        forge.expect_refused("cut", &good[..end]).await;
    }
    for at in [3, dots[0] + 20, dots[1] + 5] {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        forge.expect_refused("changed", &String::from_utf8(bytes).unwrap()).await;
    }
    for changed in
        [format!("{good}A"), format!("{good}."), format!("{good}.{good}"), good.replace('.', ".."), ".".into()]
    {
        forge.expect_refused("with more", &changed).await;
    }
    forge.expect_taken("as it was", &good).await;
}

#[tokio::test]
async fn a_token_of_a_megabyte_is_refused_and_so_are_two() {
    let key = TokenKey::new();
    let door = crate::support::token_door::open(
        crate::support::token_door::OWN_TOKENS,
        crate::support::token_door::own_files(&key),
        "max_header_size = \"1 MiB\"",
    )
    .await;
    let mut session = door.honest().session().await.unwrap();
    let good = format!("Bearer {}", token(&ask(&mut session, D1_TOKEN, SECRET).await));
    let large = format!("Bearer {}", "A".repeat(1_000_000));
    let reply = call_d1(&mut session, Some(&large)).await;
    assert_eq!(reply.status, 401, "{reply:?}");
    assert_eq!(reply.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
    let twice = crate::support::request("GET", D1_CALL).header("authorization", &good).header("authorization", &good);
    let reply = session.send(twice.body(bytes::Bytes::new()).unwrap()).await.unwrap();
    assert_eq!((reply.status, door.backend.all_arrivals()), (401, 0), "{reply:?}");
    assert_eq!(call_d1(&mut session, Some(&good)).await.status, 200);

    // Where heads are as short as usual, nobody gets as far as looking at it.
    let door = open_own(&key).await;
    let mut session = door.honest().session().await.unwrap();
    let request = crate::support::request("GET", D1_CALL).header("authorization", &large);
    match session.send(request.body(bytes::Bytes::new()).unwrap()).await {
        Ok(reply) => assert_eq!(reply.status, 431, "{reply:?}"),
        // It may hear of the end before it has sent everything.
        Err(refusal) => assert_eq!(refusal, Refusal::Closed),
    }
    assert_eq!(door.backend.all_arrivals(), 0);
}

/// Both environments of one process have the same key, the same client and the same secret: nothing but the environment differs.
#[tokio::test]
async fn a_token_of_one_environment_opens_nothing_in_another_of_the_same_server() {
    let key = TokenKey::new();
    let neighbour = async |name: &'static str, host: &'static str| {
        let tables = format!(
            "[environments.{name}.tokens]\nsigning_key = '''\n{}'''\n\
             [environments.{name}.tokens.clients.thales.secrets.current]\nsecret = \"{SECRET}\"\n",
            key.pem()
        );
        Neighbour { product: "\"d1\"", more: tables.leak(), ..Neighbour::new(name, host).await }
    };
    let one = neighbour("preprod", "preprod.bank.test").await;
    let other = neighbour("production", "production.bank.test").await;
    let both = Neighbours::start(LISTEN, &[&one, &other]).await;

    let mut tokens = Vec::new();
    for neighbour in [&one, &other] {
        let mut session = neighbour.caller(&both).session().await.unwrap();
        let request = http::Request::post(format!("https://{}{D1_TOKEN}", neighbour.host))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", crate::support::token_door::basic("thales", SECRET));
        let reply = session.send(request.body("grant_type=client_credentials".into()).unwrap()).await.unwrap();
        tokens.push(token(&reply));
    }
    for (at, neighbour) in [&one, &other].into_iter().enumerate() {
        let mut session = neighbour.caller(&both).session().await.unwrap();
        for (of, token) in tokens.iter().enumerate() {
            let request = http::Request::get(format!("https://{}{D1_CALL}", neighbour.host))
                .header("authorization", format!("Bearer {token}"));
            let reply = session.send(request.body(bytes::Bytes::new()).unwrap()).await.unwrap();
            assert_eq!(reply.status, if at == of { 200 } else { 401 }, "token {of} at {}: {reply:?}", neighbour.name);
        }
        assert_eq!(neighbour.backend.all_arrivals(), 1);
    }
}
