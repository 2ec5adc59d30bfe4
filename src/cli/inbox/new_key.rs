//! `issuer-host inbox new-key`: a line for a key file.

use std::process::ExitCode;

use time::OffsetDateTime;

use crate::cli::{Error, say};
use crate::inbox::master_keys::new_line;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What the key is called; default: today's date
    name: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let name = arguments.name.clone().unwrap_or_else(|| OffsetDateTime::now_utc().date().to_string());
    say(new_line(&name)?.as_str())?;
    Ok(ExitCode::SUCCESS)
}
