//! `issuer-host healthcheck`: `/readyz`, asked without a shell or curl.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use super::configuration::ConfigurationFile;
use super::own_admin::{OwnAdmin, Question, ask_openly};
use super::{Error, say};
use crate::settings::AdminPlace;

/// A probe that has to wait this long is answered.
const PATIENCE: Duration = Duration::from_secs(3);
/// The answer is a status and a line.
const LONGEST: u64 = 64 * 1024;

const EXAMPLES: &str = "\
Examples:
  issuer-host healthcheck --config issuer-host.toml
  issuer-host healthcheck --address 127.0.0.1:9090";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// The admin listener; default: `[admin] listen` of the configuration. Without --config it is asked in plain HTTP
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let question = Question { path: "/readyz", token: None, patience: PATIENCE, longest: LONGEST };
    let (status, body) = match arguments.address {
        Some(address) if !arguments.configuration.is_argument() => OwnAdmin { address, trust: None }.ask(question)?,
        address => {
            // A server goes on whatever becomes of its configuration, and is well.
            let place = AdminPlace::look_up(&arguments.configuration.sources());
            ask_openly(address.unwrap_or(place.listen), &place, question)?
        }
    };
    say(body.trim())?;
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
