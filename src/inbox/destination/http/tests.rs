//! Deliveries over real sockets.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request as AxumRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{Response, StatusCode};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::*;
use crate::inbox::destination::Contents;
use crate::inbox::destination::tests::delivery;
use crate::outgoing::testing::{Pki, TestBackend};

type Calls = mpsc::UnboundedReceiver<(Parts, Bytes)>;

/// A router that keeps what came, and answers `status` with a short body.
fn recording(status: u16) -> (Router, Calls) {
    let (sender, calls) = mpsc::unbounded_channel();
    let router = Router::new().fallback(move |request: AxumRequest| {
        let sender = sender.clone();
        async move {
            let (parts, body) = request.into_parts();
            sender.send((parts, to_bytes(body, usize::MAX).await.unwrap())).unwrap();
            (StatusCode::from_u16(status).unwrap(), [("retry-after", "9")], "said")
        }
    });
    (router, calls)
}

async fn backend(status: u16) -> (TestBackend, Calls) {
    let (router, calls) = recording(status);
    (TestBackend::start(router, false, None).await, calls)
}

fn at(url: impl Into<String>) -> HttpOptions {
    HttpOptions::new(ForwardOptions { connect_timeout: Duration::from_secs(5), ..ForwardOptions::new(url) })
}

fn destination(options: HttpOptions) -> HttpDestination {
    HttpDestination::new(options).unwrap()
}

fn failure(attempt: Attempt) -> String {
    let Attempt::Failed { problem, retry_after: None, down: true } = attempt else { panic!("{attempt:?}") };
    for secret in ["state", "card-1", "corr-1", "a%20b"] {
        assert!(!problem.contains(secret), "{problem}");
    }
    problem
}

