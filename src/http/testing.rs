//! Callers and connections for tests.

use std::sync::Arc;
use std::time::Duration;

use ::http::Method;
use rustls_pki_types::{CertificateDer, UnixTime};

use super::interpreter::{Interpreter, InterpreterOptions};
use super::stack::Connection;
use super::{Call, ConnectionContext, StackOptions};
use crate::pki::ClientIdentity;
use crate::pki::identity::Fingerprint;
use crate::thales::Product;
use crate::thales::catalogue::Catalogue;
use crate::thales::routes::{RouteOptions, Routes};
use crate::tls::{Standing, TlsFacts, VerifiedClient};

/// A caller `CN=caller` in `preprod`, from 192.0.2.7, with a chain of three that only looks like one.
pub(crate) fn client() -> VerifiedClient {
    client_of(None)
}

/// The same caller, which asked for `server_name` in its handshake.
fn client_of(server_name: Option<&str>) -> VerifiedClient {
    let chain = ["leaf", "intermediate", "root"].map(|der| CertificateDer::from(der.as_bytes()));
    let identity = ClientIdentity {
        subject: "CN=caller".into(),
        issuer: "CN=Sample Client CA".into(),
        serial: "0a".into(),
        subject_alt_names: Vec::new(),
        sha256: Fingerprint::of(&chain[0]),
        not_before: UnixTime::since_unix_epoch(Duration::ZERO),
        not_after: UnixTime::since_unix_epoch(Duration::from_secs(u32::MAX.into())),
    };
    let tls = TlsFacts {
        version: "TLSv1.3",
        cipher_suite: "TLS_AES_128_GCM_SHA256",
        resumed: false,
        remembered: false,
        server_name: server_name.map(str::to_owned),
    };
    let peer = "[::ffff:192.0.2.7]:4711".parse().unwrap();
    VerifiedClient::new("preprod".into(), Arc::new(identity), Arc::from(chain), 1, peer, tls)
}

pub(crate) fn context() -> ConnectionContext {
    let standing = Standing::until(UnixTime::since_unix_epoch(Duration::from_secs(u32::MAX.into())));
    ConnectionContext { client: client(), standing: Arc::new(standing), local: "127.0.0.1:8443".parse().unwrap() }
}

pub(crate) fn options(host: Option<&str>) -> StackOptions {
    StackOptions {
        host: host.map(str::to_owned),
        max_header_size: 4096,
        max_body_size: 1024,
        body_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(30),
        forward_client_certificate: false,
        access_events: false,
        access_sample: std::num::NonZeroU32::MIN,
        interpreter: None,
    }
}

pub(crate) fn connection(host: Option<&str>) -> Connection {
    Connection::new(context(), Arc::new(options(host)))
}

/// A connection whose client asked for `server_name` in its handshake.
pub(crate) fn connection_for(host: Option<&str>, server_name: Option<&str>) -> Connection {
    Connection::new(ConnectionContext { client: client_of(server_name), ..context() }, Arc::new(options(host)))
}

/// What knows the calls of `products`, for the issuer ISSUER0001.
pub(crate) fn interpreter_options(products: &[Product]) -> InterpreterOptions {
    let options = RouteOptions { products: products.to_vec(), ..RouteOptions::default() };
    let routes = Routes::compile(Catalogue::built_in(), &options).unwrap();
    InterpreterOptions::new(routes, vec!["ISSUER0001".into()])
}

/// The call that `method` and `path` are.
pub(crate) fn call(options: InterpreterOptions, method: &Method, path: &str) -> Call {
    Call::new(&Arc::new(Interpreter::new(options)), method, path)
}
