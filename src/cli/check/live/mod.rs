//! `issuer-host check --live HOST:PORT`: a running server, looked at from outside, requirement by requirement.

mod admission;
mod chain;
mod lines;
mod target;

use std::io::{IsTerminal as _, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use rustls_pki_types::ServerName;

use super::report::{EnvironmentReport, Finding, Status, Subject, sentence};
use super::rules::{ends_soon, until};
use super::{json, table};
use crate::caller::inspection::{InspectionOptions, inspect};
use crate::caller::{ClientCredential, ServerTrust};
use crate::cli::tls_files::{ClientFiles, trust};
use crate::cli::{EXIT_USAGE, Error, complain, complain_of, say};
use crate::tls::now;
use target::Target;

/// A connection, a handshake or an answer that takes this long will not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A finding and what it is about.
type Told = (Subject, Finding);

/// What nobody can tell from outside.
const INVISIBLE: &str = "O6, O7, O10, O12 and O13 cannot be seen from outside.";

#[derive(Debug, clap::Args)]
// Flattened into another command's: the name of its group has to be its own.
#[group(id = "live_arguments")]
pub(super) struct Arguments {
    /// Look at a running server from outside instead: any server, this one or another
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) live: Option<Target>,
    /// The name to ask the server for (SNI); default: its HOST
    #[arg(long, value_name = "NAME", requires = "live", value_parser = server_name)]
    server_name: Option<ServerName<'static>>,
    /// The CAs that the server's certificate has to come from (PEM), in place of those that Mozilla trusts
    #[arg(long, value_name = "FILE", requires = "live")]
    server_ca: Option<PathBuf>,
    /// What the server must admit.
    #[command(flatten)]
    pub(super) client: ClientFiles,
}

/// What the arguments name, read and checked before anybody is called.
struct Named {
    name: ServerName<'static>,
    private_trust: Option<ServerTrust>,
    credential: Option<ClientCredential>,
}

impl Named {
    fn by(target: &Target, arguments: &Arguments) -> Result<Self, Error> {
        let name = match &arguments.server_name {
            Some(name) => name.clone(),
            None => server_name(&target.host)?,
        };
        let private_trust = arguments.server_ca.is_some().then(|| trust(arguments.server_ca.as_deref())).transpose()?;
        Ok(Self { name, private_trust, credential: arguments.client.read()? })
    }
}

/// Looks at `target`. Exit code 0: nothing failed, and with `strict` nothing deserves a look either; else 1;
/// 2: the arguments make no sense, or a file that they name cannot be used.
pub(super) fn run(target: &Target, arguments: &Arguments, json: bool, strict: bool) -> Result<ExitCode, Error> {
    let Named { name, private_trust, credential } = match Named::by(target, arguments) {
        Ok(named) => named,
        Err(problem) => {
            complain_of(problem);
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (address, lines) = runtime.block_on(async {
        let address = target.reached(PATIENCE).await?;
        let options =
            InspectionOptions { address, server_name: name.clone(), private_trust, credential, patience: PATIENCE };
        if stderr().is_terminal() {
            complain(format_args!("Looking at {target} ({address}), over one connection after another ..."));
        }
        let now = now();
        let seen = inspect(&options, now).await.map_err(|error| format!("cannot look at {target}: {error}"))?;
        Ok::<_, Error>((address, lines::of(&seen, &options, now)))
    })?;
    let report = EnvironmentReport::new(name.to_str().as_ref(), lines);
    if json {
        say(serde_json::to_string_pretty(&json::live(&address.to_string(), &report))?)?;
    } else {
        let heading = format!("{target} ({address}), asked for {}", report.name);
        say(table::live(&heading, &report.lines, INVISIBLE).trim_end())?;
    }
    let bound = if strict { Status::Warn } else { Status::Fail };
    Ok(if report.status() >= bound { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Reads a name or an address as clap wants it.
fn server_name(name: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(name.to_owned())
        .map_err(|_| format!("{name:?} is neither a DNS name nor an IP address; give it without scheme, port or path"))
}
