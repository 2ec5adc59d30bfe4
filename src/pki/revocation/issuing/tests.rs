use rcgen::{CertificateRevocationListParams, CrlScope, KeyPair};

use super::*;
use crate::pki::issuing::Issues;
use crate::pki::minting::{Minted, ca, client, crl, now, scoped};
use crate::pki::pem::encoded;
use crate::pki::revocation::tests::crafted::{Crafted, extension};
use crate::pki::revocation::{CrlFile, RevocationLists};
use crate::pki::trust_anchors::{AnchorRules, TrustAnchors};
use crate::pki::{CertificateFacts, Revocation, RevocationMode};

fn authority(of: &Minted) -> IssuingAuthority {
    let (pem, key) = (of.pem.as_bytes(), of.key_pem.as_bytes());
    IssuingAuthority::from_pem(pem, key, Issues::RevocationLists, now()).unwrap()
}

fn read(bytes: &[u8], of: &Minted) -> Result<SignedList, SignedListError> {
    SignedList::read(&CrlFile { label: "ca.crl", bytes }, of.pem.as_bytes(), now())
}

fn sign(draft: &ListDraft, of: &Minted) -> Vec<u8> {
    let next_update = UnixTime::since_unix_epoch(Duration::from_secs(now().as_secs() + 86_400 * 30));
    draft.sign(&authority(of), now(), next_update).unwrap()
}

fn serial(of: &Minted) -> SerialNumber {
    SerialNumber::from_hex(&CertificateFacts::from_der(&of.der).unwrap().serial).unwrap()
}

#[test]
fn a_first_list_revokes_nobody_and_is_a_list_to_the_server() {
    let root = Minted::self_signed(ca("root"));
    let draft = ListDraft::first();
    let list = read(&sign(&draft, &root), &root).unwrap();
    assert_eq!((list.entries.len(), draft.revoked(), draft.number().as_str()), (0, 0, "1"));
    assert_eq!(list.list.number.unwrap().to_string(), "1");
    assert_eq!((list.list.this_update, list.list.issuer_der), (now(), root.facts().subject_der));
    assert!(list.warnings.is_empty(), "{:?}", list.warnings);
}

#[test]
fn the_next_list_has_every_entry_and_the_next_number_and_may_follow_in_the_server() {
    let root = Minted::self_signed(ca("root"));
    let [one, two] = ["one", "two"].map(|name| root.issue(client(name)));
    let mut draft = ListDraft::first();
    assert_eq!(draft.revoke(&serial(&one), Some(RevocationReason::KeyCompromise), now()), Ok(None));
    let first = sign(&draft, &root);
    let mut draft = ListDraft::following(&read(&first, &root).unwrap());
    assert_eq!(draft.revoke(&serial(&two), None, now()), Ok(None));
    let again = draft.revoke(&serial(&one), Some(RevocationReason::Superseded), now()).unwrap().cloned().unwrap();
    assert_eq!((again.serial, again.reason.as_deref()), (serial(&one).to_string(), Some("keyCompromise")));
    let second = sign(&draft, &root);

    let list = read(&second, &root).unwrap();
    let told: Vec<_> = list.entries.iter().map(|entry| (entry.serial.clone(), entry.reason.as_deref())).collect();
    assert_eq!(told, [(serial(&one).to_string(), Some("keyCompromise")), (serial(&two).to_string(), None)]);
    assert_eq!(list.list.number.unwrap().to_string(), "2");

    let anchors = TrustAnchors::from_pem(root.pem.as_bytes(), &AnchorRules::default(), now()).unwrap();
    let [before, after] = [&first, &second].map(|bytes| {
        let files = [CrlFile { label: "ca.crl", bytes }];
        let lists = RevocationLists::from_bytes(&files, anchors.anchors(), now()).unwrap();
        Revocation { mode: RevocationMode::Require, lists }
    });
    after.may_follow(&before).unwrap();
    before.may_follow(&after).unwrap_err();
    assert_eq!(after.lost(&before, anchors.anchors(), anchors.anchors()).count(), 0);
}

