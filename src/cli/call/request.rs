//! The request of a call: path, query, headers and body, from the catalogue, the example and the arguments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Request};
use zeroize::Zeroizing;

use super::Arguments;
use crate::cli::Error;
use crate::cli::tls_files::read;
use crate::new_uuid::new_uuid;
use crate::thales::example::Fill;
use crate::thales::operation::IssuerId;
use crate::thales::{Example, Operation, Product, template};

/// What the arguments say of every request.
#[derive(Clone)]
pub(super) struct Contents {
    authority: String,
    issuer_id: String,
    /// `APIKEY` and the key.
    api_key: Option<HeaderValue>,
    headers: HeaderMap,
    path_parameters: BTreeMap<String, String>,
    body: Option<Bytes>,
}

impl Contents {
    /// Reads the files that the arguments name.
    ///
    /// # Errors
    /// What cannot be read, or is no header or parameter.
    pub(super) fn new(arguments: &Arguments, operations: &[Arc<Operation>]) -> Result<Self, Error> {
        let has_cof = operations.iter().any(|operation| operation.product == Product::Cof);
        if arguments.api_key_file.is_some() && !has_cof {
            return Err("--api-key-file: only calls of cof carry an API key".into());
        }
        let mut headers = HeaderMap::new();
        for header in &arguments.headers {
            let (name, value) = header.split_once(':').ok_or("--header: write NAME:VALUE")?;
            let name =
                HeaderName::try_from(name.trim()).map_err(|_| format!("--header: {name:?} is no name of a header"))?;
            // The value may be a secret: it is not repeated.
            let value = HeaderValue::try_from(value.trim())
                .map_err(|_| format!("--header: the value of {name} has a character that no header can have"))?;
            headers.append(name, value);
        }
        let mut path_parameters = BTreeMap::new();
        for parameter in &arguments.path_parameters {
            let (name, value) = parameter.split_once('=').ok_or("--path-parameter: write NAME=VALUE")?;
            for operation in operations {
                let names: Vec<_> = template::parameters(&operation.path).collect();
                if !names.contains(&name) {
                    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                    return Err(format!("--path-parameter {name}: {} has {known}", operation.name).into());
                }
            }
            path_parameters.insert(name.to_owned(), value.to_owned());
        }
        Ok(Self {
            authority: arguments.target.authority(),
            issuer_id: arguments.issuer_id.clone(),
            api_key: arguments.api_key_file.as_deref().map(api_key).transpose()?,
            headers,
            path_parameters,
            body: arguments.body.as_deref().map(read).transpose()?.map(|body| Bytes::copy_from_slice(&body)),
        })
    }

    /// The request of a new event: ids that no other has.
    ///
    /// # Errors
    /// When an id cannot stand in a path or a header.
    pub(super) fn event(&self, operation: &Operation) -> Result<Request<Bytes>, Error> {
        self.fresh_event(operation).map(|(event, _)| event)
    }

    /// The same, and the digits in it that make it an event of its own.
    ///
    /// # Errors
    /// As [`Contents::event`].
    pub(super) fn fresh_event(&self, operation: &Operation) -> Result<(Request<Bytes>, String), Error> {
        let id = new_uuid();
        let digits = id.as_simple().to_string();
        let fill = Fill {
            issuer_id: self.issuer_id.clone(),
            fresh: digits.get(20..).unwrap_or_default().to_owned(),
            now: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        };
        let example = Example::of(operation);
        let uri = format!("https://{}{}", self.authority, self.path_and_query(operation, example)?);
        let mut request = Request::new(match &self.body {
            Some(own) => own.clone(),
            None => example.map(|example| example.body(&fill)).unwrap_or_default(),
        });
        *request.method_mut() = operation.method.clone();
        *request.uri_mut() = uri.parse().map_err(|_| format!("{uri:?} is no URL"))?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::try_from(&self.authority)?);
        if let Some(example) = example {
            headers.extend(example.headers.iter().cloned());
            headers.extend(example.content_type.clone().map(|value| (CONTENT_TYPE, value)));
        }
        if let Some(name) = &operation.correlation {
            headers.insert(name, HeaderValue::try_from(id.to_string())?);
        }
        if let Some(IssuerId::Header(name) | IssuerId::OptionalHeader(name)) = &operation.issuer_id {
            let value = HeaderValue::try_from(&self.issuer_id).map_err(|_| "--issuer-id: no header can hold it")?;
            headers.insert(name, value);
        }
        if let (Product::Cof, Some(key)) = (operation.product, &self.api_key) {
            headers.insert(AUTHORIZATION, key.clone());
        }
        for name in self.headers.keys() {
            headers.remove(name);
        }
        headers.extend(self.headers.clone());
        Ok((request, fill.fresh))
    }

    /// The id that calls bear.
    pub(super) fn issuer_id(&self) -> &str {
        &self.issuer_id
    }

    /// Whether calls of cof carry a key, be it from a file or from a header of the operator's own.
    pub(super) fn has_second_key(&self) -> bool {
        self.api_key.is_some() || self.has_own_authorization()
    }

    /// Whether the operator's own headers hold a second key, of whatever kind.
    pub(super) fn has_own_authorization(&self) -> bool {
        self.headers.contains_key(AUTHORIZATION)
    }

    /// Without the body and the headers of the operator's own, which are not for every operation.
    pub(super) fn plain(&self) -> Self {
        Self { body: None, headers: HeaderMap::new(), ..self.clone() }
    }

    /// The same for another issuer.
    pub(super) fn of_issuer(&self, issuer_id: &str) -> Self {
        Self { issuer_id: issuer_id.to_owned(), ..self.clone() }
    }

    fn path_and_query(&self, operation: &Operation, example: Option<&Example>) -> Result<String, Error> {
        let mut path = operation.base_path.clone();
        for segment in template::segments(&operation.path) {
            path.push('/');
            let name = match segment {
                template::Segment::Literal(literal) => {
                    path.push_str(literal);
                    continue;
                }
                template::Segment::Parameter(name) => name,
            };
            let is_issuer = matches!(&operation.issuer_id, Some(IssuerId::Path(own)) if own == name);
            let value = match self.path_parameters.get(name) {
                Some(own) => own.as_str(),
                None if is_issuer => &self.issuer_id,
                None => {
                    let value = example.and_then(|example| example.path.get(name));
                    value.ok_or_else(|| format!("write --path-parameter {name}=VALUE"))?
                }
            };
            // RFC 3986 section 2.3, which all ids of Thales' keep to.
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            if value.is_empty() || !value.bytes().all(fits) {
                return Err(format!("{name}: {value:?} is no id: write letters, digits, - . _ and ~").into());
            }
            path.push_str(value);
        }
        if let Some(example) = example.filter(|example| !example.query.is_empty()) {
            path.push('?');
            path.push_str(&form_urlencoded::Serializer::new(String::new()).extend_pairs(&example.query).finish());
        }
        Ok(path)
    }
}

fn api_key(path: &std::path::Path) -> Result<HeaderValue, Error> {
    let key = secret(path)?;
    authorization("APIKEY", &key).ok_or_else(|| format!("{} holds no API key", path.display()).into())
}

/// The text of a file that holds a secret, without the end of its line.
pub(super) fn secret(path: &std::path::Path) -> Result<Zeroizing<String>, Error> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("{} holds something else than text", path.display()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(format!("{} is empty", path.display()).into());
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// A value of `Authorization` that no debug output shows; `None` = it holds what no header can.
pub(super) fn authorization(scheme: &str, credentials: &str) -> Option<HeaderValue> {
    let text = Zeroizing::new(format!("{scheme} {credentials}"));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
