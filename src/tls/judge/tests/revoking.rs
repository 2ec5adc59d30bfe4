//! Judgement by revocation lists.

use rcgen::{
    CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, CrlScope, KeyUsagePurpose, date_time_ymd,
};

use super::{at, chain};
use crate::pki::minting::{Minted, ca, client, crl, now, scoped};
use crate::pki::revocation::CrlFile;
use crate::pki::trust_anchors::AnchorRules;
use crate::pki::{Revocation, RevocationLists, RevocationMode, TrustAnchors};
use crate::tls::judge::{ClientRules, Judge};
use crate::tls::{Refusal, provider};

use RevocationMode::{IfCovered, Off, Require};

fn anchors(of: &[&Minted]) -> TrustAnchors {
    let pem: String = of.iter().map(|anchor| anchor.pem.as_str()).collect();
    TrustAnchors::from_pem(pem.as_bytes(), &AnchorRules::default(), now()).unwrap()
}

pub(super) fn revocation(of: &[&Minted], mode: RevocationMode, lists: &[String]) -> Revocation {
    let files: Vec<_> = lists.iter().map(|pem| CrlFile { label: "crl", bytes: pem.as_bytes() }).collect();
    Revocation { mode, lists: RevocationLists::from_bytes(&files, anchors(of).anchors(), now()).unwrap() }
}

pub(super) fn judge(of: &[&Minted], mode: RevocationMode, lists: &[String]) -> Judge {
    let revocation = revocation(of, mode, lists);
    Judge::new(anchors(of), revocation, ClientRules::default(), provider().signature_verification_algorithms)
}

fn refusal(judge: &Judge, presented: &[&Minted]) -> Option<Refusal> {
    judge.judge(&chain(presented), now()).err()
}

/// A root, a CA below it, and a leaf of that.
fn family() -> (Minted, Minted, Minted) {
    let root = Minted::self_signed(ca("root"));
    let issuing = root.issue(ca("issuing"));
    let leaf = issuing.issue(client("leaf"));
    (root, issuing, leaf)
}

#[test]
fn a_revoked_leaf_is_refused_where_lists_are_consulted() {
    let root = Minted::self_signed(ca("root"));
    let (revoked, good) = (root.issue(client("revoked")), root.issue(client("good")));
    let lists = [root.crl(&crl(1, &[&revoked]))];
    for (mode, expected) in [(Off, None), (IfCovered, Some(Refusal::Revoked)), (Require, Some(Refusal::Revoked))] {
        let judge = judge(&[&root], mode, &lists);
        assert_eq!(refusal(&judge, &[&revoked]), expected, "{mode:?}");
        assert_eq!(refusal(&judge, &[&good]), None, "{mode:?}: control");
    }
}

#[test]
fn a_revoked_intermediate_takes_its_leaves_along() {
    let (root, issuing, leaf) = family();
    let other = root.issue(ca("other"));
    let other_leaf = other.issue(client("leaf"));
    let lists = [root.crl(&crl(1, &[&issuing])), issuing.crl(&crl(1, &[])), other.crl(&crl(1, &[]))];
    for (mode, expected) in [(Off, None), (IfCovered, Some(Refusal::Revoked)), (Require, Some(Refusal::Revoked))] {
        let judge = judge(&[&root], mode, &lists);
        assert_eq!(refusal(&judge, &[&leaf, &issuing]), expected, "{mode:?}");
        assert_eq!(refusal(&judge, &[&other_leaf, &other]), None, "{mode:?}: control");
    }
}

#[test]
fn a_leaf_that_its_intermediate_revoked_is_refused() {
    let (root, issuing, revoked) = family();
    let good = issuing.issue(client("good"));
    let judge = judge(&[&root], IfCovered, &[issuing.crl(&crl(1, &[&revoked]))]);
    assert_eq!(refusal(&judge, &[&revoked, &issuing]), Some(Refusal::Revoked));
    assert_eq!(refusal(&judge, &[&good, &issuing]), None, "control");
}

#[test]
fn an_issuer_without_list_is_a_matter_of_the_mode() {
    let (root, issuing, leaf) = family();
    let (of_root, of_issuing) = (root.crl(&crl(1, &[])), issuing.crl(&crl(1, &[])));
    let both = [of_root.clone(), of_issuing.clone()];
    for lists in [vec![], vec![of_root], vec![of_issuing]] {
        for (mode, expected) in [(Off, None), (IfCovered, None), (Require, Some(Refusal::RevocationUnknown))] {
            assert_eq!(refusal(&judge(&[&root], mode, &lists), &[&leaf, &issuing]), expected, "{mode:?}");
        }
    }
    assert_eq!(refusal(&judge(&[&root], Require, &both), &[&leaf, &issuing]), None, "control: both are covered");
}

