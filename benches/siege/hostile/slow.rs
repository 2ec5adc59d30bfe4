//! Ten thousand that are slow: each holds a connection for as long as it is let, and comes back.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Attacked, all};
use crate::attacks::Kind;
use crate::program::backend::LARGE;
use crate::program::client::{Client, Http};
use crate::program::{Error, HOST};

/// Between two drips.
const DRIP: Duration = Duration::from_secs(4);
/// Between two drips of a hello, which has five seconds.
const HELLO_DRIP: Duration = Duration::from_millis(500);
/// How long one who was cut waits before coming back.
const COMES_BACK: Duration = Duration::from_secs(1);
/// Handshakes at once of those who hold connections afterwards.
const OPENING: usize = 48;
/// What one who does not read takes: the kernel's least.
const NARROW: usize = 1024;

/// `count` connections at once, until it is over.
pub(super) async fn hold(attacked: &Attacked, kind: Kind, count: usize) -> Result<(), Error> {
    // Resumed, since it is not handshakes that this is about.
    let client = match kind {
        Kind::ZeroWindows => attacked.client(Some("admitted"), Http::One)?.returning().receiving(NARROW),
        _ => attacked.client(Some("admitted"), Http::One)?.returning(),
    };
    let opening = Arc::new(Semaphore::new(OPENING));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let client = client.from(Attacked::source(number));
        let (attacked, opening) = (attacked.clone(), Arc::clone(&opening));
        tasks.spawn(async move {
            while !attacked.is_over() {
                one(&attacked, kind, &client, &opening).await;
                tokio::select! {
                    () = sleep(COMES_BACK) => {}
                    () = attacked.over() => {}
                }
            }
        });
    }
    all(tasks).await
}

async fn one(attacked: &Attacked, kind: Kind, client: &Client, opening: &Semaphore) {
    let Ok(turn) = opening.acquire().await else { return };
    if attacked.is_over() {
        return;
    }
    attacked.attempts();
    if let Kind::SlowHellos | Kind::Silence = kind {
        let Ok(socket) = client.socket().await else { return };
        drop(turn);
        let hello = if kind == Kind::Silence { Vec::new() } else { hello() };
        let by_server = drip(attacked, socket, HELLO_DRIP, hello.into_iter()).await;
        attacked.ended(by_server);
        return;
    }
    let Ok(mut stream) = client.tls().await else { return };
    let begun = match kind {
        Kind::SlowHeads => format!("GET /slow HTTP/1.1\r\nhost: {HOST}\r\nx-slow: "),
        Kind::SlowBodies => format!("POST /slow HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 1000000\r\n\r\n"),
        _ => format!("GET {LARGE} HTTP/1.1\r\nhost: {HOST}\r\n\r\n"),
    };
    let is_sent = stream.write_all(begun.as_bytes()).await.is_ok() && stream.flush().await.is_ok();
    drop(turn);
    if !is_sent {
        return;
    }
    if kind == Kind::ZeroWindows {
        // It never learns that it was cut: for that it would have to read.
        attacked.opened();
        attacked.over().await;
        attacked.ended(false);
        return;
    }
    let by_server = drip(attacked, stream, DRIP, std::iter::repeat(b'x')).await;
    attacked.ended(by_server);
}

/// A byte at a time, until they are used up, it is cut or it is over; whether it was cut.
async fn drip<S>(attacked: &Attacked, stream: S, pause: Duration, bytes: impl Iterator<Item = u8>) -> bool
where
    S: AsyncRead + AsyncWrite,
{
    attacked.opened();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let dripping = async {
        for byte in bytes {
            if writer.write_all(&[byte]).await.is_err() || writer.flush().await.is_err() {
                return;
            }
            sleep(pause).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = [0; 256];
    let reading = async { while reader.read(&mut answer).await.is_ok_and(|length| length > 0) {} };
    tokio::select! {
        () = dripping => true,
        () = reading => true,
        () = attacked.over() => false,
    }
}

/// An honest hello, of which nobody will see the end.
fn hello() -> Vec<u8> {
    let mut hello = Vec::new();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth());
    let name = ServerName::try_from(HOST);
    if let (Ok(config), Ok(name)) = (config, name)
        && let Ok(mut connection) = rustls::ClientConnection::new(Arc::new(config), name)
    {
        let _ = connection.write_tls(&mut hello);
    }
    hello
}
