//! Which subjects are admitted beyond the chain: `client_subject` allow and deny patterns.
//!
//! Thales' CA may sign customers' certificates as well as Thales' own, so a customer may narrow the door by subject. Never by
//! key, serial or digest: those belong to one leaf, and Thales forbids pinning it (O6).

use crate::pki::distinguished_name::{Attribute, attributes};

/// Allow and deny patterns on the subject distinguished name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectRules {
    allow: Vec<SubjectPattern>,
    deny: Vec<SubjectPattern>,
}

/// One pattern such as `CN=tsh-*, O=Thales`: every attribute that it names must be in the subject, and match; `*` stands for
/// any run of characters inside one value. Matching is per attribute and not on the printed name, so no value can pose as
/// another attribute. Case is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectPattern(Vec<(String, String)>);

/// A pattern that can't be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is no subject pattern: write attributes such as \"CN=tsh-*, O=Thales\" ({what})")]
pub struct SubjectPatternError {
    pattern: String,
    what: &'static str,
}

impl SubjectRules {
    /// Rules from patterns as they stand in the configuration.
    ///
    /// # Errors
    /// The first pattern that is not of the form `TYPE=value[, TYPE=value]`.
    pub fn new<S: AsRef<str>>(allow: &[S], deny: &[S]) -> Result<Self, SubjectPatternError> {
        Ok(Self { allow: patterns(allow)?, deny: patterns(deny)? })
    }

    /// Whether the subject (DER of an X.501 Name) is admitted: by some allow pattern, if there is any, and by no deny pattern.
    pub fn admit(&self, subject_der: &[u8]) -> bool {
        if self.allow.is_empty() && self.deny.is_empty() {
            return true;
        }
        let subject = attributes(subject_der);
        let allowed = self.allow.is_empty() || self.allow.iter().any(|pattern| pattern.matches_all(&subject));
        allowed && !self.deny.iter().any(|pattern| pattern.matches_any(&subject))
    }
}

fn patterns<S: AsRef<str>>(texts: &[S]) -> Result<Vec<SubjectPattern>, SubjectPatternError> {
    texts.iter().map(|text| text.as_ref().parse()).collect()
}

impl SubjectPattern {
    /// For allowing: where an attribute occurs several times, each occurrence has to match, so that a second CN smuggles
    /// nothing in.
    fn matches_all(&self, subject: &[Attribute]) -> bool {
        self.0.iter().all(|(kind, value)| {
            let mut occurrences =
                subject.iter().filter(|attribute| attribute.kind.eq_ignore_ascii_case(kind)).peekable();
            occurrences.peek().is_some()
                && occurrences.all(|attribute| wildcard(value, &attribute.value.to_lowercase()))
        })
    }

    /// For denying: one occurrence that matches is enough.
    fn matches_any(&self, subject: &[Attribute]) -> bool {
        self.0.iter().all(|(kind, value)| {
            subject.iter().any(|attribute| {
                attribute.kind.eq_ignore_ascii_case(kind) && wildcard(value, &attribute.value.to_lowercase())
            })
        })
    }
}

impl std::str::FromStr for SubjectPattern {
    type Err = SubjectPatternError;

    fn from_str(pattern: &str) -> Result<Self, Self::Err> {
        let error = |what| SubjectPatternError { pattern: pattern.to_owned(), what };
        let mut parts = Vec::new();
        for part in split_unescaped(pattern) {
            let (kind, value) = part.split_once('=').ok_or_else(|| error("an attribute without '='"))?;
            let (kind, value) = (kind.trim(), value.trim());
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
            if kind.is_empty() || !kind.chars().all(plain) {
                return Err(error("an attribute type is a name such as CN or an object identifier"));
            }
            if value.is_empty() {
                return Err(error("an attribute has no value; use * for any"));
            }
            parts.push((kind.to_ascii_lowercase(), value.to_lowercase()));
        }
        Ok(Self(parts))
    }
}

/// Splits at commas that no backslash escapes, and drops the backslashes.
fn split_unescaped(pattern: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let character = match character {
            ',' => {
                parts.push(String::new());
                continue;
            }
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts
}

/// Whether `text` matches `pattern`, in which `*` stands for any run of characters. Linear in the text for each `*`.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    let mut rest = rest;
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(attributes: &[(&str, &str)]) -> Vec<Attribute> {
        attributes.iter().map(|(kind, value)| Attribute { kind: (*kind).into(), value: (*value).into() }).collect()
    }

    #[test]
    fn a_pattern_names_attributes_in_any_order_and_case() {
        let pattern: SubjectPattern = "o=thales*, cn=TSH-?".replace('?', "*").parse().unwrap();
        assert!(pattern.matches_all(&subject(&[("C", "FR"), ("O", "Thales SA"), ("CN", "tsh-7")])));
        assert!(!pattern.matches_all(&subject(&[("C", "FR"), ("O", "Thales SA"), ("CN", "d1-7")])));
        assert!(!pattern.matches_all(&subject(&[("CN", "tsh-7")])));
    }

    #[test]
    fn a_value_that_looks_like_another_attribute_does_not_pass_for_it() {
        let pattern: SubjectPattern = "CN=tsh-*, O=Thales".parse().unwrap();
        assert!(!pattern.matches_all(&subject(&[("CN", "tsh-1,O=Thales")])));
    }

    #[test]
    fn a_second_common_name_does_not_help_in_and_is_enough_to_be_kept_out() {
        let two = subject(&[("CN", "tsh-1"), ("CN", "customer-9")]);
        let allow: SubjectPattern = "CN=tsh-*".parse().unwrap();
        let deny: SubjectPattern = "CN=customer-*".parse().unwrap();
        assert!(!allow.matches_all(&two));
        assert!(deny.matches_any(&two));
        assert!(allow.matches_all(&subject(&[("CN", "tsh-1")])));
    }

    #[test]
    fn a_wildcard_spans_any_run_but_the_ends_are_anchored() {
        assert!(wildcard("a*b*c", "a--b--b--c"));
        assert!(wildcard("*", ""));
        assert!(wildcard("abc", "abc"));
        assert!(!wildcard("abc", "abcd"));
        assert!(!wildcard("a*a", "a"));
        assert!(!wildcard("a*b", "a-b-c"));
    }

    #[test]
    fn an_escaped_comma_belongs_to_the_value() {
        let pattern: SubjectPattern = r"O=Thales DIS France SAS\, Meudon".parse().unwrap();
        assert!(pattern.matches_all(&subject(&[("O", "Thales DIS France SAS, Meudon")])));
    }

    #[test]
    fn a_pattern_that_is_no_attribute_list_is_refused_with_an_example() {
        for wrong in ["", "tsh", "CN=", "=x", "C N=x", "CN=a,,O=b"] {
            let error = wrong.parse::<SubjectPattern>().unwrap_err();
            assert!(error.to_string().contains("CN=tsh-*"), "{wrong}: {error}");
        }
    }
}
