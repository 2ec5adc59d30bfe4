//! `issuer-host inbox rekey`: everything under the first key of the key file.

use std::process::ExitCode;

use super::progress::{bar, roughly};
use super::{StoreArguments, exit_code};
use crate::cli::{Error, complain, say};
use crate::inbox::rekey::rekey;
use crate::inbox::store::Filter;

const EXAMPLES: &str = "\
Examples:
  # once the new key stands first in the key file, and the server has it
  issuer-host inbox rekey --config issuer-host.toml";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let opened = arguments.store.open_to_seal().await?;
    let bar = bar(roughly(opened.store.as_ref(), &Filter::default()).await?);
    let done = rekey(opened.store.as_ref(), &opened.sealing, |done| bar.set_position(done.seen)).await;
    bar.finish_and_clear();
    let done = done?;
    let key = opened.sealing.key_id().unwrap_or_default();
    say(format_args!("{} of {} entries were sealed anew, under the key {key:?}.", done.resealed, done.seen))?;
    for (id, problem) in &done.failures {
        complain(format_args!("{id}: {problem}"));
    }
    if done.failed > 0 {
        complain(format_args!("{} entries stay as they are, so their keys have to stay too.", done.failed));
    }
    Ok(exit_code(done.failed == 0))
}