#[test]
fn an_expired_list_refuses_those_whom_it_covers_and_no_others() {
    let (root, other) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("other")));
    let (covered, uncovered) = (root.issue(client("leaf")), other.issue(client("leaf")));
    let ending = |year| CertificateRevocationListParams { next_update: date_time_ymd(year, 1, 1), ..crl(1, &[]) };
    let lists = [root.crl(&ending(2031)), other.crl(&ending(2039))];
    for (mode, expected) in [
        (Off, None),
        (IfCovered, Some(Refusal::RevocationListExpired)),
        (Require, Some(Refusal::RevocationListExpired)),
    ] {
        let judge = judge(&[&root, &other], mode, &lists);
        assert_eq!(refusal(&judge, &[&covered]), None, "{mode:?}: control: it is current");
        assert_eq!(judge.judge(&chain(&[&covered]), at(2032)).err(), expected, "{mode:?}");
        assert_eq!(judge.judge(&chain(&[&uncovered]), at(2032)).err(), None, "{mode:?}");
    }
    let early = [root.crl(&CertificateRevocationListParams { next_update: date_time_ymd(2030, 5, 20), ..crl(1, &[]) })];
    assert_eq!(refusal(&judge(&[&root], IfCovered, &early), &[&covered]), Some(Refusal::RevocationListExpired));
}

#[test]
fn the_deadline_is_the_second_before_the_list_s_next_update() {
    let root = Minted::self_signed(ca("root"));
    let leaf = root.issue(client("leaf"));
    let end = u64::try_from(date_time_ymd(2030, 7, 1).unix_timestamp()).unwrap();
    let deadline = |mode, lists: &[String]| {
        judge(&[&root], mode, lists).judge(&chain(&[&leaf]), now()).unwrap().deadline.as_secs()
    };
    let list = [root.crl(&crl(1, &[]))];
    assert_eq!(deadline(IfCovered, &list), end - 1);
    assert_eq!(deadline(Off, &list), leaf.facts().not_after.as_secs(), "control");
    let about_cas = [root.crl(&scoped(crl(1, &[]), Some(CrlScope::CaCertsOnly)))];
    assert_eq!(deadline(IfCovered, &about_cas), leaf.facts().not_after.as_secs(), "it does not tell of leaves");
    let mut expired = scoped(crl(1, &[]), None);
    expired.next_update = date_time_ymd(2030, 5, 20);
    let beside = [root.crl(&expired), list[0].clone()];
    assert_eq!(deadline(IfCovered, &beside), end - 1, "no acceptance has a deadline that is past");
}

#[test]
fn the_list_of_an_impostor_of_an_intermediate_vouches_for_nobody() {
    let (root, issuing, leaf) = family();
    let impostor = Minted::self_signed(ca("issuing"));
    for mode in [IfCovered, Require] {
        let of_root = root.crl(&crl(1, &[]));
        let forged = judge(&[&root], mode, &[of_root.clone(), impostor.crl(&crl(1, &[]))]);
        assert_eq!(refusal(&forged, &[&leaf, &issuing]), Some(Refusal::RevocationUnknown), "{mode:?}");
        let genuine = judge(&[&root], mode, &[of_root, issuing.crl(&crl(1, &[]))]);
        assert_eq!(refusal(&genuine, &[&leaf, &issuing]), None, "{mode:?}: control");
    }
}

#[test]
fn an_intermediate_without_crl_sign_vouches_for_nobody() {
    let root = Minted::self_signed(ca("root"));
    // The same key and name, certified with and without the right.
    let key = rcgen::KeyPair::generate().unwrap();
    let again = rcgen::KeyPair::from_pem(&key.serialize_pem()).unwrap();
    let mut params = ca("issuing");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let without = params.signed_by(&key, &root.issuer).unwrap().der().clone();
    let with = ca("issuing").signed_by(&key, &root.issuer).unwrap().der().clone();
    let issuing = Minted::self_signed_with(ca("issuing"), again);
    let leaf = issuing.issue(client("leaf"));
    let judge = judge(&[&root], IfCovered, &[issuing.crl(&crl(1, &[]))]);
    assert_eq!(judge.judge(&[leaf.der.clone(), without], now()).err(), Some(Refusal::RevocationUnknown));
    assert_eq!(judge.judge(&[leaf.der.clone(), with], now()).err(), None, "control");
}

