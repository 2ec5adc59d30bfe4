//! `issuer-host man DIR`: a page for each command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;

use super::{Error, say};

const EXAMPLES: &str = "\
Examples:
  issuer-host man man1 && man -l man1/issuer-host.1

  # for everybody on this machine
  issuer-host man /usr/local/share/man/man1";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Where the pages go; pages of another version are replaced
    directory: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let directory = &arguments.directory;
    let shown = directory.display();
    std::fs::create_dir_all(directory).map_err(|error| format!("cannot create {shown}: {error}"))?;
    clap_mangen::generate_to(super::Arguments::command(), directory)
        .map_err(|error| format!("cannot write pages into {shown}: {error}"))?;
    say(format_args!("The pages are in {shown}: man -l {}", directory.join("issuer-host.1").display()))?;
    Ok(ExitCode::SUCCESS)
}
