//! `issuer-host status`: what is wrong with a running server, and what to do about it, without a shell, a browser or curl.

mod report;

use std::fs;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

use super::configuration::{self, ConfigurationFile};
use super::own_admin::{Answer, OwnAdmin, Question, ask_openly, own_certificate};
use super::wrapping::wrapped;
use super::{Error, complain_of, say};
use crate::settings::{AdminPlace, Report, SecretSource, Settings};

/// The server may wait for the store of the inbox.
const PATIENCE: Duration = Duration::from_secs(10);
/// The report of a thousand environments, in bytes.
const LONGEST: u64 = 32 * 1024 * 1024;
/// `EX_UNAVAILABLE` of sysexits.h.
const EXIT_UNAVAILABLE: u8 = 69;

/// What is told where somebody answers, and not in the way that is configured.
const NOT_AS_ON_DISK: &str = "\
Somebody answers there, but not over TLS or in clear, and with the certificate, as [admin] on disk has it. A server that refuses what lies \
on disk goes on with what it had: its log (configuration_refused) and issuer-host check say why. Correct it, or put the files before back.";

const EXAMPLES: &str = "\
Examples:
  # what is wrong, and what to do
  issuer-host status --config issuer-host.toml
  # the same in a container: docker exec issuer-host /issuer-host status

  # for scripts
  issuer-host status --json

Exit code: 0 = nothing is wrong, 1 = something is, 69 = nobody answers,
78 = nobody answers where a server listens by default, and the configuration
cannot be read to know better.";

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
    let sources = arguments.configuration.sources();
    let refused = Settings::load(&sources).err();
    // The server goes on without it, and that is when somebody asks.
    let mut place = AdminPlace::look_up(&sources);
    if let Some(address) = arguments.address {
        place = AdminPlace { listen: address, is_known: true, ..place };
    }
    match asked(&place) {
        Ok(report) => {
            if let Some(refused) = &refused {
                complain_of(in_a_line(refused, &place));
            }
            tell(&report, arguments.json)
        }
        Err(problem) => {
            complain_of(problem);
            Ok(match &refused {
                Some(refused) if !place.is_known => configuration::tell(refused),
                Some(refused) => {
                    complain_of(in_a_line(refused, &place));
                    ExitCode::from(EXIT_UNAVAILABLE)
                }
                None => ExitCode::from(EXIT_UNAVAILABLE),
            })
        }
    }
}

fn tell(report: &Value, json: bool) -> Result<ExitCode, Error> {
    if json {
        say(serde_json::to_string_pretty(report)?)?;
    } else {
        for line in report::lines(report) {
            say(wrapped(&line, report::MARGIN))?;
        }
    }
    Ok(if report::problems(report).is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// That the configuration on disk is not good: whoever asks a server shall not take it for what is in force.
fn in_a_line(report: &Report, place: &AdminPlace) -> String {
    let problem = report.findings().first().map_or(String::new(), |first| {
        let place =
            if first.key.is_empty() { first.origin.to_string() } else { format!("{}, {}", first.key, first.origin) };
        format!(" ({place}: {})", first.problem.trim_end_matches('.'))
    });
    let guess = if place.is_known {
        String::new()
    } else {
        format!("; asked is {}, where a server listens by default", place.listen)
    };
    format!(
        "the configuration on disk cannot be read{problem}{guess}. issuer-host check tells everything that is wrong with it."
    )
}

/// The report of the server that listens there.
fn asked(place: &AdminPlace) -> Result<Value, Error> {
    let question = Question { path: "/status", token: None, patience: PATIENCE, longest: LONGEST };
    let (token, unknown) = token(place);
    let answer = match &token {
        None => ask_openly(place.listen, place, question),
        Some(token) => ask_with(token, place, question),
    };
    let (status, body) = answer?;
    if status != 200 {
        let why = unknown.map_or(String::new(), |unknown| format!("\n{unknown}"));
        return Err(format!("{} does not tell: {status}: {}{why}", place.listen, body.trim()).into());
    }
    match serde_json::from_str(&body) {
        Ok(report) => Ok(report),
        Err(error) => Err(format!("{} does not answer with a report: {error}", place.listen).into()),
    }
}

/// Shows the token to the server whose certificate is configured, and to nobody else. A server that asks for none tells without.
fn ask_with(token: &str, place: &AdminPlace, question: Question<'_>) -> Result<Answer, Error> {
    let asked = own_certificate(place).and_then(|trust| {
        // Where it would be read on the way, it is not taken either.
        let token = Some(token).filter(|_| trust.is_some() || place.listen.ip().to_canonical().is_loopback());
        OwnAdmin { address: place.listen, trust }.ask(Question { token, ..question })
    });
    let problem = match asked {
        Ok(answer) => return Ok(answer),
        Err(problem) => problem,
    };
    match ask_openly(place.listen, place, question) {
        Ok((200, body)) => Ok((200, body)),
        Ok(_) => Err(format!("{problem}\n{NOT_AS_ON_DISK}").into()),
        Err(_) => Err(problem),
    }
}

/// The token, where it can be known here, and why it cannot where there is one.
fn token(place: &AdminPlace) -> (Option<Zeroizing<String>>, Option<String>) {
    let token = match &place.token {
        None => return (None, None),
        // What listens at an address that nobody has written down may be anything.
        Some(_) if !place.is_known => {
            return (None, Some("The token is not shown where admin.listen cannot be read: use --address.".to_owned()));
        }
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