#[tokio::test]
async fn the_backend_gets_what_thales_sent_where_thales_sent_it() {
    let (backend, mut calls) = backend(204).await;
    let destination = destination(at(format!("http://{}/prefix/", backend.address)));
    let sent = delivery();
    assert_eq!(destination.deliver(sent.clone()).await, Attempt::Delivered);
    let (head, body) = calls.recv().await.unwrap();
    assert_eq!(body, sent.contents.body);
    assert_eq!((head.method, head.uri.to_string().as_str()), (Method::POST, "/prefix/issuer/a%20b?x=1&&y"));
    let header = |name: &str| head.headers.get(name).map(HeaderValue::as_bytes);
    for (name, expected) in [
        ("host", backend.address.to_string().as_str()),
        ("content-length", sent.contents.body.len().to_string().as_str()),
        ("content-type", "application/json; charset=x"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("ce-specversion", "1.0"),
        ("ce-id", sent.facts.id.to_string().as_str()),
        ("ce-subject", "card-1"),
        ("ce-attempt", "3"),
    ] {
        assert_eq!(header(name), Some(expected.as_bytes()), "{name}");
    }
    assert_eq!(header("x-first"), Some(&b"\xe9 1"[..]));
    for absent in ["ce-path", "ce-method", "ce-replay", "webhook-id", "transfer-encoding"] {
        assert_eq!(header(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn the_verb_stays_and_so_does_its_body() {
    let (backend, mut calls) = backend(200).await;
    let destination = destination(at(format!("http://{}", backend.address)));
    for verb in ["PUT", "DELETE", "GET", "PATCH"] {
        for body in ["", "body"] {
            let mut sent = delivery();
            sent.facts.method = verb.into();
            sent.contents = Contents { body: body.into(), query: None, headers: Vec::new(), ..sent.contents };
            assert_eq!(destination.deliver(sent).await, Attempt::Delivered);
            let (head, received) = calls.recv().await.unwrap();
            assert_eq!((head.method.as_str(), &received[..]), (verb, body.as_bytes()));
            assert_eq!(head.uri, "/issuer/a%20b");
            assert!(!head.headers.contains_key("content-type"), "there was none");
        }
    }
}

#[tokio::test]
async fn one_url_for_all_is_told_what_was_called() {
    let (backend, mut calls) = backend(202).await;
    // Its own path and query, and not those of the backend.
    let options = at("http://nobody.invalid/elsewhere");
    let destination =
        destination(HttpOptions { events_url: Some(format!("http://{}/events?key=1", backend.address)), ..options });
    assert_eq!(destination.name(), format!("http://{}", backend.address));
    let mut sent = Delivery { replays: 1, ..delivery() };
    sent.facts.method = "PUT".into();
    assert_eq!(destination.deliver(sent.clone()).await, Attempt::Delivered);
    let (head, body) = calls.recv().await.unwrap();
    assert_eq!((head.method, head.uri.to_string().as_str()), (Method::POST, "/events?key=1"));
    assert_eq!(body, sent.contents.body);
    for (name, expected) in
        [("ce-method", "PUT"), ("ce-path", "/issuer/a%2520b"), ("ce-query", "x=1&&y"), ("ce-replay", "1")]
    {
        assert_eq!(head.headers[name], expected, "{name}");
    }
}

#[tokio::test]
async fn what_is_ours_to_say_is_said_once_whatever_came() {
    let (backend, mut calls) = backend(200).await;
    let secret = Zeroizing::new(format!("whsec_{}", STANDARD.encode([5; 32])));
    let signing = Some(SigningSecrets::parse(&secret).unwrap());
    let url = format!("http://{}", backend.address);
    let forged = ["ce-id", "ce-replay", "webhook-id", "webhook-signature", "traceparent", "content-length", "host"];
    let mut sent = delivery();
    sent.contents.headers.extend(forged.map(|name| (name.to_owned(), b"1".to_vec())));
    for signing in [None, signing] {
        let signed = signing.is_some();
        let destination = destination(HttpOptions { signing, ..at(&url) });
        assert_eq!(destination.deliver(sent.clone()).await, Attempt::Delivered);
        let (head, body) = calls.recv().await.unwrap();
        assert_eq!(body, sent.contents.body);
        for name in forged {
            assert!(head.headers.get_all(name).iter().all(|value| value != "1"), "{name}");
            assert!(head.headers.get_all(name).iter().count() <= 1, "{name}");
        }
        assert_eq!(head.headers.contains_key("webhook-signature"), signed);
        if signed {
            // As a backend would check it.
            let id = head.headers["webhook-id"].to_str().unwrap();
            assert_eq!(id, sent.facts.id.to_string());
            let at = head.headers["webhook-timestamp"].to_str().unwrap();
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[5; 32]);
            let message = [id.as_bytes(), b".", at.as_bytes(), b".", &body].concat();
            let signature = head.headers["webhook-signature"].to_str().unwrap().strip_prefix("v1,").unwrap();
            aws_lc_rs::hmac::verify(&key, &message, &STANDARD.decode(signature).unwrap()).unwrap();
        }
    }
}

#[tokio::test]
async fn a_status_decides_what_comes_of_an_attempt() {
    let failed = |status: u16, down| Attempt::Failed {
        problem: format!("the backend answered {status}"),
        retry_after: Some(Duration::from_secs(9)),
        down,
    };
    for (status, expected) in [
        (200, Attempt::Delivered),
        (422, Attempt::Refused { problem: "the backend answered 422".into() }),
        (307, failed(307, false)),
        (401, failed(401, false)),
        (503, failed(503, true)),
    ] {
        let (backend, mut calls) = backend(status).await;
        let destination = destination(at(format!("http://{}", backend.address)));
        // Answers are read to their ends: a connection is used again. Whoever is quick may find it not free yet.
        for _ in 0..20 {
            assert_eq!(destination.deliver(delivery()).await, expected);
            calls.recv().await.unwrap();
        }
        assert!(backend.connections() < 10, "{status}: {}", backend.connections());
    }
}

#[tokio::test]
async fn the_head_of_an_answer_decides_and_its_body_is_not_waited_for() {
    let router = Router::new().fallback(|| async {
        Response::new(Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>()))
    });
    let backend = TestBackend::start(router, false, None).await;
    let destination = destination(at(format!("http://{}", backend.address)));
    let begun = std::time::Instant::now();
    assert_eq!(destination.deliver(delivery()).await, Attempt::Delivered);
    assert!(begun.elapsed() < answer::DISCARD_TIMEOUT, "as long as a body is waited for");
}

#[tokio::test]
async fn an_answer_counts_although_its_body_never_ends() {
    let router = Router::new().fallback(|| async {
        let piece = || Some(Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1024])));
        Response::new(Body::from_stream(futures_util::stream::iter(std::iter::from_fn(piece))))
    });
    let backend = TestBackend::start(router, false, None).await;
    let destination = destination(at(format!("http://{}", backend.address)));
    assert_eq!(destination.deliver(delivery()).await, Attempt::Delivered);
}

