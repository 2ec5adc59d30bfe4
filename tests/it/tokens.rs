//! Access tokens over real mutual TLS: how Thales gets one from this server (RFC 6749), and what it opens.

mod forgeries;
mod identity_provider;

use crate::support::jwt::{TokenKey, opened};
use crate::support::token_door::{
    D1_CALL, D1_TOKEN, ECOM_CALL, ECOM_TOKEN, OWN_TOKENS, SECRET, ask, basic, call, call_d1, json, open, open_own,
    own_files, token, token_request,
};
use crate::support::{Reply, Session};

/// Nothing on the way may keep what a token endpoint says (RFC 6749 section 5.1).
#[track_caller]
fn expect_no_store(reply: &Reply) {
    assert_eq!(reply.headers["cache-control"], "no-store", "{reply:?}");
    assert_eq!(reply.headers["pragma"], "no-cache", "{reply:?}");
}

#[tokio::test]
async fn a_token_that_thales_fetches_with_basic_opens_calls_of_d1_and_of_its_merchant_gateways() {
    let door = open_own(&TokenKey::new()).await;
    for caller in [door.honest(), door.honest().h2()] {
        let mut session = caller.session().await.unwrap();
        let d1 = ask(&mut session, D1_TOKEN, SECRET).await;
        let ecom = ask(&mut session, ECOM_TOKEN, SECRET).await;
        // Each product's own way to write a number.
        assert_eq!((&json(&d1)["expires_in"], &json(&ecom)["expires_in"]), (&"900".into(), &900.into()));
        for reply in [&d1, &ecom] {
            expect_no_store(reply);
            assert_eq!(json(reply)["token_type"], "Bearer");
            let authorization = format!("Bearer {}", token(reply));
            assert_eq!(call(&mut session, "GET", D1_CALL, Some(&authorization)).await.status, 200);
            assert_eq!(call(&mut session, "POST", ECOM_CALL, Some(&authorization)).await.status, 204);
        }
        assert_ne!(token(&d1), token(&ecom));
        // Control: without it neither call goes anywhere.
        let arrivals = door.backend.all_arrivals();
        for (method, path) in [("GET", D1_CALL), ("POST", ECOM_CALL)] {
            let refused = call(&mut session, method, path, None).await;
            assert_eq!((refused.status, &refused.headers["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
        }
        assert_eq!(door.backend.all_arrivals(), arrivals);
    }
    // What was verified here goes no further, and nobody else is asked for tokens.
    for path in [D1_CALL, ECOM_CALL] {
        assert!(!door.backend.received(path).headers.contains_key("authorization"));
    }
    for path in [D1_TOKEN, ECOM_TOKEN] {
        assert_eq!(door.backend.arrivals(path), 0);
    }
}

#[tokio::test]
async fn a_token_says_for_whom_it_is_and_names_its_key() {
    let key = TokenKey::new();
    let door = open_own(&key).await;
    let mut session = door.honest().session().await.unwrap();
    let (first, other) = (ask(&mut session, D1_TOKEN, SECRET).await, ask(&mut session, D1_TOKEN, SECRET).await);
    let (header, claims) = opened(&token(&first));
    assert_eq!((&header["alg"], &header["typ"]), (&"ES256".into(), &"at+jwt".into()));
    assert!(header["kid"].as_str().is_some_and(|id| !id.is_empty()), "{header}");
    for (name, value) in [("aud", "preprod"), ("environment", "preprod"), ("sub", "thales"), ("client_id", "thales")] {
        assert_eq!(claims[name], value, "{claims}");
    }
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 900);
    assert_ne!(opened(&token(&other)).1["jti"], claims["jti"]);
    // Control: the same content under the same key is as good, so that it is the key that counts.
    let again = format!("Bearer {}", key.sign(&header, &claims));
    assert_eq!(call_d1(&mut session, Some(&again)).await.status, 200);
}

#[tokio::test]
async fn credentials_in_the_body_are_taken_where_that_is_allowed_and_nowhere_else() {
    let form = format!("grant_type=client_credentials&client_id=thales&client_secret={SECRET}");
    let allowed = OWN_TOKENS.replacen("signing_key", "credentials_in_body = true\nsigning_key", 1);
    for (tables, status) in [(OWN_TOKENS, 401), (allowed.as_str(), 200)] {
        let door = open(tables, own_files(&TokenKey::new()), "").await;
        let mut session = door.honest().session().await.unwrap();
        let reply = session.send(token_request(D1_TOKEN, None, &form)).await.unwrap();
        assert_eq!(reply.status, status, "{reply:?}");
        expect_no_store(&reply);
        if status == 200 {
            let authorization = format!("Bearer {}", token(&reply));
            assert_eq!(call_d1(&mut session, Some(&authorization)).await.status, 200);
        } else {
            assert_eq!(json(&reply)["error"], "invalid_client");
            // Control: the same client with Basic.
            assert_eq!(ask(&mut session, D1_TOKEN, SECRET).await.status, 200);
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_for_a_token_is_told_as_rfc_6749_has_it() {
    let scoped = OWN_TOKENS.replacen("signing_key", "scope = [\"cards\"]\nsigning_key", 1);
    let door = open(&scoped, own_files(&TokenKey::new()), "").await;
    let mut session = door.honest().session().await.unwrap();
    let (right, wrong) = (basic("thales", SECRET), basic("thales", "a-secret-that-is-wrong"));
    let nobody = basic("nobody", SECRET);
    let grant = "grant_type=client_credentials";
    for (authorization, form, status, error) in [
        (Some(&right), "", 400, "invalid_request"),
        (Some(&right), "grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
        (Some(&right), "grant_type=password&username=a&password=b", 400, "unsupported_grant_type"),
        (Some(&right), "grant_type=client_credentials&scope=pins", 400, "invalid_scope"),
        (Some(&wrong), grant, 401, "invalid_client"),
        (Some(&nobody), grant, 401, "invalid_client"),
        (None, grant, 401, "invalid_client"),
    ] {
        let reply = session.send(token_request(D1_TOKEN, authorization.map(String::as_str), form)).await.unwrap();
        assert_eq!((reply.status, &json(&reply)["error"]), (status, &error.into()), "{form}: {reply:?}");
        expect_no_store(&reply);
        // Section 5.2: who is refused as a client is told how to show itself.
        let challenge = reply.headers.get("www-authenticate").map(|value| value.to_str().unwrap());
        assert_eq!(challenge.is_some_and(|value| value.starts_with("Basic ")), status == 401, "{reply:?}");
    }
    let json_body = crate::support::request("POST", D1_TOKEN).header("authorization", &right);
    let json_body = json_body.header("content-type", "application/json").body(format!("{{\"{grant}\":1}}").into());
    assert_eq!(json(&session.send(json_body.unwrap()).await.unwrap())["error"], "invalid_request");
    // Control: nothing of this was wrong with the client itself.
    let form = format!("{grant}&scope=cards&what_nobody_knows=1");
    let reply = session.send(token_request(D1_TOKEN, Some(&right), &form)).await.unwrap();
    assert_eq!((reply.status, &json(&reply)["scope"]), (200, &"cards".into()), "{reply:?}");
}

/// However fast the machine is: wrong guesses come one after the other until there are too many.
#[tokio::test]
async fn who_guesses_is_told_to_wait_and_nobody_else_is() {
    let tables = format!(
        "{OWN_TOKENS}[environments.preprod.tokens.clients.other.secrets.current]\nsecret = \"another-long-secret-text\"\n"
    );
    let door = open(&tables, own_files(&TokenKey::new()), "").await;
    let mut session = door.honest().session().await.unwrap();
    // Control: right secrets cost nothing.
    for _ in 0..25 {
        assert_eq!(ask(&mut session, D1_TOKEN, SECRET).await.status, 200);
    }
    let slowed = guess_until_slowed(&mut session, "thales").await;
    assert_eq!(json(&slowed)["error"], "temporarily_unavailable");
    let wait: u64 = slowed.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    expect_no_store(&slowed);
    let other = basic("other", "another-long-secret-text");
    let other = session.send(token_request(D1_TOKEN, Some(&other), "grant_type=client_credentials")).await.unwrap();
    assert_eq!(other.status, 200, "{other:?}");
    // Ids that nobody has are slowed down as well, so that guessing tells nothing of who there is.
    assert_eq!(json(&guess_until_slowed(&mut session, "nobody").await), json(&slowed));
    // Whoever has another certificate has guesses of its own.
    let other = door.pki.issuing.client("other");
    let mut session = door.stranger().presenting(&other).session().await.unwrap();
    assert_eq!(ask(&mut session, D1_TOKEN, SECRET).await.status, 200);
}

async fn guess_until_slowed(session: &mut Session, client: &str) -> Reply {
    for number in 0..2_000 {
        let authorization = basic(client, &format!("guess-number-{number}-of-many"));
        let request = token_request(D1_TOKEN, Some(&authorization), "grant_type=client_credentials");
        let reply = session.send(request).await.unwrap();
        if reply.status == 429 {
            return reply;
        }
        assert_eq!(reply.status, 401, "{reply:?}");
    }
    panic!("nobody minds guessing");
}
