//! What the key of an operation is in a call.

mod json;

use ::http::{HeaderMap, HeaderName, Uri};
use aws_lc_rs::digest::{SHA256, digest};

use crate::thales::Operation;
use crate::thales::key_expression::{KeyExpression, KeyPart};
use crate::thales::routes::Matched;

/// Longest subject that is told, in bytes: longer than any id or two of them, short enough for a header.
const LONGEST_SUBJECT: usize = 512;

/// A call, as far as keys are made of it.
#[derive(Clone, Copy, Debug)]
pub struct Keyed<'c> {
    /// What it is.
    pub operation: &'c Operation,
    /// Where its path has parameters.
    pub matched: &'c Matched,
    /// Path and query.
    pub uri: &'c Uri,
    /// Its headers.
    pub headers: &'c HeaderMap,
    /// Its body.
    pub body: &'c [u8],
}

impl Keyed<'_> {
    /// The values of `key`, part after part, of a list in the body that of each element; `None` when one is missing. What is
    /// empty, or could be meant in more than one way, is missing too: whoever makes no key of it is only careful.
    #[must_use]
    pub fn values(&self, key: &KeyExpression) -> Option<Vec<Vec<u8>>> {
        let mut values = Vec::with_capacity(key.parts().len());
        for part in key.parts() {
            let value = match part {
                KeyPart::Operation => self.operation.name.clone().into_bytes(),
                KeyPart::Header(name) => self.header(name)?.to_vec(),
                KeyPart::Path(name) => self.matched.parameter(self.uri.path(), name)?.into(),
                KeyPart::Query(name) => self.query(name)?.into_bytes(),
                KeyPart::BodyDigest => digest(&SHA256, self.body).as_ref().to_vec(),
                KeyPart::Body(steps) => {
                    values.extend(json::values(self.body, steps)?);
                    continue;
                }
            };
            if value.is_empty() {
                return None;
            }
            values.push(value);
        }
        Some(values)
    }

    fn header(&self, name: &HeaderName) -> Option<&[u8]> {
        let mut values = self.headers.get_all(name).iter();
        let only = values.next()?;
        values.next().is_none().then_some(only.as_bytes())
    }

    fn query(&self, name: &str) -> Option<String> {
        let query = self.uri.query()?;
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(parameter, _)| parameter == name);
        let (_, only) = values.next()?;
        values.next().is_none().then(|| only.into_owned())
    }
}

/// What a call is about, out of the values of its ordering key; `None` when they are no text, or a long one.
#[must_use]
pub(super) fn subject(values: &[Vec<u8>]) -> Option<String> {
    String::from_utf8(values.join(&b'/')).ok().filter(|subject| subject.len() <= LONGEST_SUBJECT)
}

#[cfg(test)]
mod tests;
