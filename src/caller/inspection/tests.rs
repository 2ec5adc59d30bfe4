use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::pki::minting::now;

/// Far more than a machine needs to answer itself.
const PATIENCE: Duration = Duration::from_secs(20);

fn options(address: SocketAddr, patience: Duration) -> InspectionOptions {
    let server_name = ServerName::try_from("tsh.bank.example").unwrap();
    InspectionOptions { address, server_name, private_trust: None, credential: None, patience }
}

/// The body of the next hello: version, random, session id, suites.
async fn hello_of(socket: &mut TcpStream) -> Option<Vec<u8>> {
    let mut header = [0; 5];
    socket.read_exact(&mut header).await.ok()?;
    let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    socket.read_exact(&mut record).await.ok()?;
    Some(record.split_off(4))
}

/// Takes the version and the first suite of whatever is offered, and counts.
async fn agreeable() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let Some(hello) = hello_of(&mut socket).await else { return };
                let suites = 35 + usize::from(hello[34]) + 2;
                let mut answer = vec![22, 3, 3, 0, 42, 2, 0, 0, 38];
                answer.extend([&hello[..2], &[9; 32], &[0], &hello[suites..suites + 2], &[0]].concat());
                let _ = socket.write_all(&answer).await;
            });
        }
    });
    (address, count)
}

#[tokio::test]
async fn a_server_that_takes_everything_is_found_out_in_a_bounded_number_of_connections() {
    let (address, count) = agreeable().await;
    let options = options(address, PATIENCE);
    let all = Spoken { tls12: true, tls13: true };
    let suites = suites::ask(&options, all).await.unwrap();
    // It never gets as far as a certificate.
    assert_eq!((suites.sound.len(), suites.weak.len(), suites.broken.len(), suites.tls13.len()), (9, 5, 5, 0));
    assert!(old_versions::ask(&options).await.unwrap().iter().all(OldVersion::is_spoken));
    protocols::ask(&options, TlsVersions::Only13).await.unwrap();
    names::ask(&options, TlsVersions::Only13).await.unwrap();
    // With TLS 1.3 as well it would have been two suites more; two visits come first, and seven calls for each version at the end.
    let most = count.load(Ordering::SeqCst) + 2 + 2 + 2 * 7;
    assert!(most <= MOST_CONNECTIONS, "{most}");
    let seen = inspect(&options, now()).await.unwrap();
    assert!(!seen.tls12.is_spoken() && !seen.tls13.is_spoken(), "{seen:?}");
    assert!(seen.chain.is_none() && seen.admission.is_empty(), "{seen:?}");
}

#[tokio::test]
async fn a_server_that_takes_connections_and_is_silent_is_not_asked_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (first, answer) = {
        let inspecting =
            tokio::spawn(async move { inspect(&options(address, Duration::from_millis(100)), now()).await });
        let held = [listener.accept().await.unwrap(), listener.accept().await.unwrap()];
        (held, inspecting.await.unwrap())
    };
    let problem = answer.unwrap_err();
    assert!(matches!(problem, InspectionError::Silent(_)), "{problem}");
    drop(first);
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_an_error() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let problem = inspect(&options(address, PATIENCE), now()).await.unwrap_err();
    assert!(matches!(problem, InspectionError::Failed(Failure::Unreachable(_))), "{problem}");
}

#[test]
fn a_cut_connection_is_no_refusal_and_an_endless_answer_is_an_answer() {
    let of = |failure| Outcome::of(Err(failure));
    assert!(matches!(of(Failure::Closed(crate::caller::Stage::Handshake)), Outcome::Refused(_)));
    assert!(matches!(of(Failure::Closed(crate::caller::Stage::Exchange)), Outcome::Unclear(_)));
    assert!(of(Failure::AnswerTooLong { status: http::StatusCode::OK, most: 1 }).is_answer());
}