#[test]
fn a_negative_serial_number_is_written_as_the_certificate_has_it_and_is_not_the_positive_one_of_its_digits() {
    let root = Minted::self_signed(ca("root"));
    let mut params = client("leaf");
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x7b, 0x21, 0x22, 0x23]));
    let mut der = root.issue(params).der.to_vec();
    let place = der.windows(4).position(|octets| octets == [0x7b, 0x21, 0x22, 0x23]).unwrap();
    der[place] = 0xfb;
    let negative = SerialNumber::of_certificate(&der).unwrap();
    let positive = SerialNumber::from_hex("fb212223").unwrap();
    assert_eq!((negative.to_string(), negative == positive), (positive.to_string(), false));
    let mut draft = ListDraft::first();
    assert_eq!(draft.revoke(&positive, None, now()), Ok(None));
    assert_eq!(draft.revoke(&negative, None, now()), Ok(None));
    let list = sign(&draft, &root);
    for serial in [&[2, 5, 0, 0xfb, 0x21, 0x22, 0x23][..], &[2, 4, 0xfb, 0x21, 0x22, 0x23]] {
        assert!(list.windows(serial.len()).any(|octets| octets == serial), "{serial:?}");
    }
    let mut next = ListDraft::following(&read(&list, &root).unwrap());
    assert!(next.revoke(&negative, None, now()).unwrap().is_some() && next.revoked() == 2);
    assert_eq!(SerialNumber::of_certificate(b"none"), None);
}

#[test]
fn what_another_tool_wrote_into_a_list_goes_on_octet_by_octet() {
    let root = Minted::self_signed(ca("root"));
    // An invalidityDate, which we do not write, and which has to stay.
    let date = extension(24, false, b"\x18\x0f20300101000000Z");
    let crafted = Crafted { entry_extensions: date.clone(), ..Crafted::default() }.signed_by(&root);
    let next = sign(&ListDraft::following(&read(&crafted, &root).unwrap()), &root);
    assert!(next.windows(date.len()).any(|bytes| bytes == date));

    let leaf = root.issue(client("leaf"));
    let of_leaves: CertificateRevocationListParams = scoped(crl(7, &[&leaf]), Some(CrlScope::UserCertsOnly));
    let pem = root.crl(&of_leaves);
    let before = read(pem.as_bytes(), &root).unwrap();
    let after = read(&sign(&ListDraft::following(&before), &root), &root).unwrap();
    assert_eq!(
        (after.list.scope, after.list.number.as_ref().unwrap().to_string()),
        (before.list.scope, "8".to_owned())
    );
    assert!(!after.list.tells_of(crate::pki::revocation::ListScope::Authorities));
    assert_eq!(after.entries, before.entries);
}

#[test]
fn a_list_of_another_ca_or_key_is_not_continued_nor_are_two() {
    let (root, other) = (Minted::self_signed(ca("root")), Minted::self_signed(ca("other")));
    let impostor = Minted::self_signed(ca("root"));
    let list = |of: &Minted| encoded("X509 CRL", &sign(&ListDraft::first(), of));
    let refused = |text: &str| read(text.as_bytes(), &root).unwrap_err();
    assert!(matches!(refused(&list(&other)), SignedListError::OtherIssuer { .. }));
    assert!(matches!(refused(&list(&impostor)), SignedListError::OtherKey));
    assert!(matches!(refused(&list(&root).repeat(2)), SignedListError::Several(2)));
    assert!(matches!(refused(&root.pem), SignedListError::Refused(_)));
    assert!(matches!(refused("no list"), SignedListError::Refused(_)));
    read(list(&root).as_bytes(), &root).unwrap();
}

#[test]
fn a_renewed_ca_goes_on_with_the_list_of_its_key() {
    let key_pem = KeyPair::generate().unwrap().serialize_pem();
    let with = |params| Minted::self_signed_with(params, KeyPair::from_pem(&key_pem).unwrap());
    let (old, renewed) = (with(ca("root")), with(ca("root")));
    let list = sign(&ListDraft::first(), &old);
    assert_eq!(ListDraft::following(&read(&list, &renewed).unwrap()).number(), "2");
}

#[test]
fn a_list_is_never_older_than_the_one_before() {
    let root = Minted::self_signed(ca("root"));
    let first = read(&sign(&ListDraft::first(), &root), &root).unwrap();
    let earlier = UnixTime::since_unix_epoch(Duration::from_secs(now().as_secs() - 60));
    let next_update = UnixTime::since_unix_epoch(Duration::from_secs(now().as_secs() + 60));
    let second = ListDraft::following(&first).sign(&authority(&root), earlier, next_update).unwrap();
    assert_eq!(read(&second, &root).unwrap().list.this_update, first.list.this_update);
    assert!(matches!(
        ListDraft::first().sign(&authority(&root), now(), UnixTime::since_unix_epoch(Duration::MAX)),
        Err(ListSigningError::Time(TimeError))
    ));
}
