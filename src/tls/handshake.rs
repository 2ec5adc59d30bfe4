//! The handshake: ClientHello -> environment -> current epoch -> verify -> verified client.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::server::Acceptor;
use rustls::{PeerIncompatible, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::environment::TlsEnvironment;
use super::epoch::Epoch;
use super::findings::{self, Accepted, Judgement};
use super::hosts::{HostRefusal, Hosts};
use super::judge::ChainDigest;
use super::late_ticket::LateTicket;
use super::live::LiveStanding;
use super::refusal::RefusedClient;
use super::verified_client::{TlsFacts, VerifiedClient};

/// `unrecognized_name` (RFC 6066 section 3) as a fatal alert record. rustls cannot be made to send it from a resolver; before
/// any key exchange an alert is these seven plain bytes.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// What a connection speaks after its handshake (RFC 7301); a client without ALPN speaks HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2
    Http2,
}

/// A connection whose client was admitted.
#[derive(Debug)]
pub struct Admitted<IO, E> {
    /// The TLS stream. Boxed, since it is large and changes hands.
    pub stream: Box<TlsStream<LateTicket<IO>>>,
    /// The environment that the client was admitted to.
    pub environment: E,
    /// Who it is.
    pub client: VerifiedClient,
    /// How long that may be believed; live until dropped.
    pub standing: LiveStanding,
    /// What is spoken next.
    pub protocol: Protocol,
}

/// Why a handshake did not end with a verified client. Peer-caused, all of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeFailure {
    /// The chain was presented and refused.
    #[error("client refused: {0}")]
    Refused(RefusedClient),
    /// The client sent an empty Certificate message.
    #[error("the client presented no certificate")]
    NoCertificate,
    /// No environment was meant.
    #[error(transparent)]
    Host(#[from] HostRefusal),
    /// The first bytes are no TLS record.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// No common version, suite, group or signature scheme.
    #[error("nothing in common with the client: {0}")]
    Incompatible(String),
    /// No common application protocol.
    #[error("the client speaks neither h2 nor http/1.1")]
    NoApplicationProtocol,
    /// The client ended the handshake by an alert: it does not like our certificate, say.
    #[error("the client sent the alert {0}")]
    Alert(String),
    /// A violation of the protocol.
    #[error("protocol violation: {0}")]
    Protocol(String),
    /// The peer went away.
    #[error("the peer closed the connection during the handshake")]
    PeerClosed,
    /// The connection broke.
    #[error("the connection broke during the handshake: {0}")]
    Io(io::Error),
}

impl HandshakeFailure {
    /// A stable name for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused(client) => client.refusal.reason(),
            Self::NoCertificate => "no_certificate",
            Self::Host(HostRefusal::NameMissing) => "server_name_missing",
            Self::Host(HostRefusal::NameUnknown) => "server_name_unknown",
            Self::NotTls => "not_tls",
            Self::Incompatible(_) => "incompatible",
            Self::NoApplicationProtocol => "no_application_protocol",
            Self::Alert(_) => "alert_from_client",
            Self::Protocol(_) => "protocol",
            Self::PeerClosed => "peer_closed",
            Self::Io(_) => "io",
        }
    }
}

/// A handshake that failed, with the socket: it still holds an alert for the peer that closing at once could destroy.
#[derive(Debug)]
pub struct FailedHandshake<IO> {
    /// Why.
    pub failure: HandshakeFailure,
    /// The environment that the client had asked for, once that was known.
    pub environment: Option<Arc<str>>,
    /// The socket, unless it went down with the failure.
    pub io: Option<IO>,
}

/// What hosts of a listener have to offer the handshake.
pub trait HasTls {
    /// The environment's TLS side.
    fn tls(&self) -> &Arc<TlsEnvironment>;
}

