use rcgen::{CertificateRevocationListParams, CrlScope, KeyUsagePurpose, date_time_ymd};

use crafted::{Crafted, extension, tlv};

use super::*;
use crate::pki::minting::{Minted, ca, client, crl, now, scoped, valid};
use crate::pki::{AnchorRules, TrustAnchors};

pub(super) mod crafted;

fn anchors(of: &[&Minted]) -> TrustAnchors {
    let pem: String = of.iter().map(|minted| minted.pem.as_str()).collect();
    TrustAnchors::from_pem(pem.as_bytes(), &AnchorRules::default(), now()).unwrap()
}

fn load(files: &[&[u8]], of: &[&Minted]) -> Result<RevocationLists, RevocationListsError> {
    let files: Vec<_> = files.iter().map(|bytes| CrlFile { label: "ca.crl", bytes }).collect();
    RevocationLists::from_bytes(&files, anchors(of).anchors(), now())
}

fn refusal(file: &[u8], root: &Minted) -> ListRefusal {
    let mut error = load(&[file], &[root]).expect_err("the list was accepted");
    assert_eq!(error.0.len(), 1, "{error}");
    error.0.remove(0).reason
}

fn der(pem: &str) -> Vec<u8> {
    blocks(pem.as_bytes()).unwrap()[0].der().to_vec()
}

#[test]
fn pem_with_several_lists_and_one_der_list_are_taken_with_their_facts() {
    let (root, other) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("other")));
    let leaf = root.issue(client("leaf"));
    let (first, second) = (root.crl(&crl(7, &[&leaf])), other.crl(&crl(1, &[])));
    for files in [vec![(first.clone() + &second).into_bytes()], vec![der(&first), der(&second)]] {
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let lists = load(&files, &[&root, &other]).unwrap();
        assert_eq!(lists.lists().len(), 2);
        assert!(lists.warnings().is_empty(), "{:?}", lists.warnings());
        let list = &lists.lists()[0];
        assert_eq!((list.issuer.as_str(), list.revoked, list.scope), ("CN=root,O=Test", 1, ListScope::All));
        assert_eq!(list.number.as_ref().unwrap().to_string(), "7");
        assert_eq!(list.issuer_der, root.facts().subject_der);
        assert_eq!(list.sha256, Fingerprint::of(&der(&first)));
        assert!(list.signer().is_some() && list.is_current_at(now()));
        assert!(!list.is_current_at(list.next_update), "nextUpdate is too late");
        assert!(list.this_update < now());
    }
}

#[test]
fn what_is_no_list_is_named_for_what_it_is() {
    let root = Minted::self_signed(ca("root"));
    assert_eq!(refusal(b" \n", &root), ListRefusal::NoList);
    assert_eq!(refusal(b"some text", &root), ListRefusal::NoList);
    assert_eq!(refusal(root.pem.as_bytes(), &root), ListRefusal::Certificate);
    assert_eq!(refusal(&root.der, &root), ListRefusal::Certificate);
    assert_eq!(refusal(root.key_pem.as_bytes(), &root), ListRefusal::Misplaced(Label::Pkcs8Key));
    let list = root.crl(&crl(1, &[]));
    assert!(matches!(refusal(&list.as_bytes()[..200], &root), ListRefusal::Pem(PemError::MissingEnd { .. })));
    let mut cut = der(&list);
    cut.pop();
    assert_eq!(refusal(&cut, &root), ListRefusal::Malformed);
    cut.extend([0, 0]);
    assert_eq!(refusal(&cut, &root), ListRefusal::Malformed, "something follows it");
    load(&[list.as_bytes()], &[&root]).unwrap();
}

#[test]
fn every_problem_of_all_files_is_reported_with_its_file_and_place() {
    let root = Minted::self_signed(ca("root"));
    let impostor = Minted::self_signed(ca("root")).crl(&crl(1, &[]));
    let error = load(&[b"", (root.crl(&crl(1, &[])) + &impostor).as_bytes()], &[&root]).unwrap_err();
    assert_eq!(error.0.iter().map(|problem| problem.place.number).collect::<Vec<_>>(), [1, 2]);
    assert!(error.0.iter().all(|problem| problem.place.file == "ca.crl"));
    let text = error.to_string();
    assert!(text.starts_with("there is no certificate revocation list in it"), "{text}");
    assert!(
        text.contains("; revocation list 2 (line ") && text.contains("CN=root,O=Test): it bears the name"),
        "{text}"
    );
}

