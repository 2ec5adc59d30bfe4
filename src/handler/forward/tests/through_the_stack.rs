//! What a caller of HTTP/1.1 sees of a backend, with the whole stack between them.

use crate::handler::{Dispatch, Handler};
use crate::http::Stack;

use super::*;

/// A server with the whole stack before `forward`; what it says to `requests`, after which it is closed.
async fn through_the_stack(forward: Forward, requests: &str) -> String {
    let (mut caller, server) = tokio::io::duplex(64 << 10);
    let stack = Stack::new(crate::http::testing::options(None), Dispatch::from(Handler::Forward(forward)));
    let service = TowerToHyperService::new(stack.for_connection(crate::http::testing::context()));
    let server = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
    let server = tokio::spawn(server);
    caller.write_all(requests.as_bytes()).await.unwrap();
    let mut said = String::new();
    caller.read_to_string(&mut said).await.unwrap();
    server.await.unwrap().unwrap();
    said
}

#[tokio::test]
async fn responses_without_a_body_stay_without_one_and_keep_their_length() {
    let router = Router::new()
        .route("/none", any(|| async { StatusCode::NO_CONTENT }))
        .route("/same", any(|| async { (StatusCode::NOT_MODIFIED, [("etag", "\"x\"")]) }))
        .fallback(|| async { ([("keep-alive", "timeout=5"), ("x-kept", "yes")], "five!") });
    let (_backend, forward) = TestBackend::http1(router).await;
    let ask = |method: &str, path: &str, more: &str| format!("{method} {path} HTTP/1.1\r\nhost: a\r\n{more}\r\n");
    let requests = [
        ask("HEAD", "/", ""),
        ask("GET", "/none", ""),
        ask("GET", "/same", ""),
        ask("GET", "/", "connection: close\r\n"),
    ];
    let said = through_the_stack(forward, &requests.concat()).await;
    let heads: Vec<&str> = said.split("HTTP/1.1 ").skip(1).collect();
    let [head, none, same, last] = heads[..] else { panic!("{said}") };
    assert!(head.starts_with("200 ") && head.contains("content-length: 5\r\n") && head.ends_with("\r\n\r\n"), "{said}");
    assert!(none.starts_with("204 ") && none.ends_with("\r\n\r\n") && !none.contains("content-length"), "{said}");
    assert!(same.starts_with("304 ") && same.ends_with("\r\n\r\n") && same.contains("etag"), "{said}");
    assert!(last.starts_with("200 ") && last.ends_with("\r\n\r\nfive!") && last.contains("x-kept: yes"), "{said}");
    assert!(!said.contains("keep-alive"), "{said}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_not_the_backends_fault() {
    let (_backend, forward) = TestBackend::http1(echo()).await;
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    let request = |chunks: usize| {
        let chunks = chunk.repeat(chunks);
        format!(
            "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
        )
    };
    let said = through_the_stack(forward.clone(), &request(1)).await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    let said = through_the_stack(forward, &request(2)).await;
    assert!(said.starts_with("HTTP/1.1 413 ") && said.contains("too-large"), "{said}");
}

#[tokio::test]
async fn a_backend_learns_the_original_host_and_who_calls() {
    let router = Router::new().fallback(|headers: HeaderMap| async move {
        let value = |name: &str| headers[name].to_str().unwrap().to_owned();
        [value("x-forwarded-host"), value("x-forwarded-proto"), value("issuer-host-client-subject")].join(" ")
    });
    let (_backend, forward) = TestBackend::http1(router).await;
    let request =
        "GET / HTTP/1.1\r\nhost: Issuer.Bank.example:8443\r\nx-forwarded-host: forged\r\nconnection: close\r\n\r\n";
    let said = through_the_stack(forward, request).await;
    assert!(said.ends_with("\r\n\r\nIssuer.Bank.example:8443 https CN=caller"), "{said}");
    assert!(said.contains(&format!("{CONNECTION}: close")));
}
