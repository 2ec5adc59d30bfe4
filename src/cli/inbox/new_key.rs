//! `issuer-host inbox new-key`: a line for a key file.

use std::process::ExitCode;

use time::OffsetDateTime;

use crate::cli::{Error, say};
use crate::inbox::master_keys::new_line;

const EXAMPLES: &str = "\
Examples:
  (umask 077; issuer-host inbox new-key > secrets/inbox-keys)

  # a second one, before a rekey: the first line seals
  issuer-host inbox new-key autumn";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// What the key is called; default: today's date
    name: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let name = arguments.name.clone().unwrap_or_else(|| OffsetDateTime::now_utc().date().to_string());
    say(new_line(&name)?.as_str())?;
    Ok(ExitCode::SUCCESS)
}
