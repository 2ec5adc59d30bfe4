//! Calls as Thales makes them, and what an environment needs to know them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Empty;
use issuer_host::auth::{
    ApiKeys, BearerOptions, BearerTokens, Client, GuessLimit, LiveSecret, SigningKeys, TokenEndpoint,
    TokenEndpointOptions, Verdict,
};
use issuer_host::http::{Interpreter, InterpreterOptions};
use issuer_host::thales::Product;
use issuer_host::thales::catalogue::Catalogue;
use issuer_host::thales::operation::ExpiresIn;
use issuer_host::thales::routes::{Found, RouteOptions, Routes};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};

use crate::Error;

/// The environment that is called.
pub(crate) const HOST: &str = "bench.issuer-host.test";
const ENVIRONMENT: &str = "bench";
const CLIENT: &str = "thales";
const SECRET: &str = "a-secret-of-the-benchmark";

/// A call, and what knows it.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) interpreter: Arc<Interpreter>,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) headers: HeaderMap,
}

/// A notification of merchant tokenization, with an API key: the second of two that live.
pub(crate) fn with_api_key() -> Result<Subject, Error> {
    let options = InterpreterOptions { api_keys: Some(api_keys()?), ..knowing(Product::Cof)? };
    Subject::new(options, "/tsh-cof/notify-token-update", &format!("APIKEY {SECRET}"))
}

/// A notification of D1, with a bearer token that is remembered.
pub(crate) fn with_bearer() -> Result<Subject, Error> {
    let (tokens, authorization) = tokens()?;
    let options = InterpreterOptions { tokens: Some(tokens), ..knowing(Product::D1)? };
    Subject::new(options, "/notifications/d1/v2/issuers/0012345678/cards", &authorization)
}

/// Two keys, as during a rotation.
pub(crate) fn api_keys() -> Result<ApiKeys, Error> {
    let old = LiveSecret::from_text("old", "the-key-that-was-there-before")?;
    Ok(ApiKeys::new(vec![old, LiveSecret::from_text("new", SECRET)?]))
}

/// A verifier, and an `authorization` that it has accepted.
pub(crate) fn tokens() -> Result<(BearerTokens, String), Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let keys = Arc::new(SigningKeys::from_pem(key.serialize_pem().as_bytes())?);
    let options = BearerOptions {
        issuer: format!("https://{HOST}"),
        audience: ENVIRONMENT.to_owned(),
        scope: None,
        environment: Some(ENVIRONMENT.to_owned()),
    };
    let endpoint = TokenEndpoint::new(TokenEndpointOptions {
        issuer: options.issuer.clone(),
        audience: options.audience.clone(),
        environment: ENVIRONMENT.to_owned(),
        lifetime: Duration::from_secs(24 * 3600),
        credentials_in_body: true,
        guesses: GuessLimit::default(),
        clients: vec![Client {
            id: CLIENT.to_owned(),
            secrets: vec![LiveSecret::from_text("current", SECRET)?],
            scopes: Vec::new(),
        }],
        keys: Arc::clone(&keys),
    })?;
    let now = SystemTime::now();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let asked = format!("grant_type=client_credentials&client_id={CLIENT}&client_secret={SECRET}");
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
    let answer = endpoint.answer(&headers, asked.as_bytes(), &[7; 32], ExpiresIn::Number, now);
    let body: serde_json::Value = serde_json::from_slice(answer.body())?;
    let token = body.get("access_token").and_then(serde_json::Value::as_str);
    let authorization = format!("Bearer {}", token.ok_or("the token endpoint issued nothing")?);

    let tokens = BearerTokens::own(keys, options);
    match tokens.verify(&authorized(&authorization)?, now) {
        Verdict::Accepted(_) => Ok((tokens, authorization)),
        refused => Err(format!("the token is not accepted: {refused:?}").into()),
    }
}

/// Headers with that credential alone.
pub(crate) fn authorized(authorization: &str) -> Result<HeaderMap, Error> {
    Ok(HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(authorization)?)]))
}

fn knowing(product: Product) -> Result<InterpreterOptions, Error> {
    let options = RouteOptions { products: vec![product], ..RouteOptions::default() };
    let routes = Routes::compile(Catalogue::built_in(), &options).map_err(|problems| format!("{problems:?}"))?;
    Ok(InterpreterOptions::new(routes, vec!["0012345678".to_owned()]))
}

impl Subject {
    fn new(options: InterpreterOptions, path: &'static str, authorization: &str) -> Result<Self, Error> {
        let method = Method::POST;
        if !matches!(options.routes.find(&method, path), Found::Operation(_)) {
            return Err(format!("{path} is not known").into());
        }
        let mut headers = authorized(authorization)?;
        for (name, value) in [
            ("host", HOST),
            ("content-type", "application/json"),
            ("accept", "application/json"),
            ("user-agent", "bench"),
            ("x-correlation-id", "01911db4-2b4a-7c00-8000-aabbccddeeff"),
            ("x-request-id", "01911db4-2b4a-7c00-8000-001122334455"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Ok(Self { interpreter: Arc::new(Interpreter::new(options)), method, path, headers })
    }

    /// The call once more.
    pub(crate) fn request(&self) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        request.method_mut().clone_from(&self.method);
        *request.uri_mut() = http::Uri::from_static(self.path);
        request.headers_mut().clone_from(&self.headers);
        request
    }
}
