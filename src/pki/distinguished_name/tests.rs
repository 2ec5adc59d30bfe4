use proptest::prelude::*;
use rcgen::{DistinguishedName, DnType, DnValue};

use super::*;
use crate::pki::minting::{Minted, ca};

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => vec![short],
        _ => [&[0x82][..], &u16::try_from(content.len()).unwrap().to_be_bytes()].concat(),
    };
    [&[tag], length.as_slice(), content].concat()
}

/// One part with the attribute types in their DER content and the values as whole TLVs.
fn part(attributes: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let pairs = attributes.iter().map(|(oid, value)| tlv(0x30, &[tlv(0x06, oid), value.clone()].concat()));
    tlv(0x31, &pairs.collect::<Vec<_>>().concat())
}

fn name(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

const CN: &[u8] = &[0x55, 4, 3];
const O: &[u8] = &[0x55, 4, 10];

fn common_name(value: Vec<u8>) -> String {
    rfc4514(&name(&[part(&[(CN, value)])]))
}

fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

#[test]
fn parts_come_last_first_and_attributes_of_one_part_are_joined_by_plus() {
    let der = name(&[
        part(&[(&[0x55, 4, 6], tlv(0x13, b"FR"))]),
        part(&[(O, utf8("Bank")), (&[0x55, 4, 11], utf8("Cards"))]),
        part(&[(CN, utf8("TLSMA-ECDSA/1/TSH/TSP.PRD"))]),
    ]);
    assert_eq!(rfc4514(&der), "CN=TLSMA-ECDSA/1/TSH/TSP.PRD,O=Bank+OU=Cards,C=FR");
    let kinds: Vec<_> = attributes(&der).into_iter().map(|attribute| (attribute.kind, attribute.value)).collect();
    let expected = [("C", "FR"), ("O", "Bank"), ("OU", "Cards"), ("CN", "TLSMA-ECDSA/1/TSH/TSP.PRD")];
    assert_eq!(kinds, expected.map(|(kind, value)| (kind.to_owned(), value.to_owned())));
}

#[test]
fn the_examples_of_rfc_4514_come_out_as_printed_there() {
    assert_eq!(common_name(utf8("James \"Jim\" Smith, III")), r#"CN=James \"Jim\" Smith\, III"#);
    assert_eq!(common_name(utf8("Before\rAfter")), r"CN=Before\0DAfter");
    assert_eq!(common_name(utf8("Lučić")), r"CN=Lu\C4\8Di\C4\87");
    let dotted = name(&[part(&[(&[0x2b, 6, 1, 4, 1, 0x8b, 0x3a, 0], tlv(0x04, b"Hi"))])]);
    assert_eq!(rfc4514(&dotted), "1.3.6.1.4.1.1466.0=#04024869");
}

#[test]
fn special_characters_are_escaped_where_they_are_special() {
    assert_eq!(common_name(utf8(" a b ")), r"CN=\ a b\ ");
    assert_eq!(common_name(utf8("#1#")), r"CN=\#1#");
    assert_eq!(common_name(utf8("a+b,c;d<e>f\\g=h")), r"CN=a\+b\,c\;d\<e\>f\\g=h");
    assert_eq!(common_name(utf8(" ")), r"CN=\ ");
    assert_eq!(common_name(utf8("")), "CN=");
    assert_eq!(common_name(utf8("a\0b\nc\x7f")), r"CN=a\00b\0Ac\7F");
}

#[test]
fn what_is_printed_is_one_line_with_its_blanks_and_neither_ends_an_entry_of_a_list_nor_begins_one() {
    assert_eq!(printable(b"nginx 1.25 (a b)"), "nginx 1.25 (a b)");
    assert_eq!(printable(b" a  b "), r"\20a  b\20");
    assert_eq!(printable(b" "), r"\20");
    assert_eq!(printable(b"a\tb\r\nc\x1b[2J\x7f"), r"a\09b\0D\0Ac\1B[2J\7F");
    assert_eq!(printable("a, DNS:b;\"c\"\\ \u{202e}\u{a0}".as_bytes()), r"a\2C DNS:b\3B\22c\22\5C \E2\80\AE\C2\A0");
}

#[test]
fn an_attribute_inside_a_value_is_no_attribute() {
    let forged = common_name(utf8("x,O=Thales"));
    assert_eq!(forged, r"CN=x\,O=Thales");
    assert_ne!(forged, rfc4514(&name(&[part(&[(O, utf8("Thales"))]), part(&[(CN, utf8("x"))])])), "control");
}

#[test]
fn every_string_type_is_turned_into_utf8() {
    assert_eq!(common_name(tlv(0x13, b"Bank")), "CN=Bank");
    assert_eq!(common_name(tlv(0x16, b"bank@example")), "CN=bank@example");
    assert_eq!(common_name(tlv(0x14, b"M\xfcller")), r"CN=M\C3\BCller");
    assert_eq!(common_name(tlv(0x1e, b"\0B\x20\xac")), r"CN=B\E2\82\AC");
    assert_eq!(common_name(tlv(0x1c, b"\0\0\0B\0\x01\xf6\x00")), r"CN=B\F0\9F\98\80");
}

#[test]
fn odd_values_are_kept_as_bytes_or_hexadecimal() {
    assert_eq!(common_name(tlv(0x0c, b"\xff\xfe")), r"CN=\FF\FE");
    assert_eq!(common_name(tlv(0x13, b"a*\xe9")), r"CN=a*\E9");
    assert_eq!(common_name(tlv(0x1e, b"\0Bx")), "CN=#1e03004278");
    assert_eq!(common_name(tlv(0x04, b"\x01")), "CN=#040101");
    assert_eq!(common_name(tlv(0x30, b"")), "CN=#3000");
    assert_eq!(common_name(tlv(0x1e, b"\xd8\x00")), r"CN=\EF\BF\BD");
    assert_eq!(attributes(&name(&[part(&[(CN, tlv(0x04, b"\x01"))])]))[0].value, "#040101");
    assert_eq!(attributes(&name(&[part(&[(CN, tlv(0x0c, b"a\xff"))])]))[0].value, "a\u{fffd}");
}

#[test]
fn an_empty_name_is_empty_and_what_is_no_name_is_hexadecimal() {
    assert_eq!(rfc4514(&[0x30, 0]), "");
    assert_eq!(rfc4514(&[]), "#");
    assert_eq!(rfc4514(&[0x30, 0, 0]), "#300000");
    assert_eq!(rfc4514(&[0x04, 1, 2]), "#040102");
    assert!(attributes(&[0x04, 1, 2]).is_empty());
}

#[test]
fn a_long_name_is_cut_visibly_and_between_characters() {
    let fits = common_name(utf8(&"a".repeat(MAX_LENGTH - 3)));
    assert_eq!(fits.len(), MAX_LENGTH);
    assert!(fits.ends_with("aa"), "control");
    let long = common_name(utf8(&"a".repeat(MAX_LENGTH - 2)));
    assert_eq!(long.len(), MAX_LENGTH);
    assert!(long.ends_with("aa,..."));
    let escaped = common_name(utf8(&format!("a{}", "é".repeat(MAX_LENGTH))));
    assert!(escaped.len() <= MAX_LENGTH);
    assert!(escaped.strip_suffix(CUT).unwrap().rsplit('\\').next().unwrap().len() == 2);
    assert!(common_name(utf8("x,...")).ends_with(r"x\,..."), "no whole name ends like a cut one");
}

#[test]
fn well_known_types_have_short_names() {
    for (oid, short) in [
        (&[0x55, 4, 5][..], "SERIALNUMBER"),
        (&[0x55, 4, 8], "ST"),
        (&[0x55, 4, 9], "STREET"),
        (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
        (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    ] {
        assert_eq!(rfc4514(&name(&[part(&[(oid, utf8("x"))])])), format!("{short}=x"));
    }
}

fn is_printable(text: &str) -> bool {
    text.len() <= MAX_LENGTH && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

proptest! {
    #[test]
    fn any_bytes_give_bounded_printable_ascii(bytes: Vec<u8>) {
        prop_assert!(is_printable(&rfc4514(&bytes)));
        let _ = attributes(&bytes);
    }

    #[test]
    fn any_attribute_gives_bounded_printable_ascii(
        oid in proptest::collection::vec(any::<u8>(), 0..12),
        tag: u8,
        value in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        let der = name(&[part(&[(&oid, tlv(tag, &value)), (CN, utf8("x"))])]);
        prop_assert!(is_printable(&rfc4514(&der)));
        for attribute in attributes(&der) {
            prop_assert!(is_printable(&attribute.kind));
        }
    }

    #[test]
    fn a_name_of_a_certificate_gives_its_text_back(text: String) {
        let mut params = ca("x");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, DnValue::Utf8String(text.clone()));
        let facts = Minted::self_signed(params).facts();
        prop_assert!(is_printable(&facts.subject));
        prop_assert_eq!(&attributes(&facts.subject_der)[0].value, &text);
    }
}
