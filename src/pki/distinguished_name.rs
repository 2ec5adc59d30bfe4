//! X.509 names as text: RFC 4514, in printable ASCII only, so that they can go into a log line or an HTTP header.

use std::fmt::Write as _;

use x509_parser::asn1_rs::{Any, Class, FromDer as _, Oid, Tag};

use super::der;

/// The longest text that [`rfc4514`] makes, in characters. A longer name is cut there and ends in [`CUT`].
pub const MAX_LENGTH: usize = 1024;

/// The end of a name that was cut. No whole name ends so: a comma inside a value is escaped, and between two parts it is
/// followed by a type and an equals sign.
pub const CUT: &str = ",...";

/// One attribute of a name, for matching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The short name (`CN`, `O`, ...) where there is a well-known one, else the dotted OID.
    pub kind: String,
    /// The decoded text, unescaped and uncut; `#` and the hexadecimal DER where the value is no text. Bytes that are not
    /// valid in the value's encoding appear as U+FFFD.
    pub value: String,
}

/// The text of an X.509 Name (the DER of its SEQUENCE) after RFC 4514: last part first, parts joined by `,`, the
/// attributes of a multi-valued part by `+`.
///
/// Every octet outside printable ASCII is written as `\XX`; text of another encoding than UTF-8 is turned into UTF-8
/// first. The result is printable ASCII of at most [`MAX_LENGTH`] characters. Bytes that are no Name come out as `#` and
/// their hexadecimal digits; this never fails.
#[must_use]
pub fn rfc4514(name_der: &[u8]) -> String {
    let mut text = Bounded::default();
    let Some(parts) = parse(name_der) else {
        text.push_hex(name_der);
        return text.into_string();
    };
    for (part_index, part) in parts.iter().rev().enumerate() {
        for (index, attribute) in part.iter().enumerate() {
            if index > 0 {
                text.push("+");
            } else if part_index > 0 {
                text.push(",");
            }
            attribute.write(&mut text);
        }
    }
    text.into_string()
}

/// The attributes of an X.509 Name, in the order of their encoding; none where the bytes are no Name.
#[must_use]
pub fn attributes(name_der: &[u8]) -> Vec<Attribute> {
    let text = |raw: &RawAttribute<'_>| match raw.decoded() {
        Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        None => format!("#{}", hexadecimal(raw.value_der)),
    };
    let parts = parse(name_der).unwrap_or_default();
    parts.iter().flatten().map(|raw| Attribute { kind: raw.kind(), value: text(raw) }).collect()
}

/// Whether two X.509 Names (DER) are one: RFC 5280 section 7.1 looks neither at case nor at the kind of string, and takes several blanks
/// for one, and those around a text for none. What is no text, or no Name, is compared octet by octet.
pub(crate) fn is_same_name(one: &[u8], other: &[u8]) -> bool {
    let comparable = |name_der| {
        let parts = parse(name_der)?.into_iter().map(|part| {
            let mut part: Vec<_> = part.iter().map(|raw| (raw.oid.as_bytes().to_vec(), raw.comparable())).collect();
            // A part is a set.
            part.sort();
            part
        });
        Some(parts.collect::<Vec<_>>())
    };
    match (comparable(one), comparable(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// Text for printing: the octets outside printable ASCII, a blank at either end, and the marks that lists are made with (`,` `;`
/// `"` `\`) are written as `\XX`. The result is one line.
pub(crate) fn printable(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, &byte) in text.iter().enumerate() {
        let inside = index > 0 && index + 1 < text.len();
        if (byte.is_ascii_graphic() && !b",;\"\\".contains(&byte)) || (byte == b' ' && inside) {
            out.push(char::from(byte));
        } else {
            out.push_str(&escaped_octet(byte));
        }
    }
    out
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

struct RawAttribute<'a> {
    oid: Oid<'a>,
    value: Any<'a>,
    value_der: &'a [u8],
}

impl RawAttribute<'_> {
    fn kind(&self) -> String {
        let dotted = self.oid.to_id_string();
        match short_name(&dotted) {
            Some(name) => name.to_owned(),
            None if dotted.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => dotted,
            // An arc beyond 64 bits, or no OID at all: the bytes, in a form that can't be mistaken for another type.
            None => format!("OID.{}", hexadecimal(self.oid.as_bytes())),
        }
    }

    /// UTF-8 where the value is text (of `UTF8String` and its like the octets as they are, valid or not).
    fn decoded(&self) -> Option<Vec<u8>> {
        if self.value.class() != Class::Universal || self.value.header.constructed() {
            return None;
        }
        let data = self.value.data;
        match self.value.tag() {
            Tag::Utf8String | Tag::NumericString | Tag::PrintableString | Tag::Ia5String | Tag::VisibleString => {
                Some(data.to_vec())
            }
            // In practice Latin-1.
            Tag::T61String => Some(data.iter().map(|&byte| char::from(byte)).collect::<String>().into_bytes()),
            Tag::BmpString => {
                let (units, rest) = data.as_chunks::<2>();
                let text = char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit)));
                let text: String = text.map(|result| result.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
                rest.is_empty().then(|| text.into_bytes())
            }
            Tag::UniversalString => {
                let (units, rest) = data.as_chunks::<4>();
                let text = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit)));
                let text: String = text.map(|result| result.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
                rest.is_empty().then(|| text.into_bytes())
            }
            _ => None,
        }
    }

    /// Equal for two values that mean the same.
    fn comparable(&self) -> Comparable {
        let Some(text) = self.decoded() else { return Comparable::Octets(self.value_der.to_vec()) };
        // There and back: some letters, such as the sharp s, have no case of their own but the other one's.
        let folded = String::from_utf8_lossy(&text).to_uppercase().to_lowercase();
        Comparable::Text(folded.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn write(&self, out: &mut Bounded) {
        let kind = self.kind();
        out.push(&kind);
        out.push("=");
        // RFC 4514 section 2.4: a type in its dotted form has its value in hexadecimal.
        let text = if kind.starts_with(|first: char| first.is_ascii_digit()) { None } else { self.decoded() };
        let Some(text) = text else {
            out.push_hex(self.value_der);
            return;
        };
        for (index, &byte) in text.iter().enumerate() {
            let first = index == 0;
            let last = index + 1 == text.len();
            match byte {
                b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => out.push_escaped(byte),
                b'#' if first => out.push_escaped(byte),
                b' ' if first || last => out.push_escaped(byte),
                b' '..=b'~' => out.push(char::from(byte).encode_utf8(&mut [0; 4])),
                _ => out.push(&escaped_octet(byte)),
            }
        }
    }
}

/// A value of an attribute for comparison.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Comparable {
    Text(String),
    Octets(Vec<u8>),
}

