//! `/status` says what is in force, as the certificates themselves say it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::support::neighbours::call;
use crate::support::pki::der;
use crate::support::{Authority, Door, HOST, Neighbour, Neighbours, Pki, QUIET, Setup, eventually};

const LONG: time::Duration = time::Duration::days(7);

async fn quiet() -> Door {
    Door::with(Setup { log: QUIET, ..Setup::default() }).await
}

fn sha256(der: &[u8]) -> String {
    digest(&SHA256, der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time of the report.
#[track_caller]
fn time(value: &Value) -> SystemTime {
    let text = value.as_str().unwrap_or_else(|| panic!("no text: {value}"));
    humantime::parse_rfc3339(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A time of a certificate.
fn at(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap())
}

/// Asserts that the report tells of exactly these certificates, in this order.
#[track_caller]
fn assert_tells_of(told: &Value, certificates: &[&CertificateDer<'_>]) {
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), certificates.len(), "{told:?}");
    for (told, certificate) in told.iter().zip(certificates) {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).unwrap();
        assert_eq!(told["sha256"], sha256(certificate), "{told}");
        assert_eq!(time(&told["not_after"]), at(parsed.validity().not_after.timestamp()), "{told}");
        let name = parsed.subject().iter_common_name().next().unwrap().as_str().unwrap();
        let subject = told["subject"].as_str().unwrap();
        assert!(subject.split(',').any(|attribute| attribute == format!("CN={name}")), "{name}: {subject}");
    }
}

#[tokio::test]
async fn an_environment_is_told_as_its_certificates_and_lists_say_it() {
    let before = SystemTime::now() - Duration::from_secs(1);
    let pki = Pki::new();
    let second = Authority::root("Second Client Root");
    let (list, short) = (pki.clients.crl(3, &[], LONG), second.crl(4, &[], time::Duration::hours(3)));
    let setup = Setup {
        log: QUIET,
        environment: "crl = [\"a.crl\", \"b.crl\"]\nendorsed_chain = \"endorsed.pem\"",
        client_ca: Some(pki.clients.pem() + &second.pem()),
        files: vec![
            ("a.crl", der(&list)),
            ("b.crl", short.clone().into_bytes()),
            ("endorsed.pem", pki.servers.pem().into_bytes()),
        ],
        ..Setup::default()
    };
    let door = Door::behind(pki, setup).await;
    let status = door.server.status_of("preprod").await;
    let after = SystemTime::now();

    assert_eq!((&status["host"], &status["products"]), (&HOST.into(), &json!(["tsh"])));
    assert_eq!((&status["epoch"], &status["resumption"]), (&1.into(), &true.into()));
    let installed = time(&status["installed_at"]);
    assert!(before <= installed && installed <= after, "{status}");
    assert_tells_of(&status["anchors"], &[door.pki.clients.certificate(), second.certificate()]);
    assert_tells_of(&status["server_chain"], &door.pki.server.chain.iter().collect::<Vec<_>>());
    assert_eq!(status["endorsed"], true);
    assert_tells_of(&status["endorsed_chain"], &[door.pki.servers.certificate()]);
    assert_eq!(status["revocation"], "if-covered");
    let crls = status["crls"].as_array().unwrap();
    assert_eq!(crls.len(), 2, "{status}");
    for (pem, issuer) in [(&list, "CN=Client Root"), (&short, "CN=Second Client Root")] {
        let der = der(pem);
        let (_, parsed) = CertificateRevocationList::from_der(&der).unwrap();
        let told = crls.iter().find(|told| told["sha256"] == sha256(&der)).unwrap_or_else(|| panic!("{status}"));
        assert_eq!(time(&told["this_update"]), at(parsed.last_update().timestamp()), "{told}");
        assert_eq!(time(&told["next_update"]), at(parsed.next_update().unwrap().timestamp()), "{told}");
        assert_eq!(told["expired"], false, "{told}");
        assert!(told["issuer"].as_str().unwrap().split(',').any(|attribute| attribute == issuer), "{told}");
    }
    // The metric is about each file.
    let (_, metrics) = door.server.admin_fetch("/metrics").await;
    for pem in [&list, &short] {
        let der = der(pem);
        let (_, parsed) = CertificateRevocationList::from_der(&der).unwrap();
        let end = format!("\"}} {}", parsed.next_update().unwrap().timestamp());
        let begin = r#"issuer_host_crl_next_update_timestamp_seconds{environment="preprod",file="/"#;
        assert!(metrics.lines().any(|line| line.starts_with(begin) && line.ends_with(&end)), "{end}: {metrics}");
    }
}

#[tokio::test]
async fn what_is_not_configured_is_told_to_be_absent() {
    let door = Door::with(Setup { log: QUIET, environment: "resumption = \"off\"", ..Setup::default() }).await;
    let status = door.server.status_of("preprod").await;
    for (key, value) in [
        ("crls", json!([])),
        ("revocation", json!("off")),
        ("endorsed", json!(false)),
        ("endorsed_chain", json!([])),
        ("resumption", json!(false)),
        ("live_connections_by_epoch", json!({})),
        ("retired_connections", json!(0)),
    ] {
        assert_eq!(status[key], value, "{key}");
    }
    let metrics = door.server.admin_fetch("/metrics").await.1;
    assert!(!metrics.contains("issuer_host_crl_next_update_timestamp_seconds{"), "{metrics}");
}

#[tokio::test]
async fn live_connections_are_told_by_the_epoch_that_they_were_opened_under() {
    let door = quiet().await;
    let other = Authority::root("Other Client Root");
    let others = door.stranger().presenting(&other.client("other"));
    let live = async || {
        let status = door.server.status_of("preprod").await;
        (status["live_connections"].clone(), status["live_connections_by_epoch"].clone())
    };
    let mut open = vec![door.honest().session().await.unwrap(), door.honest().h2().session().await.unwrap()];
    for session in &mut open {
        assert_eq!(call(session, HOST, "/open").await, 200);
    }
    assert_eq!(live().await, (2.into(), json!({ "1": 2 })));
    door.install_anchors(&[&door.pki.clients, &other]).await;
    open.push(others.session().await.unwrap());
    for session in &mut open {
        assert_eq!(call(session, HOST, "/open").await, 200);
    }
    assert_eq!(live().await, (3.into(), json!({ "1": 2, "2": 1 })));
    // Two are retired, and the one that stays is still of the epoch that it was opened under.
    door.install_anchors(&[&other]).await;
    eventually("the retired ones to be gone", async || live().await == (1.into(), json!({ "2": 1 }))).await;
    assert_eq!(door.server.status_of("preprod").await["retired_connections"], 2);
    drop(open);
    eventually("all to be gone", async || live().await == (0.into(), json!({}))).await;
    assert_eq!(door.server.status_of("preprod").await["retired_connections"], 2, "to leave is not to be retired");
}

#[tokio::test]
async fn the_last_reload_is_told_with_what_asked_for_it_and_what_came_of_it() {
    let door = quiet().await;
    let last = async || door.server.status_of("preprod").await["last_reload"].clone();
    let start = last().await;
    assert_eq!(
        (&start["trigger"], &start["outcome"], &start["problem"]),
        (&json!("start"), &json!("installed"), &Value::Null)
    );
    assert_eq!(door.server.status().await["configuration"], Value::Null, "it was not read again yet");
    // One that finds nothing new leaves no trace.
    door.expect_reload("unchanged").await;
    assert_eq!(last().await, start);
    let configuration = door.server.status().await["configuration"].clone();
    assert!(time(&configuration["at"]) >= time(&start["at"]), "{configuration}");

    door.replace("server-chain.pem", "garbage");
    let kept = door.expect_reload("kept").await;
    let told = last().await;
    assert_eq!(
        (&told["trigger"], &told["outcome"], &told["problem"]),
        (&json!("admin"), &json!("kept"), &kept["problem"])
    );
    assert!(time(&told["at"]) >= time(&start["at"]), "{told}");
    assert!(told["problem"].as_str().unwrap().contains("server-chain.pem"), "{told}");

    door.replace("server-chain.pem", door.pki.server.chain_pem());
    door.server.hang_up();
    eventually("the signal to be followed", async || last().await["trigger"] == "signal").await;
    let healed = last().await;
    assert_eq!((&healed["outcome"], &healed["problem"]), (&json!("unchanged"), &Value::Null), "{healed}");

    door.install_anchors(&[&Authority::root("Next Client Root")]).await;
    let installed = last().await;
    assert_eq!((&installed["trigger"], &installed["outcome"]), (&json!("admin"), &json!("installed")), "{installed}");
    let status = door.server.status_of("preprod").await;
    assert!(time(&status["installed_at"]) <= time(&installed["at"]), "{status}");
    for (outcome, count) in [("installed", 1), ("kept", 1), ("unchanged", 2)] {
        let line = format!(r#"issuer_host_reloads_total{{environment="preprod",outcome="{outcome}"}} {count}"#);
        assert!(door.server.has_metric_line(&line).await, "{line}");
    }
}

#[tokio::test]
async fn every_environment_is_told_of_by_its_name_and_nothing_secret_is() {
    let (one, other) =
        (Neighbour::new("zeta", "zeta.bank.test").await, Neighbour::new("alpha", "alpha.bank.test").await);
    let neighbours = Neighbours::start(r#"["127.0.0.1:0"]"#, &[&one, &other]).await;
    let status = neighbours.server.status().await;
    let names: Vec<_> = status["environments"].as_array().unwrap().iter().map(|told| &told["name"]).collect();
    assert_eq!(names, ["alpha", "zeta"]);
    for own in [&one, &other] {
        let told = neighbours.server.status_of(own.name).await;
        assert_tells_of(&told["anchors"], &[own.clients.certificate()]);
        assert_tells_of(&told["server_chain"], &own.server.chain.iter().collect::<Vec<_>>());
    }
    assert_eq!((&status["ready"], &status["version"]), (&true.into(), &env!("CARGO_PKG_VERSION").into()));
    assert!(!status.to_string().contains("PRIVATE"), "{status}");
}