#[test]
fn a_list_about_one_kind_of_certificate_says_nothing_of_the_other() {
    let (root, issuing, leaf) = family();
    let direct = root.issue(client("direct"));
    let of_issuing = || issuing.crl(&crl(1, &[]));
    let of_root = |scope| vec![root.crl(&scoped(crl(1, &[]), scope)), of_issuing()];
    for (scope, direct_is, deep_is) in [
        (None, None, None),
        (Some(CrlScope::UserCertsOnly), None, Some(Refusal::RevocationUnknown)),
        (Some(CrlScope::CaCertsOnly), Some(Refusal::RevocationUnknown), None),
    ] {
        let judge = judge(&[&root], Require, &of_root(scope));
        assert_eq!(refusal(&judge, &[&direct]), direct_is, "{scope:?}");
        assert_eq!(refusal(&judge, &[&leaf, &issuing]), deep_is, "{scope:?}");
    }
    let both = [
        root.crl(&scoped(crl(1, &[]), Some(CrlScope::UserCertsOnly))),
        root.crl(&scoped(crl(2, &[&issuing]), Some(CrlScope::CaCertsOnly))),
        of_issuing(),
    ];
    let judge = judge(&[&root], Require, &both);
    assert_eq!(refusal(&judge, &[&direct]), None);
    assert_eq!(refusal(&judge, &[&leaf, &issuing]), Some(Refusal::Revoked));
}

#[test]
fn a_certificate_on_any_list_of_its_issuer_is_revoked_whichever_list_is_asked_first() {
    let root = Minted::self_signed(ca("root"));
    let (revoked, good) = (root.issue(client("revoked")), root.issue(client("good")));
    let complete = |until, of: &[&Minted]| {
        root.crl(&CertificateRevocationListParams { next_update: date_time_ymd(until, 1, 1), ..crl(1, of) })
    };
    let point = |of: &[&Minted]| root.crl(&scoped(crl(1, of), None));
    for lists in [[complete(2032, &[]), point(&[&revoked])], [complete(2032, &[&revoked]), point(&[])]] {
        let judge = judge(&[&root], IfCovered, &lists);
        assert_eq!(refusal(&judge, &[&revoked]), Some(Refusal::Revoked));
        assert_eq!(refusal(&judge, &[&good]), None, "control");
    }
}

#[test]
fn both_keys_of_a_renewed_ca_are_judged_by_their_own_lists() {
    let (old, new) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("root")));
    let lists = |of_old: &[&Minted], of_new: &[&Minted]| [old.crl(&crl(5, of_old)), new.crl(&crl(1, of_new))];
    let (of_old, of_new) = (old.issue(client("old")), new.issue(client("new")));
    for mode in [IfCovered, Require] {
        let judge = |lists: &[String]| judge(&[&old, &new], mode, lists);
        let free = judge(&lists(&[], &[]));
        assert_eq!((refusal(&free, &[&of_old]), refusal(&free, &[&of_new])), (None, None), "control");
        let revoking = judge(&lists(&[&of_old], &[]));
        assert_eq!((refusal(&revoking, &[&of_old]), refusal(&revoking, &[&of_new])), (Some(Refusal::Revoked), None));
        let revoking = judge(&lists(&[], &[&of_new]));
        assert_eq!((refusal(&revoking, &[&of_old]), refusal(&revoking, &[&of_new])), (None, Some(Refusal::Revoked)));
    }
    let third = Minted::self_signed(ca("root"));
    let of_third = third.issue(client("third"));
    for lists in [lists(&[], &[]).to_vec(), vec![old.crl(&crl(5, &[]))]] {
        let judge = judge(&[&old, &new, &third], IfCovered, &lists);
        assert!(refusal(&judge, &[&of_third]).is_some(), "its name has lists, its key none");
        assert_eq!(refusal(&judge, &[&of_old]), None, "control");
    }
    let stranger = Minted::self_signed(ca("stranger")).issue(client("leaf"));
    assert_eq!(refusal(&judge(&[&old, &new], Require, &lists(&[], &[])), &[&stranger]), Some(Refusal::UnknownIssuer));
}

/// A certificate whose list is said to be at `uri`.
fn listed_at(uri: &str, mut params: CertificateParams) -> CertificateParams {
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![uri.to_owned()] }];
    params
}

const ELSEWHERE: &str = "http://crl.test/elsewhere.crl";

