//! `issuer-host inbox`: what is in the inbox, and what becomes of it.

mod confirmation;
mod decide;
mod export;
mod filter;
mod list;
mod new_key;
mod problems;
mod progress;
mod purge;
mod rekey;
mod show;
mod store;
mod verify;

use std::future::Future;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::Subcommand;

use self::store::{NotOpened, StoreArguments};
use super::{EXIT_CONFIGURATION, Error, complain};
use crate::inbox::store::Decision;

/// Entries that are read at once.
const PAGE: usize = 500;

const EXAMPLES: &str = "\
Examples:
  issuer-host inbox list --state dead
  issuer-host inbox replay --state dead --since 2h";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List entries, oldest first
    List(list::Arguments),
    /// Show what is known of an entry, or with --body what was sent
    Show(show::Arguments),
    /// Deliver entries again, under their ids
    #[command(after_help = decide::REPLAY_EXAMPLES)]
    Replay(decide::Arguments),
    /// Give up on entries that were not delivered
    #[command(after_help = decide::DISCARD_EXAMPLES)]
    Discard(decide::Arguments),
    /// Delete entries that were delivered, discarded, or are dead
    Purge(purge::Arguments),
    /// Write entries with what was sent, as JSON lines
    Export(export::Arguments),
    /// Check the store, and open every entry
    Verify(verify::Arguments),
    /// Seal everything anew under the first key of the key file, which the server has to know by then
    Rekey(rekey::Arguments),
    /// Print a line for a key file, with a new key
    NewKey(new_key::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let outcome = match &arguments.command {
        Command::List(arguments) => blocking(list::run(arguments)),
        Command::Show(arguments) => blocking(show::run(arguments)),
        Command::Replay(arguments) => blocking(decide::run(arguments, Decision::Replay)),
        Command::Discard(arguments) => blocking(decide::run(arguments, Decision::Discard)),
        Command::Purge(arguments) => blocking(purge::run(arguments)),
        Command::Export(arguments) => blocking(export::run(arguments)),
        Command::Verify(arguments) => blocking(verify::run(arguments)),
        Command::Rekey(arguments) => blocking(rekey::run(arguments)),
        Command::NewKey(arguments) => new_key::run(arguments),
    };
    outcome.or_else(|error| {
        if let Some(NotOpened::Configuration(problem)) = error.downcast_ref() {
            complain(problem);
            return Ok(ExitCode::from(EXIT_CONFIGURATION));
        }
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            // A reader that went away (`| head`): nobody is left to tell.
            Some(ErrorKind::BrokenPipe) => Ok(ExitCode::SUCCESS),
            _ => Err(error),
        }
    })
}

fn blocking(command: impl Future<Output = Result<ExitCode, Error>>) -> Result<ExitCode, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// So many entries, in words.
fn entries(count: impl TryInto<u64>) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    }
}

/// 0 when all went well, else 1.
fn exit_code(all_went_well: bool) -> ExitCode {
    if all_went_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Text for a terminal: what could steer one is shown as blanks.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
