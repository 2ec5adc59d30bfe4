//! Revocation lists: whom they refuse, when, and that a reload never takes a revocation back.

use rustls::AlertDescription;
use serde_json::Value;
use time::Duration;

use crate::support::pki::der;
use crate::support::{Authority, Caller, Door, Identity, Pki, QUIET, Refusal, Session, Setup, eventually, request};

const LONG: Duration = Duration::days(7);
const REVOKED: Refusal = Refusal::Alert(AlertDescription::CertificateRevoked);

/// A door with the files of lists, and other keys of the environment.
async fn door(pki: Pki, files: Vec<(&str, Vec<u8>)>, environment: &str) -> Door {
    let names: Vec<_> = files.iter().map(|(name, _)| format!("{name:?}")).collect();
    let environment = format!("crl = [{}]\n{environment}", names.join(", "));
    Door::behind(pki, Setup { environment: &environment, files, log: QUIET, ..Setup::default() }).await
}

fn call() -> http::Request<bytes::Bytes> {
    request("POST", "/call").body("call".into()).unwrap()
}

async fn is_served(session: &mut Session) -> bool {
    session.send(call()).await.is_ok_and(|reply| reply.status == 200)
}

/// Both versions of TLS.
async fn expect_refused(caller: &Caller, who: &str) -> Refusal {
    let refusal = caller.clone().tls12().expect_refused(who).await;
    assert_eq!(caller.clone().tls13().expect_refused(who).await, refusal, "{who}");
    refusal
}

