//! DER (X.690), as far as certificates and revocation lists are written here.
//!
//! A name or an entry that somebody else encoded goes into what is signed octet by octet; a library that reads it into types of its own
//! and writes it again would change string types, or lose the second of two attributes of one kind.

use rustls_pki_types::UnixTime;
use time::OffsetDateTime;
use time::macros::format_description;
use x509_parser::asn1_rs::{Any, Class, FromDer as _, Tag};

const BOOLEAN_TRUE: [u8; 3] = [1, 1, 0xff];
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// From this year on times are `GeneralizedTime` (RFC 5280 section 4.1.2.5).
const FIRST_GENERALIZED_YEAR: i32 = 2050;

/// One element: its tag, its length and `content`.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut written = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => written.push(length),
        _ => {
            let length = content.len().to_be_bytes();
            let digits: Vec<u8> = length.into_iter().skip_while(|&byte| byte == 0).collect();
            // At most eight digits.
            written.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            written.extend(digits);
        }
    }
    written.extend_from_slice(content);
    written
}

/// SEQUENCE of elements.
pub(crate) fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &elements.concat())
}

/// SET of one element.
pub(crate) fn set_of_one(only: &[u8]) -> Vec<u8> {
    element(SET, only)
}

/// OCTET STRING.
pub(crate) fn octet_string(octets: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, octets)
}

/// OBJECT IDENTIFIER, of its content.
pub(crate) fn object_identifier(content: &[u8]) -> Vec<u8> {
    element(OID, content)
}

/// The INTEGER with this magnitude (big-endian), which is not negative.
pub(crate) fn unsigned(magnitude: &[u8]) -> Vec<u8> {
    element(INTEGER, &unsigned_content(magnitude))
}

/// The content of [`unsigned`]: no needless zero in front, and one where the first bit would mean a sign.
pub(crate) fn unsigned_content(magnitude: &[u8]) -> Vec<u8> {
    let digits = magnitude.iter().copied().skip_while(|&byte| byte == 0);
    let mut content: Vec<u8> = digits.collect();
    if content.first().is_none_or(|&first| first >= 0x80) {
        content.insert(0, 0);
    }
    content
}

/// A BIT STRING of whole octets.
pub(crate) fn bit_string(octets: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], octets].concat())
}

/// A `Time` of RFC 5280: whole seconds, UTC. None beyond the year 9999.
pub(crate) fn time(time: UnixTime) -> Option<Vec<u8>> {
    let time = OffsetDateTime::from_unix_timestamp(i64::try_from(time.as_secs()).ok()?).ok()?;
    let (tag, text) = if time.year() < FIRST_GENERALIZED_YEAR {
        let short = format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
        (UTC_TIME, time.format(short).ok()?)
    } else {
        let long = format_description!("[year][month][day][hour][minute][second]Z");
        (GENERALIZED_TIME, time.format(long).ok()?)
    };
    Some(element(tag, text.as_bytes()))
}

/// An extension of the arc id-ce, 2.5.29 (RFC 5280 section 4.2).
pub(crate) fn extension(number: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &BOOLEAN_TRUE } else { &[] };
    sequence(&[&extension_oid(number), critical, &octet_string(value)])
}

/// The OBJECT IDENTIFIER 2.5.29 and `number`.
pub(crate) fn extension_oid(number: u8) -> Vec<u8> {
    object_identifier(&[0x55, 0x1d, number])
}

/// The elements that `content` is made of, each with its header; None where it is not made of elements.
pub(crate) fn elements(mut content: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let (rest, _) = Any::from_der(content).ok()?;
        found.push(content.get(..content.len().checked_sub(rest.len())?)?);
        content = rest;
    }
    Some(found)
}

/// What is inside the first element of `encoded`.
pub(crate) fn content(encoded: &[u8]) -> Option<&[u8]> {
    Any::from_der(encoded).ok().map(|(_, any)| any.data)
}

/// What follows the first element of `encoded`, and that element's content; None where it is another than `tag`.
pub(crate) fn first(encoded: &[u8], tag: Tag) -> Option<(&[u8], &[u8])> {
    let (rest, any) = Any::from_der(encoded).ok()?;
    (any.class() == Class::Universal && any.tag() == tag).then_some((rest, any.data))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lengths_have_their_shortest_form() {
        for (length, header) in [
            (0, vec![4, 0]),
            (127, vec![4, 127]),
            (128, vec![4, 0x81, 128]),
            (256, vec![4, 0x82, 1, 0]),
            (65_536, vec![4, 0x83, 1, 0, 0]),
        ] {
            let written = element(OCTET_STRING, &vec![7; length]);
            assert_eq!(written[..header.len()], header, "{length}");
            assert_eq!(written.len(), header.len() + length);
            assert_eq!(content(&written).unwrap().len(), length);
        }
    }

    #[test]
    fn an_integer_is_never_negative_and_never_longer_than_needed() {
        assert_eq!(unsigned(&[0, 0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(unsigned(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned(&[]), [2, 1, 0]);
    }

    #[test]
    fn times_change_their_form_in_2050() {
        let at = |seconds| time(UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
        assert_eq!(at(2_524_607_999).unwrap()[2..], *b"491231235959Z");
        assert_eq!(at(2_524_608_000).unwrap()[2..], *b"20500101000000Z");
        assert_eq!(at(u64::MAX), None);
    }

    #[test]
    fn the_first_element_is_taken_for_what_it_is_and_for_nothing_else() {
        let row = [octet_string(b"first"), unsigned(&[5])].concat();
        assert_eq!(first(&row, Tag::OctetString), Some((&unsigned(&[5])[..], &b"first"[..])));
        assert_eq!(first(&row, Tag::Integer), None);
        assert_eq!(first(&element(0x84, b"first"), Tag::OctetString), None, "of another class");
    }

    #[test]
    fn a_row_of_elements_is_told_apart_and_rubbish_is_none() {
        let (one, two) = (unsigned(&[5]), extension(20, true, &[1]));
        assert_eq!(elements(&[one.clone(), two.clone()].concat()).unwrap(), [&one[..], &two[..]]);
        assert_eq!(elements(&[0x30, 5, 1]), None);
    }
}
