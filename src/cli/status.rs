//! `issuer-host status`: what is wrong with a running server, and what to do about it, without a shell, a browser or curl.

mod report;

use std::fs;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

use super::configuration::{self, ConfigurationFile};
use super::own_admin::{OwnAdmin, Question, own_certificate};
use super::wrapping::wrapped;
use super::{Error, complain_of, say};
use crate::settings::{AdminSettings, SecretSource, Settings};

/// The server may wait for the store of the inbox.
const PATIENCE: Duration = Duration::from_secs(10);
/// The report of a thousand environments, in bytes.
const LONGEST: u64 = 32 * 1024 * 1024;
/// `EX_UNAVAILABLE` of sysexits.h.
const EXIT_UNAVAILABLE: u8 = 69;

const EXAMPLES: &str = "\
Examples:
  # what is wrong, and what to do
  issuer-host status --config issuer-host.toml
  # the same in a container: docker exec issuer-host /issuer-host status

  # for scripts
  issuer-host status --json

Exit code: 0 = nothing is wrong, 1 = something is, 69 = nobody answers,
78 = the configuration cannot be read.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// The admin listener; default: `[admin] listen` of the configuration
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// Print the report of /status as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let admin = match Settings::load(&arguments.configuration.sources()) {
        Ok(Settings { admin, .. }) => AdminSettings { listen: arguments.address.unwrap_or(admin.listen), ..admin },
        Err(report) => return Ok(configuration::tell(&report)),
    };
    let report = match asked(&admin) {
        Ok(report) => report,
        Err(problem) => {
            complain_of(problem);
            return Ok(ExitCode::from(EXIT_UNAVAILABLE));
        }
    };
    if arguments.json {
        say(serde_json::to_string_pretty(&report)?)?;
    } else {
        for line in report::lines(&report) {
            say(wrapped(&line, report::MARGIN))?;
        }
    }
    Ok(if report::problems(&report).is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The report of the server that has this configuration.
fn asked(admin: &AdminSettings) -> Result<Value, Error> {
    let (token, unknown) = token(admin);
    let trust = admin.tls.as_ref().map(own_certificate).transpose()?;
    // Where it would be read on the way, it is not taken either.
    let token = token.filter(|_| trust.is_some() || admin.listen.ip().to_canonical().is_loopback());
    let question =
        Question { path: "/status", token: token.as_deref().map(String::as_str), patience: PATIENCE, longest: LONGEST };
    let (status, body) = OwnAdmin { address: admin.listen, trust }.ask(&question)?;
    if status != 200 {
        let why = unknown.map_or(String::new(), |unknown| format!("\n{unknown}"));
        return Err(format!("{} does not tell: {status}: {}{why}", admin.listen, body.trim()).into());
    }
    match serde_json::from_str(&body) {
        Ok(report) => Ok(report),
        Err(error) => Err(format!("{} does not answer with a report: {error}", admin.listen).into()),
    }
}

/// The token, where it can be known here, and why it cannot where there is one.
fn token(admin: &AdminSettings) -> (Option<Zeroizing<String>>, Option<String>) {
    let token = match &admin.token {
        None => return (None, None),
        Some(SecretSource::Text(text)) => text.clone(),
        Some(SecretSource::Sha256(_)) => {
            return (None, Some("The configuration has only the digest of the token: use token_file.".to_owned()));
        }
        Some(SecretSource::File(path)) => match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) => return (None, Some(format!("The token cannot be read: {}: {error}", path.display()))),
        },
    };
    let token = token.trim();
    if token.contains(|character: char| character.is_ascii_control()) {
        return (None, Some("The token has several lines.".to_owned()));
    }
    (Some(Zeroizing::new(token.to_owned())), None)
}

#[cfg(test)]
mod tests;
