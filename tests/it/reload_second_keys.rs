//! Second keys change while the server runs, and what is wrong elsewhere does not keep them from it.

use serde_json::Value;

use crate::support::neighbours::{OTHER_HOST, call};
use crate::support::{Door, HOST, Neighbour, Neighbours, Pki, QUIET, Session, Setup, eventually, request};

const FIRST: &str = "key-of-the-tests-0123456789";
const SECOND: &str = "key-of-the-tests-9876543210";
const COF_CALL: &str = "/tsh-cof/notify-token-update";

/// A door of cof whose callers show the key in `api-key.txt`.
async fn door() -> Door {
    let arrange = |directory: &std::path::Path| {
        crate::support::door::edit(directory, "product = \"tsh\"", "product = \"cof\"");
    };
    let setup = Setup {
        log: QUIET,
        environment: "[environments.preprod.api_keys.main]\nkey_file = \"api-key.txt\"",
        files: vec![("api-key.txt", FIRST.into())],
        arrange: Some(&arrange),
        ..Setup::default()
    };
    Door::behind(Pki::new(), setup).await
}

/// The status of a call with this key.
async fn shown(door: &Door, key: &str) -> u16 {
    let call = request("POST", COF_CALL).header("authorization", format!("APIKEY {key}")).body("{}".into()).unwrap();
    door.honest().session().await.unwrap().send(call).await.unwrap().status
}

/// A reload that finds something wrong: what it says of `preprod`.
async fn refused(door: &Door) -> Value {
    let (status, report) = door.server.try_reload().await;
    assert_eq!(status, 422, "{report}");
    report["environments"]["preprod"].clone()
}

#[tokio::test]
async fn a_key_that_leaked_is_withdrawn_while_certificates_do_not_fit_together() {
    let door = door().await;
    assert_eq!((shown(&door, FIRST).await, shown(&door, SECOND).await), (204, 503), "control");
    let key = door.pki.server.key_pem();
    door.replace("server-key.pem", &key.as_bytes()[..key.len() / 2]);
    door.replace("api-key.txt", SECOND);
    let kept = refused(&door).await;
    assert_eq!(kept["outcome"], "kept", "{kept}");
    assert!(kept["problem"].as_str().unwrap().contains("server-key.pem"), "{kept}");
    assert_eq!((shown(&door, FIRST).await, shown(&door, SECOND).await), (503, 204));
    let status = door.server.status_of("preprod").await;
    assert_eq!((&status["epoch"], &status["last_reload"]["problem"]), (&1.into(), &kept["problem"]), "{status}");

    door.replace("server-key.pem", key);
    door.expect_reload("unchanged").await;
    assert_eq!((shown(&door, FIRST).await, shown(&door, SECOND).await), (503, 204), "the new key stays");
}

