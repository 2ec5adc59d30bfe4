//! The calls of the demo: each over a new connection, as Thales makes its first.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use rustls_pki_types::ServerName;

use crate::caller::{self, Answer, CallerOptions, ClientCredential, Failure, Http, ServerTrust, TlsVersions};
use crate::cli::Error;

/// How long an answer may take; the server's own limits are shorter.
const PATIENCE: Duration = Duration::from_secs(60);

/// A caller of one server.
pub(super) struct Caller {
    options: CallerOptions,
}

impl Caller {
    /// One that trusts servers of this CA (PEM).
    pub(super) fn new(address: SocketAddr, server_ca: &[u8]) -> Result<Self, Error> {
        let name = ServerName::try_from("localhost")?;
        let options = CallerOptions::new(address, name, ServerTrust::from_pem(server_ca)?);
        Ok(Self { options: CallerOptions { http: Http::V1, ..options } })
    }

    /// One call. The outer error is a failure of the demo's own parts, not of what it shows.
    pub(super) async fn call(
        &self,
        versions: TlsVersions,
        credential: Option<ClientCredential>,
        request: Request<Bytes>,
    ) -> Result<Result<Answer, Failure>, Error> {
        let caller = caller::Caller::new(CallerOptions { credential, versions, ..self.options.clone() })?;
        Ok(match caller.connect().await {
            Ok(mut connection) => connection.send(request, PATIENCE).await,
            Err(failure) => Err(failure),
        })
    }
}

/// A call as Thales makes it, with one header of its product; the ids in its body are made up.
pub(super) fn request(path: &str, correlation_id: &str, header: (&str, &str)) -> Result<Request<Bytes>, http::Error> {
    Request::post(path)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-correlation-id", correlation_id)
        .header(header.0, header.1)
        .body(Bytes::from_static(br#"{"issuerCardRefId":"sample-card","tokenId":"sample-token"}"#))
}