#[test]
fn a_list_that_names_an_anchor_must_be_signed_by_it() {
    let (root, impostor) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("root")));
    let list = impostor.crl(&crl(1, &[]));
    assert_eq!(refusal(list.as_bytes(), &root), ListRefusal::OtherKey);
    load(&[list.as_bytes()], &[&impostor]).unwrap();
    load(&[list.as_bytes()], &[&root, &impostor]).unwrap();
}

#[test]
fn an_anchor_without_crl_sign_may_not_sign_lists_and_one_without_key_usage_may() {
    let with = |usages: Vec<KeyUsagePurpose>| {
        let mut params = ca("root");
        params.key_usages = usages;
        Minted::self_signed(params)
    };
    let root = with(vec![KeyUsagePurpose::KeyCertSign]);
    let list = Crafted::default().signed_by(&root);
    assert_eq!(refusal(&list, &root), ListRefusal::MayNotSign);
    let free = with(Vec::new());
    load(&[&Crafted::default().signed_by(&free)], &[&free]).unwrap();
}

#[test]
fn the_list_of_an_intermediate_is_kept_with_a_warning() {
    let root = Minted::self_signed(ca("root"));
    let issuing = root.issue(ca("issuing"));
    let lists = load(&[issuing.crl(&crl(1, &[])).as_bytes()], &[&root]).unwrap();
    assert_eq!(lists.lists()[0].signer(), None);
    assert!(matches!(lists.warnings(), [ListWarning::IssuerNotAnchor { .. }]), "{:?}", lists.warnings());
}

#[test]
fn of_several_lists_of_one_scope_the_newest_is_kept_and_of_other_scopes_each() {
    let root = Minted::self_signed(ca("root"));
    let later = CertificateRevocationListParams { this_update: date_time_ymd(2030, 5, 2), ..crl(1, &[]) };
    let by_number = [root.crl(&crl(10, &[])), root.crl(&crl(9, &[]))];
    let by_time = [root.crl(&later), root.crl(&crl(1, &[]))];
    for [new, old] in [by_number, by_time] {
        for order in [[&new, &old], [&old, &new]] {
            let lists = load(&order.map(String::as_bytes), &[&root]).unwrap();
            let [list] = lists.lists() else { panic!("{:?}", lists.lists()) };
            assert_eq!(list.sha256, Fingerprint::of(&der(&new)));
            assert!(matches!(lists.warnings(), [ListWarning::Superseded { .. }]), "{:?}", lists.warnings());
        }
    }
    let scopes = [
        root.crl(&crl(1, &[])),
        root.crl(&scoped(crl(2, &[]), Some(CrlScope::UserCertsOnly))),
        root.crl(&scoped(crl(3, &[]), Some(CrlScope::CaCertsOnly))),
    ];
    let lists = load(&[scopes.concat().as_bytes()], &[&root]).unwrap();
    let found: Vec<ListScope> = lists.lists().iter().map(|list| list.scope).collect();
    assert_eq!(found, [ListScope::All, ListScope::EndEntities, ListScope::Authorities]);
}

#[test]
fn each_key_of_a_renewed_ca_has_its_list() {
    let (old, new) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("root")));
    let both = old.crl(&crl(8, &[])) + &new.crl(&crl(1, &[]));
    assert_eq!(load(&[both.as_bytes()], &[&old, &new]).unwrap().lists().len(), 2);
    let root = Minted::self_signed(ca("root"));
    let (old, new) = (root.issue(ca("issuing")), root.issue(ca("issuing")));
    let both = old.crl(&crl(8, &[])) + &new.crl(&crl(1, &[]));
    assert_eq!(load(&[both.as_bytes()], &[&root]).unwrap().lists().len(), 2, "told apart by their key identifiers");
}

