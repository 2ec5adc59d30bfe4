//! The way to the collector: over TLS, to nobody else.

use crate::support::{Collector, Door, Setup, eventually};

#[tokio::test]
async fn a_collector_over_tls_is_told_where_its_ca_is_configured_and_no_other() {
    let collector = Collector::over_tls().await;
    let files = || vec![("collector-ca.pem", collector.ca().into_bytes())];
    let trusting = format!("{}ca = \"collector-ca.pem\"\n", collector.table());
    let door = Door::with(Setup { log: &trusting, files: files(), ..Setup::default() }).await;
    door.honest().expect_accepted("an honest client").await;
    eventually("its spans", async || collector.spans().len() == 2).await;

    let public = collector.table();
    let door = Door::with(Setup { log: &public, files: files(), ..Setup::default() }).await;
    door.honest().expect_accepted("an honest client").await;
    eventually("the spans to be lost", async || !door.server.events("traces_lost").is_empty()).await;
    let told = &door.server.told("traces_lost", 1).await[0];
    assert!(told["message"].as_str().unwrap().contains("certificate"), "{told}");
    assert_eq!(collector.spans().len(), 2, "control: those of before");
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    let door = Door::open().await;
    let check = async |table: &str| {
        door.replace("issuer-host.toml", {
            let text = std::fs::read_to_string(door.directory.path().join("issuer-host.toml")).unwrap();
            let text = text.split("[traces]").next().unwrap().to_owned();
            format!("{text}\n[traces]\n{table}\n")
        });
        let finished = door.command("check").await;
        (finished.code(), finished.text())
    };
    for (table, key) in [
        ("otlp_url = \"collector:4318\"", "traces.otlp_url"),
        ("otlp_url = \"http://127.0.0.1:4318\"\nca = \"client-ca.pem\"", "traces.ca"),
        ("otlp_url = \"https://127.0.0.1:4318\"\nca = \"server-key.pem\"", "traces.ca"),
        ("sample = 2.0", "traces.sample"),
    ] {
        let (code, text) = check(table).await;
        assert!(code == Some(78) && text.contains(key), "{table}: {code:?} {text}");
    }
    let (code, text) = check("otlp_url = \"http://127.0.0.1:4318\"").await;
    assert_ne!(code, Some(78), "control: {text}");
}
