//! A hand-written TLS `ClientHello`, for the versions and suites that rustls does not speak, and the server's first answer to it.
//!
//! RFC 5246 section 7.4.1.2; RFC 6101 (SSL 3.0) has the same form without extensions. No handshake follows.

use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::caller::{Failure, Stage};

/// The number of SSL 3.0 in a hello.
pub const SSL_3_0: u16 = 0x0300;
/// The number of TLS 1.0 in a hello.
pub const TLS_1_0: u16 = 0x0301;
/// The number of TLS 1.1 in a hello.
pub const TLS_1_1: u16 = 0x0302;
/// The number of TLS 1.2 in a hello.
pub const TLS_1_2: u16 = 0x0303;

/// What a hello offers.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientHello<'a> {
    /// The highest version on offer, 0x0303 (TLS 1.2) at most.
    pub(super) version: u16,
    /// Cipher suites by their IANA numbers, the most wanted first.
    pub(super) suites: &'a [u16],
    /// The name for SNI; an IP address is not sent (RFC 6066 section 3).
    pub(super) name: &'a ServerName<'a>,
}

/// A server's first answer to a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAnswer {
    /// It goes on with the handshake, with this version and suite.
    ServerHello {
        /// The version that it chose.
        version: u16,
        /// The suite that it chose.
        suite: u16,
    },
    /// A fatal alert with this number (RFC 8446 section 6).
    Alert(u8),
    /// The connection was closed without a word.
    Closed,
    /// Nothing came in time.
    Silence,
    /// Something that is not TLS.
    NotTls,
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const WARNING: u8 = 1;

/// More bytes than these are not read for an answer: a record is smaller (RFC 5246 section 6.2.3), and a warning or two may come first.
const MOST_BYTES: usize = 20 * 1024;

/// Sends a hello over a connection of its own, and reads the first answer.
///
/// # Errors
/// [`Failure::Unreachable`] and [`Failure::TimedOut`]: there was no connection to send it over.
pub(super) async fn ask(
    address: SocketAddr,
    hello: &ClientHello<'_>,
    patience: Duration,
) -> Result<FirstAnswer, Failure> {
    let mut socket = timeout(patience, TcpStream::connect(address))
        .await
        .map_err(|_| Failure::TimedOut { stage: Stage::Connecting, after: patience })?
        .map_err(Failure::Unreachable)?;
    let exchange = async {
        if socket.write_all(&hello.record()).await.is_err() {
            return FirstAnswer::Closed;
        }
        let mut received = Vec::new();
        loop {
            if let Some(answer) = first_answer(&received) {
                return answer;
            }
            match socket.read_buf(&mut received).await {
                Ok(0) | Err(_) => return FirstAnswer::Closed,
                Ok(_) => {}
            }
        }
    };
    Ok(timeout(patience, exchange).await.unwrap_or(FirstAnswer::Silence))
}

impl ClientHello<'_> {
    /// The record on the wire.
    fn record(&self) -> Vec<u8> {
        let suites: Vec<u8> = self.suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
        let mut random = [0; 32];
        // No key comes of it: were it to stay all zeros, the answer would be the same.
        let _ = aws_lc_rs::rand::fill(&mut random);
        let mut body = self.version.to_be_bytes().to_vec();
        body.extend_from_slice(&random);
        // No session, and no compression.
        body.push(0);
        body.extend(sized(&suites));
        body.extend_from_slice(&[1, 0]);
        if self.version > SSL_3_0 {
            body.extend(sized(&self.extensions()));
        }
        let mut message = vec![CLIENT_HELLO, 0];
        message.extend(sized(&body));
        // The record names the oldest version that the hello is written for (RFC 5246 appendix E.1).
        let mut record = vec![HANDSHAKE];
        record.extend_from_slice(&self.version.min(TLS_1_0).to_be_bytes());
        record.extend(sized(&message));
        record
    }

    fn extensions(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        if let ServerName::DnsName(name) = self.name {
            let mut entry = vec![0];
            entry.extend(sized(name.as_ref().as_bytes()));
            extensions.extend(extension(0, &sized(&entry)));
        }
        // X25519, P-256, P-384, P-521.
        extensions.extend(extension(10, &sized(&[0, 29, 0, 23, 0, 24, 0, 25])));
        extensions.extend(extension(11, &[1, 0]));
        // ECDSA, PSS and PKCS #1 with SHA-256, SHA-384, SHA-512 and SHA-1: old servers sign with nothing better.
        let schemes = [4, 3, 5, 3, 6, 3, 8, 4, 8, 5, 8, 6, 4, 1, 5, 1, 6, 1, 2, 3, 2, 1];
        extensions.extend(extension(13, &sized(&schemes)));
        extensions.extend(extension(23, &[]));
        // An empty renegotiation_info: some servers take nobody without it (RFC 5746 section 3.4).
        extensions.extend(extension(0xff01, &[0]));
        extensions
    }
}

