//! `issuer-host inbox purge`: entries that nobody needs any more.

use std::process::ExitCode;

use clap::ValueEnum;

use super::confirmation::confirmed;
use super::filter::{Moment, moment, now};
use super::{PAGE, StoreArguments, entries, exit_code};
use crate::cli::{Error, say};
use crate::inbox::entry::{Millis, State};
use crate::inbox::report::rfc3339;
use crate::inbox::store::{Filter, Store, StoreError};

const EXAMPLES: &str = "\
Examples:
  issuer-host inbox purge --state dead --before 30days";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
    /// Which; an entry that has to be delivered is never deleted
    #[arg(long, value_enum)]
    state: Settled,
    /// Only settled before: RFC 3339, or how long ago, such as 30days
    #[arg(long, value_name = "TIME", value_parser = moment)]
    before: Moment,
    /// Only of this environment
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Only of operations of this name
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// A state in which nothing has to be delivered.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Settled {
    Delivered,
    Discarded,
    Dead,
}

impl From<Settled> for State {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Delivered => Self::Delivered,
            Settled::Discarded => Self::Discarded,
            Settled::Dead => Self::Dead,
        }
    }
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let (state, before) = (State::from(arguments.state), arguments.before.at(now()));
    let filter = Filter {
        environment: arguments.environment.clone(),
        operation: arguments.operation.clone(),
        ..Filter::default()
    };
    let store = arguments.store.store().await?;
    let question = format!("Entries that are {state} since before {} will be deleted for good.", rfc3339(before));
    if !confirmed(&question, arguments.yes)? {
        return Ok(exit_code(false));
    }
    let purged = purge(store.as_ref(), state, before, &filter).await?;
    say(format_args!("{} deleted.", entries(purged)))?;
    Ok(ExitCode::SUCCESS)
}

/// In pieces, so that nobody has to wait long for the store meanwhile.
async fn purge(store: &dyn Store, state: State, before: Millis, filter: &Filter) -> Result<u64, StoreError> {
    let mut all = 0;
    loop {
        let purged = store.purge(state, before, filter.clone(), PAGE).await?;
        all += purged;
        if purged == 0 {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Sealing;
    use crate::inbox::testing::{Memory, stored};

    #[tokio::test]
    async fn what_was_settled_before_is_deleted_however_much_it_is_and_nothing_else() {
        let store = Memory::default();
        let sealing = Sealing::establish(&store, None).await.unwrap();
        for at in 0..PAGE + 10 {
            let id = stored(&store, &sealing, "body").await.id;
            let state = if at < 3 { State::Dead } else { State::Delivered };
            store.change(id, |row| (row.state, row.settled_at) = (state, Some(at.try_into().unwrap())));
        }
        stored(&store, &sealing, "pending").await;
        let before = Millis::try_from(PAGE).unwrap() + 5;
        let purged = purge(&store, State::Delivered, before, &Filter::default()).await.unwrap();
        assert_eq!(purged, PAGE as u64 + 2);
        let left: Vec<_> = store.all().iter().map(|row| row.state).collect();
        assert_eq!(left.iter().filter(|state| **state == State::Dead).count(), 3);
        assert_eq!(left.iter().filter(|state| **state == State::Delivered).count(), 5);
        assert_eq!(left.iter().filter(|state| **state == State::Pending).count(), 1);
    }
}