#[test]
fn a_list_of_another_distribution_point_ends_those_whom_it_covers_all_the_same() {
    let ending =
        |year| CertificateRevocationListParams { next_update: date_time_ymd(year, 1, 1), ..scoped(crl(1, &[]), None) };
    // Who signs: the anchor, an intermediate CA, for a leaf or for a CA.
    let root = Minted::self_signed(ca("root"));
    let direct = root.issue(listed_at(ELSEWHERE, client("direct")));
    let issuing = root.issue(ca("issuing"));
    let deep = issuing.issue(listed_at(ELSEWHERE, client("deep")));
    let elsewhere = root.issue(listed_at(ELSEWHERE, ca("elsewhere")));
    let under = elsewhere.issue(client("under"));
    for (signer, presented) in
        [(&root, vec![&direct]), (&issuing, vec![&deep, &issuing]), (&root, vec![&under, &elsewhere])]
    {
        let presented = chain(&presented);
        let by_list = |year| judge(&[&root], IfCovered, &[signer.crl(&ending(year))]);
        let verdict = by_list(2031).judge(&presented, now()).expect("control: the list is current");
        assert_eq!(i64::try_from(verdict.deadline.as_secs() + 1).unwrap(), date_time_ymd(2031, 1, 1).unix_timestamp());
        assert_eq!(by_list(2031).judge(&presented, at(2032)).err(), Some(Refusal::RevocationListExpired));
        by_list(2039).judge(&presented, at(2032)).expect("control: it was the list's age");
    }
    let two = [root.crl(&ending(2031)), root.crl(&crl(1, &[]))];
    assert_eq!(refusal(&judge(&[&root], IfCovered, &two), &[&direct]), None, "control: one of two is enough");
    let about_cas = scoped(ending(2031), Some(CrlScope::CaCertsOnly));
    let about_cas = judge(&[&root], IfCovered, &[root.crl(&about_cas)]);
    assert_eq!(about_cas.judge(&chain(&[&direct]), at(2032)).err(), None, "it does not tell of leaves");
}

#[test]
fn a_list_of_another_distribution_point_has_to_be_signed_by_the_issuer() {
    let (root, issuing, _) = family();
    let leaf = issuing.issue(listed_at(ELSEWHERE, client("leaf")));
    let list = |of: &Minted| of.crl(&scoped(crl(1, &[]), None));
    let impostor = Minted::self_signed(ca("issuing"));
    let by = |lists: &[String]| refusal(&judge(&[&root], IfCovered, lists), &[&leaf, &issuing]);
    assert_eq!(by(&[list(&impostor)]), Some(Refusal::RevocationUnknown));
    assert_eq!(by(&[list(&issuing)]), None, "control");
    assert_eq!(by(&[list(&impostor), list(&issuing)]), None, "control: a stranger's list does no harm");

    let (old, new) = (Minted::self_signed(ca("twice")), Minted::self_signed(ca("twice")));
    let of_old = old.issue(listed_at(ELSEWHERE, client("leaf")));
    let by = |lists: &[String]| refusal(&judge(&[&old, &new], IfCovered, lists), &[&of_old]);
    assert_eq!(by(&[list(&new)]), Some(Refusal::RevocationUnknown), "the list of the other key alone");
    assert_eq!(by(&[list(&new), list(&old)]), None, "control");
}

#[test]
fn a_revoked_leaf_is_refused_before_any_signature_is_looked_at_where_the_list_is_proven() {
    let (root, issuing, deep) = family();
    let (revoked, good) = (root.issue(client("revoked")), root.issue(client("good")));
    let lists = [root.crl(&crl(1, &[&revoked])), issuing.crl(&crl(1, &[&deep]))];
    let judge = judge(&[&root], IfCovered, &lists);
    // A signature that does not verify tells whether it was looked at.
    let forged = |minted: &Minted, above: &[&Minted]| {
        let mut presented = chain(above);
        let mut der = minted.der.to_vec();
        *der.last_mut().unwrap() ^= 1;
        presented.insert(0, der.into());
        judge.judge(&presented, now()).err()
    };
    assert_eq!(forged(&revoked, &[]), Some(Refusal::Revoked));
    assert_eq!(forged(&good, &[]), Some(Refusal::BadSignature), "control");
    assert_eq!(forged(&deep, &[&issuing]), Some(Refusal::BadSignature), "no anchor signed this list");
    assert_eq!(refusal(&judge, &[&deep, &issuing]), Some(Refusal::Revoked), "control");
}
