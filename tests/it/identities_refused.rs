//! Whom the server keeps out because of who they are or what their leaf is. Each test also lets an honest client in, over the
//! same server.

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use rustls::AlertDescription::{CertificateExpired, CertificateRequired, UnknownCA};
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::CertificateDer;

use crate::support::{Authority, Door, Identity, Refusal, Setup, Spec, pki};

#[tokio::test]
async fn a_caller_without_a_certificate_is_refused() {
    let door = Door::open().await;
    door.honest().expect_accepted("an honest client").await;
    let refusal = door.stranger().tls13().expect_refused("a stranger").await;
    assert_eq!(refusal, Refusal::Alert(CertificateRequired));
    door.stranger().tls12().expect_refused("a stranger").await;
    door.stranger().h2().expect_refused("a stranger").await;
    reaches_nobody(&door);
}

#[tokio::test]
async fn a_foreign_authority_is_refused() {
    let door = Door::open().await;
    let foreign = Authority::root("Foreign Root");
    let alert = refuse(&door, "a client of a foreign root", &foreign.client("honest")).await;
    assert_eq!(alert, Refusal::Alert(UnknownCA));
    refuse(&door, "the same behind an intermediate", &foreign.intermediate("Foreign Issuing CA").client("honest"))
        .await;
    refuse(&door, "a client of the server's own root", &door.pki.servers.client("honest")).await;
    refuse(&door, "the server itself", &door.pki.server).await;
    reaches_nobody(&door);
}

#[tokio::test]
async fn an_impostor_of_the_same_name_is_refused() {
    let door = Door::open().await;
    let impostor = door.pki.clients.impostor();
    refuse(&door, "a client of a root of the same name", &impostor.client("honest")).await;
    let below = impostor.intermediate("Client Issuing CA");
    refuse(&door, "a client of an intermediate of the same name", &below.client("honest")).await;
    let mixed = below.client("honest").leaf_only().followed_by([door.pki.issuing.certificate().clone()]);
    refuse(&door, "the same behind the true intermediate", &mixed).await;
    let crowned = impostor.client("honest").followed_by([door.pki.clients.certificate().clone()]);
    refuse(&door, "the same behind the true root", &crowned).await;
    reaches_nobody(&door);
}

#[tokio::test]
async fn a_leaf_for_another_purpose_is_refused() {
    let door = Door::open().await;
    let server_only = |spec: Spec| spec.with(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let code_signing = |spec: Spec| spec.with(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning]);
    let encryption = |spec: Spec| spec.with(|p| p.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    let signing_ca = |spec: Spec| spec.with(|p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    for (who, spec) in [
        ("EKU serverAuth", server_only(Spec::client("server only"))),
        ("EKU codeSigning", code_signing(Spec::client("code signing"))),
        ("KU keyEncipherment", encryption(Spec::client("encryption"))),
        ("KU keyCertSign", signing_ca(Spec::client("signing"))),
    ] {
        refuse(&door, who, &door.pki.issuing.issue(spec)).await;
    }
    let both = Spec::client("both purposes").with(|p| p.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth));
    accept(&door, "EKU clientAuth and serverAuth", &door.pki.issuing.issue(both)).await;
}

#[tokio::test]
async fn a_leaf_without_eku_is_refused_where_eku_is_demanded() {
    let door = Door::with(Setup { environment: "require_client_auth_eku = true", ..Setup::default() }).await;
    let spec = Spec::client("no extended key usage").with(|params| params.extended_key_usages.clear());
    refuse(&door, "a leaf without EKU", &door.pki.issuing.issue(spec)).await;
    let any = |params: &mut rcgen::CertificateParams| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    refuse(&door, "a leaf with anyExtendedKeyUsage", &door.pki.issuing.issue(Spec::client("any").with(any))).await;
}

#[tokio::test]
async fn an_authority_as_a_caller_is_refused() {
    let door = Door::open().await;
    refuse(&door, "the issuing authority itself", &door.pki.issuing.as_identity()).await;
    refuse(&door, "the anchor itself", &door.pki.clients.as_identity()).await;
    let disguised = Spec::client("a client that says CA:TRUE").with(|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    });
    refuse(&door, "a leaf with CA:TRUE", &door.pki.issuing.issue(disguised)).await;
    let honest = Spec::client("a client that says CA:FALSE").with(|params| params.is_ca = IsCa::ExplicitNoCa);
    accept(&door, "a leaf with CA:FALSE", &door.pki.issuing.issue(honest)).await;
}