#[test]
fn a_renewed_ca_with_the_list_of_one_key_alone_is_mentioned() {
    let (old, new) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("root")));
    let list = new.crl(&crl(1, &[]));
    let lists = load(&[list.as_bytes()], &[&old, &new]).unwrap();
    assert!(matches!(lists.warnings(), [ListWarning::OtherKeyWithoutList { .. }]), "{:?}", lists.warnings());
    let both = list + &old.crl(&crl(1, &[]));
    assert!(load(&[both.as_bytes()], &[&old, &new]).unwrap().warnings().is_empty(), "control");
}

#[test]
fn no_change_of_a_byte_leaves_a_list_its_signer() {
    let root = Minted::self_signed(ca("root"));
    let list = der(&root.crl(&crl(1, &[&root.issue(client("leaf"))])));
    let signed = |list: &[u8]| {
        load(&[list], &[&root]).is_ok_and(|lists| lists.lists().iter().any(|list| list.signer().is_some()))
    };
    assert!(signed(&list), "control");
    for position in 0..list.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = list.clone();
            changed[position] ^= change;
            assert!(!signed(&changed), "byte {position}");
        }
    }
}

#[test]
fn the_same_list_twice_counts_once() {
    let root = Minted::self_signed(ca("root"));
    let list = root.crl(&crl(1, &[]));
    let lists = load(&[list.as_bytes(), &der(&list)], &[&root]).unwrap();
    assert_eq!(lists.lists().len(), 1);
    assert!(matches!(lists.warnings(), [ListWarning::Duplicate { .. }]), "{:?}", lists.warnings());
}

#[test]
fn a_list_that_has_expired_or_soon_will_is_kept_with_a_warning() {
    let root = Minted::self_signed(ca("root"));
    let noon = date_time_ymd(2030, 6, 1) + time::Duration::hours(12);
    let warnings = |from: time::OffsetDateTime, until: time::OffsetDateTime| {
        let params = CertificateRevocationListParams { this_update: from, next_update: until, ..crl(1, &[]) };
        let lists = load(&[root.crl(&params).as_bytes()], &[&root]).unwrap();
        assert_eq!(lists.lists().len(), 1);
        lists.warnings().to_vec()
    };
    let hours = time::Duration::hours;
    assert!(matches!(warnings(noon - hours(9), noon)[..], [ListWarning::Expired { .. }]));
    assert!(matches!(warnings(noon - hours(700), noon + hours(23))[..], [ListWarning::ExpiresSoon { .. }]));
    assert!(warnings(noon - hours(700), noon + hours(25)).is_empty());
    assert!(matches!(warnings(noon - hours(8), noon + hours(2))[..], [ListWarning::ExpiresSoon { .. }]));
    assert!(warnings(noon - hours(6), noon + hours(3)).is_empty(), "a third of its life is left");
}

#[test]
fn a_list_of_the_future_is_refused_and_a_clock_a_little_ahead_forgiven() {
    let root = Minted::self_signed(ca("root"));
    let noon = date_time_ymd(2030, 6, 1) + time::Duration::hours(12);
    let made = |ahead| {
        let this_update = noon + time::Duration::minutes(ahead);
        root.crl(&CertificateRevocationListParams { this_update, ..crl(1, &[]) })
    };
    assert!(matches!(refusal(made(6).as_bytes(), &root), ListRefusal::FromTheFuture { .. }));
    load(&[made(5).as_bytes()], &[&root]).unwrap();
}

