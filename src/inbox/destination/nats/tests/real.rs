//! Publishing to the real server.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use async_nats::HeaderMap;
use async_nats::jetstream::stream::{Config, Stream};

use super::*;

/// How long a server may take to start, and a client to come back to it.
const PATIENCE: Duration = Duration::from_secs(30);

fn server() -> String {
    std::env::var("ISSUER_HOST_TEST_NATS").expect("scripts/test.sh tells where NATS is")
}

/// A stream of its own for a test, and options to publish into it.
async fn stream(server: &str, most_bytes: i32) -> (Stream, NatsOptions) {
    let name = format!("test-{}", crate::inbox::entry::EntryId::new());
    let client = async_nats::connect(server).await.unwrap();
    let config = Config {
        name: name.clone(),
        subjects: vec![format!("{name}.>")],
        max_message_size: most_bytes,
        ..Config::default()
    };
    let stream = jetstream::new(client).create_stream(config).await.unwrap();
    (stream, NatsOptions { subject: format!("{name}.{{environment}}.{{operation}}"), ..NatsOptions::new(server) })
}

async fn messages(stream: &Stream) -> u64 {
    stream.get_info().await.unwrap().state.messages
}

/// A nats-server that the test ends itself.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// On a free port.
    fn start(options: &[&str]) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        Self::start_at(port, options)
    }

    fn start_at(port: u16, options: &[&str]) -> Self {
        let program = std::env::var("ISSUER_HOST_TEST_NATS_BIN").expect("scripts/test.sh tells where nats-server is");
        let process = Command::new(program)
            .args(["-a", "127.0.0.1", "-p", &port.to_string()])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { process, port };
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.process.try_wait().unwrap().is_none() && begun.elapsed() < PATIENCE, "it does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    /// At once, as if the machine had died.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn delivered_in_the_end(destination: &NatsDestination, delivery: &Delivery) {
    let begun = Instant::now();
    while destination.deliver(delivery.clone()).await != Attempt::Delivered {
        assert!(begun.elapsed() < PATIENCE, "the server is there again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
#[ignore = "needs nats-server: scripts/test.sh starts one and runs them"]
async fn an_entry_is_in_the_stream_once_however_often_it_is_delivered() {
    let (stream, options) = stream(&server(), -1).await;
    let destination = destination(options);
    let sent = delivery();
    for _ in 0..3 {
        assert_eq!(destination.deliver(sent.clone()).await, Attempt::Delivered);
    }
    assert_eq!(messages(&stream).await, 1);
    let message = stream.get_raw_message(1).await.unwrap();
    assert!(message.subject.ends_with(".preprod.notifyVirtualCardChange"), "{}", message.subject);
    assert_eq!(message.payload, sent.contents.body);
    let header = |headers: &HeaderMap, name: &str| headers.get(name).unwrap().to_string();
    let id = sent.facts.id.to_string();
    assert_eq!(header(&message.headers, "Nats-Msg-Id"), id);
    assert_eq!(header(&message.headers, "ce-id"), id);
    assert_eq!(header(&message.headers, "x-first"), "\u{e9} 1");
    // Control: somebody asks for it again.
    assert_eq!(destination.deliver(Delivery { replays: 1, ..sent }).await, Attempt::Delivered);
    assert_eq!(messages(&stream).await, 2);
    assert_eq!(header(&stream.get_raw_message(2).await.unwrap().headers, "ce-id"), id);
}

#[tokio::test]
#[ignore = "needs nats-server: scripts/test.sh starts one and runs them"]
async fn where_no_stream_takes_the_subject_the_entry_stays() {
    let destination = destination(NatsOptions { subject: "nobody.{product}".into(), ..NatsOptions::new(server()) });
    let (problem, down) = failed(destination.deliver(delivery()).await);
    assert_eq!(problem, "no stream of NATS takes the subject nobody.tsh");
    assert!(!down, "of others there may be one");
}

#[tokio::test]
#[ignore = "needs nats-server: scripts/test.sh starts one and runs them"]
async fn what_is_too_large_for_server_or_stream_is_refused_for_good() {
    let (stream, options) = stream(&server(), 4096).await;
    let destination = destination(options);
    // Control.
    assert_eq!(destination.deliver(delivery()).await, Attempt::Delivered);
    for bytes in [5000, 2_000_000] {
        let mut sent = delivery();
        sent.contents.body = vec![b'x'; bytes].into();
        assert!(matches!(destination.deliver(sent).await, Attempt::Refused { .. }), "{bytes}");
    }
    // And the connection is as good as before.
    assert_eq!(destination.deliver(delivery()).await, Attempt::Delivered);
    assert_eq!(messages(&stream).await, 2);
}

#[tokio::test]
#[ignore = "needs nats-server: scripts/test.sh starts one and runs them"]
async fn a_server_that_dies_and_comes_back_has_every_entry_once() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["-js", "-sd", folder.path().to_str().unwrap()];
    let server = Server::start(&options);
    let (port, url) = (server.port, server.url());
    let (stream, nats_options) = stream(&url, -1).await;
    let destination = destination(NatsOptions { ack_timeout: Duration::from_secs(1), ..nats_options });
    let (before, during) = (delivery(), delivery());
    assert_eq!(destination.deliver(before.clone()).await, Attempt::Delivered);
    drop(server);
    for _ in 0..3 {
        failure(destination.deliver(during.clone()).await);
    }
    let _server = Server::start_at(port, &options);
    delivered_in_the_end(&destination, &during).await;
    // As when its acknowledgement had been lost.
    assert_eq!(destination.deliver(before).await, Attempt::Delivered);
    assert_eq!(messages(&stream).await, 2);
}

#[tokio::test]
#[ignore = "needs nats-server: scripts/test.sh starts one and runs them"]
async fn whom_the_server_does_not_know_hears_so_and_is_let_in_when_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().to_str().unwrap();
    let server = Server::start(&["-js", "-sd", store, "--user", "issuer", "--pass", "s3cret @"]);
    let at = |user: &str| format!("nats://{user}@127.0.0.1:{}", server.port);
    let stranger = destination(NatsOptions::new(at("issuer:wrong-s3cret")));
    let problem = failure(stranger.deliver(delivery()).await);
    assert!(problem.contains("authorization violation"), "{problem}");
    let known = destination(NatsOptions::new(at("issuer:s3cret%20%40")));
    assert!(failed(known.deliver(delivery()).await).0.starts_with("no stream of NATS"));
}

#[tokio::test]
#[ignore = "needs nats-server: scripts/test.sh starts one and runs them"]
async fn the_server_and_we_know_each_other_by_certificates() {
    let (pki, other) = (Pki::new(), Pki::new());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ca = file("ca.pem", pki.ca.pem());
    let certificate = file("server.pem", pki.server.0.pem());
    let key = file("key.pem", pki.server.1.serialize_pem());
    let store = Path::join(folder.path(), "store");
    let (store, tls) = (store.to_str().unwrap(), ["--tlscert", &certificate, "--tlskey", &key, "--tlscacert", &ca]);
    let server = Server::start(&[&["-js", "-sd", store, "--tlsverify"][..], &tls].concat());
    let with = |ca: &Pki, credential: Option<&Pki>| {
        destination(NatsOptions {
            ca_pem: Some(ca.ca.pem().into_bytes()),
            client_credential: credential.map(Pki::credential),
            ..NatsOptions::new(format!("tls://127.0.0.1:{}", server.port))
        })
    };
    // In as far as it says that nobody made a stream.
    assert!(failed(with(&pki, Some(&pki)).deliver(delivery()).await).0.starts_with("no stream of NATS"));
    for untrusted in [with(&other, Some(&pki)), with(&pki, None), with(&pki, Some(&other))] {
        assert!(failure(untrusted.deliver(delivery()).await).starts_with("no connection to NATS"));
    }
}
