//! Your own axum handlers behind the door: every request that reaches them comes from a verified client.
//!
//! ```sh
//! cargo run --example embed_axum -- certs-sample 127.0.0.1:8443
//! curl --cacert certs-sample/server-ca.pem --cert certs-sample/client-a-chain.pem --key certs-sample/client-a-key.pem \
//!      -d '{}' https://localhost:8443/issuer/igwapi/v2.0/notifyVirtualCardChange -i
//! curl --cacert certs-sample/server-ca.pem --cert certs-sample/client-a-chain.pem --key certs-sample/client-a-key.pem \
//!      https://localhost:8443/whoami
//! ```

use std::path::PathBuf;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::{get, post};
use issuer_host::handler::Handler;
use issuer_host::tls::{MaterialSource, VerifiedClient};
use issuer_host::{App, AppOptions, EnvironmentOptions, ServerOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| "certs-sample".to_owned()));
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:8443".to_owned()).parse()?;
    let level = std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned());
    issuer_host::telemetry::init(issuer_host::telemetry::Format::Human, &level)?;

    let router = Router::new()
        .route("/whoami", get(whoami))
        .route("/issuer/igwapi/v2.0/notifyVirtualCardChange", post(notify_virtual_card_change));

    let file = |name: &str| MaterialSource::File(directory.join(name));
    let environment = EnvironmentOptions::new(
        "preprod",
        file("thales-client-ca.pem"),
        file("server-chain.pem"),
        file("server-key.pem"),
        Handler::from(router),
    );
    let server = ServerOptions { listen: vec![listen], ..ServerOptions::default() };
    let app =
        App::bind(AppOptions { server, admin: None, environments: vec![environment], ..AppOptions::default() }).await?;
    app.run(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            eprintln!("cannot wait for Ctrl-C: {error}");
        }
    })
    .await;
    Ok(())
}

/// The verified client is an extractor.
async fn whoami(client: VerifiedClient) -> String {
    format!("{} ({})\n", client.identity().subject, client.tls().version)
}

/// TSH wants a 200 (a real handler stores the notification first).
async fn notify_virtual_card_change(client: VerifiedClient, notification: Bytes) -> StatusCode {
    tracing::debug!(subject = client.identity().subject, bytes = notification.len(), "notification");
    StatusCode::OK
}
