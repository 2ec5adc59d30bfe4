//! Identity comes from the handshake only: forged headers never reach the backend, the true ones always do.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;

use crate::support::{Door, HOST, Identity, Setup, raw, request};

/// What a caller might pose with: other servers' headers, ours, and spellings that a backend may fold into one of them.
const FORGED: &[&str] = &[
    "client-cert",
    "client-cert-chain",
    "x-forwarded-client-cert",
    "x-ssl-client-cert",
    "x-ssl-client-dn",
    "x-ssl-client-verify",
    "x-ssl-anything",
    "x-client-cert",
    "x-client-dn",
    "x-client-verify",
    "issuer-host-client-subject",
    "issuer-host-client-issuer",
    "issuer-host-client-serial",
    "issuer-host-client-sha256",
    "issuer-host-environment",
    "issuer-host-anything",
    "client_cert",
    "x_forwarded_client_cert",
    "x_ssl_client_dn",
    "x_client_verify",
    "x-ssl_client_cert",
    "issuer_host_client_subject",
    "issuer-host_client-subject",
    "issuer_host_environment",
    "issuer.host.environment",
    "ssl-client-verify",
    "x-forwarded-for",
    "x_forwarded_for",
    "x-real-ip",
    "x-amzn-mtls-clientcert",
    "x-original-url",
    "forwarded",
];

#[tokio::test]
async fn the_backend_learns_who_calls() {
    let door = Door::open().await;
    for caller in [door.honest(), door.honest().h2(), door.honest().tls12()] {
        caller.expect_accepted("an honest client").await;
        is_the_truth(&door.backend.received("/accepted").headers, &door.pki.honest);
    }
    let other = door.pki.clients.client("another/one, O=Thales");
    door.stranger().presenting(&other).expect_accepted("another client").await;
    let headers = door.backend.received("/accepted").headers;
    is_the_truth(&headers, &other);
    let subject = headers["issuer-host-client-subject"].to_str().unwrap();
    assert!(subject.contains(r"another/one\, O=Thales"), "the comma in a value is escaped: {subject}");
}

#[tokio::test]
async fn forged_identity_headers_are_stripped() {
    let door = Door::open().await;
    for caller in [door.honest(), door.honest().h2()] {
        let mut session = caller.session().await.unwrap();
        let mut call = request("GET", "/forged").header("x-client", "kept").header("x-sslish", "kept");
        for name in FORGED {
            call = call.header(*name, "forged").header(*name, "forged twice");
        }
        let reply = session.send(call.body(Bytes::new()).unwrap()).await.unwrap();
        assert_eq!(reply.status, 200);
        let headers = door.backend.received("/forged").headers;
        is_the_truth(&headers, &door.pki.honest);
        is_free_of_forgery(&headers);
        assert_eq!(headers["x-sslish"], "kept");
    }
}

#[tokio::test]
async fn forged_identity_headers_in_any_case_are_stripped() {
    let door = Door::open().await;
    let mut stream = door.honest().connect().await.unwrap();
    let lines: String = FORGED.iter().map(|name| format!("{}: forged\r\n", name.to_ascii_uppercase())).collect();
    let call = format!("GET /shouted HTTP/1.1\r\nHost: {HOST}\r\n{lines}Connection: close\r\n\r\n");
    let received = raw::exchange(&mut stream, call.as_bytes()).await;
    assert_eq!(raw::statuses(&received), [200]);
    let headers = door.backend.received("/shouted").headers;
    is_the_truth(&headers, &door.pki.honest);
    is_free_of_forgery(&headers);
}

