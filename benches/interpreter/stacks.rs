//! All layers of a request, with the interpreter and without it.

use std::convert::Infallible;
use std::future::ready;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use issuer_host::http::{ConnectionContext, Stack, StackOptions};
use issuer_host::metrics::Metrics;
use issuer_host::pki::ClientIdentity;
use issuer_host::pki::identity::Fingerprint;
use issuer_host::tls::{Standing, TlsFacts, VerifiedClient};
use rustls_pki_types::{CertificateDer, UnixTime};
use tower::{Service, ServiceExt as _, service_fn};

use crate::Error;
use crate::calls::{self, HOST, Subject};
use crate::cpu::{micros_each, time_of};
use crate::report::{Report, difference, row};

/// What is switched on.
#[derive(Clone, Copy)]
enum Arm {
    /// Neither interpreter nor log.
    Bare,
    /// The interpreter.
    Interpreted,
    /// The interpreter, and a line of JSON for each request.
    Told,
}

const ARMS: [Arm; 3] = [Arm::Bare, Arm::Interpreted, Arm::Told];

/// Measures what the interpreter adds to a request, without and with a line in the log.
pub(crate) fn measure(report: &mut Report, rounds: u32, calls: u32) -> Result<(), Error> {
    // Microseconds; the mark for a call without a line and for one with it.
    for (label, subject, most) in
        [("API key", calls::with_api_key()?, 1.0), ("bearer token", calls::with_bearer()?, 1.5)]
    {
        for arm in ARMS {
            probe(&subject, arm)?;
        }
        let mut samples = [const { Vec::new() }; ARMS.len()];
        for _ in 0..rounds {
            for (samples, arm) in samples.iter_mut().zip(ARMS) {
                samples.push(micros_each(time_of(|| run(&subject, arm, calls))?, calls));
            }
        }
        let [bare, interpreted, told] = &samples;
        row(label, "neither", "us/request", bare, None);
        row(label, "interpreter", "us/request", interpreted, Some(("neither", bare)));
        row(label, "interpreter, JSON line", "us/request", told, Some(("neither", bare)));
        report.at_most(label, "us: interpreter, log off", difference(interpreted, bare), most);
        report.at_most(label, "us: interpreter, JSON line", difference(told, bare), 5.0);
    }
    Ok(())
}

/// Makes the call so often.
fn run(subject: &Subject, arm: Arm, calls: u32) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut service = service(subject, arm);
        for _ in 0..calls {
            let response = service.ready().await?.call(subject.request()).await?;
            if !response.status().is_success() {
                return Err(format!("a call was answered with {}", response.status()).into());
            }
        }
        Ok(())
    })
}

/// Shows that the call is what it is taken for: acknowledged as its product wants it where there is an interpreter, and refused
/// without its key.
fn probe(subject: &Subject, arm: Arm) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut keyless = subject.clone();
    keyless.headers.remove(http::header::AUTHORIZATION);
    let (answered, refused) = runtime.block_on(async {
        let mut service = service(subject, arm);
        let answered = service.ready().await?.call(subject.request()).await?;
        let refused = service.ready().await?.call(keyless.request()).await?;
        Ok::<_, Infallible>((answered.status(), refused.status()))
    })?;
    let as_it_should = match arm {
        Arm::Bare => (answered, refused) == (StatusCode::OK, StatusCode::OK),
        Arm::Interpreted | Arm::Told => answered == StatusCode::NO_CONTENT && !refused.is_success(),
    };
    if as_it_should { Ok(()) } else { Err(format!("answered {answered}, and without a key {refused}").into()) }
}

fn service(
    subject: &Subject,
    arm: Arm,
) -> impl Service<
    Request<http_body_util::Empty<bytes::Bytes>>,
    Response = Response<issuer_host::http::ExchangeBody>,
    Error = Infallible,
> {
    let handler = service_fn(|_: Request<Body>| ready(Ok(Response::new(Body::empty()))));
    let options = StackOptions {
        max_header_size: 64 * 1024,
        host: Some(HOST.to_owned()),
        max_body_size: 1 << 20,
        body_timeout: Duration::from_secs(30),
        request_timeout: Duration::from_secs(60),
        forward_client_certificate: false,
        access_events: matches!(arm, Arm::Told),
        access_sample: std::num::NonZeroU32::MIN,
        interpreter: (!matches!(arm, Arm::Bare)).then(|| Arc::clone(&subject.interpreter)),
    };
    let accounting = Arc::new(Metrics::new().for_environment("bench"));
    Stack::new(options, handler).with_accounting(accounting).for_connection(context())
}

/// The connection of a caller as Thales' are.
fn context() -> ConnectionContext {
    let chain = ["leaf", "intermediate"].map(|der| CertificateDer::from(der.as_bytes()));
    let identity = ClientIdentity {
        subject: "CN=tsh-client.thales.example,OU=Payment,O=Thales,C=FR".to_owned(),
        issuer: "CN=Thales Client CA,O=Thales,C=FR".to_owned(),
        serial: "1f2e3d4c5b6a798807162534".to_owned(),
        subject_alt_names: Vec::new(),
        sha256: Fingerprint::of(b"leaf"),
        not_before: UnixTime::since_unix_epoch(Duration::ZERO),
        not_after: UnixTime::since_unix_epoch(Duration::from_secs(u32::MAX.into())),
    };
    let tls = TlsFacts {
        version: "TLSv1.3",
        cipher_suite: "TLS13_AES_256_GCM_SHA384",
        resumed: false,
        remembered: false,
        server_name: Some(HOST.to_owned()),
    };
    let peer = SocketAddr::from(([192, 0, 2, 7], 40_007));
    let client = VerifiedClient::new("bench".into(), Arc::new(identity), Arc::from(chain), 1, peer, tls);
    let standing = Standing::until(UnixTime::since_unix_epoch(Duration::from_secs(u32::MAX.into())));
    ConnectionContext { client, standing: Arc::new(standing), local: SocketAddr::from((Ipv4Addr::LOCALHOST, 8443)) }
}
