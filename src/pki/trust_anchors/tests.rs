use std::time::Duration;

use rcgen::{CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};

use super::*;
use crate::pki::facts::FactsError;
use crate::pki::minting::{Minted, ca, client, now, valid};
use crate::pki::pem::PemError;

const STRICT: AnchorRules = AnchorRules { allow_public_client_ca: false, allow_sample_certificates: false };

fn load(pem: &str) -> Result<TrustAnchors, TrustAnchorsError> {
    TrustAnchors::from_pem(pem.as_bytes(), &STRICT, now())
}

fn refusals(pem: &str) -> Vec<AnchorProblem> {
    match load(pem).expect_err("the bundle was accepted") {
        TrustAnchorsError::Refused(problems) => problems,
        other => panic!("{other}"),
    }
}

fn sole_refusal(pem: &str) -> AnchorRefusal {
    let mut problems = refusals(pem);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0).reason
}

fn at(params: CertificateParams) -> String {
    Minted::self_signed(params).pem
}

#[test]
fn a_bundle_of_cas_is_taken_and_each_anchor_has_its_facts() {
    let (root, other) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("other")));
    let anchors = load(&format!("text\n{}{}", root.pem, other.pem)).unwrap();
    assert_eq!(anchors.anchors().len(), 2);
    assert!(anchors.warnings().is_empty());
    let first = &anchors.anchors()[0];
    assert_eq!(first.facts.subject, "CN=root,O=Test");
    assert_eq!((first.place.number, first.place.line), (1, 2));
    assert_eq!(first.der(), &root.der);
    assert_eq!(first.webpki(), &webpki::anchor_from_trusted_cert(&root.der).unwrap().to_owned());
}

#[test]
fn an_issuing_ca_alone_is_an_anchor() {
    let issuing = Minted::self_signed(ca("root")).issue(ca("issuing"));
    assert_eq!(load(&issuing.pem).unwrap().anchors()[0].facts.subject, "CN=issuing,O=Test");
}

#[test]
fn a_leaf_is_refused_with_the_words_that_thales_forbids_pinning() {
    let leaf = Minted::self_signed(ca("root")).issue(client("leaf"));
    let problems = refusals(&leaf.pem);
    assert_eq!(
        problems[0].to_string(),
        "certificate 1 (line 1, CN=leaf,O=Test): this is an end-entity certificate; Thales forbids pinning (O6): \
         put the Thales Client CA here"
    );
}

#[test]
fn an_expired_leaf_is_refused_as_a_leaf_and_not_left_out() {
    let root = Minted::self_signed(ca("root"));
    let leaf = root.issue(valid(client("leaf"), 2020, 2021));
    assert_eq!(sole_refusal(&(root.pem + &leaf.pem)), AnchorRefusal::EndEntity);
}

#[test]
fn every_problem_of_a_bundle_is_reported_with_its_position() {
    let root = Minted::self_signed(ca("root"));
    let mut unfit = ca("unfit");
    unfit.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let problems = refusals(&format!("{}{}{}", root.issue(client("leaf")).pem, root.pem, at(unfit)));
    let found: Vec<_> = problems.iter().map(|problem| (problem.place.number, &problem.reason)).collect();
    assert_eq!(found, [(1, &AnchorRefusal::EndEntity), (3, &AnchorRefusal::MayNotSign)]);
    let text = TrustAnchorsError::Refused(problems).to_string();
    assert!(text.contains("certificate 1 (line 1, CN=leaf,O=Test)"), "{text}");
    assert!(text.contains("; certificate 3 (line "), "{text}");
}

#[test]
fn a_ca_without_key_usage_is_taken() {
    let mut params = ca("root");
    params.key_usages = Vec::new();
    load(&at(params)).unwrap();
}

#[test]
fn a_ca_whose_basic_constraints_say_no_is_an_end_entity() {
    let mut params = ca("root");
    params.is_ca = IsCa::ExplicitNoCa;
    assert_eq!(sole_refusal(&at(params)), AnchorRefusal::EndEntity);
}

#[test]
fn ed25519_and_rsa_2048_are_strong_enough_and_p256_is_the_control() {
    for key in [
        KeyPair::generate().unwrap(),
        KeyPair::generate_for(&PKCS_ED25519).unwrap(),
        KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap(),
    ] {
        load(&Minted::self_signed_with(ca("root"), key).pem).unwrap();
    }
}

#[test]
fn rsa_with_1024_bits_is_refused() {
    let pem = include_str!("../testdata/rsa-1024-ca.pem");
    assert_eq!(sole_refusal(pem), AnchorRefusal::Key(PublicKey::Rsa { bits: 1024 }));
}

#[test]
fn an_x509_v1_certificate_is_refused() {
    let pem = include_str!("../testdata/x509-v1.pem");
    assert_eq!(sole_refusal(pem), AnchorRefusal::OldVersion { version: 1 });
}

#[test]
fn a_curve_that_tls_does_not_know_is_refused() {
    let pem = include_str!("../testdata/secp256k1-ca.pem");
    assert!(matches!(sole_refusal(pem), AnchorRefusal::Key(PublicKey::Other { oid }) if oid == "1.3.132.0.10"));
}