#[tokio::test]
async fn forged_identity_headers_in_trailers_are_stripped() {
    let door = Door::open().await;
    let mut stream = door.honest().connect().await.unwrap();
    let lines: String = FORGED.iter().map(|name| format!("{name}: forged\r\n")).collect();
    let head =
        format!("POST /trailers HTTP/1.1\r\nhost: {HOST}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    let received = raw::exchange(&mut stream, format!("{head}2\r\nhi\r\n0\r\n{lines}\r\n").as_bytes()).await;
    assert_eq!(raw::statuses(&received), [200]);
    has_no_forged_trailers(&door);

    let mut session = door.honest().h2().session().await.unwrap();
    let mut trailers = HeaderMap::new();
    for name in FORGED {
        trailers.append(*name, "forged".parse().unwrap());
    }
    let frames = [Ok(Frame::data(Bytes::from_static(b"hi"))), Ok(Frame::trailers(trailers))];
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed();
    let response = session.begin(request("POST", "/trailers").body(body).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    has_no_forged_trailers(&door);
}

#[tokio::test]
async fn a_connection_header_cannot_take_the_identity_away() {
    let door = Door::open().await;
    let mut stream = door.honest().connect().await.unwrap();
    let call = format!(
        "GET /hop HTTP/1.1\r\nhost: {HOST}\r\nconnection: close, issuer-host-client-subject, x-hop, x-issuer-id\r\nx-hop: 1\r\n\
         keep-alive: timeout=5\r\nproxy-authorization: Basic eA==\r\nte: gzip\r\nupgrade: websocket\r\n\r\n"
    );
    let received = raw::exchange(&mut stream, call.as_bytes()).await;
    assert_eq!(raw::statuses(&received), [200]);
    let headers = door.backend.received("/hop").headers;
    is_the_truth(&headers, &door.pki.honest);
    for name in ["x-hop", "keep-alive", "proxy-authorization", "upgrade"] {
        assert!(!headers.contains_key(name), "{name} is between two parties and must not be forwarded: {headers:?}");
    }
}

#[tokio::test]
async fn the_whole_certificate_is_forwarded_on_request() {
    let door = Door::with(Setup { environment: "forward_client_certificate = true", ..Setup::default() }).await;
    let mut session = door.honest().session().await.unwrap();
    let call = request("GET", "/whole").header("client-cert", ":Zm9yZ2Vk:").body(Bytes::new()).unwrap();
    session.send(call).await.unwrap();
    let headers = door.backend.received("/whole").headers;
    let text = STANDARD.encode(door.pki.honest.leaf());
    // RFC 9440, 2.1: a byte sequence of RFC 8941 structured fields.
    assert_eq!(headers.get_all("client-cert").iter().collect::<Vec<_>>(), [&format!(":{text}:")]);
}

/// Asserts that each header of ours is there once and tells the truth.
fn is_the_truth(headers: &HeaderMap, identity: &Identity) {
    let one = |name: &str| {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        assert_eq!(values.len(), 1, "{name} is there {} times", values.len());
        values[0].to_str().unwrap().to_owned()
    };
    let leaf = x509_parser::parse_x509_certificate(identity.leaf()).unwrap().1;
    let name = leaf.subject().iter_common_name().next().unwrap().as_str().unwrap();
    let issuer = leaf.issuer().iter_common_name().next().unwrap().as_str().unwrap();
    assert!(one("issuer-host-client-subject").replace('\\', "").contains(&format!("CN={name}")));
    assert!(one("issuer-host-client-issuer").contains(&format!("CN={issuer}")));
    let plain = |text: String| text.replace(':', "").to_ascii_lowercase();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let serial = plain(one("issuer-host-client-serial"));
    assert_eq!(serial.trim_start_matches('0'), hex(leaf.raw_serial()).trim_start_matches('0'));
    assert_eq!(plain(one("issuer-host-client-sha256")), hex(digest(&SHA256, identity.leaf()).as_ref()));
    assert_eq!(one("issuer-host-environment"), "preprod");
    assert!(!headers.contains_key("client-cert"), "the certificate was not asked for");
}

fn is_free_of_forgery(headers: &HeaderMap) {
    for (name, value) in headers {
        assert!(!value.to_str().unwrap_or_default().contains("forged"), "{name} passed");
    }
}

fn has_no_forged_trailers(door: &Door) {
    let received = door.backend.received("/trailers");
    assert_eq!(received.body, "hi");
    is_free_of_forgery(&received.headers);
    is_free_of_forgery(&received.trailers.unwrap_or_default());
}
