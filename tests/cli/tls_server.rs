//! What a probe calls: a TLS server on every loopback address, as good or as bad as a test wants it.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use super::pki::{Authority, Identity};

/// Whom a server lets in.
pub(crate) enum Admits<'a> {
    /// Clients of this authority alone.
    Only(&'a Authority),
    /// It asks for a certificate of this authority, and does without one.
    OrNone(&'a Authority),
    Anybody,
}

/// A running server. Its threads end with the process.
pub(crate) struct TlsServer {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Clone, Default)]
struct Seen {
    /// The address that each connection was made to.
    called_at: Vec<IpAddr>,
    requests: Vec<String>,
}

const OK: &str = "HTTP/1.1 404 Not Found\r\nserver: test\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

impl TlsServer {
    pub(crate) fn start(identity: &Identity, admits: &Admits<'_>) -> Self {
        Self::of_versions(identity, admits, rustls::ALL_VERSIONS, OK)
    }

    pub(crate) fn of_versions(
        identity: &Identity,
        admits: &Admits<'_>,
        versions: &[&'static SupportedProtocolVersion],
        answer: &'static str,
    ) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = |authority: &Authority, optional: bool| {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate().clone()).unwrap();
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            if optional { builder.allow_unauthenticated() } else { builder }.build().unwrap()
        };
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
        let builder = match admits {
            Admits::Anybody => builder.with_no_client_auth(),
            Admits::Only(authority) => builder.with_client_cert_verifier(verifier(authority, false)),
            Admits::OrNone(authority) => builder.with_client_cert_verifier(verifier(authority, true)),
        };
        let config = builder.with_single_cert(identity.chain.clone(), identity.key.clone_key()).unwrap();
        let config = Arc::new(config);
        let seen = Arc::<Mutex<Seen>>::default();
        let told = Arc::clone(&seen);
        let port = serve(move |stream| {
            told.lock().unwrap().called_at.push(stream.local_addr().unwrap().ip());
            let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match tls.read(&mut buffer) {
                    Ok(0) | Err(_) => return drain(&mut tls.sock),
                    Ok(length) => request.extend_from_slice(&buffer[..length]),
                }
            }
            told.lock().unwrap().requests.push(String::from_utf8(request).unwrap());
            let _ = tls.write_all(answer.as_bytes());
            tls.conn.send_close_notify();
            let _ = tls.flush();
        });
        Self { port, seen }
    }

    /// The address that each connection was made to, those included that ended before TLS.
    pub(crate) fn called_at(&self) -> Vec<IpAddr> {
        self.seen.lock().unwrap().called_at.clone()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }
}

/// What is left unread when a socket closes makes the kernel reset the connection, and the alert is lost with it.
pub(crate) fn drain(socket: &mut TcpStream) {
    let _ = socket.shutdown(std::net::Shutdown::Write);
    let _ = std::io::copy(socket, &mut std::io::sink());
}

/// Does something with each connection, in a thread for each; the port.
pub(crate) fn serve(each: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let each = Arc::new(each);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let each = Arc::clone(&each);
            std::thread::spawn(move || each(stream));
        }
    });
    port
}
