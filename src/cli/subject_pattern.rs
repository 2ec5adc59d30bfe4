//! A line of `client_subject` for one holder, proven before anybody is told to write it.
//!
//! Whoever asked for the certificate chose what stands in its subject, and so what would stand in the line.

use std::fmt::Write as _;

use crate::pki::distinguished_name::attributes;
use crate::tls::SubjectRules;

/// The attributes that tell one holder from another, and stay when a certificate is renewed.
const TELLING: [&str; 3] = ["CN", "O", "OU"];

/// Why there is no line for a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPattern {
    #[error("the subject has no CN, O or OU that stands there once")]
    NothingTelling,
    #[error("the subject has a * in it, which stands for anything in a pattern")]
    Wildcard,
    #[error("a value of the subject is empty, or begins or ends with a blank, which a pattern cannot hold")]
    Blanks,
    #[error("the subject has characters outside of ASCII, or control characters")]
    Characters,
    #[error("no pattern fits the subject")]
    Unproven,
}

/// The line of the configuration that admits this subject (DER), and no other holder's.
///
/// # Errors
/// [`NoPattern`] where none can be written.
pub(super) fn allowing(subject_der: &[u8]) -> Result<String, NoPattern> {
    let pattern = pattern(subject_der)?;
    let rules = SubjectRules::new(&[&pattern], &[]).map_err(|_| NoPattern::Unproven)?;
    if rules.admit(subject_der) { Ok(line("allow", &pattern)) } else { Err(NoPattern::Unproven) }
}

/// The line of the configuration that refuses this subject (DER), and no other holder's.
///
/// # Errors
/// [`NoPattern`] where none can be written.
pub(super) fn denying(subject_der: &[u8]) -> Result<String, NoPattern> {
    let pattern = pattern(subject_der)?;
    let rules = SubjectRules::new(&[], &[&pattern]).map_err(|_| NoPattern::Unproven)?;
    if rules.admit(subject_der) { Err(NoPattern::Unproven) } else { Ok(line("deny", &pattern)) }
}

fn line(list: &str, pattern: &str) -> String {
    format!("client_subject.{list} = [{}]", toml_edit::Value::from(pattern))
}

fn pattern(subject_der: &[u8]) -> Result<String, NoPattern> {
    let attributes = attributes(subject_der);
    let mut pattern = String::new();
    for kind in TELLING {
        let mut of_kind = attributes.iter().filter(|attribute| attribute.kind == kind);
        // A pattern has to match each attribute of its kind, so one value cannot stand for two.
        let (Some(attribute), None) = (of_kind.next(), of_kind.next()) else { continue };
        let value = attribute.value.as_str();
        if !value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(NoPattern::Characters);
        }
        if value.contains('*') {
            return Err(NoPattern::Wildcard);
        }
        if value.is_empty() || value.trim() != value {
            return Err(NoPattern::Blanks);
        }
        let separator = if pattern.is_empty() { "" } else { ", " };
        let _ = write!(pattern, "{separator}{kind}={}", value.replace('\\', "\\\\").replace(',', "\\,"));
    }
    if pattern.is_empty() { Err(NoPattern::NothingTelling) } else { Ok(pattern) }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;
    use crate::pki::CertificateFacts;

    fn subject(attributes: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in attributes {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        CertificateFacts::from_der(certificate.der()).unwrap().subject_der
    }

    /// The pattern of a line, read as the configuration reads it.
    fn read(line: &str, list: &str) -> String {
        let document: toml_edit::DocumentMut = line.parse().unwrap();
        document["client_subject"][list][0].as_str().unwrap().to_owned()
    }

    #[test]
    fn the_line_is_about_the_subject_and_not_about_another_of_the_same_ca() {
        let with = |name| {
            subject(&[
                (DnType::CountryName, "FR"),
                (DnType::OrganizationName, "Thales, \\DIS"),
                (DnType::CommonName, name),
            ])
        };
        let (own, other) = (with("a 'quoted' \"b\""), with("b"));
        let allow = read(&allowing(&own).unwrap(), "allow");
        assert_eq!(allow, "CN=a 'quoted' \"b\", O=Thales\\, \\\\DIS");
        let rules = SubjectRules::new(&[&allow], &[]).unwrap();
        assert!(rules.admit(&own) && !rules.admit(&other));
        let deny = read(&denying(&own).unwrap(), "deny");
        let rules = SubjectRules::new(&[], &[&deny]).unwrap();
        assert!(!rules.admit(&own) && rules.admit(&other));
    }

    #[test]
    fn what_whoever_asked_chose_to_match_others_too_has_no_line() {
        for (value, why) in [
            ("*", NoPattern::Wildcard),
            ("tsh-*", NoPattern::Wildcard),
            (" a", NoPattern::Blanks),
            ("a ", NoPattern::Blanks),
            (" ", NoPattern::Blanks),
            ("a\u{202e}b", NoPattern::Characters),
            ("a\u{1b}[2Jb", NoPattern::Characters),
        ] {
            for kind in [DnType::CommonName, DnType::OrganizationName] {
                let subject = subject(&[(kind, value), (DnType::OrganizationalUnitName, "unit")]);
                assert_eq!(allowing(&subject), Err(why), "{value:?}");
                assert_eq!(denying(&subject), Err(why), "{value:?}");
            }
        }
        assert_eq!(allowing(&subject(&[(DnType::CountryName, "FR")])), Err(NoPattern::NothingTelling));
        assert_eq!(allowing(&subject(&[(DnType::CommonName, "a")])).unwrap(), "client_subject.allow = [\"CN=a\"]");
    }
}
