use rcgen::{IsCa, KeyPair};

use super::*;
use crate::pki::minting::{Minted, ca, now, server, valid};

fn assemble(certificates: &[&Minted]) -> Result<ServerChain, ChainError> {
    let pem: String = certificates.iter().map(|minted| minted.pem.as_str()).collect();
    ServerChain::from_files(&[ChainFile { label: "a.pem", bytes: pem.as_bytes() }], now())
}

fn subjects(chain: &ServerChain) -> Vec<&str> {
    chain.authorities().iter().map(|link| link.facts.subject.strip_suffix(",O=Test").unwrap()).collect()
}

struct Pki {
    root: Minted,
    policy: Minted,
    issuing: Minted,
    leaf: Minted,
}

fn pki() -> Pki {
    let root = Minted::self_signed(ca("root"));
    let policy = root.issue(ca("policy"));
    let issuing = policy.issue(ca("issuing"));
    let leaf = issuing.issue(server("leaf", &["issuer.test"]));
    Pki { root, policy, issuing, leaf }
}

#[test]
fn any_order_in_any_files_gives_the_same_chain() {
    let Pki { root, policy, issuing, leaf } = pki();
    let all = [&leaf, &issuing, &policy, &root];
    for turn in 0..4 {
        let mut turned = all;
        turned.rotate_left(turn);
        for order in [turned.to_vec(), turned.iter().rev().copied().collect()] {
            let chain = assemble(&order).unwrap();
            assert_eq!(subjects(&chain), ["CN=issuing", "CN=policy", "CN=root"]);
            assert_eq!(chain.leaf().unwrap().der, leaf.der);
            assert_eq!(chain.root().unwrap().der, root.der);
            assert_eq!((chain.missing_issuer(), chain.public_root(), chain.warnings()), (None, None, &[][..]));
        }
    }
    let files = all.map(|minted| ChainFile { label: "one.pem", bytes: minted.pem.as_bytes() });
    assert_eq!(subjects(&ServerChain::from_files(&files, now()).unwrap()), ["CN=issuing", "CN=policy", "CN=root"]);
    assert!(assemble(&[&policy, &root, &issuing]).unwrap().leaf().is_none(), "without a leaf");
}

#[test]
fn what_is_missing_is_named_and_a_hole_is_refused() {
    let Pki { root, policy, issuing, leaf } = pki();
    let without_root = assemble(&[&leaf, &policy, &issuing]).unwrap();
    assert_eq!(without_root.missing_issuer(), Some("CN=root,O=Test"));
    assert_eq!((subjects(&without_root), without_root.root().is_none()), (vec!["CN=issuing", "CN=policy"], true));

    let ChainError::LeafAlone { issuer, .. } = assemble(&[&leaf]).unwrap_err() else { panic!() };
    assert_eq!(issuer, "CN=issuing,O=Test");
    let ChainError::Gap { issuer, others, .. } = assemble(&[&leaf, &issuing, &root]).unwrap_err() else { panic!() };
    assert_eq!((issuer.as_str(), others[0].subject.as_str()), ("CN=policy,O=Test", "CN=root,O=Test"));
}

#[test]
fn duplicates_and_strangers_of_a_whole_chain_are_left_out_with_a_warning() {
    let Pki { root, policy, issuing, leaf } = pki();
    let stranger = Minted::self_signed(ca("stranger"));
    let chain = assemble(&[&leaf, &issuing, &leaf, &stranger, &policy, &root]).unwrap();
    assert_eq!(subjects(&chain), ["CN=issuing", "CN=policy", "CN=root"]);
    let [ChainWarning::Duplicate { place, first }, ChainWarning::Stranger { place: left_out }] = chain.warnings()
    else {
        panic!("{:?}", chain.warnings());
    };
    assert_eq!((place.number, first.number, left_out.subject.as_str()), (3, 1, "CN=stranger,O=Test"));
}

#[test]
fn two_servers_are_not_mixed() {
    let Pki { root, policy, issuing, leaf } = pki();
    let other = issuing.issue(server("other", &["other.test"]));
    let refusal = assemble(&[&leaf, &other, &issuing, &policy, &root]).unwrap_err();
    assert!(matches!(&refusal, ChainError::Several(places) if places.len() == 2), "{refusal}");
}