/// The first answer in what was received so far; `None` = it takes more bytes to tell. Warnings are passed over.
fn first_answer(received: &[u8]) -> Option<FirstAnswer> {
    let mut rest = received;
    loop {
        let (&kind, after) = rest.split_first()?;
        if kind != ALERT && kind != HANDSHAKE {
            return Some(FirstAnswer::NotTls);
        }
        let (&[major, _, high, low], after) = after.split_first_chunk::<4>()?;
        if major != 3 {
            return Some(FirstAnswer::NotTls);
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((payload, after)) = after.split_at_checked(length) else {
            return (received.len() > MOST_BYTES).then_some(FirstAnswer::NotTls);
        };
        match (kind, payload) {
            (ALERT, &[WARNING, _]) => rest = after,
            (ALERT, &[_, number]) => return Some(FirstAnswer::Alert(number)),
            (HANDSHAKE, [SERVER_HELLO, _, _, _, body @ ..]) => {
                return Some(server_hello(body).unwrap_or(FirstAnswer::NotTls));
            }
            _ => return Some(FirstAnswer::NotTls),
        }
        if received.len() > MOST_BYTES {
            return Some(FirstAnswer::NotTls);
        }
    }
}

/// Version, 32 bytes of random, session id, suite (RFC 5246 section 7.4.1.3).
fn server_hello(body: &[u8]) -> Option<FirstAnswer> {
    let (version, rest) = body.split_first_chunk::<2>()?;
    let (_, rest) = rest.split_first_chunk::<32>()?;
    let (&session_id, rest) = rest.split_first()?;
    let (suite, _) = rest.get(usize::from(session_id)..)?.split_first_chunk::<2>()?;
    Some(FirstAnswer::ServerHello { version: u16::from_be_bytes(*version), suite: u16::from_be_bytes(*suite) })
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    let mut extension = kind.to_be_bytes().to_vec();
    extension.extend(sized(content));
    extension
}

/// The content behind its length in two bytes. Nothing here is near that long.
fn sized(content: &[u8]) -> Vec<u8> {
    let mut sized = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
    sized.extend_from_slice(content);
    sized
}

#[cfg(test)]
mod tests {
    use rustls::server::Acceptor;

    use super::*;

    fn hello<'a>(version: u16, name: &'a ServerName<'a>) -> ClientHello<'a> {
        ClientHello { version, suites: &[0xc02b, 0x002f], name }
    }

    #[test]
    fn rustls_reads_what_is_offered() {
        let name = ServerName::try_from("issuer.bank.test").unwrap();
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut hello(TLS_1_2, &name).record().as_slice()).unwrap();
        let accepted = acceptor.accept().unwrap().unwrap();
        let offered = accepted.client_hello();
        assert_eq!(offered.server_name(), Some("issuer.bank.test"));
        let suites: Vec<u16> = offered.cipher_suites().iter().map(|&suite| suite.into()).collect();
        assert_eq!(suites, [0xc02b, 0x002f]);
    }

    #[test]
    fn an_address_is_no_name_and_ssl_3_knows_no_extensions() {
        let address = ServerName::try_from("192.0.2.1").unwrap();
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut hello(TLS_1_2, &address).record().as_slice()).unwrap();
        assert_eq!(acceptor.accept().unwrap().unwrap().client_hello().server_name(), None);
        let (old, new) = (hello(SSL_3_0, &address).record(), hello(TLS_1_0, &address).record());
        assert_eq!((&old[1..3], &old[9..11]), (&[3, 0][..], &[3, 0][..]));
        // Version, random, session id, two suites, compression.
        assert_eq!(old.len(), 9 + 2 + 32 + 1 + 2 + 4 + 2);
        assert!(new.len() > old.len());
    }

    #[test]
    fn answers_are_told_apart_at_the_first_byte_that_allows_it() {
        let mut answer = vec![HANDSHAKE, 3, 3, 0, 44, SERVER_HELLO, 0, 0, 40, 3, 2];
        answer.extend([9; 32]);
        answer.extend([2, 7, 7, 0xc0, 0x13, 0]);
        assert_eq!(first_answer(&answer), Some(FirstAnswer::ServerHello { version: TLS_1_1, suite: 0xc013 }));
        for end in 0..answer.len() {
            assert_eq!(first_answer(&answer[..end]), None, "{end}");
        }
        assert_eq!(first_answer(&[ALERT, 3, 3, 0, 2, 2, 70]), Some(FirstAnswer::Alert(70)));
        let warned = [&[ALERT, 3, 3, 0, 2, WARNING, 112], &answer[..]].concat();
        assert!(matches!(first_answer(&warned), Some(FirstAnswer::ServerHello { .. })));
        for stranger in
            [&b"HTTP/1.1 400"[..], b"\x15HTTP", &[ALERT, 3, 3, 0, 1, 2], &[HANDSHAKE, 3, 3, 0, 5, 2, 0, 0, 1, 3]]
        {
            assert_eq!(first_answer(stranger), Some(FirstAnswer::NotTls), "{stranger:?}");
        }
        // Warnings without end are no answer.
        let warnings = [ALERT, 3, 3, 0, 2, WARNING, 112].repeat(3000);
        assert_eq!(first_answer(&warnings), Some(FirstAnswer::NotTls));
    }
}
