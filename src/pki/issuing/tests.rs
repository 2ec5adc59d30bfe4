use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512,
    PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm,
};

use super::*;
use crate::pki::CertificateFacts;
use crate::pki::minting::{Minted, ca, client, now, valid};

fn authority(of: &Minted) -> IssuingAuthority {
    load(of, Issues::ClientCertificates).unwrap()
}

fn load(of: &Minted, issues: Issues) -> Result<IssuingAuthority, AuthorityError> {
    IssuingAuthority::from_pem(of.pem.as_bytes(), of.key_pem.as_bytes(), issues, now())
}

fn request_with(params: &CertificateParams, kind: &'static SignatureAlgorithm) -> String {
    params.serialize_request(&KeyPair::generate_for(kind).unwrap()).unwrap().pem().unwrap()
}

fn request(kind: &'static SignatureAlgorithm) -> CertificateRequest {
    CertificateRequest::from_bytes(request_with(&subject(), kind).as_bytes()).unwrap()
}

fn subject() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "thales");
    params
}

fn issue(authority: &IssuingAuthority, request: &CertificateRequest) -> Result<CertificateDer<'static>, IssuingError> {
    let serial = SerialNumber::random().unwrap();
    authority.issue_client(request, Validity::within(authority, 30, now()), &serial)
}

#[test]
fn each_kind_of_ca_signs_each_kind_of_client() {
    let kinds =
        [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512, &PKCS_ED25519, &PKCS_RSA_SHA256];
    let requests = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_RSA_SHA256].map(request);
    for kind in kinds {
        let root = Minted::self_signed_with(ca("root"), KeyPair::generate_for(kind).unwrap());
        let authority = authority(&root);
        for request in &requests {
            let facts = CertificateFacts::from_der(&issue(&authority, request).unwrap()).unwrap();
            assert_eq!(facts.issuer_der, root.facts().subject_der);
            assert_eq!((facts.subject_der.as_slice(), facts.is_ca), (request.subject_der(), false));
            assert_eq!(facts.public_key_der, request.public_key_der());
            assert!(facts.key_usage.unwrap().digital_signature && !facts.key_usage.unwrap().key_cert_sign);
            let purposes = facts.extended_key_usage.unwrap();
            assert!(purposes.client_auth && !purposes.server_auth && !purposes.any);
            assert_eq!(facts.version, 3);
        }
    }
}

#[test]
fn what_a_request_asks_for_is_named_and_not_taken_over() {
    let mut params = subject();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.subject_alt_names = CertificateParams::new(["bank.test".to_owned()]).unwrap().subject_alt_names;
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0])];
    let request = CertificateRequest::from_bytes(request_with(&params, &PKCS_ECDSA_P256_SHA256).as_bytes()).unwrap();
    assert_eq!(request.requested_extensions(), ["keyUsage", "subjectAltName", "basicConstraints", "1.2.3.4"]);
    let facts = CertificateFacts::from_der(&issue(&authority(&Minted::self_signed(ca("root"))), &request).unwrap());
    let facts = facts.unwrap();
    assert!(!facts.is_ca && !facts.key_usage.unwrap().key_cert_sign && facts.subject_alt_names.is_empty());
}

#[test]
fn the_name_of_the_ca_is_its_own_in_any_case_and_kind_of_string() {
    use rcgen::{DistinguishedName, DnValue};
    let authority = authority(&Minted::self_signed(ca("Stra\u{df}e  root")));
    let issued = |organization: DnValue, name: DnValue| {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organization);
        params.distinguished_name.push(DnType::CommonName, name);
        let request = request_with(&params, &PKCS_ECDSA_P256_SHA256);
        issue(&authority, &CertificateRequest::from_bytes(request.as_bytes()).unwrap())
    };
    let utf8 = |text: &str| DnValue::Utf8String(text.to_owned());
    for (organization, name) in [
        (utf8("TEST"), utf8("STRASSE ROOT")),
        (
            DnValue::PrintableString("Test".try_into().unwrap()),
            DnValue::BmpString("Stra\u{df}e root".try_into().unwrap()),
        ),
        (utf8(" test"), utf8("stra\u{df}e root ")),
    ] {
        assert!(matches!(issued(organization, name), Err(IssuingError::OwnRequest { .. })));
    }
    issued(utf8("Test"), utf8("Stra\u{df}eroot")).unwrap();
    issued(utf8("Stra\u{df}e root"), utf8("Test")).unwrap();
}

