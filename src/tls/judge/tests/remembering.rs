//! What is remembered, and for how long.

use rcgen::{CertificateRevocationListParams, DnType, date_time_ymd};

use super::revoking::revocation;
use super::*;
use crate::pki::RevocationMode;
use crate::pki::minting::crl;

/// A judge by one list that ends with 2031 or later.
fn judge_by_list(anchor: &Minted, year: i32) -> Judge {
    let next_update = date_time_ymd(year, 1, 1);
    let list = anchor.crl(&CertificateRevocationListParams { next_update, ..crl(1, &[]) });
    revoking::judge(&[anchor], RevocationMode::IfCovered, &[list])
}

#[test]
fn no_remembered_verdict_survives_the_end_of_leaf_intermediate_anchor_or_list() {
    // Who ends at the beginning of 2031: the leaf, the issuing CA, the anchor, the anchor's list; at last none of them.
    for (leaf_end, issuing_end, root_end, list_end, expected) in [
        (2031, 2039, 2039, 2039, Some(Refusal::Expired)),
        (2039, 2031, 2039, 2039, Some(Refusal::Expired)),
        (2039, 2039, 2031, 2039, Some(Refusal::Expired)),
        (2039, 2039, 2039, 2031, Some(Refusal::RevocationListExpired)),
        (2039, 2039, 2039, 2039, None),
    ] {
        let root = Minted::self_signed(valid(ca("root"), 2020, root_end));
        let issuing = root.issue(valid(ca("issuing"), 2020, issuing_end));
        let leaf = issuing.issue(valid(client("leaf"), 2020, leaf_end));
        let judge = judge_by_list(&root, list_end);
        let presented = chain(&[&leaf, &issuing]);
        let first = judge.judge(&presented, now()).unwrap();
        assert!(Arc::ptr_eq(&first, &judge.judge(&presented, now()).unwrap()), "control: it is remembered");
        assert!(Arc::ptr_eq(&first, &judge.judge(&presented, first.deadline).unwrap()), "control: to its last second");
        let after = UnixTime::since_unix_epoch(Duration::from_secs(first.deadline.as_secs() + 1));
        if expected.is_some() {
            assert_eq!(judge.judge(&presented, after).err(), expected);
        }
        assert_eq!(judge.judge(&presented, at(2031)).err(), expected);
    }
}

#[test]
fn a_clock_that_steps_back_recalls_nothing_that_is_not_valid_yet() {
    for (leaf_begin, issuing_begin, root_begin) in [(2029, 2020, 2020), (2020, 2029, 2020), (2020, 2020, 2029)] {
        let root = Minted::self_signed(valid(ca("root"), root_begin, 2040));
        let issuing = root.issue(valid(ca("issuing"), issuing_begin, 2040));
        let leaf = issuing.issue(valid(client("leaf"), leaf_begin, 2040));
        let judge = judge(&[&root]);
        let presented = chain(&[&leaf, &issuing]);
        let verdict = judge.judge(&presented, now()).unwrap();
        assert_eq!(i64::try_from(verdict.not_before.as_secs()).unwrap(), date_time_ymd(2029, 1, 1).unix_timestamp());
        assert_eq!(judge.judge(&presented, at(2028)), Err(Refusal::NotYetValid));
        assert!(Arc::ptr_eq(&verdict, &judge.judge(&presented, at(2029)).unwrap()), "control");
    }
}

#[test]
fn a_list_moves_the_beginning_of_a_verdict_but_never_past_the_judgement() {
    let root = Minted::self_signed(ca("root"));
    let leaf = root.issue(client("leaf"));
    let judge = judge_by_list(&root, 2039);
    let made = u64::try_from(date_time_ymd(2030, 5, 1).unix_timestamp()).unwrap();
    assert_eq!(judge.judge(&chain(&[&leaf]), now()).unwrap().not_before.as_secs(), made);
    let before = judge.judge(&chain(&[&leaf]), at(2029)).unwrap();
    assert_eq!(before.not_before, at(2029), "the clock is behind the list");
}

