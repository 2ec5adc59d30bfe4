//! The one table of problems: what each product's caller sees of each cause, and whether it will come again.

mod cause;
#[cfg(test)]
mod tests;

use ::http::{HeaderValue, StatusCode};
use bytes::Bytes;
pub use cause::Cause;
use serde::Serialize;

use super::Product;

/// How a product wants to be told that something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    product: Product,
    wrong_key: WrongKey,
}

impl Dialect {
    /// The dialect of a product.
    #[must_use]
    pub const fn of(product: Product) -> Self {
        Self { product, wrong_key: WrongKey::Retryable }
    }

    /// With another answer of cof to a key that is missing or wrong.
    #[must_use]
    pub const fn with_wrong_key(self, wrong_key: WrongKey) -> Self {
        Self { wrong_key, ..self }
    }

    /// What the caller gets. `detail` is for people, and goes into the body where the product has one: it must hold nothing of the
    /// request, and nothing secret.
    #[must_use]
    pub fn answer(self, cause: Cause, detail: &str) -> Answer {
        let (content_type, body) = match body_form(self.product) {
            BodyForm::None => (None, Bytes::new()),
            form => (Some(HeaderValue::from_static(form.content_type())), form.body(self, cause, detail)),
        };
        let Entry { status, retryable, retry_after } = self.entry(cause);
        Answer { status, retryable, retry_after, content_type, body }
    }

    /// The status of a cause.
    #[must_use]
    pub fn status(self, cause: Cause) -> StatusCode {
        self.entry(cause).status
    }

    /// Whether the caller may send the same call again: cof does by itself; of the others it is what the status means.
    #[must_use]
    pub fn retryable(self, cause: Cause) -> bool {
        self.entry(cause).retryable
    }

    /// What the body of a problem looks like.
    #[must_use]
    pub fn body_form(self) -> BodyForm {
        body_form(self.product)
    }

    fn entry(self, cause: Cause) -> Entry {
        match self.product {
            Product::Cof => self.cof(cause),
            product => other(product, cause),
        }
    }

    /// Merchant tokenization sends an event again after 429, 500 and 503 and never after 400, 401 or 404, and nothing is known of
    /// any other status. So these three are all it sees, be the event lost for good or not: what cannot be told from a fault that
    /// will pass is one.
    fn cof(self, cause: Cause) -> Entry {
        match cause {
            Cause::RateLimited => retryable(StatusCode::TOO_MANY_REQUESTS, cause),
            Cause::Internal => retryable(StatusCode::INTERNAL_SERVER_ERROR, cause),
            Cause::Unauthenticated if self.wrong_key == WrongKey::Unauthorized => last(StatusCode::UNAUTHORIZED),
            _ => retryable(StatusCode::SERVICE_UNAVAILABLE, cause),
        }
    }
}

/// Every product but cof: the status says what happened, and whether it may be different next time.
fn other(product: Product, cause: Cause) -> Entry {
    match cause {
        Cause::BadRequest | Cause::MissingHeader => last(StatusCode::BAD_REQUEST),
        Cause::Unauthenticated => last(StatusCode::UNAUTHORIZED),
        // The issuer gateways have no 404: an id is a parameter to them.
        Cause::UnknownId => match product {
            Product::Tsh | Product::TshAuxiliary | Product::Tsp => last(StatusCode::BAD_REQUEST),
            Product::D1 | Product::D1Ecom | Product::Cof | Product::Transit => last(StatusCode::NOT_FOUND),
        },
        Cause::UnknownOperation => last(StatusCode::NOT_FOUND),
        Cause::MethodNotAllowed => last(StatusCode::METHOD_NOT_ALLOWED),
        Cause::TooLarge => last(StatusCode::PAYLOAD_TOO_LARGE),
        Cause::Misdirected => last(StatusCode::MISDIRECTED_REQUEST),
        Cause::BodyTimeout => retryable(StatusCode::REQUEST_TIMEOUT, cause),
        Cause::RateLimited => retryable(StatusCode::TOO_MANY_REQUESTS, cause),
        Cause::Internal => retryable(StatusCode::INTERNAL_SERVER_ERROR, cause),
        Cause::BackendBroken => retryable(StatusCode::BAD_GATEWAY, cause),
        Cause::BackendTimeout => retryable(StatusCode::GATEWAY_TIMEOUT, cause),
        Cause::BackendUnavailable
        | Cause::BackendRefused
        | Cause::StoreUnavailable
        | Cause::IdentityProviderUnavailable
        | Cause::Retired
        | Cause::Draining => retryable(StatusCode::SERVICE_UNAVAILABLE, cause),
    }
}

/// What cof is told where its key is missing or wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WrongKey {
    /// 503: a wrong key cannot be told from a rotation under way, and the event comes again.
    #[default]
    Retryable,
    /// 401: the event is lost for good.
    Unauthorized,
}

/// A problem as a product's caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Whether the same call may be sent again.
    pub retryable: bool,
    /// `Retry-After`, in seconds (RFC 9110 section 10.2.3).
    pub retry_after: Option<u32>,
    /// `Content-Type`, where there is a body.
    pub content_type: Option<HeaderValue>,
    /// The body; empty = none.
    pub body: Bytes,
}

struct Entry {
    status: StatusCode,
    retryable: bool,
    retry_after: Option<u32>,
}

const fn last(status: StatusCode) -> Entry {
    Entry { status, retryable: false, retry_after: None }
}

const fn retryable(status: StatusCode, cause: Cause) -> Entry {
    Entry { status, retryable: true, retry_after: cause.retry_after() }
}

/// What the body of a problem looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// No body.
    None,
    /// `responseCode` and `errorMessage`, as the issuer gateways have them.
    ResponseCode,
    /// `error`, as D1 has it.
    Error,
    /// A problem document (RFC 9457), where Thales shows no form of its own.
    ProblemDocument,
}

impl BodyForm {
    const fn content_type(self) -> &'static str {
        match self {
            Self::None | Self::ResponseCode | Self::Error => "application/json",
            Self::ProblemDocument => "application/problem+json",
        }
    }

    fn body(self, dialect: Dialect, cause: Cause, detail: &str) -> Bytes {
        let detail = if detail.is_empty() { cause.title() } else { detail };
        // Strings and a number: their serialization has no way to fail.
        let json = match self {
            Self::None => return Bytes::new(),
            Self::ResponseCode => {
                serde_json::to_vec(&ResponseCode { response_code: response_code(cause), error_message: detail })
            }
            Self::Error => serde_json::to_vec(&Error { error: detail }),
            Self::ProblemDocument => serde_json::to_vec(&Document {
                r#type: format!("urn:issuer-host:problem:{}", cause.name()),
                title: cause.title(),
                status: dialect.status(cause).as_u16(),
                detail,
                retryable: dialect.retryable(cause),
            }),
        };
        json.unwrap_or_default().into()
    }
}

const fn body_form(product: Product) -> BodyForm {
    match product {
        Product::Tsh | Product::TshAuxiliary | Product::Tsp => BodyForm::ResponseCode,
        Product::D1 | Product::D1Ecom => BodyForm::Error,
        Product::Cof => BodyForm::None,
        Product::Transit => BodyForm::ProblemDocument,
    }
}

/// The codes that others who implement the issuer gateway use: a parameter is missing, or the operation failed.
const fn response_code(cause: Cause) -> u16 {
    match cause {
        Cause::MissingHeader => 111,
        _ => 911,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseCode<'a> {
    response_code: u16,
    error_message: &'a str,
}

#[derive(Serialize)]
struct Error<'a> {
    error: &'a str,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    retryable: bool,
}
