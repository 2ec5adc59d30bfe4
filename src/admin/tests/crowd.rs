//! Many who connect to the admin listener and say nothing.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::*;

/// Far more than any of this takes.
const PATIENCE: Duration = Duration::from_secs(20);
const CROWD: u8 = 200;

/// They connect, say nothing, and connect again as soon as they are closed, until this is dropped. Each has an address of its own, so that
/// none runs out of ports.
fn crowd(address: SocketAddr) -> JoinSet<()> {
    let silent = |member: u8| async move {
        loop {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(([127, 0, 1, member], 0).into()).unwrap();
            if let Ok(mut stream) = socket.connect(address).await {
                let _ = stream.read(&mut [0; 16]).await;
            }
            tokio::task::yield_now().await;
        }
    };
    (1..=CROWD).map(silent).collect()
}

async fn begun(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

/// Reads until `text` has come; `false` where the connection ends before.
async fn hears(stream: &mut TcpStream, text: &str) -> bool {
    let mut heard = Vec::new();
    let hearing = async {
        while !heard.windows(text.len()).any(|window| window == text.as_bytes()) {
            if !matches!(stream.read_buf(&mut heard).await, Ok(1..)) {
                return false;
            }
        }
        true
    };
    timeout(PATIENCE, hearing).await.unwrap_or(false)
}

#[tokio::test]
async fn a_crowd_of_silent_sockets_neither_keeps_probes_out_nor_ends_what_an_administrator_watches() {
    let (readiness, metrics) = (Readiness::default(), Metrics::new());
    let sources = AdminSources { metrics: metrics.clone(), ..sources(&readiness) };
    let (address, end, task) = opened(sources).await;
    let displaced = || metrics.admin_slots().displaced.get();

    let mut watched = begun(address, "/events").await;
    assert!(hears(&mut watched, "event: regions").await);
    let mut scraper = begun(address, "/livez").await;
    assert!(hears(&mut scraper, "ok\n").await);
    for _ in 0..100 {
        assert!(hears(&mut begun(address, "/livez").await, "ok\n").await);
    }
    assert_eq!(displaced(), 0, "control: nobody gives way where there is room");

    let crowd = crowd(address);
    let contested = async {
        while displaced() < 300 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, contested).await.expect("control: there is not room for all of them");
    for probe in 0..300 {
        assert!(hears(&mut begun(address, "/livez").await, "ok\n").await, "probe {probe}");
    }
    assert!(!hears(&mut scraper, "never").await, "control: what only waits has given way");
    readiness.draining();
    assert!(hears(&mut watched, "event: regions").await, "the page of an administrator");
    drop(crowd);
    end.cancel();
    task.await.unwrap();
}