/// Runs a handshake with one of the `hosts` that there are when the ClientHello has come. The caller bounds its time: one deadline
/// covers all of it.
///
/// # Errors
/// [`FailedHandshake`]; an alert was sent where TLS has one.
pub async fn handshake<IO, E>(
    io: IO,
    hosts: impl Fn() -> Arc<Hosts<E>>,
    peer: SocketAddr,
) -> Result<Admitted<IO, E>, FailedHandshake<IO>>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    E: HasTls + Clone,
{
    let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), LateTicket::new(io));
    let mut start = match (&mut acceptor).await {
        Ok(start) => start,
        Err(error) => {
            let failure = classify(error, None);
            // Of what a server says before it has a configuration, nothing is encrypted, and so nothing is held.
            return Err(FailedHandshake {
                failure,
                environment: None,
                io: acceptor.take_io().map(LateTicket::into_inner),
            });
        }
    };

    let server_name = start.client_hello().server_name().map(str::to_ascii_lowercase);
    // Now, and not when the connection was opened: it may have taken its time to say whom it wants.
    let environment = match hosts().choose(server_name.as_deref()) {
        Ok(environment) => environment.clone(),
        Err(refusal) => {
            // The peer may be gone already; the refusal stands either way.
            let _ = start.io.inner_mut().write_all(&UNRECOGNIZED_NAME).await;
            return Err(FailedHandshake {
                failure: refusal.into(),
                environment: None,
                io: Some(start.io.into_inner()),
            });
        }
    };
    let name = Arc::clone(environment.tls().name());
    let epoch = environment.tls().current();

    // The ClientHello, and with it a ticket, is taken up by the first step already.
    let accept = async { start.into_stream(epoch.config()).into_fallible().await };
    let (outcome, judgement) = findings::observe(accept).await;
    match outcome {
        Ok(stream) => admit(Box::new(stream), environment, &epoch, judgement, peer, server_name),
        Err((error, io)) => {
            let failure = classify(error, judgement.and_then(Result::err));
            Err(FailedHandshake { failure, environment: Some(name), io: Some(io.released().await) })
        }
    }
}

fn admit<IO, E>(
    mut stream: Box<TlsStream<LateTicket<IO>>>,
    environment: E,
    epoch: &Epoch,
    judgement: Option<Judgement>,
    peer: SocketAddr,
    server_name: Option<String>,
) -> Result<Admitted<IO, E>, FailedHandshake<IO>>
where
    E: HasTls,
{
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    // A resumed session ran no verifier: the chain that its ticket restored is judged here. Nobody gets past this point unjudged.
    let judgement = judgement.unwrap_or_else(|| {
        let digest = ChainDigest::of(chain);
        let verdict = epoch.judge().judge_or_recall(&digest, chain, super::now());
        let accepted = |(verdict, remembered)| Accepted { digest, verdict, remembered };
        verdict.map(accepted).map_err(|refusal| epoch.judge().refused(refusal, chain))
    });
    let admitted = judgement.and_then(|accepted| {
        let standing = environment.tls().admit(epoch.number(), &accepted);
        standing.map(|standing| (accepted, standing)).map_err(|refusal| epoch.judge().refused(refusal, chain))
    });
    let name = environment.tls().name();
    let (accepted, standing) = match admitted {
        Ok(admitted) => admitted,
        Err(refused) => {
            let failure = HandshakeFailure::Refused(refused);
            // Its ticket goes down with it.
            let (environment, (io, _)) = (Some(Arc::clone(name)), stream.into_inner());
            return Err(FailedHandshake { failure, environment, io: Some(io.into_inner()) });
        }
    };
    let protocol = if session.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
    let facts = TlsFacts {
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        },
        cipher_suite: session.negotiated_cipher_suite().map_or("", |suite| suite.suite().as_str().unwrap_or("")),
        resumed: session.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
        remembered: accepted.remembered,
        server_name,
    };
    let client = VerifiedClient::new(
        Arc::clone(name),
        Arc::clone(&accepted.verdict.identity),
        Arc::clone(&accepted.verdict.chain),
        epoch.number(),
        peer,
        facts,
    );
    stream.get_mut().0.open();
    Ok(Admitted { stream, environment, client, standing, protocol })
}

fn classify(error: io::Error, refused: Option<RefusedClient>) -> HandshakeFailure {
    if let Some(refused) = refused {
        return HandshakeFailure::Refused(refused);
    }
    let Some(tls) = error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => HandshakeFailure::PeerClosed,
            _ => HandshakeFailure::Io(error),
        };
    };
    match tls {
        rustls::Error::NoCertificatesPresented => HandshakeFailure::NoCertificate,
        rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => HandshakeFailure::NotTls,
        // Its other variants are lists of what the client lacks; the name says enough and is bounded.
        rustls::Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered) => {
            HandshakeFailure::Incompatible("neither TLS 1.2 nor 1.3 offered".to_owned())
        }
        rustls::Error::PeerIncompatible(what) => HandshakeFailure::Incompatible(format!("{what:?}")),
        rustls::Error::NoApplicationProtocol => HandshakeFailure::NoApplicationProtocol,
        rustls::Error::AlertReceived(alert) => HandshakeFailure::Alert(format!("{alert:?}")),
        other => HandshakeFailure::Protocol(other.to_string()),
    }
}
