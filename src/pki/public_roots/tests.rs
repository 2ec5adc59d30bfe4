use super::*;
use crate::pki::minting::{Minted, ca, isrg_root_x2, now, valid};
use crate::pki::trust_anchors::{AnchorRefusal, AnchorRules, AnchorWarning, TrustAnchors, TrustAnchorsError};

const PUBLIC: &str = "CN=public root,O=Test";

/// Which of the certificates are public where `root` is the only public root.
fn public(certificates: &[&Minted], root: &Minted) -> Vec<bool> {
    let facts: Vec<_> = certificates.iter().map(|minted| minted.facts()).collect();
    let pairs: Vec<_> = certificates.iter().zip(&facts).map(|(minted, facts)| (&*minted.der, facts)).collect();
    let found = roots_of(&pairs, &[webpki::anchor_from_trusted_cert(&root.der).unwrap()]);
    assert!(found.iter().flatten().all(|name| name == PUBLIC));
    found.iter().map(Option::is_some).collect()
}

#[test]
fn a_public_root_and_what_it_signed_are_public_and_a_private_ca_is_not() {
    let root = Minted::self_signed(ca("public root"));
    let issuing = root.issue(ca("public issuing"));
    let private = Minted::self_signed(ca("private root"));
    assert_eq!(public(&[&root, &issuing, &private], &root), [true, true, false]);
    assert_eq!(public(&[&issuing], &root), [true], "the root need not be in the bundle");
}

#[test]
fn a_ca_is_public_through_other_certificates_of_the_bundle_in_any_order() {
    let root = Minted::self_signed(ca("public root"));
    let (first, private) = (root.issue(ca("first")), Minted::self_signed(ca("private")));
    let second = first.issue(ca("second"));
    let third = second.issue(valid(ca("third"), 2020, 2021));
    let all = public(&[&third, &private, &second, &first], &root);
    assert_eq!(all, [true, false, true, true]);
    assert_eq!(public(&[&third, &first], &root), [false, true], "without the link in between nothing is proven");
}

#[test]
fn a_name_alone_makes_nothing_public() {
    let root = Minted::self_signed(ca("public root"));
    let namesake = Minted::self_signed(ca("public root"));
    let issued = namesake.issue(ca("issuing"));
    assert_eq!(public(&[&namesake, &issued], &root), [false, false]);
}

#[test]
fn a_cross_signed_copy_of_a_public_root_is_public() {
    let root = Minted::self_signed(ca("public root"));
    let private = Minted::self_signed(ca("private"));
    let copy = ca("public root").signed_by(root.issuer.key(), &private.issuer).unwrap();
    let facts = CertificateFacts::from_der(copy.der()).unwrap();
    let roots = [webpki::anchor_from_trusted_cert(&root.der).unwrap()];
    assert_eq!(roots_of(&[(copy.der(), &facts)], &roots), [Some(PUBLIC.to_owned())]);
}

#[test]
fn a_root_of_mozillas_list_is_refused_as_a_client_ca_unless_allowed() {
    let pem = isrg_root_x2().pem();
    let strict = TrustAnchors::from_pem(pem.as_bytes(), &AnchorRules::default(), now());
    let Err(TrustAnchorsError::Refused(problems)) = strict else { panic!("{strict:?}") };
    let root = "CN=ISRG Root X2,O=Internet Security Research Group,C=US".to_owned();
    assert_eq!(problems[0].reason, AnchorRefusal::Public { root: root.clone() });

    let stubborn = AnchorRules { allow_public_client_ca: true, ..AnchorRules::default() };
    let anchors = TrustAnchors::from_pem(pem.as_bytes(), &stubborn, now()).unwrap();
    assert!(matches!(anchors.warnings(), [AnchorWarning::Public { root: named, .. }] if *named == root));
}

#[test]
fn the_name_of_a_public_root_is_known_and_others_are_not() {
    let root = &webpki_roots::TLS_SERVER_ROOTS[0];
    let name = name(root);
    assert!(is_name_of_public_root(&name), "{name}");
    assert!(!is_name_of_public_root("CN=Thales Client CA,O=Thales") && !is_name_of_public_root(""));
}

#[test]
fn a_server_s_chain_leads_to_a_public_root_by_a_path_that_holds() {
    let root = Minted::self_signed(ca("public root"));
    let issuing = root.issue(ca("public issuing"));
    let mut params = valid(rcgen::CertificateParams::new(["issuer.bank.test".to_owned()]).unwrap(), 2020, 2040);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = issuing.issue(params);
    let roots = [webpki::anchor_from_trusted_cert(&root.der).unwrap()];
    let whole = [leaf.der.clone(), issuing.der.clone()];
    assert_eq!(root_of_chain(&whole, &roots, now()).as_deref(), Some(PUBLIC));
    assert_eq!(root_of_chain(&whole[..1], &roots, now()), None, "the certificate between is missing");
    let later = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now().as_secs() + 100 * 366 * 86_400));
    assert_eq!(root_of_chain(&whole, &roots, later), None, "it holds no more");
    // The name is right, the key is not.
    let other = Minted::self_signed(ca("public root"));
    assert_eq!(root_of_chain(&whole, &[webpki::anchor_from_trusted_cert(&other.der).unwrap()], now()), None);
}
