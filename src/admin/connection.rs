//! One connection to the admin listener.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Extensions, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use super::AdminAnswers;
use super::place::Place;
use super::turn::{Answer, Observed};
use crate::tls::{AdminCertificate, AdminTls};

/// Age at which a connection says goodbye, and how much later it is cut: one whose answers nobody takes would hold its place.
const AGE: Duration = Duration::from_secs(300);
const GRACE: Duration = Duration::from_secs(10);
/// Largest head, in bytes: room for the cookies of all that a browser's host serves, and none for strangers to fill the memory with.
const MAX_HEAD: usize = 32 * 1024;

/// What is known of the connection that a request came on.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// Where it seems to come from: whose guesses are counted together, and nothing else.
    pub(super) peer: IpAddr,
    /// Whether nobody on the way can read along.
    pub(super) tls: bool,
    /// What an administrator showed in the handshake.
    pub(super) certificate: Option<AdminCertificate>,
}

impl Default for Connection {
    fn default() -> Self {
        Self { peer: IpAddr::V4(Ipv4Addr::UNSPECIFIED), tls: false, certificate: None }
    }
}

impl Connection {
    /// That of a request with these extensions; of one that names none nothing good is known.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }
}

/// Answers until the other side ends, the connection's time is up, or it has to give way.
pub(super) async fn serve(
    socket: TcpStream,
    peer: SocketAddr,
    mut place: Place,
    tls: Option<AdminTls>,
    answers: AdminAnswers,
) {
    let plain = Connection { peer: peer.ip(), ..Connection::default() };
    let Some(tls) = tls else { return answer(socket, plain, place, answers).await };
    // What fails in a handshake tells the other side, and is nothing to report: it is no call of Thales.
    let Some(Ok((stream, certificate))) = place.handshake(tls.accept(socket)).await else { return };
    answer(stream, Connection { tls: true, certificate, ..plain }, place, answers).await;
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    known: Connection,
    mut place: Place,
    answers: AdminAnswers,
) {
    let turn = place.turn();
    let service = service_fn(|request: Request<Incoming>| {
        let exchange = turn.begin();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(known.clone());
        request.extensions_mut().insert(turn.clone());
        let answer = answers.now().oneshot(request);
        async move { answer.await.map(|response| response.map(|body| Answer::new(body, exchange))) }
    });
    // Its own timer of heads runs while a connection idles as well, so it is off: the turn knows when a head began.
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Observed::new(stream, turn.clone())), service);
    let mut connection = pin!(connection);
    // A prober that goes away is nothing to report.
    if tokio::time::timeout(AGE, place.hold(&turn, connection.as_mut())).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(GRACE, place.hold(&turn, connection)).await;
    }
}

#[cfg(test)]
mod tests;
