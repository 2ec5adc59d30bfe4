//! What Thales makes of an answer.

use std::fmt;

use ::http::StatusCode;
use ::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use serde_json::Value;

use super::{Kind, Operation, Product};

/// What Thales makes of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of the call.
    pub fate: Fate,
    /// What is wrong with the answer, in a sentence each; nothing where it is as Thales expects.
    pub wrong: Vec<String>,
    /// What deserves a look all the same.
    pub notes: Vec<String>,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is done.
    Done,
    /// Thales makes it again.
    ComesAgain,
    /// Thales never makes it again: what it told is lost.
    Lost,
    /// Thales does not say.
    NotPublished,
}

impl Fate {
    /// What becomes of a call of `product` that was answered with `status`. Thales says so of merchant tokenization alone: 204 is a success,
    /// 429, 500 and 503 come again, 400, 401 and 404 never. Elsewhere only the statuses of success are known.
    #[must_use]
    pub fn of(product: Product, status: StatusCode) -> Self {
        match (product, status.as_u16()) {
            (Product::Cof, 204) => Self::Done,
            (Product::Cof, 429 | 500 | 503) => Self::ComesAgain,
            (Product::Cof, 400 | 401 | 404) => Self::Lost,
            (Product::Cof, _) => Self::NotPublished,
            _ if status.is_success() => Self::Done,
            _ => Self::NotPublished,
        }
    }

    /// The name for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::ComesAgain => "comes_again",
            Self::Lost => "lost",
            Self::NotPublished => "not_published",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Verdict {
    /// Judges an answer to `operation`; `fields` are those that an answer cannot do without.
    #[must_use]
    pub fn of(operation: &Operation, fields: &[String], status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let mut verdict = Self { fate: Fate::of(operation.product, status), wrong: Vec::new(), notes: Vec::new() };
        verdict.judge_status(operation, status);
        if verdict.is_acknowledged() {
            verdict.judge_body(operation, fields, status, headers, body);
        }
        verdict
    }

    /// Whether the answer is as Thales expects.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.wrong.is_empty()
    }

    fn judge_status(&mut self, operation: &Operation, status: StatusCode) {
        let expected = operation.acknowledgement.status;
        if status == expected {
            return;
        }
        let (product, got) = (operation.product, status.as_u16());
        let expected = expected.as_u16();
        self.wrong.push(match (self.fate, operation.kind) {
            (Fate::Lost, _) => {
                format!("LOST FOR GOOD: {product} never sends an event again after {got}; answer {expected} once it is kept")
            }
            (Fate::ComesAgain, _) => format!("not acknowledged, and comes again: {product} wants {expected}"),
            (_, Kind::Notification) if product == Product::Cof => {
                format!("{product} takes {expected} for an acknowledgement and nothing else; what it does after {got} is not published")
            }
            (Fate::Done, _) => format!("{product} expects {expected} here, not {got}"),
            (_, Kind::Notification) => {
                format!("not acknowledged: {product} wants {expected}; whether it comes again is not published")
            }
            (_, Kind::Query | Kind::Command) => format!("not answered: {product} wants {expected}"),
        });
    }

    fn judge_body(
        &mut self,
        operation: &Operation,
        fields: &[String],
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) {
        // RFC 9110 section 8.6: a 204 has no content-length at all; of some clients the connection breaks.
        if status == StatusCode::NO_CONTENT {
            let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
            if headers.contains_key(TRANSFER_ENCODING) {
                self.wrong
                    .push("it has a transfer-encoding, which 204 must not have (RFC 9112 section 6.1)".to_owned());
            } else if !body.is_empty() || length.is_some_and(|length| length != "0") {
                self.wrong.push("it says that a body follows, and 204 has none (RFC 9110 section 15.3.5)".to_owned());
            }
            return;
        }
        if fields.is_empty() {
            if operation.kind == Kind::Notification && operation.acknowledgement.body.is_empty() && !is_empty_json(body)
            {
                self.notes.push("it has a body, which nobody asked for".to_owned());
            }
            return;
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(answer)) => {
                let missing: Vec<_> = fields
                    .iter()
                    .filter(|&field| answer.get(field).is_none_or(Value::is_null))
                    .map(String::as_str)
                    .collect();
                if !missing.is_empty() {
                    self.wrong.push(format!("the answer lacks {}", missing.join(", ")));
                }
            }
            _ => self.wrong.push(format!("the answer is no JSON object, and has to hold {}", fields.join(", "))),
        }
    }
}

