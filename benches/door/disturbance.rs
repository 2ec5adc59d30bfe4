//! What else happens while calls are timed, in a process of its own that gives way to the one that times them.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Error;
use crate::arguments::Caller;
use crate::arrivals::arrivals;

/// A server that is slower than this answers nobody.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of those that were to come so many have to have come, or it was no disturbance of that rate: arrivals are random.
const ENOUGH: f64 = 0.8;

/// What else goes on: one of both.
#[derive(Args)]
pub(crate) struct Disturb {
    /// So many full handshakes a second.
    #[arg(long, required_unless_present = "reloads", conflicts_with = "reloads")]
    pub(crate) newcomers: Option<f64>,
    /// So many reloads a second.
    #[arg(long, requires_all = ["admin", "live", "chains"])]
    pub(crate) reloads: Option<f64>,
    /// Where reloads are asked for.
    #[arg(long)]
    pub(crate) admin: Option<SocketAddr>,
    /// The server certificate in force, which is replaced.
    #[arg(long)]
    pub(crate) live: Option<PathBuf>,
    /// What it is replaced by, in turns.
    #[arg(long = "chain")]
    pub(crate) chains: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Newcomers {
    #[command(flatten)]
    pub(crate) caller: Caller,
    /// Where the server listens.
    #[arg(long)]
    pub(crate) address: SocketAddr,
    /// So many a second.
    #[arg(long)]
    pub(crate) rate: f64,
    /// For so long.
    #[arg(long)]
    pub(crate) seconds: f64,
}

#[derive(Args)]
pub(crate) struct Reloads {
    /// Where reloads are asked for.
    #[arg(long)]
    pub(crate) admin: SocketAddr,
    /// The server certificate in force, which is replaced.
    #[arg(long)]
    pub(crate) live: PathBuf,
    /// What it is replaced by, in turns.
    #[arg(long = "chain", required = true)]
    pub(crate) chains: Vec<PathBuf>,
    /// So many a second.
    #[arg(long)]
    pub(crate) rate: f64,
    /// For so long.
    #[arg(long)]
    pub(crate) seconds: f64,
}

/// A disturbance under way.
pub(crate) struct Disturbance {
    child: Child,
    wanted: f64,
}

impl Disturbance {
    /// Starts it, for `seconds`, as what runs when nothing else does: the process that measures is on the same core and is not to
    /// wait for it.
    pub(crate) fn start(disturb: &Disturb, caller: &Caller, address: SocketAddr, seconds: f64) -> Result<Self, Error> {
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(env::current_exe()?);
        let rate = if let Some(rate) = disturb.newcomers {
            command.arg("newcomers").args(caller.arguments()).arg("--address").arg(address.to_string());
            rate
        } else {
            let rate = disturb.reloads.ok_or("nothing to disturb by")?;
            let admin = disturb.admin.ok_or("reloads need --admin")?;
            command.args(["reloads", "--admin", &admin.to_string(), "--live"]).arg(wanted(disturb.live.as_deref())?);
            for chain in &disturb.chains {
                command.arg("--chain").arg(chain);
            }
            rate
        };
        command.args(["--rate", &rate.to_string(), "--seconds", &seconds.to_string()]);
        Ok(Self { child: command.stdout(Stdio::piped()).spawn()?, wanted: rate * seconds })
    }

    /// Waits for its end, and shows that it was what it should be.
    pub(crate) fn end(self) -> Result<(), Error> {
        let output = self.child.wait_with_output()?;
        let done: f64 = String::from_utf8(output.stdout)?.trim().parse().map_err(|_| "the disturbance failed")?;
        if done < self.wanted * ENOUGH {
            return Err(format!("there were {done} disturbances, not some {}", self.wanted).into());
        }
        Ok(())
    }
}

fn wanted(path: Option<&Path>) -> Result<OsString, Error> {
    Ok(path.ok_or("reloads need --live")?.into())
}

/// Full handshakes, each with a POST; prints how many there were.
pub(crate) async fn newcomers(newcomers: &Newcomers) -> Result<(), Error> {
    let client = newcomers.caller.client()?;
    let mut arrivals = arrivals(newcomers.rate, newcomers.seconds)?;
    let mut visits = JoinSet::new();
    while arrivals.recv().await.is_some() {
        let (client, address) = (client.clone(), newcomers.address);
        visits.spawn(async move { timeout(PATIENCE, client.visit(address)).await? });
    }
    let mut done = 0;
    while let Some(end) = visits.join_next().await {
        end??;
        done += 1;
    }
    println!("{done}");
    Ok(())
}

/// Reloads, before each of which the chain in force is replaced by the next one; prints how many there were.
pub(crate) async fn reloads(reloads: &Reloads) -> Result<(), Error> {
    let mut admin = admin(reloads.admin).await?;
    let mut arrivals = arrivals(reloads.rate, reloads.seconds)?;
    let mut chains = reloads.chains.iter().cycle().peekable();
    // The last one may be in force still.
    let in_force = fs::read(&reloads.live)?;
    if chains.peek().is_some_and(|chain| fs::read(chain).is_ok_and(|chain| chain == in_force)) {
        chains.next();
    }
    let mut done = 0;
    while arrivals.recv().await.is_some() {
        put(chains.next().ok_or("reloads need --chain")?, &reloads.live)?;
        timeout(PATIENCE, reload(&mut admin, reloads.admin)).await??;
        done += 1;
    }
    println!("{done}");
    Ok(())
}

async fn admin(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Error> {
    let (sender, connection) = http1::handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// In one step, so that no reload finds half of it.
fn put(chain: &Path, live: &Path) -> Result<(), Error> {
    let next = live.with_extension("next");
    fs::copy(chain, &next)?;
    Ok(fs::rename(&next, live)?)
}

/// Asks for a reload, and shows that it found something new.
async fn reload(sender: &mut SendRequest<Full<Bytes>>, admin: SocketAddr) -> Result<(), Error> {
    let request = Request::post("/reload").header(HOST, admin.to_string()).header("issuer-host-admin", "1");
    sender.ready().await?;
    let response = sender.send_request(request.body(Full::default())?).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    let report: serde_json::Value = serde_json::from_slice(&body)?;
    let environments = report.get("environments").and_then(serde_json::Value::as_object);
    let is_new =
        |environment: &serde_json::Value| environment.get("outcome").is_some_and(|outcome| outcome == "installed");
    if status == StatusCode::OK && environments.is_some_and(|all| all.values().all(is_new)) {
        Ok(())
    } else {
        Err(format!("the reload was answered {status}: {report}").into())
    }
}