#[tokio::test]
async fn a_backend_that_is_not_there_or_breaks_off_or_says_nothing_may_take_it_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut options = at(format!("http://{address}"));
    options.backend.response_timeout = Duration::from_millis(300);
    let broken = destination(options);
    let server = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        first.write_all(b"SSH-2.0-x\r\n\r\n").await.unwrap();
        // The second stays open, and silent.
        (first, listener.accept().await.unwrap())
    });
    assert!(failure(broken.deliver(delivery()).await).starts_with("the exchange broke: "));
    assert_eq!(failure(broken.deliver(delivery()).await), "no answer within 300ms");
    drop(server.await.unwrap());
    // Nobody listens any more.
    let problem = failure(broken.deliver(delivery()).await);
    assert!(problem.starts_with("no connection: "), "{problem}");
}

#[tokio::test]
async fn a_backend_of_tls_is_one_of_the_ca_that_was_given_and_knows_us() {
    let (pki, other) = (Pki::new(), Pki::new());
    let (router, mut calls) = recording(200);
    let backend = TestBackend::start(router, false, Some(pki.server_config(true, &["h2", "http/1.1"]))).await;
    let url = format!("https://{}", backend.address);
    let with = |ca: &Pki, credential: Option<&Pki>| {
        let mut options = at(&url);
        options.backend.ca_pem = Some(ca.ca.pem().into_bytes());
        options.backend.client_credential = credential.map(Pki::credential);
        destination(options)
    };
    let trusted = with(&pki, Some(&pki));
    assert_eq!(trusted.name(), url);
    assert_eq!(trusted.deliver(delivery()).await, Attempt::Delivered);
    assert_eq!(calls.recv().await.unwrap().0.version, http::Version::HTTP_2);
    for untrusted in [with(&other, Some(&pki)), with(&pki, None), with(&pki, Some(&other))] {
        failure(untrusted.deliver(delivery()).await);
    }
    assert!(calls.try_recv().is_err(), "nobody else was let in");
}

#[tokio::test]
async fn what_cannot_be_a_request_is_refused_for_good() {
    let (backend, mut calls) = backend(200).await;
    let destination = destination(at(format!("http://{}", backend.address)));
    let mut bad_path = delivery();
    bad_path.contents.path = "/a b".into();
    let mut bad_verb = delivery();
    bad_verb.facts.method = "P OST".into();
    for sent in [bad_path, bad_verb] {
        assert!(matches!(destination.deliver(sent).await, Attempt::Refused { .. }));
    }
    assert!(calls.try_recv().is_err());
}

#[test]
fn a_destination_that_cannot_be_used_is_refused_and_its_urls_are_not_repeated() {
    for (url, events_url) in [
        ("http://b?q", None),
        ("ftp://b", None),
        ("http://b", Some("events?t=s3cret")),
        ("http://b", Some("http://u:s3cret@b/events")),
        ("http://b", Some("http://b/events?s3cret#x")),
        ("http://b", Some("http://b/events?s3cret x")),
    ] {
        let options = HttpOptions { events_url: events_url.map(str::to_owned), ..at(url) };
        assert!(!format!("{options:?}").contains("s3cret"));
        let error = HttpDestination::new(options).unwrap_err();
        assert!(matches!(error, ForwardError::Url(_)) && !error.to_string().contains("s3cret"), "{error}");
    }
    let options = HttpOptions { events_url: Some("http://b/events?t=s3cret".into()), ..at("https://b") };
    let destination = destination(options);
    assert!(!format!("{destination:?}").contains("s3cret"));
    assert_eq!(destination.name(), "http://b");
}
