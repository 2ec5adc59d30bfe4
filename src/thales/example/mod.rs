//! An example of each call that Thales makes: `config/examples/*.toml`, compiled in. All of it is made up.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ::http::header::{HeaderName, HeaderValue};
use bytes::Bytes;
use serde::Deserialize;

use super::{Operation, Product};

/// The files of the examples.
const BUILT_IN: [&str; 7] = [
    include_str!("../../../config/examples/tsh.toml"),
    include_str!("../../../config/examples/tsh-auxiliary.toml"),
    include_str!("../../../config/examples/tsp.toml"),
    include_str!("../../../config/examples/d1.toml"),
    include_str!("../../../config/examples/d1-ecom.toml"),
    include_str!("../../../config/examples/cof.toml"),
    include_str!("../../../config/examples/transit.toml"),
];

/// The id of a customer's side that the examples are for: ten characters, as Thales' ids have.
pub const SAMPLE_ISSUER_ID: &str = "SAMPLE0001";

/// What a call of an operation looks like, beside its correlation id, its issuer id and its second key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    product: Product,
    operation: String,
    /// Parameters of the path, by name.
    pub path: BTreeMap<String, String>,
    /// Parameters of the query, by name.
    pub query: BTreeMap<String, String>,
    /// Headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What its body is; `None` = it has none.
    pub content_type: Option<HeaderValue>,
    body: String,
    /// The fields that an answer cannot do without, where Thales says so.
    pub answer: Vec<String>,
}

/// What is put into an example.
#[derive(Clone, Debug)]
pub struct Fill {
    /// The id of the customer's side.
    pub issuer_id: String,
    /// Twelve hexadecimal digits that no other event has.
    pub fresh: String,
    /// The time (RFC 3339).
    pub now: String,
}

impl Example {
    /// The example of an operation of the catalogue; `None` = it is an operator's own.
    pub fn of(operation: &Operation) -> Option<&'static Self> {
        static EXAMPLES: LazyLock<Vec<Example>> = LazyLock::new(|| {
            // A test reads each of them, so that none that is left out here is ever released.
            BUILT_IN.iter().filter_map(|text| read(text).ok()).flatten().collect()
        });
        EXAMPLES.iter().find(|example| {
            example.product == operation.product && example.operation.eq_ignore_ascii_case(&operation.name)
        })
    }

    /// Its body.
    #[must_use]
    pub fn body(&self, fill: &Fill) -> Bytes {
        let body = self.body.trim().replace("{fresh}", &fill.fresh).replace("{now}", &fill.now);
        body.replace("{issuer-id}", &fill.issuer_id).into()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    product: String,
    example: Vec<RawExample>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExample {
    operation: String,
    #[serde(default)]
    path: BTreeMap<String, String>,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    content_type: Option<String>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    answer: Vec<String>,
}

/// Reads a file. What is wrong with it only a test ever sees.
fn read(text: &str) -> Result<Vec<Example>, String> {
    let file: RawFile = toml::from_str(text).map_err(|error| error.to_string())?;
    let product = Product::from_name(&file.product).map_err(|error| error.to_string())?;
    let example = |raw: RawExample| {
        let header = |(name, value): (String, String)| {
            let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
            Ok((name, HeaderValue::try_from(value).map_err(|error| error.to_string())?))
        };
        let content_type = match (raw.content_type, raw.body.is_empty()) {
            (Some(own), _) => Some(HeaderValue::try_from(own).map_err(|error| error.to_string())?),
            (None, true) => None,
            (None, false) => Some(HeaderValue::from_static("application/json")),
        };
        Ok(Example {
            product,
            operation: raw.operation,
            path: raw.path,
            query: raw.query,
            headers: raw.headers.into_iter().map(header).collect::<Result<_, String>>()?,
            content_type,
            body: raw.body,
            answer: raw.answer,
        })
    };
    file.example.into_iter().map(example).collect()
}
