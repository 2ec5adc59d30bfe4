//! The server: the library as an embedder uses it, in one thread.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use issuer_host::handler::Handler;
use issuer_host::tls::MaterialSource;
use issuer_host::tls::trigger::TriggerOptions;
use issuer_host::{App, AppOptions, EnvironmentOptions, ServerOptions};

use crate::pki::HOST;
use crate::{Error, PKI};

/// Says on its standard output where it listens, and serves until it is killed.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// With an event for each access, which are written nowhere.
    #[arg(long)]
    access_events: bool,
}

impl Serve {
    pub(crate) fn run(&self) -> Result<(), Error> {
        let pki = PathBuf::from(std::env::var_os(PKI).ok_or("no certificates")?);
        let file = |name: &str| MaterialSource::File(pki.join(name));
        let router = Router::new().route("/", post(async |_: Bytes| "{}"));
        let environment = EnvironmentOptions {
            host: Some(HOST.to_owned()),
            ..EnvironmentOptions::new(
                "bench",
                file("client-ca.pem"),
                file("server-chain.pem"),
                file("server-key.pem"),
                Handler::from(router),
            )
        };
        let server = ServerOptions {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            drain_timeout: Duration::ZERO,
            reload: TriggerOptions { watch: false, poll: None },
            access_events: self.access_events,
            ..ServerOptions::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let options = AppOptions { server, admin: None, environments: vec![environment], ..AppOptions::default() };
            let app = App::bind(options).await?;
            println!("{}", app.addresses().first().ok_or("the server listens nowhere")?);
            std::io::stdout().flush()?;
            app.run(std::future::pending()).await;
            Ok(())
        })
    }
}
