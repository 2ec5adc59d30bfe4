//! A request for a token, read from its headers and body (RFC 6749 sections 2.3.1, 3.2 and 4.4.2).

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use zeroize::Zeroizing;

use super::MAX_BODY;
use super::answer::{Failure, Refused};
use crate::auth::authorization::{Authorization, Basic, NotOne};

/// What is asked for, and by whom. Parameters that nobody here knows are left out, as section 3.2 has it.
#[derive(Default)]
pub(super) struct TokenRequest {
    pub(super) grant_type: Option<String>,
    pub(super) scope: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Zeroizing<String>>,
    basic: Option<Basic>,
}

/// Id and secret as a client showed them.
pub(super) struct Credentials {
    /// As they are understood; the second way is as they came, where that is another one.
    pub(super) ways: Vec<(String, Zeroizing<Vec<u8>>)>,
}

impl TokenRequest {
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Failure> {
        if body.len() > MAX_BODY {
            return Err(invalid("The body is too long."));
        }
        if !is_form(headers) {
            return Err(invalid("The content type has to be application/x-www-form-urlencoded."));
        }
        let mut request = Self { basic: basic(headers)?, ..Self::default() };
        for (name, value) in form_urlencoded::parse(body) {
            // Section 3.2: a parameter without a value counts as left out.
            let value = Zeroizing::new(value.into_owned());
            if value.is_empty() {
                continue;
            }
            let slot = match &*name {
                "grant_type" => &mut request.grant_type,
                "scope" => &mut request.scope,
                "client_id" => &mut request.client_id,
                "client_secret" => {
                    if request.client_secret.replace(value).is_some() {
                        return Err(invalid(TWICE));
                    }
                    continue;
                }
                _ => continue,
            };
            if slot.replace(value.to_string()).is_some() {
                return Err(invalid(TWICE));
            }
        }
        Ok(request)
    }

    /// Who asks. A client shows itself in one way, not in two.
    pub(super) fn credentials(&self, in_body: bool) -> Result<Credentials, Failure> {
        if let Some(basic) = &self.basic {
            if self.client_secret.is_some() {
                return Err(invalid("Use either HTTP Basic or credentials in the body."));
            }
            let shown = Credentials::of_basic(basic);
            if self.client_id.as_ref().is_some_and(|id| !shown.ways.iter().any(|(shown, _)| shown == id)) {
                return Err(invalid("The parameter client_id is another one than that of HTTP Basic."));
            }
            return Ok(shown);
        }
        match (&self.client_id, &self.client_secret) {
            (Some(id), Some(secret)) if in_body => {
                Ok(Credentials { ways: vec![(id.clone(), Zeroizing::new(secret.as_bytes().to_vec()))] })
            }
            _ => Err(Failure::of(Refused::InvalidClient)),
        }
    }
}

impl Credentials {
    /// Section 2.3.1 wants both to be form-urlencoded before they are put together, which many clients leave out. The two ways
    /// differ only where there is a percent sign or a plus.
    fn of_basic(basic: &Basic) -> Self {
        let (user, password) = (basic.user(), basic.password());
        let mut ways = vec![(text(&decoded(user)), decoded(password))];
        if ways.first().is_some_and(|(id, secret)| id.as_bytes() != user || secret.as_slice() != password) {
            ways.push((text(user), Zeroizing::new(password.to_vec())));
        }
        Self { ways }
    }
}

const TWICE: &str = "A parameter was sent more than once.";

fn invalid(description: &'static str) -> Failure {
    Failure::of(Refused::InvalidRequest(description))
}

fn basic(headers: &HeaderMap) -> Result<Option<Basic>, Failure> {
    match Authorization::of(headers) {
        Err(NotOne::Missing) => Ok(None),
        Err(NotOne::Several) => Err(invalid("More than one authorization header was sent.")),
        Ok(authorization) if authorization.is("Basic") => {
            // What cannot be read names nobody.
            Basic::decode(authorization.credentials).map(Some).ok_or(Failure::of(Refused::InvalidClient))
        }
        Ok(_) => Err(Failure::of(Refused::InvalidClient)),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `bytes` with `+` as a blank and `%XX` as a byte. What does not follow the rule stays as it is.
fn decoded(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'+', _) => (b' ', after),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'%', rest.get(1..).unwrap_or_default()),
            },
            _ => (*first, after),
        };
        decoded.push(byte);
        rest = after;
    }
    decoded
}

fn digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
