//! A file of revocation lists, PEM or DER, and what it does to clients.
#![no_main]

use std::sync::LazyLock;

use issuer_host::pki::revocation::{CrlFile, ListScope};
use issuer_host::pki::{Revocation, RevocationLists, RevocationMode, TrustAnchors};
use issuer_host::tls::Refusal;
use issuer_host_fuzz::reference::is_printable;
use issuer_host_fuzz::samples::{self, NOW, chain};
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::CertificateDer;

/// A CA, two clients of it, and a list of it that revokes the second. Its key is gone, so that there are no lists of it but the seeds.
const CA: &[u8] = include_bytes!("../fixtures/crl-ca.pem");
const GOOD: &[u8] = include_bytes!("../fixtures/crl-good-client.pem");
const REVOKED: &[u8] = include_bytes!("../fixtures/crl-revoked-client.pem");
const LIST: &[u8] = include_bytes!("../fixtures/crl-list.pem");

struct Fixtures {
    anchors: TrustAnchors,
    good: Vec<CertificateDer<'static>>,
    revoked: Vec<CertificateDer<'static>>,
    foreign: Vec<CertificateDer<'static>>,
}

static FIXTURES: LazyLock<Fixtures> = LazyLock::new(|| {
    let fixtures = Fixtures {
        anchors: samples::anchors(CA),
        good: chain(GOOD),
        revoked: chain(REVOKED),
        foreign: chain(samples::FOREIGN),
    };
    // Control.
    let lists = lists(LIST, &fixtures.anchors).expect("the list of the CA");
    assert_eq!(lists.lists()[0].revoked, 1);
    for mode in [RevocationMode::IfCovered, RevocationMode::Require] {
        let judge = samples::judge(CA, Revocation { mode, lists: lists.clone() }, false);
        assert!(judge.judge(&fixtures.good, NOW).is_ok());
        assert_eq!(judge.judge(&fixtures.revoked, NOW).unwrap_err(), Refusal::Revoked);
    }
    fixtures
});

fn lists(bytes: &[u8], anchors: &TrustAnchors) -> Result<RevocationLists, String> {
    let files = [CrlFile { label: "fuzz.crl", bytes }];
    RevocationLists::from_bytes(&files, anchors.anchors(), NOW).map_err(|error| error.to_string())
}

fuzz_target!(|file: &[u8]| {
    let Fixtures { anchors, good, revoked, foreign } = &*FIXTURES;
    let lists = match lists(file, anchors) {
        Ok(lists) => lists,
        Err(error) => return assert!(!error.is_empty()),
    };
    assert!(!lists.lists().is_empty(), "a file without a list is refused");
    let ends: Vec<_> = lists.lists().iter().map(|list| list.next_update).collect();
    assert!(ends.iter().is_sorted_by(|one, other| one >= other));
    for list in lists.lists() {
        assert!(is_printable(&list.issuer) && is_printable(&list.place.to_string()), "{}", list.place);
        assert!(list.place.number >= 1);
        assert!(list.this_update.as_secs() <= NOW.as_secs() + 300, "it is from the future");
        assert_eq!(list.is_current_at(NOW), NOW < list.next_update);
        assert!(list.expiry_warning(list.next_update).is_some());
        for anchor in anchors.anchors().iter().filter(|anchor| anchor.facts.subject_der == list.issuer_der) {
            assert!(list.signer().is_some(), "a list in the CA's name is the CA's");
            assert!(list.is_signed_with(&anchor.facts.public_key_der));
        }
    }
    for warning in lists.warnings() {
        assert!(is_printable(&warning.to_string()), "{warning}");
    }
    let covered = lists
        .lists()
        .iter()
        .any(|list| list.signer().is_some() && list.is_current_at(NOW) && list.tells_of(ListScope::EndEntities));

    for mode in [RevocationMode::Off, RevocationMode::IfCovered, RevocationMode::Require] {
        let revocation = Revocation { mode, lists: lists.clone() };
        assert_eq!(revocation.may_follow(&revocation), Ok(()), "the same again is no rollback");
        assert_eq!(revocation.lost(&revocation, anchors.anchors(), anchors.anchors()).count(), 0);
        let judge = samples::judge(CA, revocation, false);
        assert!(judge.judge(foreign, NOW).is_err(), "no list admits anybody");
        let (good, revoked) = (judge.judge(good, NOW), judge.judge(revoked, NOW));
        match mode {
            RevocationMode::Off => assert!(good.is_ok() && revoked.is_ok()),
            RevocationMode::IfCovered => {}
            RevocationMode::Require => {
                assert!(covered || (good.is_err() && revoked.is_err()), "without a list nobody is admitted");
            }
        }
        if let Ok(verdict) = good {
            assert!(verdict.holds_at(NOW));
        }
    }
});