#[test]
fn a_request_that_is_far_too_long_is_told_as_such() {
    let of = |length: usize| {
        let mut params = subject();
        params.distinguished_name.push(DnType::OrganizationalUnitName, "x".repeat(length));
        CertificateRequest::from_bytes(request_with(&params, &PKCS_ECDSA_P256_SHA256).as_bytes())
    };
    let refused = of(70_000).unwrap_err();
    assert!(matches!(refused, RequestError::TooLong(70_000..)), "{refused}");
    assert!(matches!(of(16_384).unwrap_err(), RequestError::TooLong(_)));
    issue(&authority(&Minted::self_signed(ca("root"))), &of(15_000).unwrap()).unwrap();
}

#[test]
fn a_certificate_is_valid_no_longer_and_no_earlier_than_its_ca() {
    let root = authority(&Minted::self_signed(valid(ca("root"), 2030, 2031)));
    let short = Validity::within(&root, 30, now());
    assert_eq!(short.not_before.as_secs(), now().as_secs() - 300);
    assert_eq!(short.not_after.as_secs(), now().as_secs() + 30 * 86_400);
    assert_eq!(Validity::within(&root, u32::MAX, now()).not_after, root.facts().not_after);
    assert_eq!(Validity::within(&root, 30, root.facts().not_before).not_before, root.facts().not_before);
}

#[test]
fn who_may_not_sign_does_not_sign() {
    let refused = |params: CertificateParams, issues| load(&Minted::self_signed(params), issues).unwrap_err();
    let both = [Issues::ClientCertificates, Issues::RevocationLists];
    let usages = |usages: &[KeyUsagePurpose]| {
        let mut params = ca("root");
        params.key_usages = usages.to_vec();
        params
    };
    for issues in both {
        assert!(matches!(refused(client("leaf"), issues), AuthorityError::EndEntity(_)));
        let refusal = refused(usages(&[KeyUsagePurpose::CrlSign]), issues);
        assert!(matches!(refusal, AuthorityError::MayNotSignCertificates(_)));
        assert!(matches!(refused(valid(ca("root"), 2020, 2030), issues), AuthorityError::Expired { .. }));
        assert!(matches!(refused(valid(ca("root"), 2031, 2040), issues), AuthorityError::NotYetValid { .. }));
        load(&Minted::self_signed(usages(&[])), issues).unwrap();
        load(&Minted::self_signed(ca("root")), issues).unwrap();
    }
    let certificates_alone = Minted::self_signed(usages(&[KeyUsagePurpose::KeyCertSign]));
    assert!(matches!(load(&certificates_alone, both[1]).unwrap_err(), AuthorityError::MayNotSignLists(_)));
    load(&certificates_alone, both[0]).unwrap();
    let mut for_servers = ca("root");
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert!(matches!(refused(for_servers, both[0]), AuthorityError::NotForClients(_)));
}

#[test]
fn the_key_has_to_be_the_ca_s_and_is_never_printed() {
    let (root, other) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("other")));
    let load = |certificates: &str, key: &str| {
        IssuingAuthority::from_pem(certificates.as_bytes(), key.as_bytes(), Issues::ClientCertificates, now())
    };
    let refusal = load(&root.pem, &other.key_pem).unwrap_err();
    assert!(matches!(refusal, AuthorityError::KeyMismatch(_)) && refusal.is_about_key(), "{refusal}");
    let loaded = load(&(other.pem.clone() + &root.pem), &root.key_pem).unwrap();
    assert_eq!((loaded.facts().subject.as_str(), loaded.stands_alone()), ("CN=root,O=Test", false));
    assert!(matches!(load(&root.key_pem, &root.key_pem).unwrap_err(), AuthorityError::Certificates(_)));
    let secret = root.key_pem.lines().nth(1).unwrap();
    assert!(!format!("{loaded:?}").contains(secret));
}