#[test]
fn a_chain_that_differs_is_judged_anew() {
    let root = Minted::self_signed(ca("root"));
    let leaf = root.issue(valid(client("leaf"), 2020, 2031));
    let judge = judge(&[&root]);
    let first = judge.judge(&chain(&[&leaf]), now()).unwrap();
    let again = judge.judge_digested(&ChainDigest::of(&chain(&[&leaf])), &chain(&[&leaf]), now()).unwrap();
    assert!(Arc::ptr_eq(&first, &again), "control");
    let longer = judge.judge(&chain(&[&leaf, &root]), now()).unwrap();
    assert!(!Arc::ptr_eq(&first, &longer), "another chain is another verdict");

    let mut other = chain(&[&leaf]);
    let mut bytes = other[0].to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    other[0] = bytes.into();
    assert_ne!(ChainDigest::of(&other), ChainDigest::of(&chain(&[&leaf])));
    assert!(judge.judge(&other, now()).is_err(), "one byte of the signature differs");
}

#[test]
fn a_refusal_is_never_remembered() {
    let root = Minted::self_signed(ca("root"));
    let leaf = root.issue(valid(client("leaf"), 2031, 2035));
    let judge = judge(&[&root]);
    assert_eq!(judge.judge(&chain(&[&leaf]), now()), Err(Refusal::NotYetValid));
    assert!(judge.judge(&chain(&[&leaf]), at(2032)).is_ok());
    assert_eq!(judge.judge(&chain(&[&leaf]), now()), Err(Refusal::NotYetValid));
}

#[test]
fn a_new_judge_remembers_nothing_of_another() {
    let (root, other) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("other")));
    let leaf = root.issue(client("leaf"));
    let first = judge(&[&root]).judge(&chain(&[&leaf]), now()).unwrap();
    let second = judge(&[&root]).judge(&chain(&[&leaf]), now()).unwrap();
    assert!(!Arc::ptr_eq(&first, &second), "control: the same trust, judged again");
    assert_eq!(judge(&[&other]).judge(&chain(&[&leaf]), now()), Err(Refusal::UnknownIssuer));
    let list = root.crl(&crl(1, &[&leaf]));
    let revoking = revoking::judge(&[&root], RevocationMode::IfCovered, &[list]);
    assert_eq!(revoking.judge(&chain(&[&leaf]), now()), Err(Refusal::Revoked));
}

#[test]
fn where_verdicts_are_not_remembered_every_judgement_is_a_full_one() {
    let root = Minted::self_signed(ca("root"));
    let leaf = root.issue(client("leaf"));
    let judge = judge_with(&[&root], ClientRules { remember_verdicts: false, ..ClientRules::default() });
    let first = judge.judge(&chain(&[&leaf]), now()).unwrap();
    assert!(!Arc::ptr_eq(&first, &judge.judge(&chain(&[&leaf]), now()).unwrap()));
}

#[test]
fn without_lists_nothing_is_asked_of_them() {
    let root = Minted::self_signed(ca("root"));
    let off = revocation(&[&root], RevocationMode::Off, &[]);
    assert!(off.lists.lists().is_empty());
    let leaf = root.issue(client("leaf"));
    assert!(revoking::judge(&[&root], RevocationMode::Off, &[]).judge(&chain(&[&leaf]), now()).is_ok());
}

#[test]
fn a_chain_of_many_bytes_is_judged_each_time() {
    let root = Minted::self_signed(ca("root"));
    let leaf = root.issue(client("leaf"));
    let judge = judge(&[&root]);
    // Twice: the name is its issuer's too.
    for (bytes, is_remembered) in [(6 * 1024, true), (9 * 1024, false)] {
        let mut beside = ca("beside");
        beside.distinguished_name.push(DnType::OrganizationName, "x".repeat(bytes));
        let presented = chain(&[&leaf, &Minted::self_signed(beside)]);
        let first = judge.judge(&presented, now()).unwrap();
        assert_eq!(Arc::ptr_eq(&first, &judge.judge(&presented, now()).unwrap()), is_remembered, "{bytes}");
        assert_eq!(*first.chain, *presented);
    }
}
