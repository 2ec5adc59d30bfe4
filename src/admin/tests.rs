use std::io::{Read, Write};

use std::time::Duration;

use super::*;

mod crowd;
mod streams;

pub(super) fn report() -> StatusReport {
    StatusReport {
        version: "1.2.3",
        uptime_seconds: 4,
        ready: true,
        connections: 5,
        connections_limit: 10_000,
        handshakes_in_flight: 0,
        configuration: None,
        environments: Vec::new(),
        inbox: None,
    }
}

fn sources(readiness: &Readiness) -> AdminSources {
    AdminSources {
        readiness: readiness.clone(),
        metrics: Metrics::new(),
        status: Arc::new(report),
        reload: Arc::new(|| Box::pin(async { Some((true, serde_json::json!({"trigger": "admin"}))) })),
        log_level: None,
        inbox: None,
        access: AdminAccess::new(AdminRules::default()),
    }
}

async fn bound(readiness: &Readiness) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    opened(sources(readiness)).await
}

async fn opened(sources: AdminSources) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let (answers, end, task) = starting(&sources).await;
    answers.serve(sources);
    (answers.local_addr(), end, task)
}

/// A listener of a server that has nothing to tell yet.
async fn starting(sources: &AdminSources) -> (AdminAnswers, CancellationToken, tokio::task::JoinHandle<()>) {
    let AdminSources { readiness, metrics, access, .. } = sources.clone();
    let opening = AdminOpening { readiness, metrics, access };
    let admin = Admin::bind(([127, 0, 0, 1], 0).into(), None, opening).await.unwrap();
    let (answers, end) = (admin.answers(), CancellationToken::new());
    (answers, end.clone(), tokio::spawn(admin.run(end)))
}

async fn ask(address: SocketAddr, method: &str, path: &str, host: &str) -> String {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn readiness_is_false_before_the_first_epoch_and_while_draining() {
    let readiness = Readiness::default();
    let (address, end, task) = bound(&readiness).await;
    assert!(ask(address, "GET", "/readyz", "localhost").await.starts_with("HTTP/1.1 503"));
    readiness.ready();
    assert!(ask(address, "GET", "/readyz", "localhost").await.starts_with("HTTP/1.1 200"));
    readiness.draining();
    let draining = ask(address, "GET", "/readyz", "localhost").await;
    assert!(draining.starts_with("HTTP/1.1 503") && draining.ends_with("draining\n"), "{draining}");
    assert!(ask(address, "GET", "/livez", "localhost").await.starts_with("HTTP/1.1 200"));
    end.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_server_that_starts_answers_probes_and_goes_on_with_all_the_rest_on_the_same_connection() {
    let readiness = Readiness::default();
    let sources = sources(&readiness);
    let (answers, end, task) = starting(&sources).await;
    let address = answers.local_addr();
    let kept = std::net::TcpStream::connect(address).unwrap();
    let ask_kept = async |path: &'static str| {
        let mut socket = kept.try_clone().unwrap();
        let asked = move || {
            write!(socket, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            let mut answer = [0; 4096];
            let length = socket.read(&mut answer).unwrap();
            String::from_utf8(answer[..length].to_vec()).unwrap()
        };
        tokio::task::spawn_blocking(asked).await.unwrap()
    };
    let not_yet = ask_kept("/readyz").await;
    assert!(not_yet.starts_with("HTTP/1.1 503") && not_yet.ends_with("starting\n"), "{not_yet}");
    assert!(ask_kept("/livez").await.starts_with("HTTP/1.1 200"));
    for path in ["/status", "/", "/inbox", "/reload"] {
        let answer = ask(address, "GET", path, "localhost").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("the server is starting"), "{path}: {answer}");
    }
    assert!(ask(address, "GET", "/metrics", "localhost").await.contains("\nissuer_host_ready 0\n"));
    assert!(ask(address, "GET", "/metrics", "attacker.example").await.starts_with("HTTP/1.1 421"), "rebinding");

    answers.serve(sources);
    readiness.ready();
    assert!(ask_kept("/readyz").await.starts_with("HTTP/1.1 200"));
    assert!(ask_kept("/status").await.starts_with("HTTP/1.1 200"));
    end.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn metrics_and_status_are_told_uncached_and_nothing_else_exists() {
    let (address, end, task) = bound(&Readiness::default()).await;
    let metrics = ask(address, "GET", "/metrics", "localhost").await;
    assert!(metrics.contains("content-type: application/openmetrics-text"), "{metrics}");
    assert!(metrics.contains("cache-control: no-store") && metrics.ends_with("# EOF\n"), "{metrics}");
    let status = ask(address, "GET", "/status", "localhost").await;
    assert!(status.contains(r#""version":"1.2.3""#), "{status}");
    assert!(ask(address, "GET", "/nothing", "localhost").await.starts_with("HTTP/1.1 404"));
    assert!(ask(address, "POST", "/status", "localhost\r\nissuer-host-admin: 1").await.starts_with("HTTP/1.1 405"));
    end.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_page_whose_name_was_rebound_to_loopback_gets_probes_alone() {
    let (address, end, task) = bound(&Readiness::default()).await;
    for path in ["/status", "/metrics", "/inbox", "/session"] {
        assert!(ask(address, "GET", path, "attacker.example").await.starts_with("HTTP/1.1 421"), "{path}");
    }
    for path in ["/status", "/metrics"] {
        assert!(ask(address, "GET", path, &address.to_string()).await.starts_with("HTTP/1.1 200"), "{path}");
    }
    assert!(ask(address, "GET", "/livez", "10.0.0.7:9090").await.starts_with("HTTP/1.1 200"));
    end.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_scraper_that_never_takes_its_answers_loses_its_place() {
    use tokio::io::AsyncWriteExt as _;

    let (address, end, task) = bound(&Readiness::default()).await;
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let requests = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    let asking = async { while socket.write_all(requests.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(3600), asking).await.expect("it may ask, and not listen, for ever");
    end.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_reload_is_asked_for_by_post_and_never_by_a_page_in_a_browser() {
    let (address, end, task) = bound(&Readiness::default()).await;
    let meant = "localhost\r\nissuer-host-admin: 1";
    let answer = ask(address, "POST", "/reload", meant).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"trigger":"admin"}"#), "{answer}");
    assert!(ask(address, "GET", "/reload", "localhost").await.starts_with("HTTP/1.1 405"));
    let from_a_page = ask(address, "POST", "/reload", &format!("{meant}\r\norigin: https://evil.example")).await;
    assert!(from_a_page.starts_with("HTTP/1.1 403"), "{from_a_page}");
    assert!(ask(address, "POST", "/reload", "localhost").await.starts_with("HTTP/1.1 403"), "not meant");
    assert!(
        ask(address, "POST", "/reload", "evil.example\r\nissuer-host-admin: 1").await.starts_with("HTTP/1.1 421"),
        "rebinding"
    );
    end.cancel();
    task.await.unwrap();
}