fn seconds(rfc3339: &Value) -> f64 {
    let time = humantime::parse_rfc3339(rfc3339.as_str().unwrap()).unwrap();
    time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// What the log says of the material.
fn warnings(door: &Door) -> Vec<String> {
    let events = door.server.events("material_warning");
    events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_revoked_leaf_is_refused_whatever_form_its_list_comes_in() {
    for form in ["PEM", "DER", "two blocks of one file", "two files"] {
        let pki = Pki::new();
        let (revoked, other) = (pki.issuing.client("revoked"), pki.issuing.client("other"));
        let list = pki.issuing.crl(1, &[revoked.leaf()], LONG);
        let of_root = pki.clients.crl(1, &[], LONG);
        let files = match form {
            "PEM" => vec![("a.crl", list.into_bytes())],
            "DER" => vec![("a.crl", der(&list))],
            "two files" => vec![("a.crl", der(&of_root)), ("b.crl", list.into_bytes())],
            _ => vec![("a.crl", (of_root + &list).into_bytes())],
        };
        let door = door(pki, files, "").await;
        let refusal = expect_refused(&door.stranger().presenting(&revoked), form).await;
        assert_eq!(refusal, REVOKED, "{form}");
        let counted = r#"issuer_host_handshakes_total{environment="preprod",outcome="failed",reason="revoked",tls_version="",session=""} 2"#;
        eventually("the refusals to be counted", async || door.server.has_metric_line(counted).await).await;
        door.stranger().presenting(&other).expect_accepted("another leaf of the same CA").await;
        door.is_unharmed().await;
    }
}

#[tokio::test]
async fn a_revoked_intermediate_takes_its_leaves_with_it_and_no_others() {
    let pki = Pki::new();
    let other = pki.clients.intermediate("Other Issuing CA").client("other");
    let list = pki.clients.crl(1, &[pki.issuing.certificate()], LONG);
    let door = door(pki, vec![("a.crl", list.into_bytes())], "").await;
    assert_eq!(expect_refused(&door.honest(), "a leaf of the revoked CA").await, REVOKED);
    door.stranger().presenting(&other).expect_accepted("a leaf of another intermediate CA").await;
}

#[tokio::test]
async fn what_an_issuer_without_a_list_means_is_said_by_the_mode() {
    for (mode, lists_of_root, outcomes) in [
        // The revoked leaf, another of its issuer, one of the root itself.
        ("off", false, [true, true, true]),
        ("if-covered", false, [false, true, true]),
        ("require", false, [false, false, false]),
        ("require", true, [false, true, true]),
    ] {
        let pki = Pki::new();
        let clients = [pki.issuing.client("revoked"), pki.issuing.client("other"), pki.clients.client("direct")];
        let mut lists = pki.issuing.crl(1, &[clients[0].leaf()], LONG);
        if lists_of_root {
            lists += &pki.clients.crl(1, &[], LONG);
        }
        let door = door(pki, vec![("a.crl", lists.into_bytes())], &format!("revocation = \"{mode}\"")).await;
        assert_eq!(door.server.status_of("preprod").await["revocation"], mode);
        for (client, accepted) in clients.iter().zip(outcomes) {
            let who = format!("{mode}, list of the root: {lists_of_root}, {} certificates", client.chain.len());
            let caller = door.stranger().presenting(client);
            if accepted {
                caller.expect_accepted(&who).await;
            } else {
                expect_refused(&caller, &who).await;
            }
        }
    }
}

#[tokio::test]
async fn an_expired_list_refuses_those_whom_it_covers_until_it_is_renewed() {
    let pki = Pki::new();
    let direct = pki.clients.client("direct");
    let list = pki.issuing.crl(1, &[], Duration::seconds(-10));
    let door = door(pki, vec![("a.crl", list.into_bytes())], "").await;
    let refusal = expect_refused(&door.honest(), "a client whose issuer's list has expired").await;
    assert!(matches!(refusal, Refusal::Alert(_)), "{refusal:?}");
    door.stranger().presenting(&direct).expect_accepted("a client whom the list does not cover").await;

    // It is told: in the log, in the metrics, in the status.
    eventually("a warning", async || warnings(&door).iter().any(|warning| warning.contains("expired at"))).await;
    let crl = door.server.status_of("preprod").await["crls"][0].clone();
    assert_eq!(crl["expired"], true, "{crl}");
    let metric = door.server.metric("issuer_host_crl_next_update_timestamp_seconds").await;
    assert!((metric - seconds(&crl["next_update"])).abs() < 1.0, "{metric} {crl}");

    // Control: it was the list's age.
    door.replace("a.crl", door.pki.issuing.crl(2, &[], LONG));
    door.expect_reload("installed").await;
    door.honest().expect_accepted("the same client with a current list").await;
    let crl = door.server.status_of("preprod").await["crls"][0].clone();
    assert_eq!(crl["expired"], false, "{crl}");
    let renewed = door.server.metric("issuer_host_crl_next_update_timestamp_seconds").await;
    assert!(renewed > metric && (renewed - seconds(&crl["next_update"])).abs() < 1.0, "{renewed} {crl}");
}

#[tokio::test]
async fn connections_end_with_the_list_that_covers_them() {
    let pki = Pki::new();
    let direct = pki.clients.client("direct");
    let list = pki.issuing.crl(1, &[], LONG);
    let door = door(pki, vec![("a.crl", list.into_bytes())], "").await;
    let mut covered = [door.honest().session().await.unwrap(), door.honest().h2().session().await.unwrap()];
    let mut uncovered = door.stranger().presenting(&direct).h2().session().await.unwrap();
    for session in covered.iter_mut().chain([&mut uncovered]) {
        assert!(is_served(session).await, "control: it is served while the list is current");
    }
    door.replace("a.crl", door.pki.issuing.crl(2, &[], Duration::seconds(2)));
    door.expect_reload("installed").await;
    // Nobody sends anything: the connection itself knows when its verdict ends.
    for session in covered {
        session.ended().await;
    }
    expect_refused(&door.honest(), "a client whose issuer's list has expired").await;
    assert!(is_served(&mut uncovered).await, "no list covers this one");
    // That it is about to end, or has, was said without anybody asking.
    eventually("a warning", async || warnings(&door).iter().any(|warning| warning.contains("expire"))).await;
}

#[tokio::test]
async fn a_connection_that_may_idle_for_long_ends_with_a_list_that_comes_later() {
    let pki = Pki::new();
    let list = pki.issuing.crl(1, &[], LONG);
    let setup = Setup {
        // Nothing else would end or look at an idle connection for longer than a test waits.
        server: "request_timeout = \"10m\"\nheader_timeout = \"10m\"\nkeep_alive_idle = \"10m\"",
        environment: "crl = [\"a.crl\"]\n",
        files: vec![("a.crl", list.into_bytes())],
        log: QUIET,
        ..Setup::default()
    };
    let door = Door::behind(pki, setup).await;
    let direct = door.pki.clients.client("direct");
    let mut idle = [door.honest().session().await.unwrap(), door.honest().h2().session().await.unwrap()];
    let mut uncovered = door.stranger().presenting(&direct).session().await.unwrap();
    for session in idle.iter_mut().chain([&mut uncovered]) {
        assert!(is_served(session).await, "control: it is served while the list is current");
    }
    door.replace("a.crl", door.pki.issuing.crl(2, &[], Duration::seconds(2)));
    door.expect_reload("installed").await;
    for session in idle {
        session.ended().await;
    }
    assert!(is_served(&mut uncovered).await, "no list covers this one");
}

#[tokio::test]
async fn a_list_that_another_key_signed_is_refused_at_the_start_and_kept_out_at_a_reload() {
    let pki = Pki::new();
    let revoked = pki.clients.client("revoked");
    let (good, impostor) = (pki.clients.crl(1, &[revoked.leaf()], LONG), pki.clients.impostor().crl(2, &[], LONG));
    let door = door(pki, vec![("a.crl", good.clone().into_bytes())], "").await;
    door.command("check").await.expect_success("control: check with the CA's own list");

    door.replace("a.crl", &impostor);
    for command in ["check", "serve"] {
        let finished = door.command(command).await;
        assert_eq!(finished.code(), Some(78), "{command}: {}", finished.text());
        let words = finished.words();
        assert!(words.contains("environments.preprod.crl"), "{command}: {words}");
        assert!(words.contains("bears the name of a CA in client_ca, but is not signed by that CA's key"), "{words}");
    }
    let kept = door.expect_reload("kept").await;
    assert!(kept["problem"].as_str().unwrap().contains("is not signed by that CA's key"), "{kept}");
    assert_eq!(expect_refused(&door.stranger().presenting(&revoked), "still revoked").await, REVOKED);
    door.honest().expect_accepted("an honest client").await;
    assert_eq!(door.server.status_of("preprod").await["epoch"], 1);

    door.replace("a.crl", good);
    door.expect_reload("unchanged").await;
    assert_eq!(door.server.status_of("preprod").await["last_reload"]["problem"], Value::Null, "healed");
}

#[tokio::test]
async fn a_list_that_is_older_than_the_one_in_force_is_kept_out() {
    let pki = Pki::new();
    let revoked = pki.issuing.client("revoked");
    let door = {
        let list = pki.issuing.crl(5, &[revoked.leaf()], LONG);
        door(pki, vec![("a.crl", list.into_bytes())], "").await
    };
    let caller = door.stranger().presenting(&revoked);
    door.replace("a.crl", door.pki.issuing.crl(4, &[], LONG));
    let kept = door.expect_reload("kept").await;
    let problem = kept["problem"].as_str().unwrap();
    for word in ["number 4", "number 5", "would take revocations back"] {
        assert!(problem.contains(word), "{word}: {problem}");
    }
    assert_eq!(expect_refused(&caller, "revoked by the list in force").await, REVOKED);
    // Control: a newer one may let in again whom its CA lets in again.
    door.replace("a.crl", door.pki.issuing.crl(6, &[], LONG));
    door.expect_reload("installed").await;
    caller.expect_accepted("no longer revoked").await;
}

#[tokio::test]
async fn a_file_that_is_cut_between_two_lists_takes_no_revocation_back() {
    let pki = Pki::new();
    let revoked = pki.issuing.client("revoked");
    let of_root = pki.clients.crl(1, &[], LONG);
    let both = of_root.clone() + &pki.issuing.crl(1, &[revoked.leaf()], LONG);
    let door = door(pki, vec![("a.crl", both.clone().into_bytes())], "").await;
    let caller = door.stranger().presenting(&revoked);
    assert_eq!(expect_refused(&caller, "control: it is revoked").await, REVOKED);

    door.replace("a.crl", &of_root);
    let kept = door.expect_reload("kept").await;
    assert!(kept["problem"].as_str().unwrap().contains("is in none of the files any more"), "{kept}");
    // Nor is it when something else of the environment changes at the same time.
    door.edit("crl = ", "require_client_auth_eku = true\ncrl = ");
    door.expect_reload("kept").await;
    assert_eq!(expect_refused(&caller, "still revoked").await, REVOKED);

    // Whoever takes the file out of the configuration means it.
    door.edit("crl = [\"a.crl\"]", "");
    door.expect_reload("installed").await;
    caller.expect_accepted("a client that no list revokes any more").await;
}

#[tokio::test]
async fn an_intermediate_enters_and_leaves_the_bundle_and_its_list_stays_in_force() {
    let pki = Pki::new();
    let revoked = pki.issuing.client("revoked");
    let list = pki.issuing.crl(5, &[revoked.leaf()], LONG);
    let door = door(pki, vec![("a.crl", list.into_bytes())], "").await;
    let caller = door.stranger().presenting(&revoked);
    door.install_anchors(&[&door.pki.clients, &door.pki.issuing]).await;
    assert_eq!(expect_refused(&caller, "revoked by the list of an anchor").await, REVOKED);
    door.honest().expect_accepted("a client that is not on the list").await;

    door.replace_anchors(&[&door.pki.clients]);
    door.replace("a.crl", door.pki.issuing.crl(4, &[], LONG));
    let kept = door.expect_reload("kept").await;
    assert!(kept["problem"].as_str().unwrap().contains("would take revocations back"), "{kept}");
    door.replace("a.crl", door.pki.clients.crl(9, &[], LONG));
    let kept = door.expect_reload("kept").await;
    assert!(kept["problem"].as_str().unwrap().contains("is in none of the files any more"), "{kept}");
    door.replace("a.crl", door.pki.issuing.crl(6, &[revoked.leaf()], LONG));
    door.expect_reload("installed").await;
    assert_eq!(expect_refused(&caller, "revoked by the list of an intermediate").await, REVOKED);
}

#[tokio::test]
async fn a_new_list_ends_the_connections_of_whom_it_revokes_at_once() {
    let pki = Pki::new();
    let other = pki.issuing.client("other");
    let door = {
        let list = pki.issuing.crl(1, &[], LONG);
        door(pki, vec![("a.crl", list.into_bytes())], "").await
    };
    let others = door.stranger().presenting(&other);
    let mut revoked = [door.honest().session().await.unwrap(), door.honest().h2().session().await.unwrap()];
    let mut kept = [others.session().await.unwrap(), others.clone().h2().session().await.unwrap()];
    for session in revoked.iter_mut().chain(&mut kept) {
        assert!(is_served(session).await, "control: nobody is revoked yet");
    }
    door.replace("a.crl", door.pki.issuing.crl(2, &[door.pki.honest.leaf()], LONG));
    let installed = door.expect_reload("installed").await;
    assert_eq!(installed["connections_retired"], 2, "{installed}");
    let arrivals = door.backend.all_arrivals();
    for session in &mut revoked {
        assert!(!is_served(session).await, "a revoked client is served over its old connection");
    }
    assert_eq!(door.backend.all_arrivals(), arrivals);
    for session in revoked {
        session.ended().await;
    }
    assert_eq!(expect_refused(&door.honest(), "the revoked client").await, REVOKED);
    for session in &mut kept {
        assert!(is_served(session).await, "the connection of another client of the same CA");
    }
    others.expect_accepted("another client").await;
    assert_eq!(door.server.status_of("preprod").await["retired_connections"], 2);
}

#[tokio::test]
async fn what_is_no_list_is_kept_out_and_told() {
    let pki = Pki::new();
    let revoked = pki.issuing.client("revoked");
    let good = pki.issuing.crl(1, &[revoked.leaf()], LONG);
    let foreign: Identity = Authority::root("Foreign Root").client("foreign");
    let cut = good[..good.len() / 2].to_owned();
    let certificate = foreign.chain_pem();
    let door = door(pki, vec![("a.crl", good.clone().into_bytes())], "").await;
    for broken in [Vec::new(), b"not a list".to_vec(), cut.into_bytes(), certificate.into_bytes(), vec![0x30; 40]] {
        door.replace("a.crl", broken);
        let kept = door.expect_reload("kept").await;
        assert!(kept["problem"].as_str().unwrap().starts_with("crl: "), "{kept}");
        door.stranger().presenting(&revoked).expect_refused("a revoked client").await;
    }
    std::fs::remove_file(door.directory.path().join("a.crl")).unwrap();
    let (status, report) = door.server.try_reload().await;
    assert_eq!(status, 422, "{report}");
    assert_eq!(report["environments"]["preprod"]["outcome"], "kept", "{report}");
    door.replace("a.crl", good);
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, &report["environments"]["preprod"]["outcome"]), (200, &"unchanged".into()), "{report}");
    door.is_unharmed().await;
}
