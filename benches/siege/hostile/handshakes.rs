//! Handshakes one after the other, with what costs the server most.

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use super::{Attacked, all, drain};
use crate::attacks::Kind;
use crate::program::Error;
use crate::program::client::{Client, Http};

/// `count` at once, until it is over.
pub(super) async fn flood(attacked: &Attacked, kind: Kind, count: usize) -> Result<(), Error> {
    let shown: &[Option<&str>] = match kind {
        Kind::LongChains => &[Some("thicket")],
        // One that fits into a message of a handshake, and one that does not.
        Kind::BigCertificates => &[Some("big"), Some("bigger")],
        Kind::HandshakesWithout => &[None],
        _ => &[Some("admitted")],
    };
    let clients: Vec<Client> =
        shown.iter().map(|name| attacked.client(*name, Http::One)).collect::<Result<_, Error>>()?;
    let mut tasks = JoinSet::new();
    for (number, client) in clients.iter().cycle().take(count).enumerate() {
        let client = client.from(Attacked::source(number));
        let attacked = attacked.clone();
        tasks.spawn(async move {
            while !attacked.is_over() {
                one(&attacked, kind, &client).await;
            }
        });
    }
    all(tasks).await
}

async fn one(attacked: &Attacked, kind: Kind, client: &Client) {
    attacked.attempts();
    attacked.opened();
    let by_server = match client.tls().await {
        Err(_) => true,
        // It is admitted, and has what it wanted.
        Ok(mut stream) if kind == Kind::Handshakes => {
            let _ = stream.shutdown().await;
            false
        }
        // With TLS 1.3 the server has yet to say what it thinks of the certificate.
        Ok(mut stream) => tokio::select! {
            () = drain(&mut stream) => true,
            () = attacked.over() => false,
        },
    };
    attacked.ended(by_server);
}