#[tokio::test]
async fn a_self_signed_leaf_is_refused() {
    let door = Door::open().await;
    refuse(&door, "a self-signed leaf", &pki::self_signed(Spec::client("self"))).await;
    refuse(&door, "a self-signed leaf named as the anchor", &pki::self_signed(Spec::client("Client Root"))).await;
    let crowned = pki::self_signed(Spec::client("Client Root")).followed_by([door.pki.clients.certificate().clone()]);
    refuse(&door, "the same behind the anchor", &crowned).await;
}

#[tokio::test]
async fn a_leaf_outside_its_validity_is_refused() {
    let door = Door::open().await;
    let expired = door.pki.issuing.issue(Spec::client("late").expired());
    assert_eq!(refuse(&door, "an expired leaf", &expired).await, Refusal::Alert(CertificateExpired));
    refuse(&door, "a leaf of tomorrow", &door.pki.issuing.issue(Spec::client("early").not_yet_valid())).await;
    accept(&door, "a leaf of today", &door.pki.issuing.issue(Spec::client("in time").valid(0, 1))).await;
}

#[tokio::test]
async fn a_stolen_chain_is_worth_nothing_without_its_key() {
    let door = Door::open().await;
    let thief = Authority::root("Thief").client("thief");
    let key = aws_lc_rs::sign::any_supported_type(&thief.key).unwrap();
    let caller = door.stranger().signing_with(&door.pki.honest, key);
    caller.clone().tls12().expect_refused("a thief of a chain on TLS 1.2").await;
    caller.clone().tls13().expect_refused("a thief of a chain on TLS 1.3").await;
    // Control: the same way of presenting works with the right key, before and after the server has seen the thief.
    let key = aws_lc_rs::sign::any_supported_type(&door.pki.honest.key).unwrap();
    door.stranger().signing_with(&door.pki.honest, key).expect_accepted("the owner of the chain").await;
    // Now that the server has accepted this very chain, it could remember it: possession must still be proven.
    caller.clone().tls12().expect_refused("a thief of an accepted chain on TLS 1.2").await;
    caller.tls13().expect_refused("a thief of an accepted chain on TLS 1.3").await;
    assert_eq!(door.backend.all_arrivals(), 1);
}

#[tokio::test]
async fn malformed_certificates_are_refused() {
    let door = Door::open().await;
    let honest = &door.pki.honest;
    let whole = honest.leaf().to_vec();
    let truncated = whole[..whole.len() - 5].to_vec();
    let trailing = [whole.clone(), b"trailing".to_vec()].concat();
    let mut damaged = whole.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let mut oversized = whole.clone();
    oversized[2] = 0xff;
    for (who, leaf) in [
        ("a truncated leaf", truncated),
        ("a leaf with bytes after it", trailing),
        ("a leaf with a damaged signature", damaged),
        ("a leaf that claims to be longer", oversized),
        ("garbage as a leaf", b"garbage".to_vec()),
        ("an empty sequence as a leaf", vec![0x30, 0]),
        ("a deeply nested leaf", [0x30, 0x80].repeat(500)),
    ] {
        let mut chain = honest.chain.clone();
        chain[0] = CertificateDer::from(leaf);
        refuse(&door, who, &honest.behind(chain)).await;
    }
    let mut chain = honest.chain.clone();
    chain[1] = CertificateDer::from([chain[1].to_vec(), vec![0]].concat());
    refuse(&door, "an intermediate with a byte after it", &honest.behind(chain)).await;
    reaches_nobody(&door);
}

/// Asserts that the identity is kept out on both versions, and that an honest one is let in. Returns what TLS 1.3 said.
async fn refuse(door: &Door, who: &str, identity: &Identity) -> Refusal {
    let caller = door.stranger().presenting(identity);
    caller.clone().tls12().expect_refused(who).await;
    let refusal = caller.tls13().expect_refused(who).await;
    door.honest().expect_accepted("an honest client").await;
    refusal
}

async fn accept(door: &Door, who: &str, identity: &Identity) {
    door.stranger().presenting(identity).expect_accepted(who).await;
}

/// Asserts that nothing reached the backend but the honest client's calls.
fn reaches_nobody(door: &Door) {
    assert_eq!(door.backend.all_arrivals(), door.backend.arrivals("/accepted"));
}
