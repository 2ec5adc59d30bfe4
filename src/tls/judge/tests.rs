use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};

use super::*;
use crate::pki::minting::{Minted, ca, client, now, valid};
use crate::pki::trust_anchors::AnchorRules;
use crate::tls::provider;

mod issued;
mod remembering;
mod revoking;

fn judge_with(anchors: &[&Minted], rules: ClientRules) -> Judge {
    let pem: String = anchors.iter().map(|anchor| anchor.pem.as_str()).collect();
    let anchors = TrustAnchors::from_pem(pem.as_bytes(), &AnchorRules::default(), now()).unwrap();
    Judge::new(anchors, Revocation::default(), rules, provider().signature_verification_algorithms)
}

fn judge(anchors: &[&Minted]) -> Judge {
    judge_with(anchors, ClientRules::default())
}

fn chain(certificates: &[&Minted]) -> Vec<CertificateDer<'static>> {
    certificates.iter().map(|minted| minted.der.clone()).collect()
}

fn at(year: i32) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(
        u64::try_from(rcgen::date_time_ymd(year, 6, 1).unix_timestamp()).unwrap(),
    ))
}

#[test]
fn the_deadline_is_the_earliest_end_on_the_path_the_anchor_s_included() {
    // Who ends first: the leaf, the issuing CA, the anchor.
    for (leaf_end, issuing_end, root_end, expected) in
        [(2031, 2035, 2039, 2031), (2039, 2032, 2039, 2032), (2039, 2035, 2033, 2033)]
    {
        let root = Minted::self_signed(valid(ca("root"), 2020, root_end));
        let issuing = root.issue(valid(ca("issuing"), 2020, issuing_end));
        let leaf = issuing.issue(valid(client("leaf"), 2020, leaf_end));
        let verdict = judge(&[&root]).judge(&chain(&[&leaf, &issuing]), now()).unwrap();
        let end = rcgen::date_time_ymd(expected, 1, 1).unix_timestamp();
        assert_eq!(i64::try_from(verdict.deadline.as_secs()).unwrap(), end);
        assert_eq!(verdict.identity.subject, "CN=leaf,O=Test");
    }
}

#[test]
fn certificates_beside_the_path_do_not_shorten_the_deadline() {
    let root = Minted::self_signed(ca("root"));
    let stranger = Minted::self_signed(valid(ca("stranger"), 2020, 2031));
    let leaf = root.issue(client("leaf"));
    let judge = judge(&[&root]);
    let alone = judge.judge(&chain(&[&leaf]), now()).unwrap();
    let accompanied = judge.judge(&chain(&[&leaf, &stranger]), now()).unwrap();
    assert_eq!(alone.deadline, accompanied.deadline);
}

#[test]
fn an_anchor_that_expires_while_running_admits_nobody_any_more() {
    let root = Minted::self_signed(valid(ca("root"), 2020, 2031));
    let leaf = root.issue(client("leaf"));
    let judge = judge(&[&root]);
    assert!(judge.judge(&chain(&[&leaf]), now()).is_ok(), "control: it is valid now");
    assert_eq!(judge.judge(&chain(&[&leaf]), at(2032)), Err(Refusal::Expired));
}

#[test]
fn an_anchor_begins_to_count_when_its_time_comes() {
    let (root, next) = (Minted::self_signed(ca("root")), Minted::self_signed(valid(ca("next"), 2031, 2040)));
    let leaf = next.issue(client("leaf"));
    let judge = judge(&[&root, &next]);
    assert_eq!(judge.judge(&chain(&[&leaf]), now()), Err(Refusal::NotYetValid));
    assert!(judge.judge(&chain(&[&leaf]), at(2031)).is_ok(), "the same judge, later");
}