#[test]
fn a_self_signed_server_is_all_there_is_to_endorse() {
    let alone = Minted::self_signed(server("alone", &["issuer.test"]));
    let chain = assemble(&[&alone]).unwrap();
    assert!(chain.authorities().is_empty() && chain.leaf().is_some());
    assert!(matches!(chain.warnings(), [ChainWarning::SelfSigned { .. }]));
}

#[test]
fn of_a_cross_signed_ca_the_self_signed_certificate_is_taken() {
    let old = Minted::self_signed(ca("old root"));
    let key_pem = KeyPair::generate().unwrap().serialize_pem();
    let key = || KeyPair::from_pem(&key_pem).unwrap();
    let root = Minted::self_signed_with(ca("root"), key());
    let cross = rcgen::Certificate::pem(&ca("root").signed_by(&key(), &old.issuer).unwrap());
    let leaf = root.issue(server("leaf", &["issuer.test"]));
    let pem = [leaf.pem.as_str(), &cross, &old.pem, &root.pem].concat();
    let file =
        |pem: &str| ServerChain::from_files(&[ChainFile { label: "a.pem", bytes: pem.as_bytes() }], now()).unwrap();
    assert_eq!(subjects(&file(&pem)), ["CN=root"]);
    assert_eq!(subjects(&file(&[leaf.pem.as_str(), &cross, &old.pem].concat())), ["CN=root", "CN=old root"], "control");
}

#[test]
fn an_expired_ca_is_refused_and_an_expired_leaf_is_not() {
    let root = Minted::self_signed(ca("root"));
    let expired_ca = root.issue(valid(ca("expired"), 2020, 2025));
    let leaf = expired_ca.issue(server("leaf", &["issuer.test"]));
    assert!(matches!(assemble(&[&leaf, &expired_ca, &root]).unwrap_err(), ChainError::NotValid { .. }));
    let expired = root.issue(valid(server("leaf", &["issuer.test"]), 2020, 2025));
    let chain = assemble(&[&expired, &root]).unwrap();
    assert!(matches!(chain.warnings(), [ChainWarning::LeafNotValid { .. }]));
}

#[test]
fn who_bears_a_name_without_its_key_or_right_is_refused() {
    let (root, impostor) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("root")));
    let leaf = root.issue(server("leaf", &["issuer.test"]));
    assert!(matches!(assemble(&[&leaf, &impostor]).unwrap_err(), ChainError::OtherIssuerKey { .. }));
    let mut no_ca = ca("no ca");
    no_ca.is_ca = IsCa::NoCa;
    let no_ca = Minted::self_signed(no_ca);
    let leaf = no_ca.issue(server("leaf", &["issuer.test"]));
    assert!(matches!(assemble(&[&leaf, &no_ca]).unwrap_err(), ChainError::IssuerNotCa { .. }));
}

#[test]
fn a_ca_that_may_not_issue_what_is_below_it_is_refused_with_and_without_a_leaf() {
    let root = Minted::self_signed(ca("root"));
    for (most, refused) in [(0, true), (1, false)] {
        let mut policy = ca("policy");
        policy.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(most));
        let policy = root.issue(policy);
        let issuing = policy.issue(ca("issuing"));
        let leaf = issuing.issue(server("leaf", &["issuer.test"]));
        for certificates in [&[&leaf, &issuing, &policy, &root][..], &[&leaf, &issuing, &policy], &[&issuing, &policy]]
        {
            match assemble(certificates) {
                Err(ChainError::Path { place, .. }) => assert!(refused && place.subject == "CN=policy,O=Test"),
                other => assert!(!refused && other.is_ok(), "{other:?}"),
            }
        }
    }
}

#[test]
fn a_private_key_is_refused_and_never_quoted() {
    let Minted { pem, key_pem, .. } = Minted::self_signed(ca("root"));
    let secret = key_pem.lines().nth(1).unwrap();
    for text in [key_pem.clone(), pem + &key_pem] {
        let file = ChainFile { label: "a.pem", bytes: text.as_bytes() };
        let refusal = ServerChain::from_files(&[file], now()).unwrap_err().to_string();
        assert!(refusal.contains("private key") && !refusal.contains(secret), "{refusal}");
    }
}
