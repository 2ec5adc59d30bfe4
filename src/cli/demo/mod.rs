//! `issuer-host demo`: a real server, called over real sockets as Thales would, and the story told in a few lines.

mod backend;
mod caller;
mod story;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::oneshot;

use self::caller::Caller;
use super::{Error, StopSignal, sample_pki, say};
use crate::app::{App, AppOptions, EnvironmentOptions, ServerOptions};
use crate::auth::{ApiKeys, LiveSecret};
use crate::handler::Handler;
use crate::handler::forward::{Forward, ForwardOptions};
use crate::http::{Interpreter, InterpreterOptions};
use crate::thales::routes::{RouteOptions, Routes};
use crate::thales::{Catalogue, Product};
use crate::tls::MaterialSource;

/// The sample certificates of a checkout.
const CHECKED_OUT: &str = "certs-sample";

#[derive(Debug, clap::Args)]
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
    let signal = StopSignal::install()?;
    let (directory, temporary) = certificates(arguments.certificates.as_deref())?;
    let backend = backend::spawn().await?;
    let app = bind(arguments.listen, &directory, backend).await?;
    let address = app.addresses().first().copied().ok_or("the server has no address")?;

    say(format_args!(
        "issuer-host demo: a server that admits only clients of the (sample) Thales Client CA\n\n  \
         server        https://localhost:{}\n  certificates  {}\n  backend       http://{backend}, answers with what it was asked\n",
        address.port(),
        directory.display()
    ))?;

    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(app.run(async {
        // A dropped sender ends the server just as well.
        let _ = stopped.await;
    }));
    let caller = Caller::new(address, &std::fs::read(directory.join("server-ca.pem"))?)?;
    let as_told = story::tell(&caller, &directory).await?;

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

fn certificates(given: Option<&Path>) -> Result<(PathBuf, Option<TemporaryDirectory>), Error> {
    if let Some(directory) = given {
        return Ok((directory.to_owned(), None));
    }
    if Path::new(CHECKED_OUT).is_dir() {
        return Ok((PathBuf::from(CHECKED_OUT), None));
    }
    let temporary = TemporaryDirectory(std::env::temp_dir().join(format!("issuer-host-demo-{}", std::process::id())));
    sample_pki::write(&temporary.0, &[])?;
    Ok((temporary.0.clone(), Some(temporary)))
}

/// A directory of our own that goes with the demo.
struct TemporaryDirectory(PathBuf);

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // What is left lies in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn bind(listen: SocketAddr, directory: &Path, backend: SocketAddr) -> Result<App, Error> {
    let options = |listen| -> Result<AppOptions, Error> {
        let file = |name| MaterialSource::File(directory.join(name));
        let forward = Forward::new(&ForwardOptions::new(format!("http://{backend}")))?;
        let environment = EnvironmentOptions::new(
            "demo",
            file("thales-client-ca.pem"),
            file("server-chain.pem"),
            file("server-key.pem"),
            Handler::Forward(forward),
        );
        let environment = EnvironmentOptions { interpreter: Some(Arc::new(interpreter()?)), ..environment };
        let server = ServerOptions { listen: vec![listen], ..ServerOptions::default() };
        Ok(AppOptions { server, admin: None, environments: vec![environment], ..AppOptions::default() })
    };
    match App::bind(options(listen)?).await {
        Err(crate::app::StartError::Bind(error)) if error.source.kind() == std::io::ErrorKind::AddrInUse => {
            Ok(App::bind(options(SocketAddr::new(listen.ip(), 0))?).await?)
        }
        bound => Ok(bound?),
    }
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
