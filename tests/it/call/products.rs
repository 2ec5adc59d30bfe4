//! Every call of every product, answered as it should be; and what is said where one is not.

use super::*;
use crate::support::jwt::TokenKey;

/// What every query is answered with: it holds the fields that any of them needs.
const EVERYTHING: &str =
    r#"{"levelOfTrust":"green","encryptedData":"SAMPLE","tokenId":"SAMPLE","tokenInfo":{},"access_token":"x"}"#;

/// Answers all that the catalogue has as Thales expects.
fn answer_well(door: &Door) {
    use issuer_host::thales::example::Example;
    use issuer_host::thales::{Catalogue, Kind};

    for operation in Catalogue::built_in().operations() {
        let example = Example::of(operation).unwrap();
        let mut path = operation.full_path().replace("{issuerId}", ISSUER).replace("{merchantGatewayId}", ISSUER);
        for (name, value) in &example.path {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        let status = operation.acknowledgement.status.as_u16();
        // Two operations of one path differ in their verbs alone.
        if !path.ends_with("/pin") {
            door.backend.answer(&path, json(status, if operation.kind == Kind::Query { EVERYTHING } else { "" }));
        }
    }
}

#[tokio::test]
async fn every_call_of_every_product_is_answered_as_thales_expects() {
    for (product, calls) in [("tsh", 5), ("tsh-auxiliary", 2), ("tsp", 2), ("transit", 7)] {
        let door = door(&format!("[{product:?}]"), "", vec![]).await;
        answer_well(&door);
        let finished = call(&door, &["--all", product, "--format", "json"]).await;
        went_well(&finished);
        assert_eq!(objects(&finished).1, serde_json::json!({ "calls": calls, "good": calls }), "{product}");
    }
}

#[tokio::test]
async fn every_call_of_cof_is_answered_as_thales_expects_with_its_key() {
    let door = door(r#"["cof"]"#, API_KEYS, vec![]).await;
    for operation in ["token-creation", "token-update", "binding-creation", "binding-update", "merchant-update"] {
        door.backend.answer(&format!("/tsh-cof/notify-{operation}"), Answer::Fixed(StatusCode::NO_CONTENT, ""));
    }
    let finished = call(&door, &[&["--all", "cof", "--format", "json"][..], &WITH_KEY].concat()).await;
    went_well(&finished);
    let (lines, sum) = objects(&finished);
    assert_eq!(sum, serde_json::json!({ "calls": 10, "good": 10 }));
    // Each is repeated as it was: the same event.
    for pair in lines.chunks(2) {
        assert_eq!(pair[0]["correlation_id"], pair[1]["correlation_id"]);
        assert!(pair[1]["label"].as_str().unwrap().contains("once more"), "{}", pair[1]);
    }
    let received = door.backend.received("/tsh-cof/notify-token-update");
    assert_eq!(received.headers["content-type"], "application/json");
    let text = call(&door, &["--all", "cof"]).await;
    let words = failed(&text);
    assert!(words.contains("carry no API key") && words.contains("comes again"), "control, without the key: {words}");
    assert!(words.contains("-> a call without an API key gets 503"), "{words}");
    let words = failed(&call(&door, &["cof", "notifyTokenUpdate", "--api-key-file", "wrong-key.txt"]).await);
    assert!(words.contains("503") && words.contains("compare the key of --api-key-file"), "{words}");
}

#[tokio::test]
async fn every_call_of_d1_carries_a_token_that_is_obtained_first_and_once() {
    const REMARK: &str = "carry no access token";
    let key = TokenKey::new();
    let files = token_door::own_files(&key);
    let door = door(r#"["d1", "d1-ecom"]"#, token_door::OWN_TOKENS, files).await;
    answer_well(&door);
    let pin = "/cms/api/v1/issuers/ISSUER0001/cards/SAMPLE-CARD-1/pin";
    let client = ["--token-client", "thales", "--token-secret-file", "client-secret.txt"];
    for (status, verb_that_is_wrong) in [(200, "setCardPin"), (204, "getCardPin")] {
        door.backend.answer(pin, json(status, ""));
        let finished = call(&door, &[&["--all", "d1", "--format", "json"][..], &client].concat()).await;
        let (lines, sum) = objects(&finished);
        assert_eq!(lines[0]["operation"], "getToken", "{}", lines[0]);
        assert_eq!(lines.iter().filter(|line| line["operation"] == "getToken").count(), 1);
        let wrong: Vec<_> = lines.iter().filter(|line| line["good"] == false).map(|line| &line["operation"]).collect();
        assert_eq!(wrong, [verb_that_is_wrong], "{sum}");
        assert_eq!(finished.code(), Some(1));
    }
    let finished = call(&door, &[&["--all", "d1-ecom"][..], &client].concat()).await;
    assert!(went_well(&finished).contains("3 of 3"), "{}", finished.text());
    // A single call obtains one as well; without a client the server refuses it, and one is told why.
    for (words, remarked) in [
        (&["--all", "d1-ecom"][..], true),
        (&["--all", "d1"], true),
        (&["d1", "notifyCardOperations", "--header", "authorization: Bearer own"], false),
        (&["d1", "getToken"], false),
    ] {
        let words = failed(&call(&door, words).await);
        assert_eq!(words.contains(REMARK), remarked, "{words}");
    }
    let single = ["d1", "notifyCardOperations"];
    let words = went_well(&call(&door, &[&single[..], &client].concat()).await);
    assert!(words.contains("getToken") && words.contains("2 of 2"), "{words}");
    assert!(!words.contains(REMARK), "{words}");
    let words = failed(&call(&door, &single).await);
    assert!(words.contains("401") && words.contains(REMARK), "{words}");
    assert!(words.contains("-> the call carries no access token"), "{words}");
    let own = ["--header", "authorization: Bearer own"];
    let words = failed(&call(&door, &[&single[..], &own].concat()).await);
    assert!(words.contains("401") && words.contains("does not take this access token"), "{words}");
    let wrong = ["--token-client", "thales", "--token-secret-file", "wrong-key.txt"];
    let words = failed(&call(&door, &[&single[..], &wrong].concat()).await);
    assert!(words.contains("401") && words.contains("knows no such client"), "{words}");
    let finished = call(&door, &[&["--all", "d1", "--format", "json"][..], &wrong].concat()).await;
    let (lines, sum) = objects(&finished);
    let (tokens, others): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["operation"] == "getToken");
    assert_eq!(tokens.len(), 1, "{sum}");
    assert!(others.len() > 5 && others.iter().all(|line| line["verdict"] == "not_called"), "{others:?}");
    assert_eq!((&sum["good"], finished.code()), (&serde_json::json!(0), Some(1)), "{sum}");
}

#[tokio::test]
async fn an_answer_that_thales_does_not_expect_is_told_with_its_reason() {
    let tsh = door(r#"["tsh", "transit"]"#, "", vec![]).await;
    let query = "/issuer/igwapi/v2.0/requestCardDigitization";
    for (product, operation, path, answer, reason) in [
        ("tsh", "requestCardDigitization", query, json(500, r#"{"responseCode":911}"#), "not answered: tsh wants 200"),
        ("tsh", "requestCardDigitization", query, json(200, "{}"), "the answer lacks levelOfTrust"),
        ("tsh", "requestCardDigitization", query, json(200, "<html>"), "no JSON object"),
        ("tsh", "requestCardDigitization", query, json(204, ""), "expects 200 here, not 204"),
        ("transit", "updateCardState", "/tes/transitapi/1/0/updateCardState", json(404, ""), "transit wants 200"),
    ] {
        tsh.backend.answer(path, answer);
        let words = failed(&call(&tsh, &[product, operation]).await);
        assert!(words.contains("WRONG") && words.contains(reason), "{reason}: {words}");
    }
    tsh.backend.answer(query, json(200, r#"{"levelOfTrust":"GREEN"}"#));
    went_well(&call(&tsh, &["tsh", "requestCardDigitization"]).await);
}
