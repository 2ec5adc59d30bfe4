//! Subjects of requests and certificates that are made here, encoded as OpenSSL encodes them.

use std::fmt;

use x509_parser::asn1_rs::FromDer as _;
use x509_parser::x509::X509Name;

use super::der;
use super::distinguished_name::{attributes, rfc4514};

/// A part of a subject that Thales asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// C: two letters, ISO 3166.
    Country,
    /// ST.
    State,
    /// L.
    Locality,
    /// O.
    Organization,
    /// OU.
    OrganizationalUnit,
    /// CN.
    CommonName,
}

impl Part {
    /// Its short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Country => "C",
            Self::State => "ST",
            Self::Locality => "L",
            Self::Organization => "O",
            Self::OrganizationalUnit => "OU",
            Self::CommonName => "CN",
        }
    }

    /// The most characters that it may have (RFC 5280 appendix A.1).
    #[must_use]
    pub const fn longest(self) -> usize {
        match self {
            Self::Country => 2,
            Self::State | Self::Locality => 128,
            Self::Organization | Self::OrganizationalUnit | Self::CommonName => 64,
        }
    }

    /// The last octet of its OID, which begins with 2.5.4.
    const fn arc(self) -> u8 {
        match self {
            Self::CommonName => 3,
            Self::Country => 6,
            Self::Locality => 7,
            Self::State => 8,
            Self::Organization => 10,
            Self::OrganizationalUnit => 11,
        }
    }

    /// `UTF8String`, but for C, which is a `PrintableString` (RFC 5280 section 4.1.2.4 and appendix A.1).
    const fn tag(self) -> u8 {
        match self {
            Self::Country => 0x13,
            _ => 0x0c,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An X.509 Name.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    der: Vec<u8>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subject").field(&self.to_string()).finish()
    }
}

/// Why a text can't stand in a subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// Nothing, or only blanks.
    #[error("{0} is empty")]
    Blank(Part),
    /// A blank at its beginning or end.
    #[error("{0} begins or ends with a blank; take it away")]
    OuterBlank(Part),
    /// More characters than an X.509 name takes.
    #[error("{part} has {length} characters; X.509 allows {}", .part.longest())]
    TooLong {
        /// The part.
        part: Part,
        /// Its characters.
        length: usize,
    },
    /// A control character, or one that nobody can see.
    #[error("{part} holds {}, which nobody can see; type it anew", .character.escape_unicode())]
    Character {
        /// The part.
        part: Part,
        /// The character.
        character: char,
    },
    /// Not two capital letters.
    #[error("C must be the country's two capital letters, such as FR")]
    Country,
    /// Not the DER of a name.
    #[error("the subject is not an X.509 name")]
    Malformed,
}

impl SubjectError {
    /// The part that is wrong, where it is one.
    #[must_use]
    pub fn part(&self) -> Option<Part> {
        match self {
            Self::Blank(part) | Self::OuterBlank(part) | Self::TooLong { part, .. } | Self::Character { part, .. } => {
                Some(*part)
            }
            Self::Country => Some(Part::Country),
            Self::Malformed => None,
        }
    }
}

impl Subject {
    /// A name of these parts, in their order. C becomes a `PrintableString`, all else a `UTF8String`: OpenSSL's own choice.
    ///
    /// # Errors
    /// [`SubjectError`] for the first text that can't stand there.
    pub fn of(parts: &[(Part, &str)]) -> Result<Self, SubjectError> {
        let mut sets = Vec::new();
        for &(part, text) in parts {
            check(part, text)?;
            let kind = der::object_identifier(&[0x55, 4, part.arc()]);
            sets.push(der::set_of_one(&der::sequence(&[&kind, &der::element(part.tag(), text.as_bytes())])));
        }
        let sets: Vec<&[u8]> = sets.iter().map(Vec::as_slice).collect();
        Ok(Self { der: der::sequence(&sets) })
    }

