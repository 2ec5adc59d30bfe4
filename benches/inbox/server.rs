//! The server that is measured: the library as an embedder uses it, on one core, with or without an inbox.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::BoxFuture;
use http::StatusCode;
use issuer_host::app::{InboxSetup, StoreOptions};
use issuer_host::handler::Handler;
use issuer_host::http::{Interpreter, InterpreterOptions};
use issuer_host::inbox::InboxOptions;
use issuer_host::inbox::destination::{Attempt, Delivery, Destination};
use issuer_host::thales::routes::{RouteOptions, Routes};
use issuer_host::thales::{Catalogue, Product};
use issuer_host::tls::MaterialSource;
use issuer_host::tls::trigger::TriggerOptions;
use issuer_host::{App, AppOptions, EnvironmentOptions, ServerOptions};

use crate::Error;
use crate::pki::HOST;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// `none`, `sqlite:PATH` or `postgres://…`.
    #[arg(long)]
    store: String,
    /// With `client-ca.pem`, `server-chain.pem` and `server-key.pem`.
    #[arg(long)]
    pki: PathBuf,
    /// Whether deliveries are taken; else the destination is down.
    #[arg(long)]
    deliver: bool,
}

/// The store that an argument names.
pub(crate) fn store(argument: &str) -> StoreOptions {
    match argument.strip_prefix("sqlite:") {
        Some(path) => StoreOptions::Sqlite(path.into()),
        None => StoreOptions::Postgres { url: argument.to_owned().into(), connections: 10 },
    }
}

/// Takes everything, or nothing.
#[derive(Debug)]
struct Somebody {
    takes: bool,
}

impl Destination for Somebody {
    fn name(&self) -> &'static str {
        "somebody"
    }

    fn deliver(&self, _: Delivery) -> BoxFuture<'_, Attempt> {
        let attempt = if self.takes {
            Attempt::Delivered
        } else {
            Attempt::Failed { problem: "it is down".to_owned(), retry_after: None, down: true }
        };
        Box::pin(std::future::ready(attempt))
    }
}

/// Serves until standard input ends; says where on standard output.
pub(crate) async fn serve(arguments: Arguments) -> Result<(), Error> {
    let Arguments { store: kept, pki, deliver } = arguments;
    let options = RouteOptions { products: vec![Product::D1], ..RouteOptions::default() };
    let routes = Routes::compile(Catalogue::built_in(), &options).map_err(|problems| format!("{problems:?}"))?;
    let interpreter = Interpreter::new(InterpreterOptions::new(routes, vec!["BENCH".to_owned()]));
    let file = |name: &str| MaterialSource::File(pki.join(name));
    let somebody: Arc<dyn Destination> = Arc::new(Somebody { takes: deliver });
    let inbox = (kept != "none").then(|| InboxSetup {
        store: store(&kept),
        master_keys: None,
        options: InboxOptions::default(),
    });
    let environment = EnvironmentOptions {
        host: Some(HOST.to_owned()),
        interpreter: Some(Arc::new(interpreter)),
        destinations: BTreeMap::from([(String::new(), somebody)]),
        ..EnvironmentOptions::new(
            "bench",
            file("client-ca.pem"),
            file("server-chain.pem"),
            file("server-key.pem"),
            // Without an inbox it acknowledges what nobody has.
            Handler::from(Router::new().fallback(async |_: bytes::Bytes| StatusCode::NO_CONTENT)),
        )
    };
    let server = ServerOptions {
        listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        drain_timeout: Duration::ZERO,
        reload: TriggerOptions { watch: false, poll: None },
        access_events: false,
        ..ServerOptions::default()
    };
    let app = App::bind(AppOptions { server, inbox, environments: vec![environment], ..AppOptions::default() }).await?;
    let address = app.addresses().first().copied().ok_or("the server listens nowhere")?;
    println!("{address}");
    app.run(async {
        let _ = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0; 1])).await;
    })
    .await;
    Ok(())
}

/// A server in a process of its own, on the first core; ends when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Server {
    pub(crate) fn start(store: &str, pki: &Path, deliver: bool) -> Result<Self, Error> {
        let mut command = if std::thread::available_parallelism()?.get() > 1 || several_cores() {
            let mut command = Command::new("taskset");
            command.args(["-c", "0"]).arg(std::env::current_exe()?);
            command
        } else {
            Command::new(std::env::current_exe()?)
        };
        command.args(["serve", "--store", store, "--pki"]).arg(pki).args(deliver.then_some("--deliver"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let said = child.stdout.take().ok_or("no standard output")?;
        let line = BufReader::new(said).lines().next().ok_or("the server did not start")??;
        Ok(Self { address: line.parse()?, child })
    }

    /// Resident memory, in bytes.
    pub(crate) fn memory(&self) -> Result<u64, Error> {
        let pid = self.child.id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// Ends it, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), Error> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This process may be held to one core of several.
fn several_cores() -> bool {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    online.trim() != "0"
}
