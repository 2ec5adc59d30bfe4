//! A hand-made TLS `ClientHello` (RFC 5246, 7.4.1.2) and the server's first answer to it.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Caller, within};

/// What the hello offers.
pub(crate) struct Hello<'a> {
    /// `0x0303` is TLS 1.2; TLS 1.3 is not offered.
    pub(crate) version: u16,
    pub(crate) suites: &'a [u16],
    pub(crate) name: Option<&'a str>,
}

/// The server's first answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FirstAnswer {
    /// It goes on with the handshake, with this version and suite.
    ServerHello {
        version: u16,
        suite: u16,
    },
    /// A fatal alert with this description (RFC 8446, 6).
    Alert(u8),
    Closed,
}

pub(crate) const PROTOCOL_VERSION: FirstAnswer = FirstAnswer::Alert(70);
pub(crate) const UNRECOGNIZED_NAME: FirstAnswer = FirstAnswer::Alert(112);
pub(crate) const HANDSHAKE_FAILURE: FirstAnswer = FirstAnswer::Alert(40);

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

impl Hello<'_> {
    /// Sends the hello over a connection of its own and reads the first answer.
    pub(crate) async fn ask(&self, caller: &Caller) -> FirstAnswer {
        let mut stream = caller.socket().await.unwrap();
        stream.write_all(&self.record()).await.unwrap();
        let reading = async {
            let mut header = [0; 5];
            stream.read_exact(&mut header).await?;
            let mut payload = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
            stream.read_exact(&mut payload).await?;
            std::io::Result::Ok((header[0], payload))
        };
        match within("an answer to the hello", reading).await {
            Err(_) => FirstAnswer::Closed,
            Ok((ALERT, payload)) => FirstAnswer::Alert(payload[1]),
            Ok((HANDSHAKE, payload)) if payload[0] == SERVER_HELLO => server_hello(&payload[4..]),
            Ok(other) => panic!("not an answer to a hello: {other:?}"),
        }
    }

    /// Sends the hello and looks for `certificate` (DER) in the server's first flight, which TLS 1.2 sends in the clear.
    pub(crate) async fn is_shown(&self, caller: &Caller, certificate: &[u8]) -> bool {
        let mut stream = caller.socket().await.unwrap();
        stream.write_all(&self.record()).await.unwrap();
        let mut flight = Vec::new();
        let reading = async {
            // An alert, or the end of the flight: ServerHelloDone (RFC 5246, 7.4.5).
            while !flight.ends_with(&[14, 0, 0, 0]) {
                let mut header = [0; 5];
                if stream.read_exact(&mut header).await.is_err() || header[0] != HANDSHAKE {
                    break;
                }
                let mut payload = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
                stream.read_exact(&mut payload).await.unwrap();
                flight.extend_from_slice(&payload);
            }
        };
        within("the first flight", reading).await;
        flight.windows(certificate.len()).any(|window| window == certificate)
    }

    /// The record on the wire.
    pub(crate) fn record(&self) -> Vec<u8> {
        let suites: Vec<u8> = self.suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
        let body = [
            self.version.to_be_bytes().to_vec(),
            vec![7; 32],
            vec![0],
            sized(&suites),
            vec![1, 0],
            sized(&self.extensions()),
        ]
        .concat();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let message = [vec![CLIENT_HELLO], length[1..].to_vec(), body].concat();
        [vec![HANDSHAKE, 3, 1], sized(&message)].concat()
    }

    fn extensions(&self) -> Vec<u8> {
        let name = self.name.map(|name| extension(0, &sized(&[vec![0], sized(name.as_bytes())].concat())));
        let groups = extension(10, &sized(&[0, 29, 0, 23, 0, 24]));
        let points = extension(11, &[1, 0]);
        let schemes = extension(13, &sized(&[4, 3, 5, 3, 8, 4, 4, 1, 2, 3, 2, 1]));
        let master_secret = extension(23, &[]);
        [name.unwrap_or_default(), groups, points, schemes, master_secret].concat()
    }
}

fn server_hello(body: &[u8]) -> FirstAnswer {
    let session_id = usize::from(body[34]);
    let suite = &body[35 + session_id..][..2];
    FirstAnswer::ServerHello {
        version: u16::from_be_bytes([body[0], body[1]]),
        suite: u16::from_be_bytes([suite[0], suite[1]]),
    }
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), sized(content)].concat()
}

/// The content behind its length in two bytes.
fn sized(content: &[u8]) -> Vec<u8> {
    [u16::try_from(content.len()).unwrap().to_be_bytes().to_vec(), content.to_vec()].concat()
}
