//! Whom the server lets in: everybody whose chain ends at the client CA, whatever the leaf.

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256};

use crate::support::{Authority, Door, Identity, Pki, Setup, Spec};

#[tokio::test]
async fn a_leaf_is_accepted_under_the_anchor_and_under_an_intermediate_on_both_versions() {
    let door = Door::open().await;
    for (who, identity) in [
        ("a leaf directly under the anchor", door.pki.clients.client("direct")),
        ("a leaf under an intermediate", door.pki.issuing.client("indirect")),
        ("a leaf under two intermediates", door.pki.issuing.intermediate("Client Issuing CA 2").client("deep")),
    ] {
        let caller = door.stranger().presenting(&identity);
        caller.clone().tls12().expect_accepted(who).await;
        caller.tls13().expect_accepted(who).await;
    }
}

#[tokio::test]
async fn leaves_of_every_usual_key_are_accepted_on_both_versions() {
    let door = Door::open().await;
    for (who, algorithm) in [
        ("P-256", &PKCS_ECDSA_P256_SHA256),
        ("P-384", &PKCS_ECDSA_P384_SHA384),
        ("P-521", &PKCS_ECDSA_P521_SHA512),
        ("Ed25519", &PKCS_ED25519),
        ("RSA 2048", &PKCS_RSA_SHA256),
    ] {
        let identity = door.pki.issuing.issue(Spec::client(who).key(algorithm));
        let caller = door.stranger().presenting(&identity);
        caller.clone().tls12().expect_accepted(who).await;
        caller.tls13().expect_accepted(who).await;
    }
}

#[tokio::test]
async fn authorities_of_every_usual_key_are_accepted() {
    let pki = Pki::new();
    let rsa = Authority::root_of(Spec::authority("RSA Root").key(&PKCS_RSA_SHA256));
    let p384 = Authority::root_of(Spec::authority("P-384 Root").key(&PKCS_ECDSA_P384_SHA384));
    let edwards = Authority::root_of(Spec::authority("Ed25519 Root").key(&PKCS_ED25519));
    let bundle = [&rsa, &p384, &edwards].map(Authority::pem).concat();
    let door = Door::behind(pki, Setup { client_ca: Some(bundle), ..Setup::default() }).await;
    for (who, authority) in [("RSA", &rsa), ("P-384", &p384), ("Ed25519", &edwards)] {
        door.stranger().presenting(&authority.client("client")).expect_accepted(who).await;
        let below = authority.intermediate_of(Spec::authority("Below").key(&PKCS_RSA_SHA256));
        door.stranger().presenting(&below.client("client")).expect_accepted(who).await;
    }
    door.honest().expect_refused("a client of an authority that is not in the bundle").await;
}

#[tokio::test]
async fn a_rotated_leaf_is_accepted_without_a_restart() {
    let door = Door::open().await;
    let before = door.pki.issuing.client("TLSMA-ECDSA/0001/TSH/TSP.PPR");
    let after = door.pki.issuing.client("TLSMA-ECDSA/0001/TSH/TSP.PPR");
    assert_ne!(before.key, after.key);
    let mut seen = Vec::new();
    for identity in [&before, &after, &before] {
        door.stranger().presenting(identity).expect_accepted("a leaf in rotation").await;
        let received = door.backend.received("/accepted");
        seen.push(plain(received.headers["issuer-host-client-sha256"].to_str().unwrap()));
    }
    assert_eq!(seen, [fingerprint(&before), fingerprint(&after), fingerprint(&before)]);
}

#[tokio::test]
async fn an_intermediate_alone_may_be_the_anchor() {
    let pki = Pki::new();
    let bundle = pki.issuing.pem();
    let sibling = pki.clients.intermediate("Client Issuing CA of others").client("sibling");
    let elder = pki.clients.client("elder");
    let door = Door::behind(pki, Setup { client_ca: Some(bundle), ..Setup::default() }).await;
    door.honest().expect_accepted("a client that presents the anchor too").await;
    door.stranger()
        .presenting(&door.pki.honest.leaf_only())
        .expect_accepted("a client that presents its leaf alone")
        .await;
    door.stranger().presenting(&sibling).expect_refused("a client under a sibling of the anchor").await;
    door.stranger().presenting(&elder).expect_refused("a client under the root that is not configured").await;
}

#[tokio::test]
async fn a_leaf_may_leave_key_usage_and_extended_key_usage_out() {
    let door = Door::open().await;
    let no_purpose = Spec::client("no extended key usage").with(|params| params.extended_key_usages.clear());
    let no_usage = Spec::client("no key usage").with(|params| params.key_usages.clear());
    let without_both = Spec::client("neither").with(|params| {
        params.extended_key_usages.clear();
        params.key_usages.clear();
    });
    for (who, spec) in [("without EKU", no_purpose), ("without KU", no_usage), ("without both", without_both)] {
        door.stranger().presenting(&door.pki.issuing.issue(spec)).expect_accepted(who).await;
    }
}

#[tokio::test]
async fn an_expired_anchor_in_the_bundle_does_not_harm_its_siblings() {
    let pki = Pki::new();
    let expired = Authority::root_of(Spec::authority("Former Client Root").expired());
    let late = expired.client("late");
    let bundle = expired.pem() + &pki.clients.pem();
    let door = Door::behind(pki, Setup { client_ca: Some(bundle), ..Setup::default() }).await;
    door.honest().expect_accepted("a client of the valid anchor").await;
    door.stranger().presenting(&late).expect_refused("a client of the expired anchor").await;
}

#[tokio::test]
async fn a_root_that_is_presented_along_does_not_matter() {
    let door = Door::open().await;
    let with_root = door.pki.honest.followed_by([door.pki.clients.certificate().clone()]);
    door.stranger().presenting(&with_root).expect_accepted("a client that presents the root too").await;
}

#[tokio::test]
async fn both_roots_of_a_key_rollover_admit_their_clients() {
    let pki = Pki::new();
    let next = pki.clients.impostor();
    let after = next.client("after the rollover");
    let bundle = pki.clients.pem() + &next.pem();
    let door = Door::behind(pki, Setup { client_ca: Some(bundle), ..Setup::default() }).await;
    door.honest().expect_accepted("a client of the former key").await;
    door.stranger().presenting(&after).expect_accepted("a client of the next key").await;
    let third = door.pki.clients.impostor().client("third");
    door.stranger().presenting(&third).expect_refused("a client of a third key of the same name").await;
}

fn fingerprint(identity: &Identity) -> String {
    digest(&SHA256, identity.leaf()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// However it is spelt: colons and capitals aside.
fn plain(fingerprint: &str) -> String {
    fingerprint.replace(':', "").to_ascii_lowercase()
}
