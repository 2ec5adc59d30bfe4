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
use crate::settings::AdminPlace;

/// Where it listens, and whom to trust there.
pub(super) struct OwnAdmin {
    /// As it is configured.
    pub(super) address: SocketAddr,
    /// `None` = plain HTTP.
    pub(super) trust: Option<ServerTrust>,
}

/// A question: a path, what is shown with it, and what its answer may take.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) path: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) patience: Duration,
    /// In bytes; whatever is longer than this is not our server.
    pub(super) longest: u64,
}

/// It is this very server that is asked, whatever its certificate says of names and time: an expired one stops administrators, and no
/// restart makes it younger. `None` = plain HTTP.
///
/// # Errors
/// When TLS is spoken, and the certificate that is configured cannot be read.
pub(super) fn own_certificate(place: &AdminPlace) -> Result<Option<ServerTrust>, Error> {
    if !place.tls {
        return Ok(None);
    }
    let source = place.certificate_chain.as_ref().ok_or("admin.tls.certificate_chain cannot be read")?;
    let text = source.read().map_err(|error| format!("{} cannot be read: {error}", source.shown()))?;
    let chain = pem::certificates(&text).map_err(|error| format!("{}: {error}", source.shown()))?;
    let leaf = chain.into_iter().next().ok_or_else(|| format!("{}: there is no certificate in it", source.shown()))?;
    Ok(Some(ServerTrust::Exactly(leaf)))
}

/// One exchange that shows nothing secret.
///
/// On this machine it is with whoever is there, in the way that is configured or else in the other one: a server that has refused what
/// lies on disk goes on with the certificate, and over TLS or not, that it had before. To hold it against what lies there now would make
/// a slip of an administrator look like a server that is not well, which is then ended. TLS all the same, since that server wants it. Who
/// could take its place here could as well keep it from answering. Elsewhere the certificate that is configured is demanded.
///
/// # Errors
/// When nobody answers, in the words for the way that is configured.
pub(super) fn ask_openly(address: SocketAddr, place: &AdminPlace, question: Question<'_>) -> Result<Answer, Error> {
    let question = Question { token: None, ..question };
    if !is_on_this_machine(address) {
        return OwnAdmin { address, trust: own_certificate(place)? }.ask(question);
    }
    let ask = |tls: bool| OwnAdmin { address, trust: tls.then_some(ServerTrust::Anybody) }.ask(question);
    ask(place.tls).or_else(|problem| ask(!place.tls).map_err(|_| problem))
}

/// Status and body.
pub(super) type Answer = (u16, String);

impl OwnAdmin {
    /// One HTTP/1.1 exchange on a socket with time limits, over TLS where there is somebody to trust.
    pub(super) fn ask(self, question: Question<'_>) -> Result<Answer, Error> {
        let address = self.address;
        self.exchange(question).map_err(|error| format!("{address} does not answer: {error}").into())
    }

    fn exchange(self, question: Question<'_>) -> Result<Answer, Error> {
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

fn is_on_this_machine(address: SocketAddr) -> bool {
    reachable(address).ip().to_canonical().is_loopback()
}

fn exchange(
    mut stream: impl Read + Write,
    address: SocketAddr,
    Question { path, token, longest, .. }: Question<'_>,
) -> Result<Answer, Error> {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n")?;
    if let Some(token) = token {
        write!(stream, "authorization: Bearer {token}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    let mut answer = Vec::new();
    stream.take(longest).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer is no HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("the answer is no HTTP")?;
    Ok((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_is_asked_nothing_unless_its_certificate_is_known() {
        let place = AdminPlace::look_up(&crate::settings::Sources::default());
        let place = AdminPlace { tls: true, ..place };
        let patience = Duration::from_secs(3);
        let question = Question { path: "/readyz", token: None, patience, longest: 1 };
        // Addresses for documents, which lead nowhere (RFC 5737, RFC 3849).
        for elsewhere in ["192.0.2.1:9090", "[2001:db8::1]:9090"] {
            let problem = ask_openly(elsewhere.parse().unwrap(), &place, question).unwrap_err().to_string();
            assert!(problem.contains("certificate_chain cannot be read"), "{elsewhere}: {problem}");
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for here in [free, ([0, 0, 0, 0], free.port()).into(), ([127, 0, 0, 2], free.port()).into()] {
            let problem = ask_openly(here, &place, question).unwrap_err().to_string();
            assert!(problem.contains("does not answer"), "control: {here}: {problem}");
        }
    }
}
