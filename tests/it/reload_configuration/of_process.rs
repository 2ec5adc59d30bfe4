//! What belongs to no environment is held against none: a fault of the admin listener or of the inbox keeps nobody's rules from taking
//! force.

use serde_json::{Value, json};

use super::{applied, sessions};
use crate::support::neighbours::call;
use crate::support::{Door, HOST, QUIET, Setup, eventually};

/// A fault: the piece of the configuration that it takes the place of, what stands there then, and the key that is named.
const FAULTS: [(&str, &str, &str); 2] = [
    ("listen = \"127.0.0.1:0\"\n", "listen = \"127.0.0.1:0\"\ntoken_file = \"short\"\n", "admin.token"),
    ("url = \"sqlite:inbox.db\"\n", "url = \"sqlite:inbox.db\"\nkey_file = \"short\"\n", "inbox.key_file"),
];

const DENIAL: &str = "client_subject = { deny = [\"CN=TLSMA/0002\"] }\nprivate_key = ";

#[tokio::test]
async fn a_fault_of_the_admin_listener_or_of_the_inbox_freezes_no_environment_and_is_told_as_its_own() {
    for (piece, faulty, key) in FAULTS {
        let log = format!("{QUIET}\n[inbox]\nurl = \"sqlite:inbox.db\"\n");
        let files = vec![("short", b"short".to_vec())];
        let door = Door::with(Setup { log: &log, files, ..Setup::default() }).await;
        let denied = door.stranger().presenting(&door.pki.issuing.client("TLSMA/0002"));
        for mut session in sessions(&denied).await {
            assert_eq!(call(&mut session, HOST, "/before").await, 200, "control: {key}");
        }
        door.server.reload().await;

        door.edit(piece, faulty);
        door.edit("private_key = ", DENIAL);
        let (status, report) = door.server.try_reload().await;
        assert_eq!((status, &report["configuration"]["outcome"]), (422, &"partly_applied".into()), "{key}: {report}");
        let problem = report["configuration"]["problem"].as_str().unwrap();
        assert!(problem.contains(key), "{key}: {problem}");
        assert_eq!(report["environments"]["preprod"]["outcome"], "installed", "{key}: {report}");
        denied.expect_refused("a subject that is denied now").await;
        door.honest().expect_accepted("control: another one").await;

        // Nobody is told that all is good, and no environment is blamed.
        let configuration = door.server.status().await["configuration"].clone();
        assert_eq!((&configuration["problem"], &configuration["applied"]), (&problem.into(), &true.into()), "{key}");
        assert_eq!(door.server.status_of("preprod").await["last_reload"]["problem"], Value::Null, "{key}");
        assert!(door.server.metric("issuer_host_configuration_refused").await > 0.0, "{key}");
        assert!(door.server.has_metric_line("issuer_host_reload_failing{environment=\"preprod\"} 0").await, "{key}");
        eventually("the fault to be told", async || door.server.events("configuration_refused").len() == 1).await;
        assert_eq!(door.server.events("reload_refused"), [Value::Null; 0], "{key}");
        assert_eq!(door.server.events("configuration_good"), [Value::Null; 0], "{key}");

        door.edit(faulty, piece);
        let (status, report) = door.server.try_reload().await;
        assert_eq!((status, &report["configuration"]), (200, &applied(&[])), "{key}, healed: {report}");
        assert_eq!(door.server.status().await["configuration"]["problem"], json!(null), "{key}");
        assert!(door.server.has_metric_line("issuer_host_configuration_refused 0").await, "{key}");
        eventually("the cure to be told", async || door.server.events("configuration_good").len() == 1).await;
    }
}

#[tokio::test]
async fn a_fault_of_the_files_of_operations_is_told_of_the_configuration_too() {
    let door = Door::with(Setup { log: QUIET, ..Setup::default() }).await;
    std::fs::create_dir(door.directory.path().join("products")).unwrap();
    std::fs::write(door.directory.path().join("products/own.toml"), "not TOML").unwrap();
    door.edit("[log]\n", "products_dir = \"products\"\n[log]\n");
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, &report["configuration"]["outcome"]), (422, &"partly_applied".into()), "{report}");
    for problem in [&report["configuration"]["problem"], &report["environments"]["preprod"]["problem"]] {
        assert!(problem.as_str().is_some_and(|problem| problem.contains("products_dir")), "{report}");
    }
    assert_eq!(door.server.events("configuration_good"), [Value::Null; 0]);
    door.edit("products_dir = \"products\"\n", "");
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, &report["configuration"]), (200, &applied(&[])), "control: {report}");
}

#[tokio::test]
async fn a_fault_of_the_admin_listener_refuses_the_start() {
    let door = Door::with(Setup { log: QUIET, files: vec![("short", b"short".to_vec())], ..Setup::default() }).await;
    assert_ne!(door.command("check").await.code(), Some(78), "control");
    let (piece, faulty, key) = FAULTS[0];
    door.edit(piece, faulty);
    let finished = door.command("serve").await;
    assert_eq!(finished.code(), Some(78), "{}", finished.words());
    assert!(finished.words().contains(key), "{}", finished.words());
}
