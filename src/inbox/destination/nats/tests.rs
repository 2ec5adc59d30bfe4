//! Publishing: to as much of a NATS server as a publisher sees, and to the real one.

mod broker;
mod real;

use super::*;
use crate::inbox::destination::tests::delivery;
use crate::outgoing::testing::Pki;
use broker::{ACKNOWLEDGED, Broker};

fn destination(options: NatsOptions) -> NatsDestination {
    NatsDestination::new(options).unwrap()
}

/// The problem of an attempt that failed since the destination is down.
fn failure(attempt: Attempt) -> String {
    let (problem, down) = failed(attempt);
    assert!(down, "{problem}");
    problem
}

fn failed(attempt: Attempt) -> (String, bool) {
    let Attempt::Failed { problem, retry_after: None, down } = attempt else { panic!("{attempt:?}") };
    for secret in ["state", "card-1", "corr-1", "a%20b", "s3cret"] {
        assert!(!problem.contains(secret), "{problem}");
    }
    (problem, down)
}

#[tokio::test]
async fn an_event_is_published_as_the_bindings_want_it() {
    let mut broker = Broker::start(None, ACKNOWLEDGED).await;
    let destination = destination(NatsOptions::new(format!("nats://us%65r:s3cret@{}", broker.address)));
    assert_eq!(destination.name(), format!("nats://{}", broker.address));
    let mut sent = delivery();
    for (name, value) in [("Nats-Rollup", "all"), ("nats-expected-stream", "x"), ("ce-id", "forged"), ("x-2", "\u{e9}")]
    {
        sent.contents.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    assert_eq!(destination.deliver(sent.clone()).await, Attempt::Delivered);
    let published = broker.published.recv().await.unwrap();
    assert_eq!(published.subject, "thales.preprod.tsh.notifyVirtualCardChange");
    assert_eq!(published.body, sent.contents.body);
    let id = sent.facts.id.to_string();
    let mut expected = vec![
        ("nats-msg-id", id.as_str()),
        ("content-type", "application/json; charset=x"),
        ("ce-datacontenttype", "application/json;%20charset=x"),
        // Neither was UTF-8, and is now.
        ("x-first", "\u{e9} 1"),
        ("x-2", "\u{e9}"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    let attributes = [cloud_events::attributes(&sent), cloud_events::called(&sent)].concat();
    expected.extend(attributes.iter().map(|(name, value)| (*name, value.as_str())));
    let mut told: Vec<_> =
        published.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str())).collect();
    let mut expected: Vec<_> = expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
    let connect: serde_json::Value = serde_json::from_str(&published.connect).unwrap();
    assert_eq!((connect["user"].as_str(), connect["pass"].as_str()), (Some("user"), Some("s3cret")));
    assert_eq!(connect["tls_required"], false);
}

#[tokio::test]
async fn a_replay_is_a_message_of_its_own_and_the_same_event() {
    let mut broker = Broker::start(None, ACKNOWLEDGED).await;
    let destination = destination(NatsOptions::new(format!("nats://{}", broker.address)));
    let sent = Delivery { replays: 2, ..delivery() };
    let id = sent.facts.id;
    assert_eq!(destination.deliver(sent).await, Attempt::Delivered);
    let published = broker.published.recv().await.unwrap();
    assert_eq!(published.header("Nats-Msg-Id"), Some(format!("{id}:replay:2").as_str()));
    assert_eq!(published.header("ce-id"), Some(id.to_string().as_str()));
}

#[tokio::test]
async fn the_stream_s_word_decides_what_comes_of_an_attempt() {
    let error = |code: u16, number: u16| {
        format!(r#"{{"error":{{"code":{code},"err_code":{number},"description":"words"}},"stream":"S","seq":0}}"#)
    };
    for (answer, expected) in [
        (ACKNOWLEDGED.to_owned(), Ok(())),
        (r#"{"stream":"S","seq":7,"duplicate":true}"#.to_owned(), Ok(())),
        (error(400, 10054), Err(None)),
        (error(503, 10077), Err(Some(true))),
        (error(400, 10071), Err(Some(false))),
        // Whoever answers that is no stream.
        ("thanks".to_owned(), Err(Some(false))),
        ("{}".to_owned(), Err(Some(false))),
        (r#"{"state":"card-1 of the body"}"#.to_owned(), Err(Some(false))),
    ] {
        let broker = Broker::start(None, &answer).await;
        let attempt = destination(NatsOptions::new(format!("nats://{}", broker.address))).deliver(delivery()).await;
        match expected {
            Ok(()) => assert_eq!(attempt, Attempt::Delivered, "{answer}"),
            Err(None) => assert!(matches!(attempt, Attempt::Refused { .. }), "{answer}: {attempt:?}"),
            Err(Some(down)) => assert_eq!(failed(attempt).1, down, "{answer}"),
        }
    }
}

#[tokio::test]
async fn no_word_from_a_stream_is_no_delivery() {
    let broker = Broker::start(None, "").await;
    let ack_timeout = Duration::from_millis(200);
    let options = NatsOptions { ack_timeout, ..NatsOptions::new(format!("nats://{}", broker.address)) };
    let problem = failure(destination(options).deliver(delivery()).await);
    assert_eq!(problem, "no acknowledgement from NATS within 200ms: nats: Permissions Violation");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again_at_the_next_delivery() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let destination = destination(NatsOptions::new(format!("nats://s3cret@{address}")));
    for _ in 0..2 {
        let problem = failure(destination.deliver(delivery()).await);
        assert!(problem.starts_with("no connection to NATS: "), "{problem}");
    }
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let _broker = Broker::serve(listener, None, ACKNOWLEDGED);
    assert_eq!(destination.deliver(delivery()).await, Attempt::Delivered);
}

#[tokio::test]
async fn under_tls_both_sides_are_known_and_nothing_is_said_to_anybody_else() {
    let (pki, other) = (Pki::new(), Pki::new());
    let mut broker = Broker::start(Some(pki.server_config(true, &[])), ACKNOWLEDGED).await;
    let with = |ca: &Pki, credential: Option<&Pki>| {
        destination(NatsOptions {
            ca_pem: Some(ca.ca.pem().into_bytes()),
            client_credential: credential.map(Pki::credential),
            ..NatsOptions::new(format!("tls://s3cret@{}", broker.address))
        })
    };
    let trusted = with(&pki, Some(&pki));
    assert_eq!(trusted.name(), format!("tls://{}", broker.address));
    assert_eq!(trusted.deliver(delivery()).await, Attempt::Delivered);
    for untrusted in [with(&other, Some(&pki)), with(&pki, None), with(&pki, Some(&other))] {
        failure(untrusted.deliver(delivery()).await);
    }
    // The public roots are not asked when a server under nats:// wants TLS.
    let public = destination(NatsOptions::new(format!("nats://s3cret@{}", broker.address)));
    failure(public.deliver(delivery()).await);
    broker.published.recv().await.unwrap();
    assert!(broker.published.try_recv().is_err(), "nobody else was let in");
}

#[tokio::test]
async fn a_server_without_tls_learns_no_token_under_tls() {
    let mut broker = Broker::start(None, ACKNOWLEDGED).await;
    let connect_timeout = Duration::from_secs(1);
    let options = NatsOptions { connect_timeout, ..NatsOptions::new(format!("tls://s3cret@{}", broker.address)) };
    failure(destination(options).deliver(delivery()).await);
    assert!(broker.published.try_recv().is_err());
    assert!(!broker.heard().contains("CONNECT"), "{}", broker.heard());
    // Control: without TLS it is told.
    let options = NatsOptions::new(format!("nats://s3cret@{}", broker.address));
    assert_eq!(destination(options).deliver(delivery()).await, Attempt::Delivered);
    assert!(broker.heard().contains("CONNECT") && broker.heard().contains("s3cret"));
}
