//! What a key of an operation is made of: the text form of the catalogue, and its parts.

use std::fmt;

use ::http::HeaderName;
use ::http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use thiserror::Error;

use super::template;

/// The parts that make a key, one after the other. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyExpression(Vec<KeyPart>);

/// A part of a key. Its text form is what `Display` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// `operation`: the name of the operation.
    Operation,
    /// `header:x-correlation-id`: the value of a header.
    Header(HeaderName),
    /// `path:cardId`: a parameter of the path, as it was called.
    Path(String),
    /// `query:cardId`: a parameter of the query.
    Query(String),
    /// `body:operations[].operationId`: what stands there in a JSON body; after a list, of each of its elements.
    Body(Vec<BodyStep>),
    /// `digest`: the SHA-256 of the body.
    BodyDigest,
}

/// A step into a JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyStep {
    /// The member of this name.
    Field(String),
    /// Every element of the list.
    Each,
}

/// Why a key cannot be read from its text form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyExpressionError {
    /// A key without parts.
    #[error("the key has no parts")]
    Empty,
    /// A part of no known form.
    #[error("{0:?} is no part of a key")]
    UnknownPart(String),
    /// A header that no request can have.
    #[error("{0:?} is no name of a header")]
    HeaderName(String),
    /// A header that no store may hold.
    #[error("the header {0} carries a credential, which no key may hold")]
    Credential(HeaderName),
    /// A parameter that the path does not have.
    #[error("the path {template} has no parameter {{{name}}}")]
    UnknownParameter {
        /// The name that was asked for.
        name: String,
        /// The path.
        template: String,
    },
    /// No name where one has to be.
    #[error("{0:?} lacks a name behind the colon")]
    NoName(String),
    /// A way into the body that leads nowhere.
    #[error("{0:?} is no way into a JSON body")]
    BodyPath(String),
}

impl KeyExpressionError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Empty => "name a part, or leave the key away".into(),
            Self::UnknownPart(_) | Self::NoName(_) => {
                "write \"operation\", \"header:NAME\", \"path:NAME\", \"query:NAME\", \
                 \"body:FIELD.FIELD\" or \"digest\""
                    .into()
            }
            Self::HeaderName(_) => "write a name as in \"header:x-correlation-id\"".into(),
            Self::Credential(_) => "take another part".into(),
            Self::UnknownParameter { template, .. } => {
                let names: Vec<_> = template::parameters(template).collect();
                match names.as_slice() {
                    [] => "take another part: the path has no parameters".into(),
                    names => format!("take one of {}", names.join(", ")),
                }
            }
            Self::BodyPath(_) => "write names with dots between them, and [] after that of a list".into(),
        }
    }
}

impl KeyExpression {
    /// Reads a key from the text forms of its parts; a parameter of the path has to be one of `template`'s.
    ///
    /// # Errors
    ///
    /// The first part that is none.
    pub fn parse(parts: &[String], template: &str) -> Result<Self, KeyExpressionError> {
        if parts.is_empty() {
            return Err(KeyExpressionError::Empty);
        }
        parts.iter().map(|part| KeyPart::parse(part, template)).collect::<Result<_, _>>().map(Self)
    }

    /// The parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[KeyPart] {
        &self.0
    }
}

impl fmt::Display for KeyExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" + ")?;
            }
            part.fmt(f)?;
        }
        Ok(())
    }
}

impl KeyPart {
    fn parse(text: &str, template: &str) -> Result<Self, KeyExpressionError> {
        match text {
            "operation" => return Ok(Self::Operation),
            "digest" => return Ok(Self::BodyDigest),
            _ => {}
        }
        let Some((form, name)) = text.split_once(':') else {
            return Err(KeyExpressionError::UnknownPart(text.to_owned()));
        };
        if !matches!(form, "header" | "path" | "query" | "body") {
            return Err(KeyExpressionError::UnknownPart(text.to_owned()));
        }
        if name.is_empty() {
            return Err(KeyExpressionError::NoName(text.to_owned()));
        }
        match form {
            "header" => header(name),
            "path" if template::parameters(template).any(|parameter| parameter == name) => {
                Ok(Self::Path(name.to_owned()))
            }
            "path" => {
                Err(KeyExpressionError::UnknownParameter { name: name.to_owned(), template: template.to_owned() })
            }
            "query" => Ok(Self::Query(name.to_owned())),
            _ => body(name).map(Self::Body).ok_or_else(|| KeyExpressionError::BodyPath(text.to_owned())),
        }
    }
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation => f.write_str("operation"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Path(name) => write!(f, "path:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::BodyDigest => f.write_str("digest"),
            Self::Body(steps) => {
                let mut separator = "body:";
                for step in steps {
                    match step {
                        BodyStep::Field(name) => write!(f, "{separator}{name}")?,
                        BodyStep::Each => f.write_str("[]")?,
                    }
                    separator = ".";
                }
                Ok(())
            }
        }
    }
}

