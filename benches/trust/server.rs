//! The server: the library as an embedder uses it, alone in its thread.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use issuer_host::handler::Handler;
use issuer_host::server::Deadlines;
use issuer_host::tls::MaterialSource;
use issuer_host::tls::trigger::TriggerOptions;
use issuer_host::{App, AppOptions, EnvironmentOptions, Reloader, ServerOptions};
use tokio::sync::oneshot;

use crate::Error;
use crate::cpu::ThreadClock;
use crate::pki::{HOST, Identity};

/// More than any part opens.
const MAX_CONNECTIONS: usize = 12_000;

/// A server that ends when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) clock: ThreadClock,
    pub(crate) reloader: Reloader,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// An environment for the callers of `client_ca`, with the defaults.
pub(crate) fn environment(client_ca: MaterialSource, credential: &Identity) -> EnvironmentOptions {
    let router = Router::new().route("/", get(async || "hello\n"));
    EnvironmentOptions {
        host: Some(HOST.to_owned()),
        ..EnvironmentOptions::new(
            "bench",
            client_ca,
            MaterialSource::inline(credential.chain_pem.as_bytes()),
            MaterialSource::inline(credential.key_pem.as_bytes()),
            Handler::from(router),
        )
    }
}

impl Server {
    pub(crate) fn start(environment: EnvironmentOptions) -> Result<Self, Error> {
        let (sender, started) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("server".to_owned()).spawn(move || {
            if let Err(error) = serve(environment, &sender, stopped) {
                let _ = sender.send(Err(error));
            }
        })?;
        let (address, clock, reloader) = started.recv()??;
        Ok(Self { address, clock, reloader, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Started = Result<(SocketAddr, ThreadClock, Reloader), Error>;

fn serve(
    environment: EnvironmentOptions,
    started: &mpsc::Sender<Started>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Nothing happens by itself while it is measured: no poll, no timer that is due.
        let hour = Duration::from_secs(3600);
        let server = ServerOptions {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            max_connections: MAX_CONNECTIONS,
            deadlines: Deadlines { handshake: Duration::from_secs(30), idle: hour, ..Deadlines::default() },
            drain_timeout: Duration::ZERO,
            reload: TriggerOptions { watch: false, poll: None },
            access_events: false,
            ..ServerOptions::default()
        };
        let app =
            App::bind(AppOptions { server, admin: None, environments: vec![environment], ..AppOptions::default() })
                .await?;
        let address = app.addresses().first().copied().ok_or("the server listens nowhere")?;
        started.send(Ok((address, ThreadClock::of_this_thread()?, app.reloader())))?;
        app.run(async {
            let _ = stopped.await;
        })
        .await;
        Ok(())
    })
}
