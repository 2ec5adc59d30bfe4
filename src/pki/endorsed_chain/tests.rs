use rcgen::KeyPair;

use super::*;
use crate::pki::minting::{Minted, ca, now, server, valid};

fn endorsed(certificates: &[&Minted]) -> Result<EndorsedChain, EndorsedChainError> {
    let pem: String = certificates.iter().map(|minted| minted.pem.as_str()).collect();
    EndorsedChain::from_pem(pem.as_bytes(), now())
}

fn credential(chain: &[&Minted]) -> ServerCredential {
    let pem: String = chain.iter().map(|minted| minted.pem.as_str()).collect();
    ServerCredential::from_pem(pem.as_bytes(), chain[0].key_pem.as_bytes(), None, now()).unwrap()
}

fn endorses(file: &[&Minted], chain: &[&Minted]) -> bool {
    endorsed(file).unwrap().endorses(&credential(chain), now()).is_ok()
}

fn leaf(issuer: &Minted) -> Minted {
    issuer.issue(server("server", &["tsh.bank.example"]))
}

#[test]
fn with_roots_alone_every_path_to_one_of_them_counts() {
    let (root, other) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("other root")));
    let (first, second) = (root.issue(ca("issuing 1")), root.issue(ca("issuing 2")));
    let deep = first.issue(ca("deep"));
    for chain in [
        vec![&leaf(&root)],
        vec![&leaf(&first), &first],
        vec![&leaf(&second), &second],
        vec![&leaf(&deep), &deep, &first],
        vec![&leaf(&first), &first, &root],
    ] {
        assert!(endorses(&[&root], &chain));
        assert!(!endorses(&[&other], &chain));
        assert!(endorses(&[&other, &root], &chain));
    }
}

#[test]
fn with_an_issuing_ca_in_the_file_the_leaf_has_to_be_issued_by_a_ca_of_the_file() {
    let root = Minted::self_signed(ca("root"));
    let (endorsed, unknown) = (root.issue(ca("issuing 1")), root.issue(ca("issuing 2")));
    let below = endorsed.issue(ca("below"));
    for file in [vec![&endorsed], vec![&endorsed, &root], vec![&root, &endorsed]] {
        assert!(endorses(&file, &[&leaf(&endorsed), &endorsed]));
        assert!(!endorses(&file, &[&leaf(&unknown), &unknown]), "another CA under the same root");
        assert!(!endorses(&file, &[&leaf(&below), &below, &endorsed]), "a CA below the endorsed one");
    }
    assert!(endorses(&[&endorsed, &root], &[&leaf(&root)]), "the root itself is of the file");
    assert!(!endorses(&[&endorsed], &[&leaf(&root)]));
}

#[test]
fn a_ca_certified_anew_under_its_name_and_key_is_still_endorsed_and_a_namesake_is_not() {
    let root = Minted::self_signed(ca("root"));
    let key = KeyPair::generate().unwrap();
    let again = KeyPair::from_pem(&key.serialize_pem()).unwrap();
    let old = Minted::self_signed_with(valid(ca("issuing"), 2020, 2031), key);
    let renewed = Minted::self_signed_with(valid(ca("issuing"), 2029, 2039), again);
    let namesake = Minted::self_signed(ca("issuing"));
    assert!(endorses(&[&old], &[&leaf(&renewed), &renewed]));
    assert!(!endorses(&[&old], &[&leaf(&namesake), &namesake]));
    assert!(!endorses(&[&old, &root.issue(ca("x"))], &[&leaf(&namesake), &namesake]));
}

#[test]
fn a_credential_outside_of_it_is_told_in_the_words_that_thales_is_to_be_notified() {
    let (root, other) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("other root")));
    let problem = endorsed(&[&root]).unwrap().endorses(&credential(&[&leaf(&other)]), now()).unwrap_err();
    let text = problem.to_string();
    assert!(text.starts_with("the server certificate CN=server,O=Test, issued by CN=other root,O=Test,"), "{text}");
    assert!(text.contains("Thales endorsed (CN=root,O=Test): no path leads from it to one of these."), "{text}");
    assert!(text.ends_with("Thales pins your server chain: notify Thales before this change"), "{text}");
    assert!(
        problem
            .at_reload()
            .ends_with("Thales pins your server chain: notify Thales before this change; the old certificate stays")
    );
}

#[test]
fn a_leaf_beside_cas_is_left_out_and_leaves_alone_are_refused() {
    let root = Minted::self_signed(ca("root"));
    let old = leaf(&root);
    let chain = endorsed(&[&old, &root]).unwrap();
    assert_eq!(chain.authorities().len(), 1);
    assert_eq!(chain.authorities()[0].facts.sha256, root.facts().sha256);
    assert!(matches!(chain.warnings(), [EndorsedChainWarning::EndEntity { place }] if place.number == 1));
    let error = endorsed(&[&old]).unwrap_err();
    assert_eq!(error, EndorsedChainError::NoAuthority);
    assert!(error.to_string().contains("Thales pins a chain, not a leaf"));
    assert!(matches!(EndorsedChain::from_pem(b"", now()), Err(EndorsedChainError::Pem(_))));
}

#[test]
fn an_endorsed_ca_that_is_not_valid_now_and_a_repeated_one_are_mentioned() {
    let (root, old) = (Minted::self_signed(ca("root")), Minted::self_signed(valid(ca("old"), 2020, 2029)));
    let chain = endorsed(&[&root, &root, &old]).unwrap();
    assert_eq!(chain.authorities().len(), 2);
    assert!(matches!(
        chain.warnings(),
        [EndorsedChainWarning::Duplicate { first: 1, .. }, EndorsedChainWarning::NotValid { .. }]
    ));
}
