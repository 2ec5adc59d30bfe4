//! Callers of the client CA, told from strangers.

use super::*;

/// Whether the one who is refused is one of the client CA.
#[track_caller]
fn of_client_ca(judge: &Judge, presented: &[&Minted], reason: &str) -> bool {
    let chain = chain(presented);
    let refusal = judge.judge(&chain, now()).unwrap_err();
    assert_eq!(refusal.reason(), reason);
    let refused = judge.refused(refusal, &chain);
    assert_eq!(refused.refusal, refusal);
    refused.of_client_ca
}

fn late(name: &str) -> CertificateParams {
    valid(client(name), 2020, 2021)
}

#[test]
fn a_fault_of_a_certificate_of_the_client_ca_is_told_from_that_of_one_that_a_stranger_made() {
    let root = Minted::self_signed(ca("root"));
    let issuing = root.issue(ca("issuing"));
    let judge = judge(&[&root]);
    // The reason is the same; whose certificate it is makes the difference.
    assert!(of_client_ca(&judge, &[&root.issue(late("one"))], "expired"));
    assert!(of_client_ca(&judge, &[&issuing.issue(late("one")), &issuing], "expired"));
    let ended = root.issue(valid(ca("ended"), 2020, 2021));
    assert!(of_client_ca(&judge, &[&ended.issue(client("one")), &ended], "expired"));
    assert!(!of_client_ca(&judge, &[&Minted::self_signed(late("one"))], "expired"));
    assert!(!of_client_ca(&judge, &[&issuing.issue(late("one"))], "expired"), "the CA between them is missing");
    let impostor = Minted::self_signed(ca("root"));
    assert!(!of_client_ca(&judge, &[&impostor.issue(late("one"))], "expired"), "the name alone");
    assert!(!of_client_ca(&judge, &[&impostor.issue(late("one")), &root], "expired"), "with the real one beside it");
    assert!(!of_client_ca(&judge, &[&impostor.issue(client("one"))], "bad_signature"));
}

#[test]
fn a_caller_with_a_certificate_of_the_client_ca_vouches_for_nobody() {
    let root = Minted::self_signed(ca("root"));
    let caller = root.issue(client("caller"));
    assert!(!of_client_ca(&judge(&[&root]), &[&caller.issue(late("one")), &caller], "expired"));
    let authority = root.issue(ca("caller"));
    assert!(of_client_ca(&judge(&[&root]), &[&authority.issue(late("one")), &authority], "expired"), "control");
}

#[test]
fn no_more_signatures_are_verified_for_it_than_an_honest_chain_has() {
    // A CA that was renewed under its name, and CAs that another key has made in its name: each is held against both.
    let (root, renewed, impostor) =
        (Minted::self_signed(ca("root")), Minted::self_signed(ca("root")), Minted::self_signed(ca("root")));
    let judge = judge(&[&root, &renewed]);
    let issuing = renewed.issue(ca("issuing"));
    let leaf = issuing.issue(late("one"));
    let decoys: Vec<Minted> = (0..6).map(|_| impostor.issue(ca("decoy"))).collect();
    let among: Vec<&Minted> = std::iter::once(&leaf).chain(&decoys).chain([&issuing]).collect();
    assert!(!of_client_ca(&judge, &among, "expired"));
    assert!(of_client_ca(&judge, &[&leaf, &issuing], "expired"), "control");
}
