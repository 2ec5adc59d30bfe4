//! Second keys change while the server runs, and what is wrong elsewhere does not keep them from it.

use serde_json::Value;

use crate::support::{Door, Pki, QUIET, Setup, request};

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
