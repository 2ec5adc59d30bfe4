//! Allow and deny patterns on the subject of a client, and what a leaf in the client CA bundle earns.

use crate::support::{Door, Setup};

#[tokio::test]
async fn only_allowed_subjects_are_let_in() {
    let environment = r#"client_subject = { allow = ["*CN=TLSMA-ECDSA/*"] }"#;
    let door = Door::with(Setup { environment, ..Setup::default() }).await;
    let allowed = door.pki.issuing.client("TLSMA-ECDSA/0001/TSH/TSP.PPR");
    let rotated = door.pki.issuing.client("TLSMA-ECDSA/0001/TSH/TSP.PPR");
    door.stranger().presenting(&allowed).expect_accepted("an allowed subject").await;
    door.stranger().presenting(&rotated).expect_accepted("the same subject with another key").await;
    let caller = door.honest();
    caller.clone().tls12().expect_refused("a subject that is not allowed").await;
    caller.tls13().expect_refused("a subject that is not allowed").await;
}

#[tokio::test]
async fn denied_subjects_are_kept_out_even_when_allowed() {
    let environment = r#"client_subject = { allow = ["*CN=TLSMA-*"], deny = ["*TSP.PRD*"] }"#;
    let door = Door::with(Setup { environment, ..Setup::default() }).await;
    let allowed = door.pki.issuing.client("TLSMA-ECDSA/0001/TSH/TSP.PPR");
    let denied = door.pki.issuing.client("TLSMA-ECDSA/0001/TSH/TSP.PRD");
    door.stranger().presenting(&allowed).expect_accepted("an allowed subject").await;
    door.stranger().presenting(&denied).expect_refused("a denied subject").await;
}

#[tokio::test]
async fn a_deny_pattern_alone_keeps_nobody_else_out() {
    let environment = r#"client_subject = { deny = ["*CN=customer*"] }"#;
    let door = Door::with(Setup { environment, ..Setup::default() }).await;
    door.honest().expect_accepted("an honest client").await;
    let own = door.pki.issuing.client("customer 0001");
    door.stranger().presenting(&own).expect_refused("the customer's own certificate").await;
}
