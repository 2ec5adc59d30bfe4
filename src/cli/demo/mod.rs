//! `issuer-host demo`: a real server, called over real sockets as Thales would, and the story told in a few lines.

mod backend;
mod caller;
mod outage;
mod story;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use self::backend::Backend;
use self::caller::Caller;
use super::{Error, StopSignal, sample_pki, say};
use crate::app::{App, AppOptions, EnvironmentOptions, InboxSetup, ServerOptions, StoreOptions};
use crate::auth::{ApiKeys, LiveSecret};
use crate::handler::Handler;
use crate::handler::forward::{Forward, ForwardOptions};
use crate::http::{Interpreter, InterpreterOptions};
use crate::inbox::InboxOptions;
use crate::inbox::delivery::DeliveryOptions;
use crate::inbox::destination::{Destination, HttpDestination, HttpOptions};
use crate::thales::routes::{RouteOptions, Routes};
use crate::thales::{Catalogue, Product};
use crate::tls::MaterialSource;

/// The sample certificates of a checkout.
const CHECKED_OUT: &str = "certs-sample";

const EXAMPLES: &str = "\
Examples:
  # tells the story, then goes on serving until Ctrl-C
  issuer-host demo

  # ends after the story; exit code 0 if all of it was as it should be
  issuer-host demo --once";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// End after the story; exit code 1 if any line of it differs from what it should be
    #[arg(long)]
    once: bool,
    /// Where to listen; a free port when this one is taken
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// A directory made by `issuer-host sample-pki`; default: ./certs-sample, else a fresh one in a temporary directory
    #[arg(long, value_name = "DIR")]
    certificates: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    if !arguments.listen.ip().is_loopback() {
        return Err("the demo listens on loopback only: everybody has the keys of the sample certificates".into());
    }
    crate::telemetry::init(crate::telemetry::Format::Human, "error")?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(demo(arguments))
}

async fn demo(arguments: &Arguments) -> Result<ExitCode, Error> {
    let mut signal = StopSignal::install()?;
    let temporary = TemporaryDirectory::new()?;
    let directory = certificates(arguments.certificates.as_deref(), &temporary)?;
    let backend = Backend::spawn().await?;
    let app = Box::pin(bind(arguments.listen, &directory, backend.address, temporary.0.join("inbox.db"))).await?;
    let address = app.addresses().first().copied().ok_or("the server has no address")?;

    say(format_args!(
        "issuer-host demo: a server that admits only clients of the (sample) Thales Client CA\n\n  \
         server        https://localhost:{}\n  certificates  {}\n  backend       http://{}, answers with what it was asked\n",
        address.port(),
        directory.display(),
        backend.address
    ))?;

    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(app.run(async {
        // A dropped sender ends the server just as well.
        let _ = stopped.await;
    }));
    let caller = Caller::new(address, &std::fs::read(directory.join("server-ca.pem"))?)?;
    let as_told = story::tell(&caller, &directory, &backend).await?;

    if !arguments.once {
        say(invitation(address, &directory))?;
        signal.received().await;
        say("")?;
    }
    let _ = stop.send(());
    server.await?;
    drop(temporary);
    Ok(if as_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn certificates(given: Option<&Path>, temporary: &TemporaryDirectory) -> Result<PathBuf, Error> {
    if let Some(directory) = given {
        return Ok(directory.to_owned());
    }
    if Path::new(CHECKED_OUT).is_dir() {
        return Ok(PathBuf::from(CHECKED_OUT));
    }
    let directory = temporary.0.join("certificates");
    sample_pki::write(&directory, &[])?;
    Ok(directory)
}

/// A directory of our own that goes with the demo.
struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("issuer-host-demo-{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // What is left lies in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn bind(listen: SocketAddr, directory: &Path, backend: SocketAddr, inbox: PathBuf) -> Result<App, Error> {
    let options = |listen| -> Result<AppOptions, Error> {
        let file = |name| MaterialSource::File(directory.join(name));
        let backend = ForwardOptions::new(format!("http://{backend}"));
        let forward = Forward::new(&backend)?;
        let destination: Arc<dyn Destination> = Arc::new(HttpDestination::new(HttpOptions::new(backend))?);
        let environment = EnvironmentOptions::new(
            "demo",
            file("thales-client-ca.pem"),
            file("server-chain.pem"),
            file("server-key.pem"),
            Handler::Forward(forward),
        );
        let environment = EnvironmentOptions {
            interpreter: Some(Arc::new(interpreter()?)),
            destinations: BTreeMap::from([(String::new(), destination)]),
            ..environment
        };
        let server = ServerOptions { listen: vec![listen], ..ServerOptions::default() };
        let inbox = InboxSetup {
            store: StoreOptions::Sqlite(inbox.clone()),
            master_keys: None,
            options: InboxOptions { delivery: impatient(), ..InboxOptions::default() },
        };
        Ok(AppOptions { server, inbox: Some(inbox), environments: vec![environment], ..AppOptions::default() })
    };
    match App::bind(options(listen)?).await {
        Err(crate::app::StartError::Bind(error)) if error.source.kind() == std::io::ErrorKind::AddrInUse => {
            Ok(App::bind(options(SocketAddr::new(listen.ip(), 0))?).await?)
        }
        bound => Ok(bound?),
    }
}

/// Nobody watches a demo for minutes.
fn impatient() -> DeliveryOptions {
    let (first_backoff, max_backoff) = (Duration::from_millis(100), Duration::from_millis(500));
    DeliveryOptions { first_backoff, max_backoff, ..DeliveryOptions::default() }
}

/// Knows the calls of an issuer and of a merchant.
fn interpreter() -> Result<Interpreter, Error> {
    let options = RouteOptions { products: vec![Product::Tsh, Product::Cof], ..RouteOptions::default() };
    let routes = Routes::compile(Catalogue::built_in(), &options)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let api_keys = ApiKeys::new(vec![LiveSecret::from_text("demo", story::API_KEY)?]);
    let options = InterpreterOptions::new(routes, vec![story::ISSUER.to_owned()]);
    Ok(Interpreter::new(InterpreterOptions { api_keys: Some(api_keys), ..options }))
}

/// Lines to copy.
fn invitation(address: SocketAddr, directory: &Path) -> String {
    let (port, directory) = (address.port(), directory.display());
    let (issuer, key) = (story::ISSUER, story::API_KEY);
    format!(
        "
It goes on serving. Call it yourself, in another terminal in this directory:

  # admitted: a client of the sample Thales Client CA
  curl --cacert {directory}/server-ca.pem --cert {directory}/client-a-chain.pem --key {directory}/client-a-key.pem \\
       -H 'x-issuer-id: {issuer}' -d '{{}}' https://localhost:{port}/issuer/igwapi/v2.0/checkCardEligibility

  # the same client, as a merchant's caller; without the key, or with another one, it gets 503
  curl -i --cacert {directory}/server-ca.pem --cert {directory}/client-a-chain.pem --key {directory}/client-a-key.pem \\
       -H 'authorization: APIKEY {key}' -d '{{}}' https://localhost:{port}/tsh-cof/notify-token-update

  # refused: no certificate
  curl --cacert {directory}/server-ca.pem https://localhost:{port}/

Ctrl-C ends it."
    )
}