fn is_empty_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii(), b"" | b"{}")
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;
    use crate::thales::Catalogue;

    fn operation(product: Product, name: &str) -> &'static Operation {
        let mut operations = Catalogue::built_in().operations().iter();
        operations.find(|operation| operation.product == product && operation.name == name).unwrap()
    }

    fn verdict(product: Product, name: &str, fields: &[&str], status: u16, body: &str) -> Verdict {
        let fields: Vec<_> = fields.iter().map(|&field| field.to_owned()).collect();
        let status = StatusCode::from_u16(status).unwrap();
        Verdict::of(operation(product, name), &fields, status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn cof_is_acknowledged_with_204_alone() {
        let of = |status| verdict(Product::Cof, "notifyTokenUpdate", &[], status, "");
        assert!(of(204).is_acknowledged());
        for (status, fate, words) in [
            (200, Fate::NotPublished, "204"),
            (202, Fate::NotPublished, "204"),
            (400, Fate::Lost, "LOST FOR GOOD"),
            (401, Fate::Lost, "LOST FOR GOOD"),
            (404, Fate::Lost, "LOST FOR GOOD"),
            (429, Fate::ComesAgain, "comes again"),
            (500, Fate::ComesAgain, "comes again"),
            (503, Fate::ComesAgain, "comes again"),
            (502, Fate::NotPublished, "not published"),
        ] {
            let verdict = of(status);
            assert!(!verdict.is_acknowledged(), "{status}");
            assert_eq!(verdict.fate, fate, "{status}");
            assert!(verdict.wrong[0].contains(words), "{status}: {:?}", verdict.wrong);
        }
    }

    #[test]
    fn each_product_wants_its_own_status() {
        assert!(verdict(Product::Tsh, "notifyVirtualCardChange", &[], 200, "").is_acknowledged());
        assert!(!verdict(Product::Tsh, "notifyVirtualCardChange", &[], 204, "").is_acknowledged());
        assert!(verdict(Product::D1, "notifyCardOperations", &[], 204, "").is_acknowledged());
        assert!(!verdict(Product::D1, "notifyCardOperations", &[], 200, "").is_acknowledged());
        assert_eq!(verdict(Product::D1, "notifyCardOperations", &[], 500, "").fate, Fate::NotPublished);
    }

    #[test]
    fn a_query_s_answer_has_the_fields_that_thales_needs() {
        let of = |body| verdict(Product::Tsh, "requestCardDigitization", &["levelOfTrust"], 200, body);
        assert!(of(r#"{"levelOfTrust":"green"}"#).is_acknowledged());
        assert!(of(r#"{"levelOfTrust":null}"#).wrong[0].contains("lacks levelOfTrust"));
        assert!(of(r#"{"decision":"green"}"#).wrong[0].contains("lacks levelOfTrust"));
        assert!(of("[]").wrong[0].contains("no JSON object"));
        assert!(of("").wrong[0].contains("no JSON object"));
    }

    #[test]
    fn there_is_no_body_where_none_belongs() {
        let framed = |headers: HeaderMap| {
            let operation = operation(Product::Cof, "notifyTokenUpdate");
            Verdict::of(operation, &[], StatusCode::NO_CONTENT, &headers, b"")
        };
        let said = |length: Option<&'static str>| {
            framed(length.into_iter().map(|length| (CONTENT_LENGTH, HeaderValue::from_static(length))).collect())
        };
        let chunked = framed(HeaderMap::from_iter([(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))]));
        assert!(chunked.wrong[0].contains("transfer-encoding"), "{:?}", chunked.wrong);
        assert!(said(Some("2")).wrong[0].contains("204 has none"));
        assert!(said(Some("0")).is_acknowledged());
        assert!(said(None).is_acknowledged());
        let unasked = verdict(Product::Tsh, "notifyVirtualCardChange", &[], 200, r#"{"ok":true}"#);
        assert!(unasked.is_acknowledged());
        assert_eq!(unasked.notes.len(), 1);
        assert!(verdict(Product::Tsh, "notifyVirtualCardChange", &[], 200, "{}").notes.is_empty());
    }
}