fn header(name: &str) -> Result<KeyPart, KeyExpressionError> {
    let name = HeaderName::try_from(name).map_err(|_| KeyExpressionError::HeaderName(name.to_owned()))?;
    if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(&name) {
        return Err(KeyExpressionError::Credential(name));
    }
    Ok(KeyPart::Header(name))
}

/// The steps of `operations[].operationId`; `None` where a name is missing or a bracket stands elsewhere.
fn body(path: &str) -> Option<Vec<BodyStep>> {
    let mut steps = Vec::new();
    for name in path.split('.') {
        let (name, each) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
        if name.is_empty() || name.contains(['[', ']']) {
            return None;
        }
        steps.push(BodyStep::Field(name.to_owned()));
        steps.extend(each.then_some(BodyStep::Each));
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEMPLATE: &str = "/issuers/{issuerId}/cards/{cardId}";

    fn parse(parts: &[&str]) -> Result<KeyExpression, KeyExpressionError> {
        KeyExpression::parse(&parts.iter().map(|&part| part.to_owned()).collect::<Vec<_>>(), TEMPLATE)
    }

    #[test]
    fn each_form_is_read_and_shown_again() {
        let parts = [
            "operation",
            "header:x-correlation-id",
            "path:cardId",
            "query:cardId",
            "body:a.b[].c",
            "body:a[]",
            "digest",
        ];
        let key = parse(&parts).unwrap();
        assert_eq!(key.parts().iter().map(ToString::to_string).collect::<Vec<_>>(), parts);
        assert_eq!(key.parts()[2], KeyPart::Path("cardId".into()));
        assert_eq!(
            key.parts()[4],
            KeyPart::Body(vec![
                BodyStep::Field("a".into()),
                BodyStep::Field("b".into()),
                BodyStep::Each,
                BodyStep::Field("c".into())
            ])
        );
    }

    #[test]
    fn headers_are_known_without_regard_to_case() {
        assert_eq!(parse(&["header:X-Correlation-ID"]), parse(&["header:x-correlation-id"]));
    }

    #[test]
    fn a_parameter_has_to_be_one_of_the_path_s() {
        let error = parse(&["path:tokenId"]).unwrap_err();
        assert_eq!(error.to_string(), "the path /issuers/{issuerId}/cards/{cardId} has no parameter {tokenId}");
        assert_eq!(error.remedy(), "take one of issuerId, cardId");
    }

    #[test]
    fn a_credential_is_no_part_of_a_key() {
        for name in ["authorization", "Authorization", "proxy-authorization", "cookie"] {
            assert!(matches!(parse(&[&format!("header:{name}")]), Err(KeyExpressionError::Credential(_))), "{name}");
        }
        assert!(parse(&["header:x-issuer-id"]).is_ok());
    }

    #[test]
    fn what_is_no_part_is_said_to_be_none() {
        for part in [
            "",
            ":",
            "Operation",
            "head:x",
            "header:",
            "header:a b",
            "path:",
            "query:",
            "body:",
            "body:.",
            "body:a.",
            "body:[]",
            "body:a[0]",
            "body:a[].",
            "body:a[][]",
            "digest:x",
            "x-correlation-id",
        ] {
            assert!(parse(&[part]).is_err(), "{part:?}");
        }
        assert_eq!(parse(&[]), Err(KeyExpressionError::Empty));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_shown_as_it_stands(text in "(operation|digest|(header|path|query|body):)?.{0,20}") {
            if let Ok(key) = parse(&[&text]) {
                prop_assert_eq!(key.to_string().to_lowercase(), text.to_lowercase());
            }
        }
    }
}