#[test]
fn a_renewed_anchor_of_the_same_key_goes_on_admitting() {
    let key = rcgen::KeyPair::generate().unwrap();
    let again = rcgen::KeyPair::from_pem(&key.serialize_pem()).unwrap();
    let old = Minted::self_signed_with(valid(ca("root"), 2020, 2031), key);
    let renewed = Minted::self_signed_with(valid(ca("root"), 2025, 2039), again);
    let leaf = old.issue(client("leaf"));
    for bundle in [[&old, &renewed], [&renewed, &old]] {
        assert!(judge(&bundle).judge(&chain(&[&leaf]), at(2032)).is_ok());
    }
    assert_eq!(judge(&[&old]).judge(&chain(&[&leaf]), at(2032)), Err(Refusal::Expired), "control: the old one alone");
}

/// The same CA, certified twice under one key.
fn twins(first: CertificateParams, second: CertificateParams) -> (Minted, Minted) {
    let key = rcgen::KeyPair::generate().unwrap();
    let again = rcgen::KeyPair::from_pem(&key.serialize_pem()).unwrap();
    (Minted::self_signed_with(first, key), Minted::self_signed_with(second, again))
}

#[test]
fn a_renewed_anchor_does_not_lend_its_life_to_one_without_its_name_constraints() {
    let mut narrow = valid(ca("root"), 2020, 2039);
    narrow.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("thales.example".to_owned())],
        excluded_subtrees: Vec::new(),
    });
    let (wide, narrow) = twins(valid(ca("root"), 2020, 2031), narrow);
    let named = |host: &str| {
        let mut params = client("leaf");
        params.subject_alt_names = CertificateParams::new(vec![host.to_owned()]).unwrap().subject_alt_names;
        wide.issue(params)
    };
    let (inside, outside) = (named("tsh.thales.example"), named("customer.example"));
    for bundle in [[&wide, &narrow], [&narrow, &wide]] {
        let judge = judge(&bundle);
        assert!(judge.judge(&chain(&[&outside]), now()).is_ok(), "control: the wide one still lives");
        assert!(judge.judge(&chain(&[&outside]), at(2032)).is_err(), "the wide one has expired");
        assert!(judge.judge(&chain(&[&inside]), at(2032)).is_ok(), "control: the narrow one lives");
    }
}

#[test]
fn a_path_that_one_of_two_anchors_of_a_key_may_end_is_admitted_for_as_long_as_that_one_lives() {
    let mut short = valid(ca("root"), 2020, 2039);
    short.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let (any, short) = twins(valid(ca("root"), 2020, 2031), short);
    let issuing = any.issue(ca("issuing"));
    let leaf = issuing.issue(client("leaf"));
    for bundle in [[&any, &short], [&short, &any]] {
        let judge = judge(&bundle);
        let verdict = judge.judge(&chain(&[&leaf, &issuing]), now()).unwrap();
        assert_eq!(verdict.deadline, any.facts().not_after);
        assert!(judge.judge(&chain(&[&leaf, &issuing]), at(2032)).is_err());
    }
}

#[test]
fn more_than_eight_certificates_are_refused_before_any_path_is_built() {
    let root = Minted::self_signed(ca("root"));
    let leaf = root.issue(client("leaf"));
    let judge = judge(&[&root]);
    let padded = |length: usize| vec![leaf.der.clone(); length];
    assert!(judge.judge(&padded(MAX_PRESENTED), now()).is_ok(), "control: eight");
    assert_eq!(judge.judge(&padded(MAX_PRESENTED + 1), now()), Err(Refusal::ChainTooLong { max: MAX_PRESENTED }));
}

#[test]
fn issuers_have_to_be_allowed_to_sign_certificates() {
    let root = Minted::self_signed(ca("root"));
    let mut crl_signer = ca("crl signer");
    crl_signer.key_usages = vec![KeyUsagePurpose::CrlSign];
    let mut no_usage = ca("no key usage");
    no_usage.key_usages = Vec::new();
    for (params, expected) in [(crl_signer, Some(Refusal::IssuerNotCa)), (no_usage, None)] {
        let issuing = root.issue(params);
        let leaf = issuing.issue(client("leaf"));
        assert_eq!(judge(&[&root]).judge(&chain(&[&leaf, &issuing]), now()).err(), expected);
    }
}