#[test]
fn an_expired_anchor_is_left_out_beside_a_valid_one() {
    let bundle = at(valid(ca("old"), 2020, 2021)) + &at(ca("new"));
    let anchors = load(&bundle).unwrap();
    assert_eq!(anchors.anchors().len(), 1);
    assert_eq!(anchors.anchors()[0].facts.subject, "CN=new,O=Test");
    assert!(matches!(&anchors.warnings()[0], AnchorWarning::Expired { place, .. } if place.number == 1));
    let text = anchors.warnings()[0].to_string();
    assert!(text.contains("expired at 2021-01-01 00:00 UTC and is left out"), "{text}");
}

#[test]
fn an_anchor_of_the_future_stays_in_and_is_mentioned() {
    let anchors = load(&(at(valid(ca("next"), 2031, 2040)) + &at(ca("now")))).unwrap();
    assert_eq!(anchors.anchors().len(), 2);
    assert!(matches!(&anchors.warnings()[0], AnchorWarning::NotYetValid { place, .. } if place.number == 1));
    let text = anchors.warnings()[0].to_string();
    assert!(text.contains("admits nobody before 2031-01-01 00:00 UTC"), "{text}");
}

#[test]
fn an_anchor_of_the_future_has_to_be_fit_and_an_expired_one_need_not() {
    let unfit = |from, to| {
        let mut params = valid(ca("unfit"), from, to);
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
        at(params)
    };
    let current = at(ca("now"));
    assert_eq!(sole_refusal(&(unfit(2031, 2040) + &current)), AnchorRefusal::MayNotSign);
    load(&(unfit(2020, 2021) + &current)).unwrap();
}

#[test]
fn a_bundle_without_an_anchor_that_is_valid_now_is_refused() {
    let bundle = at(valid(ca("old"), 2020, 2021)) + &at(valid(ca("next"), 2031, 2040));
    let error = load(&bundle).unwrap_err();
    assert!(matches!(&error, TrustAnchorsError::NoneValid(warnings) if warnings.len() == 2), "{error}");
}

#[test]
fn validity_includes_its_first_and_last_second() {
    let root = Minted::self_signed(ca("root"));
    let (first, last) = (root.facts().not_before, root.facts().not_after);
    let at = |time| TrustAnchors::from_pem(root.pem.as_bytes(), &STRICT, time).is_ok();
    let shifted = |time: UnixTime, by: i64| {
        UnixTime::since_unix_epoch(Duration::from_secs(time.as_secs().checked_add_signed(by).unwrap()))
    };
    assert!(at(first) && at(last));
    assert!(!at(shifted(first, -1)) && !at(shifted(last, 1)));
}

#[test]
fn a_repeated_anchor_counts_once_and_is_mentioned() {
    let root = Minted::self_signed(ca("root"));
    let anchors = load(&(root.pem.clone() + &root.pem)).unwrap();
    assert_eq!(anchors.anchors().len(), 1);
    assert!(matches!(&anchors.warnings()[0], AnchorWarning::Duplicate { place, first: 1 } if place.number == 2));
}

#[test]
fn of_a_renewed_ca_the_certificate_that_lives_longer_comes_first() {
    let key = || KeyPair::from_pem(&Minted::self_signed(ca("x")).key_pem).unwrap();
    let old = Minted::self_signed_with(valid(ca("root"), 2020, 2032), key());
    let new = Minted::self_signed_with(valid(ca("root"), 2025, 2045), key());
    let anchors = load(&(old.pem + &new.pem)).unwrap();
    assert_eq!(anchors.anchors().iter().map(|anchor| anchor.place.number).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_sample_ca_is_known_by_its_exact_organisation_and_refused_unless_allowed() {
    let sample = |organisation: &str| {
        let mut params = ca("root");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organisation);
        at(params)
    };
    assert_eq!(sole_refusal(&sample(SAMPLE_ORGANIZATION)), AnchorRefusal::Sample);
    let allowed = AnchorRules { allow_sample_certificates: true, ..STRICT };
    let anchors = TrustAnchors::from_pem(sample(SAMPLE_ORGANIZATION).as_bytes(), &allowed, now()).unwrap();
    assert!(matches!(anchors.warnings(), [AnchorWarning::Sample { .. }]));
    load(&sample("SAMPLE Bank of the Free SAMPLE")).unwrap();
}

#[test]
fn a_malformed_extension_is_not_taken_for_an_absent_one() {
    let mut params = client("odd");
    params.is_ca = IsCa::NoCa;
    let content = vec![0x30, 0x03, 0x01, 0x02, 0xff];
    params.custom_extensions = vec![rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 19], content)];
    assert!(matches!(sole_refusal(&at(params)), AnchorRefusal::Unreadable(FactsError::Extension("basicConstraints"))));
}

#[test]
fn a_key_beside_the_certificates_is_refused() {
    let root = Minted::self_signed(ca("root"));
    assert!(matches!(load(&(root.pem + &root.key_pem)), Err(TrustAnchorsError::Pem(PemError::Misplaced { .. }))));
}