#[test]
fn kinds_of_lists_that_would_mislead_are_refused_each_by_its_name() {
    let root = Minted::self_signed(ca("root"));
    load(&[&Crafted::default().signed_by(&root)], &[&root]).unwrap();
    let number = || extension(20, false, &[2, 1, 1]);
    let point = |flags: &[u8]| {
        let uri = tlv(0xa0, &tlv(0xa0, &tlv(0x86, b"http://crl.test/ca.crl")));
        [number(), extension(28, true, &tlv(0x30, &[&uri, flags].concat()))].concat()
    };
    let with = |extensions: Vec<u8>| Crafted { extensions, ..Crafted::default() };
    load(&[&with(point(&[])).signed_by(&root)], &[&root]).unwrap();
    let nameless = [number(), extension(28, true, &tlv(0x30, &[0x81, 1, 0xff]))].concat();
    let issuer_entry = extension(29, true, &tlv(0x30, &tlv(0xa4, &root.facts().subject_der)));
    for (crafted, expected) in [
        (Crafted { next_update: false, ..Crafted::default() }, ListRefusal::NoNextUpdate),
        (Crafted { version: false, extensions: Vec::new(), ..Crafted::default() }, ListRefusal::OldVersion),
        (Crafted { sha1: true, ..Crafted::default() }, ListRefusal::WeakSignature),
        (Crafted { entry_extensions: issuer_entry, ..Crafted::default() }, ListRefusal::Indirect),
        (with([number(), extension(27, true, &[2, 1, 1])].concat()), ListRefusal::Delta),
        (with(point(&[0x84, 1, 0xff])), ListRefusal::Indirect),
        (with(point(&[0x83, 2, 6, 0x40])), ListRefusal::ByReason),
        (with(nameless), ListRefusal::DistributionPoint),
    ] {
        assert_eq!(refusal(&crafted.signed_by(&root), &root), expected);
    }
}

#[test]
fn an_older_list_does_not_follow_a_newer_one() {
    let (root, other) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("other")));
    let revocation = |lists: &[String]| {
        let lists = load(&[lists.concat().as_bytes()], &[&root, &other]).unwrap();
        Revocation { mode: RevocationMode::IfCovered, lists }
    };
    let installed = revocation(&[root.crl(&crl(10, &[]))]);
    let error = revocation(&[root.crl(&crl(9, &[]))]).may_follow(&installed).unwrap_err();
    assert_eq!(error.0.len(), 1);
    assert!(error.to_string().contains("is number 9 of 2030-05-01 00:00 UTC, and older than number 10 of"), "{error}");
    let earlier = CertificateRevocationListParams { this_update: date_time_ymd(2030, 4, 30), ..crl(10, &[]) };
    revocation(&[root.crl(&earlier)]).may_follow(&installed).unwrap_err();
    for following in [
        vec![root.crl(&crl(10, &[]))],
        vec![root.crl(&crl(11, &[]))],
        vec![other.crl(&crl(1, &[]))],
        vec![root.crl(&scoped(crl(1, &[]), None))],
    ] {
        revocation(&following).may_follow(&installed).unwrap();
    }
}

#[test]
fn an_anchor_that_is_left_out_has_no_say() {
    let (root, old) = (Minted::self_signed(ca("root")), Minted::self_signed(valid(ca("old"), 2020, 2029)));
    let lists = load(&[old.crl(&crl(1, &[])).as_bytes()], &[&root, &old]).unwrap();
    assert!(matches!(lists.warnings(), [ListWarning::IssuerNotAnchor { .. }]));
}

/// Whether the list of the first bundle has a successor in that of the second, and is not rolled back.
fn follows(before: (&[&Minted], &[&String]), after: (&[&Minted], &[&String])) -> bool {
    let epoch = |(of, lists): (&[&Minted], &[&String])| {
        let files: Vec<&[u8]> = lists.iter().map(|list| list.as_bytes()).collect();
        (anchors(of), Revocation { mode: RevocationMode::IfCovered, lists: load(&files, of).unwrap() })
    };
    let ((old_anchors, old), (new_anchors, new)) = (epoch(before), epoch(after));
    let lost = new.lost(&old, old_anchors.anchors(), new_anchors.anchors()).count();
    new.may_follow(&old).is_ok() && lost == 0
}

fn made(day: u8, params: CertificateRevocationListParams) -> CertificateRevocationListParams {
    CertificateRevocationListParams { this_update: date_time_ymd(2030, 5, day), ..params }
}

fn at_point(uri: &str, params: CertificateRevocationListParams) -> CertificateRevocationListParams {
    let mut params = scoped(params, None);
    params.issuing_distribution_point.as_mut().unwrap().distribution_point.uris = vec![uri.to_owned()];
    params
}