#[test]
fn of_a_renewed_ca_the_certificate_that_lives_longest_signs() {
    let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let key_pem = key().serialize_pem();
    let with = |params| Minted::self_signed_with(params, KeyPair::from_pem(&key_pem).unwrap());
    let (old, new) = (with(valid(ca("root"), 2020, 2025)), with(valid(ca("root"), 2025, 2040)));
    for bundle in [old.pem.clone() + &new.pem, new.pem.clone() + &old.pem] {
        let loaded =
            IssuingAuthority::from_pem(bundle.as_bytes(), key_pem.as_bytes(), Issues::RevocationLists, now()).unwrap();
        assert_eq!(loaded.der(), &new.der);
    }
}

#[test]
fn an_intermediate_is_sent_along_and_a_root_is_not() {
    let root = Minted::self_signed(ca("root"));
    let policy = root.issue(ca("policy"));
    let issuing = policy.issue(ca("issuing"));
    let bundle = [&root, &issuing, &policy].map(|one| one.pem.as_str()).concat();
    let loaded = |key: &Minted| {
        let key = key.key_pem.as_bytes();
        IssuingAuthority::from_pem(bundle.as_bytes(), key, Issues::ClientCertificates, now()).unwrap()
    };
    assert_eq!(loaded(&issuing).intermediates(), [issuing.der.clone(), policy.der.clone()]);
    assert_eq!(loaded(&policy).intermediates(), std::slice::from_ref(&policy.der));
    assert!(loaded(&root).intermediates().is_empty());
}

#[test]
fn a_request_that_proves_nothing_or_is_weak_is_refused() {
    let refused = |file: &[u8]| CertificateRequest::from_bytes(file).unwrap_err();
    let text = request_with(&subject(), &PKCS_ECDSA_P256_SHA256);
    let der = crate::pki::pem::blocks(text.as_bytes()).unwrap()[0].der().to_vec();
    assert_eq!(CertificateRequest::from_bytes(&der), CertificateRequest::from_bytes(text.as_bytes()), "control");

    let name = der.windows(6).position(|bytes| bytes == b"thales").unwrap();
    let mut other_name = der.clone();
    other_name[name] = b'T';
    assert!(matches!(refused(&other_name), RequestError::NoPossession(_)));
    assert_eq!(refused(&der[..der.len() - 1]), RequestError::Malformed);
    assert_eq!(refused(&[&der[..], &[5, 0]].concat()), RequestError::Malformed);
    assert!(matches!(refused(text.repeat(2).as_bytes()), RequestError::Several(_)));
    assert!(matches!(refused(Minted::self_signed(ca("root")).pem.as_bytes()), RequestError::Pem(_)));
    for kind in [&PKCS_ED25519, &PKCS_ECDSA_P521_SHA512] {
        assert!(matches!(refused(request_with(&subject(), kind).as_bytes()), RequestError::KeyKind { .. }), "{kind:?}");
    }
    let mut nobody = CertificateParams::default();
    nobody.distinguished_name = rcgen::DistinguishedName::new();
    assert_eq!(refused(request_with(&nobody, &PKCS_ECDSA_P256_SHA256).as_bytes()), RequestError::NoSubject);
}

#[test]
fn a_request_of_the_ca_itself_is_refused() {
    let root = Minted::self_signed(ca("root"));
    let own_name = CertificateRequest::from_bytes(request_with(&ca("root"), &PKCS_ECDSA_P256_SHA256).as_bytes());
    let own_key = subject().serialize_request(&KeyPair::from_pem(&root.key_pem).unwrap()).unwrap().pem().unwrap();
    for request in [own_name, CertificateRequest::from_bytes(own_key.as_bytes())] {
        assert!(matches!(issue(&authority(&root), &request.unwrap()), Err(IssuingError::OwnRequest { .. })));
    }
}

#[test]
fn a_certificate_that_the_ca_s_constraints_rule_out_is_not_handed_over() {
    let mut params = ca("root");
    let mut elsewhere = rcgen::DistinguishedName::new();
    elsewhere.push(DnType::OrganizationName, "Elsewhere");
    let permitted_subtrees = vec![GeneralSubtree::DirectoryName(elsewhere)];
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    let refused = issue(&authority(&Minted::self_signed(params)), &request(&PKCS_ECDSA_P256_SHA256));
    assert!(matches!(refused, Err(IssuingError::NotAdmitted(_))), "{refused:?}");
    let mut no_further_ca = ca("root");
    no_further_ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    issue(&authority(&Minted::self_signed(no_further_ca)), &request(&PKCS_ECDSA_P256_SHA256)).unwrap();
}