/// Text that is cut between two pieces, never inside one.
#[derive(Default)]
struct Bounded {
    text: String,
    /// Length of `text` up to which `CUT` still fits.
    last_fit: usize,
    cut: bool,
}

impl Bounded {
    fn push(&mut self, piece: &str) {
        if self.cut || self.text.len() + piece.len() > MAX_LENGTH {
            self.cut = true;
            return;
        }
        self.text.push_str(piece);
        if self.text.len() + CUT.len() <= MAX_LENGTH {
            self.last_fit = self.text.len();
        }
    }

    fn push_escaped(&mut self, byte: u8) {
        let mut piece = String::from("\\");
        piece.push(char::from(byte));
        self.push(&piece);
    }

    fn push_hex(&mut self, bytes: &[u8]) {
        self.push("#");
        // What lies beyond the bound need not be written to be cut.
        bytes.iter().take(MAX_LENGTH).for_each(|byte| self.push(&format!("{byte:02x}")));
    }

    fn into_string(mut self) -> String {
        if self.cut {
            self.text.truncate(self.last_fit);
            self.text.push_str(CUT);
        }
        self.text
    }
}

fn escaped_octet(byte: u8) -> String {
    format!("\\{byte:02X}")
}

/// Name ::= SEQUENCE OF (SET OF (SEQUENCE { OID, ANY })).
fn parse(name_der: &[u8]) -> Option<Vec<Vec<RawAttribute<'_>>>> {
    let (rest, name) = der::first(name_der, Tag::Sequence)?;
    rest.is_empty().then_some(())?;
    let mut parts = Vec::new();
    let mut sets = name;
    while !sets.is_empty() {
        let (rest, mut set) = der::first(sets, Tag::Set)?;
        sets = rest;
        let mut part = Vec::new();
        while !set.is_empty() {
            let (rest, pair) = der::first(set, Tag::Sequence)?;
            set = rest;
            let (value_der, oid) = Any::from_der(pair).ok()?;
            (oid.class() == Class::Universal && oid.tag() == Tag::Oid).then_some(())?;
            let (rest, value) = Any::from_der(value_der).ok()?;
            rest.is_empty().then_some(())?;
            part.push(RawAttribute { oid: Oid::new(oid.data.into()), value, value_der });
        }
        parts.push(part);
    }
    Some(parts)
}

/// The short names of RFC 4514 section 3 and those of RFC 4519, RFC 2985, EV and eIDAS certificates that people know.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.13" => "description",
        "2.5.4.15" => "businessCategory",
        "2.5.4.17" => "postalCode",
        "2.5.4.20" => "telephoneNumber",
        "2.5.4.41" => "name",
        "2.5.4.42" => "GN",
        "2.5.4.43" => "initials",
        "2.5.4.44" => "generationQualifier",
        "2.5.4.46" => "dnQualifier",
        "2.5.4.65" => "pseudonym",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "1.2.840.113549.1.9.2" => "unstructuredName",
        "1.3.6.1.4.1.311.60.2.1.1" => "jurisdictionL",
        "1.3.6.1.4.1.311.60.2.1.2" => "jurisdictionST",
        "1.3.6.1.4.1.311.60.2.1.3" => "jurisdictionC",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
