//! Whom a server admits: nobody without a certificate (O1), nobody with a certificate of a CA that it does not know (O5), and whoever holds
//! one that it knows.
//!
//! A client of TLS 1.3 has connected before it is refused, and some servers refuse in HTTP only: so each try goes on until a request is
//! answered or the connection has ended. A server may guard `GET /` and nothing else: where it can be told who is admitted, whoever must not
//! be sends a POST to a path that does not exist as well.

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::pki_types::ServerName;

use super::{InspectionError, InspectionOptions};
use crate::caller::{Caller, CallerOptions, ClientCredential, Connection, Failure, ServerTrust, TlsVersions};

/// Where no server has anything: a POST to this changes nothing.
pub const UNKNOWN_PATH: &str = "/issuer-host-check/no-such-path";

/// What became of three callers in one version of TLS.
#[derive(Debug)]
pub struct Admission {
    /// The version.
    pub versions: TlsVersions,
    /// Of a caller without a certificate.
    pub nobody: Tried,
    /// The CAs (RFC 4514) whose certificates the server said it wanted; `None` = it wanted no certificate.
    pub wanted: Option<Vec<String>>,
    /// Of a caller with a certificate that it made itself.
    pub stranger: Tried,
    /// Of a caller with the credential that was given.
    pub given: Option<Outcome>,
}

/// What became of a caller who must not be admitted.
#[derive(Debug)]
pub struct Tried {
    /// Of its `GET /`.
    pub get: Outcome,
    /// Of its POST to [`UNKNOWN_PATH`], over a connection of its own; made where a credential is given.
    pub post: Option<Outcome>,
}

/// What became of one request.
#[derive(Debug)]
pub enum Outcome {
    /// The connection was refused in TLS.
    Refused(Failure),
    /// The request was answered.
    Answered(StatusCode),
    /// Neither, for a reason of its own; a connection that is closed after its handshake does not tell.
    Unclear(Failure),
}

impl Outcome {
    /// Whether an HTTP answer came.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        matches!(self, Self::Answered(_))
    }

    pub(super) fn of(answered: Result<StatusCode, Failure>) -> Self {
        match answered {
            Ok(status) | Err(Failure::AnswerTooLong { status, .. }) => Self::Answered(status),
            Err(failure) if failure.is_refusal() => Self::Refused(failure),
            Err(failure) => Self::Unclear(failure),
        }
    }
}

/// A certificate that nobody vouches for.
pub(super) fn stranger() -> Result<ClientCredential, InspectionError> {
    let own = |error: &dyn std::fmt::Display| InspectionError::Own(error.to_string());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "issuer-host check: made by itself, to be refused");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().map_err(|error| own(&error))?;
    let certificate = params.self_signed(&key).map_err(|error| own(&error))?;
    ClientCredential::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
        .map_err(|error| own(&error))
}

/// Two connections, or five where a credential is given.
pub(super) async fn ask(
    options: &InspectionOptions,
    versions: TlsVersions,
    stranger: &ClientCredential,
) -> Result<Admission, InspectionError> {
    let (nobody, wanted) = tried_twice(options, versions, None).await?;
    let (stranger, _) = tried_twice(options, versions, Some(stranger)).await?;
    let given = match &options.credential {
        Some(credential) => Some(tried(options, versions, Some(credential), Method::GET).await?.0),
        None => None,
    };
    Ok(Admission { versions, nobody, wanted, stranger, given })
}

async fn tried_twice(
    options: &InspectionOptions,
    versions: TlsVersions,
    credential: Option<&ClientCredential>,
) -> Result<(Tried, Option<Vec<String>>), InspectionError> {
    let (get, wanted) = tried(options, versions, credential, Method::GET).await?;
    let post = match &options.credential {
        Some(_) => Some(tried(options, versions, credential, Method::POST).await?.0),
        None => None,
    };
    Ok((Tried { get, post }, wanted))
}

async fn tried(
    options: &InspectionOptions,
    versions: TlsVersions,
    credential: Option<&ClientCredential>,
    method: Method,
) -> Result<(Outcome, Option<Vec<String>>), InspectionError> {
    let caller = caller(options, versions, credential)?;
    let answered = match caller.connect().await {
        Ok(mut connection) => answer(&mut connection, options, method).await,
        Err(failure @ Failure::Unreachable(_)) => return Err(failure.into()),
        Err(failure) => Err(failure),
    };
    Ok((Outcome::of(answered), caller.wanted().authorities()))
}

/// A caller that takes every server's certificate: what is wrong with it is told elsewhere, and nothing secret is sent.
pub(super) fn caller(
    options: &InspectionOptions,
    versions: TlsVersions,
    credential: Option<&ClientCredential>,
) -> Result<Caller, InspectionError> {
    let trust = ServerTrust::Anybody;
    Caller::new(CallerOptions {
        credential: credential.cloned(),
        versions,
        connect_timeout: options.patience,
        ..CallerOptions::new(options.address, options.server_name.clone(), trust)
    })
    .map_err(|error| InspectionError::Own(error.to_string()))
}

/// Asks for `/`, which changes nothing anywhere (RFC 9110 section 9.2.1), or posts nothing to [`UNKNOWN_PATH`].
pub(super) async fn answer(
    connection: &mut Connection,
    options: &InspectionOptions,
    method: Method,
) -> Result<StatusCode, Failure> {
    let host = match &options.server_name {
        ServerName::IpAddress(rustls::pki_types::IpAddr::V6(_)) => format!("[{}]", options.server_name.to_str()),
        name => name.to_str().into_owned(),
    };
    let authority = match options.address.port() {
        443 => host,
        port => format!("{host}:{port}"),
    };
    let path = if method == Method::POST { UNKNOWN_PATH } else { "/" };
    let request = Request::builder().method(method).uri(format!("https://{authority}{path}"));
    let request = request
        .header(header::HOST, authority)
        .body(Bytes::new())
        .map_err(|error| Failure::Broken { stage: crate::caller::Stage::Exchange, problem: error.to_string() })?;
    Ok(connection.send(request, options.patience).await?.status)
}