/// Two environments, the first with a second key, and an open connection to each.
async fn two() -> (Neighbours, [Neighbour; 2], [Session; 2]) {
    let more = "[environments.one.api_keys.main]\nkey_file = \"one.txt\"";
    let one = Neighbour { product: "\"cof\"", more, ..Neighbour::new("one", HOST).await };
    let other = Neighbour::new("other", OTHER_HOST).await;
    // The key is written before the server reads it.
    let neighbours = Neighbours::start_with(r#"["127.0.0.1:0"]"#, &[&one, &other], &[("one.txt", FIRST)]).await;
    let sessions =
        [one.caller(&neighbours).session().await.unwrap(), other.caller(&neighbours).session().await.unwrap()];
    (neighbours, [one, other], sessions)
}

/// The status of a call to `one` with this key.
async fn asked(session: &mut Session, path: &str, key: &str) -> u16 {
    let call = request("POST", path).header("authorization", format!("APIKEY {key}")).body("{}".into()).unwrap();
    session.send(call).await.unwrap().status
}

#[tokio::test]
async fn what_is_wrong_with_one_environment_keeps_its_options_and_harms_no_other() {
    let (neighbours, [one, _other], [mut of_one, mut of_other]) = two().await;
    let nobody = "[environments.one.operations.notifyNobody]\nkind = \"query\"\n";
    for (round, word) in ["api_keys.main.key_file", "operations.notifyNobody"].into_iter().enumerate() {
        if round == 0 {
            neighbours.replace("one.txt", "short");
        } else {
            neighbours.edit("[environments.other]\n", &format!("{nobody}[environments.other]\n"));
        }
        // Both ask for something else; one of them cannot have it.
        for name in ["one", "other"] {
            let table = format!("[environments.{name}]\n");
            neighbours.edit(&table, &format!("{table}unknown = \"reject\"\n"));
        }
        assert_eq!(call(&mut of_other, OTHER_HOST, "/unknown").await, 200, "control");
        for _ in 0..2 {
            let (status, report) = neighbours.server.try_reload().await;
            assert_eq!((status, &report["configuration"]["outcome"]), (422, &"applied".into()), "{report}");
            let kept = &report["environments"]["one"];
            assert_eq!(
                (&kept["outcome"], &kept["material"]["outcome"]),
                (&"kept".into(), &"unchanged".into()),
                "{kept}"
            );
            assert!(kept["problem"].as_str().unwrap().contains(word), "{kept}");
            assert!(!report.to_string().contains("short\""), "{report}");
            assert_eq!(report["environments"]["other"]["outcome"], "unchanged", "{report}");
            assert_eq!(neighbours.server.status_of("one").await["last_reload"]["problem"], kept["problem"]);
        }
        assert_eq!(asked(&mut of_one, COF_CALL, FIRST).await, 204, "its last good key");
        asked(&mut of_one, "/unknown", FIRST).await;
        assert_eq!(one.backend.arrivals("/unknown"), round + 1, "all that was configured stays");
        assert_eq!(asked(&mut of_one, COF_CALL, "short").await, 503);
        assert_eq!(call(&mut of_other, OTHER_HOST, "/unknown").await, 404, "it has what it asks for");
        eventually("the problem to be told", async || neighbours.server.events("reload_refused").len() == round + 1)
            .await;

        neighbours.replace("one.txt", FIRST);
        if round == 1 {
            neighbours.edit(nobody, "");
        }
        for _ in ["one", "other"] {
            neighbours.edit("unknown = \"reject\"\n", "");
        }
        neighbours.server.reload().await;
        assert_eq!(neighbours.server.status_of("one").await["last_reload"]["problem"], Value::Null);
    }
    assert_eq!(one.backend.arrivals(COF_CALL), 2);
}

#[tokio::test]
async fn certificates_of_an_environment_are_taken_up_although_its_second_key_is_broken() {
    let (neighbours, [one, _other], _sessions) = two().await;
    neighbours.replace("one.txt", "short");
    let renewed = one.servers.issue(crate::support::Spec::server(HOST));
    neighbours.replace("one-key.pem", renewed.key_pem());
    neighbours.replace("one-chain.pem", renewed.chain_pem());
    let (status, report) = neighbours.server.try_reload().await;
    let kept = &report["environments"]["one"];
    assert_eq!(
        (status, &kept["outcome"], &kept["material"]["leaf_changed"]),
        (422, &"kept".into(), &true.into()),
        "{kept}"
    );
    assert_eq!(neighbours.server.status_of("one").await["epoch"], 2);
    assert_eq!(asked(&mut one.caller(&neighbours).session().await.unwrap(), COF_CALL, FIRST).await, 204);
}

#[tokio::test]
async fn a_broken_file_of_operations_leaves_every_environment_its_operations() {
    let (neighbours, [_one, other], [mut of_one, mut of_other]) = two().await;
    let directory = neighbours.directory.path().join("products");
    std::fs::create_dir(&directory).unwrap();
    neighbours.edit("server = {", "products_dir = \"products\"\nserver = {");
    neighbours.server.reload().await;
    neighbours.replace("products/own.toml", "product = \"d2\"\n");
    neighbours.edit("[environments.other]", "[environments.other]\nunknown = \"reject\"");
    let (status, report) = neighbours.server.try_reload().await;
    assert_eq!(status, 422, "{report}");
    for name in ["one", "other"] {
        let kept = &report["environments"][name];
        assert!(kept["problem"].as_str().is_some_and(|problem| problem.contains("products_dir")), "{report}");
    }
    assert_eq!(asked(&mut of_one, COF_CALL, FIRST).await, 204);
    assert_eq!(call(&mut of_other, OTHER_HOST, "/unknown").await, 200);
    assert_eq!(other.backend.arrivals("/unknown"), 1);

    // One that is new has nothing to keep: nothing changes then.
    let third = Neighbour::new("third", "third.bank.test").await;
    third.move_in(&neighbours.directory);
    neighbours.edit("[environments.other]", &format!("{}\n[environments.other]", third.table()));
    let (status, report) = neighbours.server.try_reload().await;
    assert_eq!((status, &report["configuration"]["outcome"]), (422, &"kept".into()), "{report}");
    assert!(report["configuration"]["problem"].as_str().unwrap().contains("environment third"), "{report}");
    std::fs::remove_file(directory.join("own.toml")).unwrap();
    let report = neighbours.server.reload().await;
    assert_eq!(report["environments"]["third"]["outcome"], "added", "{report}");
    assert_eq!(call(&mut of_other, OTHER_HOST, "/unknown").await, 404, "what was asked for is in force");
}

#[tokio::test]
async fn a_second_key_that_is_asked_for_no_more_is_told_of() {
    let door = door().await;
    assert_eq!(shown(&door, SECOND).await, 503, "control");
    door.replace("api-key.txt", SECOND);
    door.expect_reload("unchanged").await;
    door.edit("[environments.preprod.api_keys.main]\nkey_file = \"api-key.txt\"", "");
    for _ in 0..2 {
        door.expect_reload("unchanged").await;
    }
    assert_eq!(shown(&door, FIRST).await, 204, "anybody whose certificate is good");
    eventually("it to be told", async || door.server.events("second_key_gone").len() == 1).await;
    let gone = &door.server.told("second_key_gone", 1).await[0];
    assert_eq!((&gone["environment"], &gone["level"]), (&"preprod".into(), &"WARN".into()), "{gone}");
    let without = |event: &Value| event["message"].as_str().unwrap().contains("mutual TLS alone");
    let warned = door.server.events("configuration_warning").into_iter().filter(without).count();
    assert_eq!(warned, 1, "{}", door.server.log());
}

#[tokio::test]
async fn a_key_that_is_near_its_end_is_told_of_once_without_monitoring() {
    let door = door().await;
    let near = std::time::SystemTime::now() + std::time::Duration::from_secs(5 * 24 * 60 * 60 + 600);
    let near = humantime::format_rfc3339_seconds(near);
    let file = "key_file = \"api-key.txt\"";
    door.edit(file, &format!("{file}\nexpires = \"{near}\""));
    let warned = || door.server.warned_of("API key main expires at");
    // The first one takes it up; what is in force is looked at before each one.
    for _ in 0..2 {
        door.server.reload().await;
    }
    eventually("it to be told", async || !warned().is_empty()).await;
    door.server.reload().await;
    eventually("the third to end", async || door.server.events("reload_ended").len() == 3).await;
    let warned = warned();
    assert_eq!((warned.len(), &warned[0]["environment"]), (1, &"preprod".into()), "{warned:?}");
    assert!(warned[0]["message"].as_str().unwrap().contains("in 5 days"), "{warned:?}");
}
