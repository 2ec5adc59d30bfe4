//! An environment that serves one operation's product, with the product's second key, and a caller that has it.

use std::cell::Cell;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use rcgen::KeyPair;
use serde_json::Value;

use super::Row;
use super::example::Example;
use crate::support::door::{BY_HAND, edit};
use crate::support::{Caller, Door, HOST, Pki, Refusal, Reply, Session, Setup, eventually, request};

/// Limit of bodies: more than the longest that the descriptions allow.
pub(super) const MAX_BODY: usize = 16 * 1024;

pub(super) const API_KEY: &str = "key-of-the-tests-0123456789";
pub(super) const API_KEYS: &str = "[environments.preprod.api_keys.main]\nkey = \"key-of-the-tests-0123456789\"";
pub(super) const TOKENS: &str = r#"
[environments.preprod.tokens]
signing_key = "signing-key.pem"
[environments.preprod.tokens.clients.thales.secrets.current]
secret = "secret-of-the-tests-0123456789"
"#;
/// `thales:secret-of-the-tests-0123456789`.
pub(super) const BASIC: &str = "Basic dGhhbGVzOnNlY3JldC1vZi10aGUtdGVzdHMtMDEyMzQ1Njc4OQ==";

/// A running server of one operation's product.
pub(super) struct Served {
    pub(super) door: Door,
    row: Row,
    example: Example,
    /// What callers show; `None` where nobody asks for it.
    pub(super) credential: Option<String>,
    /// Calls so far of which the log has to tell.
    calls: Cell<usize>,
}

/// How literals of a path are written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spelling {
    AsDescribed,
    Lower,
    Upper,
}

/// A call that can be changed before it is sent.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) verb: String,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A door for these products (TOML) with `environment` in its environment, and a key to sign tokens with.
pub(super) async fn door(products: &str, environment: &str) -> Door {
    let arrange = |directory: &std::path::Path| edit(directory, "product = \"tsh\"", &format!("product = {products}"));
    let server = format!("max_body_size = \"16 KiB\"\nretire_grace = \"60s\"\n{BY_HAND}");
    let signing_key = KeyPair::generate().unwrap().serialize_pem().into_bytes();
    let files = vec![("signing-key.pem", signing_key)];
    let setup = Setup { server: &server, environment, files, arrange: Some(&arrange), ..Setup::default() };
    Door::behind(Pki::new(), setup).await
}

/// Asks the door's own token endpoint for a token, as D1 does.
pub(super) async fn bearer(door: &Door, path: &str) -> String {
    let call = request("POST", path)
        .header("authorization", BASIC)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials".into())
        .unwrap();
    let reply = door.honest().session().await.unwrap().send(call).await.unwrap();
    let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("{reply:?}"));
    format!("Bearer {}", answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")))
}

/// One call over a connection of its own.
pub(super) async fn ask(caller: &Caller, call: (&str, &str), headers: &[(&str, &str)], body: &str) -> Reply {
    let (verb, path) = call;
    let call = headers.iter().fold(request(verb, path), |call, (name, value)| call.header(*name, *value));
    let call = call.body(Bytes::from(body.to_owned())).unwrap();
    caller.session().await.unwrap().send(call).await.unwrap_or_else(|refusal| panic!("{refusal:?} to {verb} {path}"))
}

/// An honest caller over either protocol.
pub(super) fn callers(door: &Door) -> [Caller; 2] {
    [door.honest(), door.honest().h2()]
}

impl Served {
    pub(super) async fn open(row: Row) -> Self {
        // A request for a token goes to the backend where this server makes none.
        let environment = match row.product {
            "cof" => API_KEYS,
            "d1" | "d1-ecom" if !row.is_token_request() => TOKENS,
            _ => "",
        };
        let door = door(&format!("{:?}", row.product), environment).await;
        let (credential, calls) = match row.product {
            "cof" => (Some(format!("APIKEY {API_KEY}")), 0),
            "d1" if !row.is_token_request() => (Some(bearer(&door, "/authz/d1/v1/oauth2/token").await), 1),
            "d1-ecom" if !row.is_token_request() => (Some(bearer(&door, "/oauth2/token").await), 1),
            _ => (None, 0),
        };
        Self { door, row, example: Example::of(&row), credential, calls: Cell::new(calls) }
    }

