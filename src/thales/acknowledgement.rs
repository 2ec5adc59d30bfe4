//! The answer that says that a call went well.

use ::http::StatusCode;
use ::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use bytes::Bytes;

use super::Product;
use super::finding::Finding;

/// Fields that frame a message or belong to a connection (RFC 9110 sections 6.4 and 7.6.1): the server's own affair.
const FRAMING: [&str; 8] =
    ["connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// The answer that says that a call went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Its status.
    pub status: StatusCode,
    /// Its own headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body; empty = none.
    pub body: Bytes,
}

impl Acknowledgement {
    /// An answer of this status alone.
    pub(crate) fn of(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// What `product` takes for a success where nobody says otherwise.
    pub(crate) fn usual(product: Product) -> Self {
        Self::of(match product {
            Product::D1 | Product::D1Ecom | Product::Cof => StatusCode::NO_CONTENT,
            Product::Tsh | Product::TshAuxiliary | Product::Tsp | Product::Transit => StatusCode::OK,
        })
    }

    /// With another status, body or headers, where they are given. A body without a `content-type` of its own is JSON, as all of
    /// Thales' bodies are. Gives everything that is wrong.
    pub(crate) fn with(
        mut self,
        status: Option<u16>,
        body: Option<&str>,
        headers: &[(String, String)],
    ) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        if let Some(status) = status {
            match StatusCode::from_u16(status) {
                Ok(status) if status.is_success() => self.status = status,
                _ => findings.push(Finding::new(
                    "status",
                    format!("{status} does not say that a call went well"),
                    "write a status from 200 to 299",
                )),
            }
        }
        if !headers.is_empty() {
            self.headers = headers.iter().filter_map(|field| collected(header(field), &mut findings)).collect();
        }
        if let Some(body) = body {
            self.body = Bytes::copy_from_slice(body.as_bytes());
        }
        if !self.body.is_empty() && !self.headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
            self.headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        if findings.is_empty() { Ok(self) } else { Err(findings) }
    }

    /// Checks it against what its product understands.
    pub(crate) fn check(&self, product: Product) -> Result<(), Finding> {
        // RFC 9110 sections 15.3.5 and 15.3.6.
        if matches!(self.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT) && !self.body.is_empty() {
            return Err(Finding::new(
                "body",
                format!("an answer of status {} has no body", self.status.as_u16()),
                "leave the body away, or take another status",
            ));
        }
        if product == Product::Cof && self.status != StatusCode::NO_CONTENT {
            return Err(Finding::new(
                "status",
                format!("{} is not what cof takes for an acknowledgement", self.status.as_u16()),
                "leave the status away: cof wants 204",
            ));
        }
        Ok(())
    }
}

fn header((name, value): &(String, String)) -> Result<(HeaderName, HeaderValue), Finding> {
    let wrong = |problem: String, remedy: &str| Err(Finding::new("headers", problem, remedy));
    let Ok(name) = HeaderName::try_from(name.as_str()) else {
        return wrong(format!("{name:?} is no name of a header"), "write letters, digits and -");
    };
    if FRAMING.contains(&name.as_str()) {
        return wrong(format!("{name} is set by the server itself"), "leave it away");
    }
    match HeaderValue::try_from(value.as_str()) {
        Ok(value) => Ok((name, value)),
        Err(_) => {
            wrong(format!("the value of {name} holds a character that no header can have"), "write visible ASCII")
        }
    }
}

fn collected<T>(result: Result<T, Finding>, findings: &mut Vec<Finding>) -> Option<T> {
    result.map_err(|finding| findings.push(finding)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_body_is_json_where_nobody_says_otherwise() {
        let json = Acknowledgement::usual(Product::Tsh).with(None, Some("{}"), &[]).unwrap();
        assert_eq!(json.headers, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let text =
            Acknowledgement::usual(Product::Tsh).with(None, Some("ok"), &headers(&[("content-type", "text/plain")]));
        assert_eq!(text.unwrap().headers, [(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
        assert!(Acknowledgement::usual(Product::Tsh).with(Some(202), None, &[]).unwrap().headers.is_empty());
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let fields = headers(&[("content-length", "3"), ("a b", "c"), ("x-a", "\n"), ("x-b", "fine")]);
        let findings = Acknowledgement::usual(Product::D1).with(Some(302), None, &fields).unwrap_err();
        assert_eq!(
            findings.iter().map(|finding| finding.field).collect::<Vec<_>>(),
            [Some("status"), Some("headers"), Some("headers"), Some("headers")]
        );
    }

    #[test]
    fn no_content_has_no_body() {
        let acknowledgement = Acknowledgement::usual(Product::D1).with(None, Some("{}"), &[]).unwrap();
        assert_eq!(acknowledgement.check(Product::D1).unwrap_err().field, Some("body"));
        let acknowledgement = acknowledgement.with(Some(200), None, &[]).unwrap();
        assert_eq!(acknowledgement.check(Product::D1), Ok(()));
    }

    #[test]
    fn cof_is_acknowledged_with_204_and_nothing_else() {
        let other = Acknowledgement::usual(Product::Cof).with(Some(200), None, &[]).unwrap();
        assert_eq!(other.check(Product::Cof).unwrap_err().field, Some("status"));
        assert_eq!(Acknowledgement::usual(Product::Cof).check(Product::Cof), Ok(()));
    }
}
