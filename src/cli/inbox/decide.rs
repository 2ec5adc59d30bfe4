//! `issuer-host inbox replay` and `discard`: what somebody decides about entries.

use std::process::ExitCode;

use super::confirmation::confirmed;
use super::filter::{CHOOSING, FilterArguments, now};
use super::problems::Problems;
use super::progress::bar;
use super::{PAGE, StoreArguments, entries, exit_code};
use crate::cli::{Error, say};
use crate::inbox::entry::EntryId;
use crate::inbox::store::{Decided, Decision, Filter, Store, StoreError};

/// Of `replay`.
pub(super) const REPLAY_EXAMPLES: &str = "\
Examples:
  issuer-host inbox replay 0193b0a5-7c1e-7a3f-9a52-5d1f3a2b4c6d

  # all that was given up on while the backend was wrong
  issuer-host inbox replay --state dead --since 2026-11-22T08:00:00Z \\
      --until 2026-11-22T09:30:00Z";

/// Of `discard`.
pub(super) const DISCARD_EXAMPLES: &str = "\
Examples:
  issuer-host inbox discard 0193b0a5-7c1e-7a3f-9a52-5d1f3a2b4c6d
  issuer-host inbox discard --state dead --environment sandbox --yes";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
    /// Which; or choose them by the options
    #[arg(value_name = "ID", required_unless_present_any = CHOOSING, conflicts_with_all = CHOOSING)]
    ids: Vec<EntryId>,
    #[command(flatten)]
    filter: FilterArguments,
    /// Do not ask about what was chosen by options
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(arguments: &Arguments, decision: Decision) -> Result<ExitCode, Error> {
    let (store, ids) = if arguments.ids.is_empty() {
        let (store, filter) = if arguments.filter.needs_sealing() {
            let opened = arguments.store.open().await?;
            let filter = arguments.filter.on(&opened)?;
            (opened.store, filter)
        } else {
            (arguments.store.store().await?, arguments.filter.filter(now(), None)?)
        };
        let ids = chosen(store.as_ref(), filter).await?;
        say(format_args!("Chosen: {}.", entries(ids.len())))?;
        let question = format!("{} will be {}.", entries(ids.len()), participle(decision));
        if !ids.is_empty() && !confirmed(&question, arguments.yes)? {
            return Ok(exit_code(false));
        }
        (store, ids)
    } else {
        (arguments.store.store().await?, arguments.ids.clone())
    };
    let outcome = decide(store.as_ref(), &ids, decision).await?;
    outcome.problems.tell();
    say(format_args!("{} {}.", entries(outcome.done), participle(decision)))?;
    Ok(exit_code(outcome.problems.is_empty()))
}

const fn participle(decision: Decision) -> &'static str {
    match decision {
        Decision::Replay => "put back to be delivered",
        Decision::Discard => "discarded",
    }
}

/// The ids of all that pass, before anything is decided that might change what passes.
async fn chosen(store: &dyn Store, filter: Filter) -> Result<Vec<EntryId>, StoreError> {
    let (mut ids, mut after) = (Vec::new(), 0);
    loop {
        let page = store.list(filter.clone(), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(ids) };
        after = last.sequence;
        ids.extend(page.iter().map(|row| row.facts.id));
    }
}

/// What came of it.
#[derive(Debug, Default)]
struct Outcome {
    done: u64,
    problems: Problems,
}

async fn decide(store: &dyn Store, ids: &[EntryId], decision: Decision) -> Result<Outcome, StoreError> {
    let bar = bar(ids.len() as u64);
    let mut outcome = Outcome::default();
    for &id in ids {
        match store.decide(id, decision).await? {
            Decided::Done => outcome.done += 1,
            Decided::Unknown => outcome.problems.add(format!("{id}: there is no such entry")),
            Decided::Refused(state) => outcome.problems.add(format!("{id}: it is {state}")),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::inbox::Sealing;
    use crate::inbox::entry::State;
    use crate::inbox::testing::{Memory, stored};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn entries_are_named_or_chosen_and_never_all_by_default() {
        let id = EntryId::new().to_string();
        let line = |words: &[&str]| Line::try_parse_from([&["x"], words].concat());
        assert!(line(&[]).is_err());
        assert!(line(&["--yes"]).is_err());
        assert!(line(&[&id, "--state", "dead"]).is_err());
        assert!(line(&["not-an-id"]).is_err());
        assert_eq!(line(&[&id, &id]).unwrap().arguments.ids.len(), 2);
        assert!(line(&["--state", "dead", "--yes"]).unwrap().arguments.yes);
    }

    #[tokio::test]
    async fn what_passes_is_replayed_and_stays_chosen_although_it_passes_no_more() {
        let store = Memory::default();
        let sealing = Sealing::establish(&store, None).await.unwrap();
        for at in 0..PAGE + 20 {
            let id = stored(&store, &sealing, "body").await.id;
            if at >= 5 {
                store.change(id, |row| row.state = State::Dead);
            }
        }
        let dead = Filter { state: Some(State::Dead), ..Filter::default() };
        let ids = chosen(&store, dead.clone()).await.unwrap();
        let outcome = decide(&store, &ids, Decision::Replay).await.unwrap();
        assert_eq!((outcome.done, outcome.problems.is_empty()), (PAGE as u64 + 15, true));
        assert!(chosen(&store, dead).await.unwrap().is_empty());
        assert_eq!(store.all().iter().filter(|row| row.replays == 1).count(), PAGE + 15);
    }

    #[tokio::test]
    async fn what_cannot_be_done_is_told_and_stops_nothing() {
        let store = Memory::default();
        let sealing = Sealing::establish(&store, None).await.unwrap();
        let delivered = stored(&store, &sealing, "body").await.id;
        let pending = stored(&store, &sealing, "body").await.id;
        store.change(delivered, |row| row.state = State::Delivered);
        let unknown = EntryId::new();
        let outcome = decide(&store, &[delivered, unknown, pending], Decision::Discard).await.unwrap();
        assert_eq!(outcome.done, 1);
        assert_eq!(
            outcome.problems.lines(),
            [format!("{delivered}: it is delivered"), format!("{unknown}: there is no such entry")]
        );
        assert_eq!(store.all()[1].state, State::Discarded);
    }
}