#[test]
fn an_intermediate_that_becomes_an_anchor_keeps_its_series() {
    let root = Minted::self_signed(ca("root"));
    let issuing = root.issue(ca("issuing"));
    let list = |number| issuing.crl(&crl(number, &[]));
    let (deep, flat): ([&Minted; 1], [&Minted; 2]) = ([&root], [&root, &issuing]);
    for (before, after) in [(&deep[..], &flat[..]), (&flat, &deep), (&deep, &deep), (&flat, &flat)] {
        assert!(follows((before, &[&list(5)]), (after, &[&list(5)])), "the same list");
        assert!(follows((before, &[&list(5)]), (after, &[&list(6)])), "the next one");
        assert!(!follows((before, &[&list(5)]), (after, &[&list(4)])), "an older one");
        assert!(!follows((before, &[&list(5)]), (after, &[&root.crl(&crl(9, &[]))])), "none");
    }
    assert!(!follows((&flat, &[&list(5)]), (&deep, &[])), "its clients still pass through the root");
}

#[test]
fn a_root_goes_with_its_list_and_a_list_does_not_go_alone() {
    let (root, other) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("other")));
    let (of_root, of_other) = (root.crl(&crl(5, &[])), other.crl(&crl(5, &[])));
    let before: (&[&Minted], &[&String]) = (&[&root, &other], &[&of_root, &of_other]);
    assert!(follows(before, (&[&other], &[&of_other])));
    assert!(!follows(before, (&[&root, &other], &[&of_other])), "control: the root is still there");
}

#[test]
fn a_new_series_of_the_same_issuer_follows_when_it_is_not_older() {
    let root = Minted::self_signed(ca("root"));
    let (old, new) = (root.issue(ca("issuing")), root.issue(ca("issuing")));
    let before = old.crl(&at_point("http://crl.test/old", made(10, crl(50, &[]))));
    let follows = |list: String| follows((&[&root], &[&before]), (&[&root], &[&list]));
    for day in [10, 11] {
        assert!(follows(old.crl(&at_point("http://crl.test/new", made(day, crl(1, &[]))))), "another address");
        assert!(follows(old.crl(&made(day, crl(1, &[])))), "no address any more");
        assert!(follows(new.crl(&at_point("http://crl.test/old", made(day, crl(1, &[]))))), "another key");
    }
    assert!(!follows(old.crl(&at_point("http://crl.test/new", made(9, crl(99, &[]))))));
    assert!(!follows(new.crl(&at_point("http://crl.test/old", made(9, crl(99, &[]))))));
}

#[test]
fn a_list_takes_the_place_of_none_that_stood_beside_it() {
    let root = Minted::self_signed(ca("root"));
    let shard = |name: &str| root.crl(&at_point(name, crl(5, &[])));
    let (one, two, both) = (shard("http://crl.test/1"), shard("http://crl.test/2"), root.crl(&crl(1, &[])));
    let of: &[&Minted] = &[&root];
    assert!(!follows((of, &[&one, &two]), (of, &[&one])));
    assert!(follows((of, &[&one, &two]), (of, &[&two, &one])), "control");
    assert!(follows((of, &[&one, &two]), (of, &[&both])), "one for both");
}

#[test]
fn a_list_of_one_kind_of_certificate_is_no_successor_for_the_other() {
    let root = Minted::self_signed(ca("root"));
    let of_kind = |scope| root.crl(&scoped(crl(6, &[]), scope));
    let (all, leaves, authorities) =
        (root.crl(&crl(5, &[])), of_kind(Some(CrlScope::UserCertsOnly)), of_kind(Some(CrlScope::CaCertsOnly)));
    let of: &[&Minted] = &[&root];
    assert!(!follows((of, &[&all]), (of, &[&leaves])));
    assert!(!follows((of, &[&all]), (of, &[&authorities])));
    assert!(follows((of, &[&all]), (of, &[&leaves, &authorities])), "both kinds");
    assert!(follows((of, &[&leaves]), (of, &[&of_kind(None)])), "control: all of them");
}