#[test]
fn the_path_length_of_the_anchor_counts() {
    let constrained = |most| {
        let mut params = ca("root");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(most));
        Minted::self_signed(params)
    };
    for (most, expected) in [(0, Some(Refusal::PathTooLong)), (1, None)] {
        let root = constrained(most);
        let issuing = root.issue(ca("issuing"));
        let leaf = issuing.issue(client("leaf"));
        assert_eq!(judge(&[&root]).judge(&chain(&[&leaf, &issuing]), now()).err(), expected, "{most}");
        let direct = root.issue(client("direct"));
        assert!(judge(&[&root]).judge(&chain(&[&direct]), now()).is_ok());
    }
}

#[test]
fn a_leaf_has_to_be_one_for_tls_clients() {
    let root = Minted::self_signed(ca("root"));
    let with = |change: fn(&mut CertificateParams)| {
        let mut params = client("leaf");
        change(&mut params);
        root.issue(params)
    };
    let cases: [(Minted, Option<Refusal>, Option<Refusal>); 6] = [
        (with(|_| ()), None, None),
        (with(|leaf| leaf.extended_key_usages.clear()), None, Some(Refusal::WrongExtendedKeyUsage)),
        (with(|leaf| leaf.key_usages.clear()), None, None),
        (
            with(|leaf| leaf.key_usages = vec![KeyUsagePurpose::KeyEncipherment]),
            Some(Refusal::WrongKeyUsage),
            Some(Refusal::WrongKeyUsage),
        ),
        (
            with(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
            Some(Refusal::WrongExtendedKeyUsage),
            Some(Refusal::WrongExtendedKeyUsage),
        ),
        (
            with(|leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            Some(Refusal::CaAsLeaf),
            Some(Refusal::CaAsLeaf),
        ),
    ];
    let demanding = ClientRules { require_client_auth_eku: true, ..ClientRules::default() };
    for (number, (leaf, by_default, when_demanded)) in cases.iter().enumerate() {
        let chain = chain(&[leaf]);
        assert_eq!(judge(&[&root]).judge(&chain, now()).err(), *by_default, "case {number}");
        assert_eq!(judge_with(&[&root], demanding.clone()).judge(&chain, now()).err(), *when_demanded, "case {number}");
    }
}

#[test]
fn an_impostor_of_the_same_name_is_no_issuer() {
    let root = Minted::self_signed(ca("root"));
    let impostor = Minted::self_signed(ca("root"));
    let leaf = impostor.issue(client("leaf"));
    assert_eq!(judge(&[&root]).judge(&chain(&[&leaf, &impostor]), now()), Err(Refusal::BadSignature));
    assert!(judge(&[&impostor]).judge(&chain(&[&leaf]), now()).is_ok(), "control: it is a good leaf of its own CA");
}

#[test]
fn subject_patterns_narrow_the_door() {
    let root = Minted::self_signed(ca("root"));
    let (thales, customer) = (root.issue(client("tsh-1")), root.issue(client("customer-1")));
    let rules = |allow: &[&str], deny: &[&str]| ClientRules {
        subject: SubjectRules::new(allow, deny).unwrap(),
        ..ClientRules::default()
    };
    for rules in [rules(&["CN=tsh-*"], &[]), rules(&[], &["CN=customer-*"])] {
        let judge = judge_with(&[&root], rules);
        assert!(judge.judge(&chain(&[&thales]), now()).is_ok());
        assert_eq!(judge.judge(&chain(&[&customer]), now()), Err(Refusal::SubjectNotAdmitted));
    }
}

#[test]
fn nothing_presented_is_nobody() {
    assert_eq!(judge(&[&Minted::self_signed(ca("root"))]).judge(&[], now()), Err(Refusal::Malformed));
}