    /// A name that is encoded already, octet for octet: what a renewal goes on with.
    ///
    /// # Errors
    /// [`SubjectError::Malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self, SubjectError> {
        match X509Name::from_der(der) {
            Ok(([], _)) => Ok(Self { der: der.to_vec() }),
            _ => Err(SubjectError::Malformed),
        }
    }

    /// The DER, header included.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Looks at the texts of these parts as [`of`](Self::of) does, wherever they came from.
    ///
    /// # Errors
    /// [`SubjectError`] for the first text that can't stand there.
    pub fn check(&self, parts: &[Part]) -> Result<(), SubjectError> {
        let texts = |&part: &Part| self.texts(part).into_iter().map(move |text| (part, text));
        parts.iter().flat_map(texts).try_for_each(|(part, text)| check(part, &text))
    }

    /// The texts of a part, in their order.
    #[must_use]
    pub fn texts(&self, part: Part) -> Vec<String> {
        let wanted = |kind: &str| kind == part.name();
        attributes(&self.der).into_iter().filter(|found| wanted(&found.kind)).map(|found| found.value).collect()
    }
}

impl fmt::Display for Subject {
    /// RFC 4514, printable ASCII.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc4514(&self.der))
    }
}

fn check(part: Part, text: &str) -> Result<(), SubjectError> {
    if text.trim().is_empty() {
        return Err(SubjectError::Blank(part));
    }
    if text.trim() != text {
        return Err(SubjectError::OuterBlank(part));
    }
    if let Some(character) = text.chars().find(|&character| is_unseen(character)) {
        return Err(SubjectError::Character { part, character });
    }
    if part == Part::Country && !(text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())) {
        return Err(SubjectError::Country);
    }
    let length = text.chars().count();
    if length > part.longest() {
        return Err(SubjectError::TooLong { part, length });
    }
    Ok(())
}

/// Control characters, and those that a mail or a web page leaves in what is copied out of it: soft hyphen, blanks of other
/// widths and of none, marks of direction, the replacement character.
fn is_unseen(character: char) -> bool {
    let blank = character.is_whitespace() && character != ' ';
    let formatting = matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffd}'
    );
    character.is_control() || blank || formatting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_encoded_part_by_part_and_read_back() {
        let parts = [(Part::Country, "FR"), (Part::Organization, "Société, \"A+B\""), (Part::CommonName, "a/b")];
        let subject = Subject::of(&parts).unwrap();
        assert_eq!(subject.to_string(), "CN=a/b,O=Soci\\C3\\A9t\\C3\\A9\\, \\\"A\\+B\\\",C=FR");
        for (part, text) in parts {
            assert_eq!(subject.texts(part), [text]);
        }
        assert_eq!(subject.der()[..13], [0x30, 54, 0x31, 11, 0x30, 9, 6, 3, 0x55, 4, 6, 0x13, 2]);
        assert_eq!(Subject::from_der(subject.der()), Ok(subject.clone()));
        assert_eq!(Subject::from_der(&subject.der()[1..]), Err(SubjectError::Malformed));
    }

    #[test]
    fn what_can_not_stand_in_a_name_is_refused_with_its_part() {
        let of = |part, text: &str| Subject::of(&[(part, text)]).unwrap_err();
        for text in ["", "  ", "\t"] {
            assert_eq!(of(Part::Organization, text), SubjectError::Blank(Part::Organization));
        }
        assert_eq!(of(Part::Locality, "Paris "), SubjectError::OuterBlank(Part::Locality));
        for character in ['\n', '\0', '\u{200b}', '\u{a0}', '\u{202e}', '\u{feff}', '\u{fffd}'] {
            let refused = of(Part::State, &format!("Ile{character}de"));
            assert_eq!(refused, SubjectError::Character { part: Part::State, character });
            assert!(refused.to_string().is_ascii(), "{refused}");
        }
        for text in ["fr", "F", "FRA", "F1", "ÉÉ"] {
            assert_eq!(of(Part::Country, text), SubjectError::Country);
        }
        assert_eq!(of(Part::CommonName, &"é".repeat(65)), SubjectError::TooLong { part: Part::CommonName, length: 65 });
        assert!(Subject::of(&[(Part::CommonName, &"é".repeat(64))]).is_ok(), "control: characters count, not octets");
    }
}
