//! Calls that come again, as Thales' do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::support::Pki;

const RETRY: [&str; 5] = ["--retry", "--backoff", "1ms", "--retry-for", "30s"];

/// In the place of a status: the connection is closed without an answer once the request has been read.
const HANGS_UP: u16 = 0;

/// A server that is not ours: it answers each call with the next of these statuses, and the last one from then on.
struct Foreign {
    directory: tempfile::TempDir,
    url: String,
    bodies: Arc<std::sync::Mutex<Vec<(String, Bytes)>>>,
}

impl Foreign {
    async fn answering(statuses: &'static [u16], retry_after: Option<&'static str>) -> Self {
        let pki = Pki::new();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("server-ca.pem"), pki.servers.pem()).unwrap();
        fs::write(directory.path().join("key.txt"), API_KEY).unwrap();
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(pki.server.chain.clone(), pki.server.key.clone_key())
                .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{HOST}:{}", listener.local_addr().unwrap().port());
        let (count, bodies) = (Arc::new(AtomicUsize::new(0)), Arc::<std::sync::Mutex<Vec<_>>>::default());
        let kept = Arc::clone(&bodies);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let Ok(stream) = acceptor.accept(socket).await else { continue };
                let (count, kept) = (Arc::clone(&count), Arc::clone(&kept));
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (count, kept) = (Arc::clone(&count), Arc::clone(&kept));
                    async move {
                        let (head, body) = request.into_parts();
                        let id = head.headers["x-correlation-id"].to_str().unwrap().to_owned();
                        let body = body.collect().await.unwrap().to_bytes();
                        kept.lock().unwrap().push((id, body));
                        let at = count.fetch_add(1, Ordering::SeqCst).min(statuses.len() - 1);
                        if statuses[at] == HANGS_UP {
                            return Err(std::io::Error::other("hangs up"));
                        }
                        let mut response = Response::builder().status(statuses[at]);
                        if let Some(value) = retry_after.filter(|_| statuses[at] != 204) {
                            response = response.header("retry-after", value);
                        }
                        Ok(response.body(Full::<Bytes>::default()).unwrap())
                    }
                });
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { directory, url, bodies }
    }

    async fn called(&self, words: &[&str]) -> Finished {
        let common = ["call", &self.url, "--connect", "127.0.0.1", "--server-ca", "server-ca.pem"];
        let arguments = [&common[..], words].concat();
        tool::run(self.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await
    }

    fn tries(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }
}

#[tokio::test]
async fn what_comes_again_is_the_same_event_until_it_is_taken() {
    let foreign = Foreign::answering(&[503, 500, 429, 204], None).await;
    let words = [&["cof", "notifyTokenUpdate", "--api-key-file", "key.txt", "--format", "json"][..], &RETRY].concat();
    let finished = foreign.called(&words).await;
    went_well(&finished);
    let (lines, sum) = objects(&finished);
    assert_eq!(sum, serde_json::json!({ "calls": 1, "good": 1 }));
    let statuses: Vec<_> = lines.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [503, 500, 429, 204]);
    assert!(lines[..3].iter().all(|line| line["fate"] == "comes_again" && line["again_after_us"].is_u64()));
    let bodies = foreign.bodies.lock().unwrap().clone();
    assert!(bodies.iter().all(|one| *one == bodies[0]), "{bodies:?}");
}

#[tokio::test]
async fn an_event_of_cof_is_lost_for_good_after_400_401_and_404_and_for_anything_else_than_204() {
    for (statuses, said) in [
        (&[400][..], "LOST FOR GOOD"),
        (&[401], "LOST FOR GOOD"),
        (&[404], "LOST FOR GOOD"),
        (&[200], "takes 204"),
        (&[502], "takes 204"),
    ] {
        let foreign = Foreign::answering(statuses, None).await;
        let words = [&["cof", "notifyTokenUpdate", "--api-key-file", "key.txt"][..], &RETRY].concat();
        let words = failed(&foreign.called(&words).await);
        assert!(words.contains(said) && words.contains("WRONG"), "{statuses:?}: {words}");
        assert_eq!(foreign.tries(), 1, "{statuses:?}: it is not called again");
    }
}

#[tokio::test]
async fn a_call_that_a_kept_connection_swallows_is_reported_and_comes_again_only_where_that_is_asked_for() {
    const STATUSES: &[u16] = &[204, HANGS_UP, 204, HANGS_UP, 204];
    let words = ["cof", "notifyTokenUpdate", "--http", "1.1", "--format", "json", "--count"];
    let foreign = Foreign::answering(STATUSES, None).await;
    let finished = foreign.called(&[&words[..], &["4"]].concat()).await;
    let text = failed(&finished);
    let (lines, sum) = objects(&finished);
    assert_eq!(sum, serde_json::json!({ "calls": 4, "good": 2 }), "{text}");
    let kept: Vec<_> = lines.iter().map(|line| line["tls"]["connection_kept"].as_bool().unwrap()).collect();
    assert_eq!(kept, [false, true, false, true], "{text}");
    let ids =
        |foreign: &Foreign| -> Vec<_> { foreign.bodies.lock().unwrap().iter().map(|(id, _)| id.clone()).collect() };
    let sent = ids(&foreign);
    let different: std::collections::BTreeSet<_> = sent.iter().collect();
    assert_eq!((sent.len(), different.len()), (4, 4), "none was sent twice: {sent:?}");

    let foreign = Foreign::answering(STATUSES, None).await;
    let finished = foreign.called(&[&words[..], &["2"], &RETRY].concat()).await;
    went_well(&finished);
    let sent = ids(&foreign);
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert_eq!(sent[1], sent[2]);
    assert_eq!(objects(&finished).0[1]["good"], false, "{}", finished.text());
}

#[tokio::test]
async fn without_retry_a_call_is_made_once() {
    let foreign = Foreign::answering(&[503, 204], None).await;
    assert!(failed(&foreign.called(&["cof", "notifyTokenUpdate"]).await).contains("comes again"));
    assert_eq!(foreign.tries(), 1);
}

#[tokio::test]
async fn a_server_that_asks_for_more_time_than_there_is_ends_it() {
    let words = ["d1", "notifyCardOperations"];
    let foreign = Foreign::answering(&[503, 204], Some("3600")).await;
    let text = failed(&foreign.called(&[&words[..], &RETRY].concat()).await);
    assert!(text.contains("given up: the server asks for a wait of 1h (Retry-After)"), "{text}");
    assert_eq!(foreign.tries(), 1);
    let foreign = Foreign::answering(&[503], None).await;
    let text = failed(&foreign.called(&[&words[..], &["--retry", "--backoff", "1h"]].concat()).await);
    assert!(text.contains("given up: the next try") && !text.contains("Retry-After)"), "control: {text}");
    let foreign = Foreign::answering(&[503, 204], Some("0")).await;
    let text = went_well(&foreign.called(&[&words[..], &RETRY].concat()).await);
    assert!(text.contains("Thales says nothing of it"), "the rule is said: {text}");
    assert_eq!(foreign.tries(), 2);
}
