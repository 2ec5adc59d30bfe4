//! What strangers show puts nobody out of sight whom an operator knows.

use crate::support::pki::self_signed;
use crate::support::{Authority, Door, QUIET, Setup, Spec, eventually};

/// How many refusals of strangers are kept.
const KEPT: usize = 100;

#[tokio::test]
async fn strangers_with_certificates_of_their_own_hide_no_refusal_of_a_caller_of_the_client_ca() {
    let door = Door::with(Setup { log: QUIET, ..Setup::default() }).await;
    let page = async || door.server.admin_fetch("/").await.1;
    // A stranger writes the name and the dates that he likes, and is refused for the same reason.
    let stranger = |name: &str| door.stranger().presenting(&self_signed(Spec::client(name).expired()));
    stranger("the-first-stranger").expect_refused("a stranger").await;
    let late = door.pki.clients.issue(Spec::client("TLSMA/0001").expired());
    door.honest().presenting(&late).expect_refused("a caller whose certificate has expired").await;
    let nobody = door.honest().presenting(&Authority::root("Nobody").client("of-another-authority"));
    nobody.expect_refused("a client of another authority").await;
    eventually("both to be shown", async || {
        let page = page().await;
        page.contains("CN=the-first-stranger") && page.contains("CN=TLSMA/0001")
    })
    .await;
    for number in 0..KEPT {
        stranger(&format!("stranger-{number}")).expect_refused("a stranger").await;
    }
    let last = format!("CN=stranger-{}", KEPT - 1);
    eventually("the last one to be shown", async || page().await.contains(&last)).await;
    let page = page().await;
    assert!(page.contains("CN=TLSMA/0001"), "the caller that somebody has to do something about is gone");
    assert!(!page.contains("CN=the-first-stranger"), "control: strangers displace strangers");
    assert!(page.contains("1 caller with a certificate of a Client CA was refused"), "strangers count as callers");
    // In the log neither: the line of the same reason is another one.
    let of_ours = |event: &serde_json::Value| event["of_client_ca"] == true;
    eventually("both to be told", async || {
        let told = door.server.events("client_refused");
        told.iter().any(of_ours) && !told.iter().all(of_ours)
    })
    .await;
    let told = door.server.events("client_refused");
    let expired = |of_client_ca: bool| {
        let of = |event: &&serde_json::Value| event["reason"] == "expired" && event["of_client_ca"] == of_client_ca;
        told.iter().filter(of).count()
    };
    assert_eq!(expired(true), 1, "{told:?}");
    assert!((1..=KEPT).contains(&expired(false)), "control: {told:?}");
}
