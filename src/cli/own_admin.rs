//! The admin listener of a running server, asked without a shell or curl.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

use super::Error;
use crate::caller::{Caller, CallerOptions, Http, ServerTrust};
use crate::pki::pem;
use crate::settings::AdminTlsSettings;

/// Where it listens, and whom to trust there.
pub(super) struct OwnAdmin {
    /// As it is configured.
    pub(super) address: SocketAddr,
    /// `None` = plain HTTP.
    pub(super) trust: Option<ServerTrust>,
}

/// A question: a path, what is shown with it, and what its answer may take.
pub(super) struct Question<'a> {
    pub(super) path: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) patience: Duration,
    /// In bytes; whatever is longer than this is not our server.
    pub(super) longest: u64,
}

/// It is this very server that is asked, whatever its certificate says of names and time: an expired one stops administrators, and no
/// restart makes it younger.
pub(super) fn own_certificate(tls: &AdminTlsSettings) -> Result<ServerTrust, Error> {
    let source = &tls.certificate_chain;
    let chain = pem::certificates(&source.read()?).map_err(|error| format!("{}: {error}", source.shown()))?;
    let leaf = chain.into_iter().next().ok_or_else(|| format!("{}: there is no certificate in it", source.shown()))?;
    Ok(ServerTrust::Exactly(leaf))
}

impl OwnAdmin {
    /// One HTTP/1.1 exchange on a socket with time limits, over TLS where there is somebody to trust: status and body.
    pub(super) fn ask(self, question: &Question<'_>) -> Result<(u16, String), Error> {
        let address = self.address;
        self.exchange(question).map_err(|error| format!("{address} does not answer: {error}").into())
    }

    fn exchange(self, question: &Question<'_>) -> Result<(u16, String), Error> {
        let address = reachable(self.address);
        let socket = TcpStream::connect_timeout(&address, question.patience)?;
        socket.set_read_timeout(Some(question.patience))?;
        socket.set_write_timeout(Some(question.patience))?;
        let Some(trust) = self.trust else { return exchange(socket, address, question) };
        let name = ServerName::from(address.ip());
        let caller = Caller::new(CallerOptions { http: Http::V1, ..CallerOptions::new(address, name.clone(), trust) })?;
        let connection = ClientConnection::new(Arc::clone(caller.tls_config()), name)?;
        exchange(StreamOwned::new(connection, socket), address, question)
    }
}

/// A wildcard address is listened on, not called.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn exchange(
    mut stream: impl Read + Write,
    address: SocketAddr,
    Question { path, token, longest, .. }: &Question<'_>,
) -> Result<(u16, String), Error> {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n")?;
    if let Some(token) = token {
        write!(stream, "authorization: Bearer {token}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    let mut answer = Vec::new();
    stream.take(*longest).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer is no HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("the answer is no HTTP")?;
    Ok((status, body.to_owned()))
}
