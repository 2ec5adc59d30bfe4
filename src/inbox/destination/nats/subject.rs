//! The subjects that events are published under.

use super::NatsError;
use crate::inbox::entry::Facts;

/// A subject with places for names in it, such as `thales.{environment}.{operation}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SubjectTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Environment,
    Product,
    Operation,
}

impl SubjectTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// [`NatsError::Subject`] when no subject can come of it that a stream would take.
    pub(super) fn parse(text: &str) -> Result<Self, NatsError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or(NatsError::Subject("has a { without its }"))?;
            parts.push(Part::Literal(before.to_owned()));
            parts.push(match name {
                "environment" => Part::Environment,
                "product" => Part::Product,
                "operation" => Part::Operation,
                _ => {
                    return Err(NatsError::Subject(
                        "has a place that is none of {environment}, {product}, {operation}",
                    ));
                }
            });
            rest = behind;
        }
        parts.push(Part::Literal(rest.to_owned()));
        let template = Self(parts);
        // Names never make it worse: each becomes at least one letter of a token.
        let sample = template.filled("e", "p", "o");
        if sample.split('.').any(str::is_empty) {
            return Err(NatsError::Subject("has an empty token"));
        }
        if !sample.bytes().all(|byte| byte == b'.' || (byte.is_ascii_graphic() && !b"*>{}".contains(&byte))) {
            return Err(NatsError::Subject(
                "has a character that no subject may have: blanks, *, >, braces, or beyond ASCII",
            ));
        }
        // $JS, $SYS and others are the server's own.
        if sample.starts_with('$') {
            return Err(NatsError::Subject("begins with $, which is the server's own"));
        }
        Ok(template)
    }

    /// The subject for an entry.
    pub(super) fn of(&self, facts: &Facts) -> String {
        self.filled(&facts.environment, &facts.product, &facts.operation)
    }

    fn filled(&self, environment: &str, product: &str, operation: &str) -> String {
        let mut subject = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => subject.push_str(text),
                Part::Environment => push_name(&mut subject, environment),
                Part::Product => push_name(&mut subject, product),
                Part::Operation => push_name(&mut subject, operation),
            }
        }
        subject
    }
}

/// Letters, digits, `-` and `_` stay; anything else would be a token more, a wildcard, or nothing that every client takes.
fn push_name(subject: &mut String, name: &str) {
    if name.is_empty() {
        subject.push('_');
    }
    subject.extend(name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::destination::tests::delivery;

    fn subject(template: &str, facts: &Facts) -> String {
        SubjectTemplate::parse(template).unwrap().of(facts)
    }

    #[test]
    fn a_subject_is_made_of_names() {
        let facts = delivery().facts;
        for (template, expected) in [
            ("thales.{environment}.{product}.{operation}", "thales.preprod.tsh.notifyVirtualCardChange"),
            ("{operation}", "notifyVirtualCardChange"),
            ("a.b-{product}_{product}", "a.b-tsh_tsh"),
            ("events", "events"),
        ] {
            assert_eq!(subject(template, &facts), expected);
        }
    }

    #[test]
    fn a_name_is_one_token_whatever_is_in_it() {
        let facts = Facts {
            environment: "a.b *>\r\nPUB x".into(),
            product: String::new(),
            operation: "\u{e9}{product}".into(),
            ..delivery().facts
        };
        assert_eq!(subject("{environment}.{product}.{operation}", &facts), "a_b_____PUB_x._.__product_");
    }

    #[test]
    fn a_template_that_no_stream_would_take_is_refused() {
        for template in [
            "",
            ".",
            "a..b",
            "a.",
            ".{product}",
            "a b",
            "a.*",
            "a.>",
            "$JS.API.{product}",
            "a.{card}",
            "a.{product",
            "a.product}",
            "\u{e9}",
            "a\r\nb",
        ] {
            assert!(SubjectTemplate::parse(template).is_err(), "{template:?}");
        }
    }
}
