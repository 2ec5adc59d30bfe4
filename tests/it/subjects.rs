//! Allow and deny patterns on the subject of a client.

use rcgen::DnType;

use crate::support::{Door, Setup, Spec};

#[tokio::test]
async fn only_allowed_subjects_are_let_in() {
    let environment = r#"client_subject = { allow = ["CN=TLSMA-ECDSA/*, O=issuer-host tests"] }"#;
    let door = Door::with(Setup { environment, ..Setup::default() }).await;
    for _ in 0..2 {
        let allowed = door.pki.issuing.client("TLSMA-ECDSA/0001/TSH/TSP.PPR");
        door.stranger().presenting(&allowed).expect_accepted("an allowed subject, with any key").await;
    }
    let elsewhere = Spec::client("TLSMA-ECDSA/0001/TSH/TSP.PPR").with(|params| {
        params.distinguished_name.remove(DnType::OrganizationName);
        params.distinguished_name.push(DnType::OrganizationName, "Elsewhere");
    });
    for (who, spec) in [
        ("another common name", Spec::client("honest")),
        ("another organisation", elsewhere),
        ("a name that contains the pattern", Spec::client("CN=TLSMA-ECDSA/1")),
        ("a name that spells another attribute", Spec::client("x, CN=TLSMA-ECDSA/1, O=issuer-host tests")),
    ] {
        let caller = door.stranger().presenting(&door.pki.issuing.issue(spec));
        caller.clone().tls12().expect_refused(who).await;
        caller.tls13().expect_refused(who).await;
    }
}

#[tokio::test]
async fn denied_subjects_are_kept_out_even_when_allowed() {
    let environment = r#"client_subject = { allow = ["CN=TLSMA-*"], deny = ["CN=*TSP.PRD"] }"#;
    let door = Door::with(Setup { environment, ..Setup::default() }).await;
    let allowed = door.pki.issuing.client("TLSMA-ECDSA/0001/TSH/TSP.PPR");
    let denied = door.pki.issuing.client("TLSMA-ECDSA/0001/TSH/TSP.PRD");
    door.stranger().presenting(&allowed).expect_accepted("an allowed subject").await;
    door.stranger().presenting(&denied).expect_refused("a denied subject").await;
}

#[tokio::test]
async fn a_deny_pattern_alone_keeps_nobody_else_out() {
    let environment = r#"client_subject = { deny = ["CN=customer*"] }"#;
    let door = Door::with(Setup { environment, ..Setup::default() }).await;
    door.honest().expect_accepted("an honest client").await;
    let own = door.pki.issuing.client("customer 0001");
    door.stranger().presenting(&own).expect_refused("the customer's own certificate").await;
    let shouting = door.pki.issuing.client("CUSTOMER 0001");
    door.stranger().presenting(&shouting).expect_refused("the same in capitals").await;
}
