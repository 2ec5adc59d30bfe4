//! `issuer-host inbox verify`: whether the store is sound and every entry opens.

use std::process::ExitCode;

use super::problems::Problems;
use super::progress::{bar, roughly};
use super::store::Opened;
use super::{PAGE, StoreArguments, exit_code};
use crate::cli::{Error, say};
use crate::inbox::store::Filter;

const EXAMPLES: &str = "\
Examples:
  issuer-host inbox verify --config issuer-host.toml";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let opened = arguments.store.open().await?;
    let found = verify(&opened).await?;
    found.problems.tell();
    let sound = found.problems.is_empty();
    let verdict = if sound { "nothing is wrong" } else { "not all is well" };
    say(format_args!("{} entries: {verdict}.", found.entries))?;
    Ok(exit_code(sound))
}

/// What was looked at, and what is wrong with it.
#[derive(Debug, Default)]
struct Found {
    entries: u64,
    problems: Problems,
}

async fn verify(opened: &Opened) -> Result<Found, Error> {
    let store = opened.store.as_ref();
    let mut found = Found::default();
    for problem in store.verify().await? {
        found.problems.add(problem);
    }
    let bar = bar(roughly(store, &Filter::default()).await?);
    let mut after = 0;
    loop {
        let page = store.list(Filter::default(), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        for row in &page {
            found.entries += 1;
            if let Err(error) = opened.sealing.unseal(&row.facts, &row.payload) {
                found.problems.add(format!("{}: {error}", row.facts.id));
            }
        }
        bar.set_position(found.entries);
    }
    bar.finish_and_clear();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::inbox::Sealing;
    use crate::inbox::testing::{Memory, key_lines, keys, stored};

    #[tokio::test]
    async fn an_entry_that_does_not_open_is_named_and_the_rest_is_counted() {
        let [key] = key_lines(["k1"]);
        let store = Arc::new(Memory::default());
        let sealing = Sealing::establish(store.as_ref(), Some(keys(&[&key]))).await.unwrap();
        for _ in 0..=PAGE {
            stored(&store, &sealing, "body").await;
        }
        let opened = Opened { store: Arc::clone(&store) as _, sealing };
        let found = verify(&opened).await.unwrap();
        assert_eq!((found.entries, found.problems.is_empty()), (PAGE as u64 + 1, true), "{:?}", found.problems);

        let rows = store.all();
        store.change(rows[PAGE].facts.id, |row| row.payload.bytes[20] ^= 1);
        let problems = verify(&opened).await.unwrap().problems.lines();
        assert!(problems.len() == 1 && problems[0].starts_with(&rows[PAGE].facts.id.to_string()), "{problems:?}");

        for row in rows.iter().take(30) {
            store.change(row.facts.id, |row| row.payload.key_id = Some("lost".into()));
        }
        let problems = verify(&opened).await.unwrap().problems.lines();
        assert_eq!(problems.len(), 21);
        assert!(problems[20] == "and 11 more", "{problems:?}");
    }
}