    /// A call as Thales makes it.
    pub(super) fn call(&self, spelling: Spelling) -> Call {
        let Example { ids, query, headers, content_type, body, .. } = &self.example;
        let number = self.calls.get();
        let mut call = Call {
            verb: self.row.verb.to_owned(),
            host: HOST.to_owned(),
            path: spelled(self.row.path, spelling, ids),
            query: query.clone(),
            headers: HeaderMap::new(),
            body: body.clone(),
        };
        for (name, value) in headers {
            // Each call has ids of its own, so that it is found again.
            let is_id = matches!(name.as_str(), "x-correlation-id" | "x-request-id");
            call = call.with(name, &if is_id { format!("{name}-{number}") } else { value.clone() });
        }
        if let Some(kind) = content_type {
            call = call.with("content-type", kind);
        }
        match &self.credential {
            Some(credential) => call.with("authorization", credential),
            // What nobody here verifies is the backend's to see.
            None => call.with("authorization", BASIC),
        }
    }

    pub(super) fn body_of_tomorrow(&self) -> Bytes {
        self.example.body_of_tomorrow.clone()
    }

    /// Both protocols.
    pub(super) fn callers(&self) -> [Conversation<'_>; 2] {
        [("HTTP/1.1", self.door.honest()), ("HTTP/2", self.door.honest().h2())].map(|(version, caller)| Conversation {
            served: self,
            version,
            caller,
            session: None,
        })
    }

    /// What the log tells of the last call.
    pub(super) async fn event(&self) -> Value {
        let events = || self.door.server.events("request");
        eventually("the log to tell of a call", async || events().len() >= self.calls.get()).await;
        let events = events();
        assert_eq!(events.len(), self.calls.get(), "more is told of than was called");
        events.last().unwrap().clone()
    }
}

/// A caller that goes on over one connection for as long as the server lets it.
pub(super) struct Conversation<'s> {
    served: &'s Served,
    pub(super) version: &'static str,
    caller: Caller,
    session: Option<Session>,
}

impl Conversation<'_> {
    pub(super) async fn send(&mut self, call: &Call) -> Reply {
        let mut session = self.session().await;
        let reply = session.send(call.request()).await.unwrap_or_else(|refusal| panic!("{refusal:?} to {call:?}"));
        self.served.calls.set(self.served.calls.get() + 1);
        if reply.headers.get("connection").is_none_or(|value| value != "close") {
            self.session = Some(session);
        }
        reply
    }

    /// The same, with a body in two pieces whose length nobody says.
    pub(super) async fn send_streamed(&mut self, call: &Call) -> Reply {
        use http_body_util::BodyExt as _;
        let mut session = self.session().await;
        let middle = call.body.len() / 2;
        let pieces =
            [call.body.slice(..middle), call.body.slice(middle..)].map(|piece| Ok(hyper::body::Frame::data(piece)));
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(pieces)).boxed();
        let mut request = call.request().map(|_| body);
        if self.version == "HTTP/1.1" {
            // Else the client drops the body of a GET whose length nobody said.
            request.headers_mut().insert("transfer-encoding", HeaderValue::from_static("chunked"));
        }
        let response = session.begin(request).await.unwrap();
        let reply = Reply::read(response).await.unwrap();
        self.served.calls.set(self.served.calls.get() + 1);
        reply
    }

    async fn session(&mut self) -> Session {
        match self.session.take() {
            Some(session) => session,
            None => self.caller.session().await.unwrap_or_else(|refusal: Refusal| panic!("{refusal:?}")),
        }
    }
}

impl Call {
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(super) fn request(&self) -> Request<Bytes> {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        let uri = format!("https://{}{}{query}", self.host, self.path);
        let mut request = Request::builder().method(self.verb.as_str()).uri(uri).body(self.body.clone()).unwrap();
        request.headers_mut().clone_from(&self.headers);
        request
    }
}

fn spelled(template: &str, spelling: Spelling, ids: &[(String, String)]) -> String {
    let segments =
        template.split('/').map(|segment| match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            Some(name) => ids.iter().find(|(id, _)| id == name).unwrap_or_else(|| panic!("no {name}")).1.clone(),
            None => match spelling {
                Spelling::AsDescribed => segment.to_owned(),
                Spelling::Lower => segment.to_lowercase(),
                Spelling::Upper => segment.to_uppercase(),
            },
        });
    segments.collect::<Vec<_>>().join("/")
}
