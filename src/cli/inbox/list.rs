//! `issuer-host inbox list`: entries, oldest first.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::ValueEnum;

use super::filter::{FilterArguments, now};
use super::{PAGE, StoreArguments, printable};
use crate::cli::{Error, complain};
use crate::inbox::report::EntryReport;
use crate::inbox::store::{Filter, Row, Store};

const EXAMPLES: &str = "\
Examples:
  # what was given up on in the last day
  issuer-host inbox list --state dead --since 1day

  # how many wait, of each operation
  issuer-host inbox list --state pending --limit 100000 --format json \\
      | jq -r .operation | sort | uniq -c";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    filter: FilterArguments,
    /// How many, at most
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    /// How to write them
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    #[default]
    Table,
    /// For programs: a JSON object a line
    Json,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    // Without a lane to find, no key is needed to see what is there.
    let (store, filter) = if arguments.filter.needs_sealing() {
        let opened = arguments.store.open().await?;
        let filter = arguments.filter.on(&opened)?;
        (opened.store, filter)
    } else {
        (arguments.store.store().await?, arguments.filter.filter(now(), None)?)
    };
    if list(store.as_ref(), filter, arguments.limit, arguments.format, &mut io::stdout().lock()).await? {
        complain(format_args!("There are more than {}: say --limit, or choose.", arguments.limit));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes at most `limit` entries, and tells whether there are more.
async fn list(
    store: &dyn Store,
    filter: Filter,
    limit: usize,
    format: Format,
    to: &mut dyn Write,
) -> Result<bool, Error> {
    let (mut left, mut after, mut table) = (limit, 0, Vec::new());
    loop {
        // One more than is wanted tells that there are more.
        let wanted = PAGE.min(left.saturating_add(1));
        let page = store.list(filter.clone(), after, wanted).await?;
        after = page.last().map_or(after, |row| row.sequence);
        for row in page.iter().take(left) {
            match format {
                Format::Json => writeln!(to, "{}", serde_json::to_string(&EntryReport::from(row))?)?,
                Format::Table => table.push(cells(row)),
            }
        }
        if page.len() > left || page.is_empty() {
            write_table(&table, to)?;
            return Ok(page.len() > left);
        }
        left -= page.len();
    }
}

/// What a line of the table holds.
type Cells = [String; COLUMNS.len()];

const COLUMNS: [&str; 8] =
    ["ID", "RECEIVED", "ENVIRONMENT", "OPERATION", "STATE", "ATTEMPTS", "NEXT ATTEMPT", "LAST PROBLEM"];

fn cells(row: &Row) -> Cells {
    let report = EntryReport::from(row);
    let attempts = match report.replays {
        0 => report.attempts.to_string(),
        replays => format!("{} (replay {replays})", report.attempts),
    };
    [
        report.id,
        report.received_at,
        report.environment,
        report.operation,
        report.state.to_owned(),
        attempts,
        report.next_attempt.unwrap_or_default(),
        report.last_problem.as_deref().map(printable).unwrap_or_default(),
    ]
}

fn write_table(lines: &[Cells], to: &mut dyn Write) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let lines: Vec<Cells> = std::iter::once(COLUMNS.map(str::to_owned)).chain(lines.iter().cloned()).collect();
    let mut widths = [0; COLUMNS.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    for line in &lines {
        let cells: Vec<_> = widths.iter().zip(line).map(|(&width, cell)| format!("{cell:<width$}")).collect();
        writeln!(to, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Sealing;
    use crate::inbox::entry::State;
    use crate::inbox::testing::{Memory, stored};

    async fn listed(store: &Memory, filter: Filter, limit: usize, format: Format) -> (String, bool) {
        let mut text = Vec::new();
        let more = list(store, filter, limit, format, &mut text).await.unwrap();
        (String::from_utf8(text).unwrap(), more)
    }

    #[tokio::test]
    async fn a_table_is_aligned_and_tells_nothing_that_was_sent() {
        let store = Memory::default();
        let sealing = Sealing::establish(&store, None).await.unwrap();
        let id = stored(&store, &sealing, "body").await.id;
        stored(&store, &sealing, "body").await;
        store.change(id, |row| {
            (row.attempts, row.replays) = (3, 1);
            row.last_problem = Some("the backend answered 503\u{1b}[2J".into());
        });
        let (text, more) = listed(&store, Filter::default(), 100, Format::Table).await;
        let lines: Vec<_> = text.lines().collect();
        assert!(!more && lines.len() == 3, "{text}");
        let column = lines[0].find("STATE").unwrap();
        assert!(lines[1..].iter().all(|line| line[column..].starts_with("pending")), "{text}");
        assert!(lines[1].contains("3 (replay 1)") && lines[1].ends_with("answered 503 [2J"), "{text}");
        assert!(!text.contains("CARD7") && !text.contains("body"), "{text}");
        assert_eq!(listed(&Memory::default(), Filter::default(), 1, Format::Table).await.0, "");
    }

    #[tokio::test]
    async fn no_more_than_the_limit_are_listed_over_however_many_pages() {
        let store = Memory::default();
        let sealing = Sealing::establish(&store, None).await.unwrap();
        for _ in 0..PAGE + 3 {
            stored(&store, &sealing, "body").await;
        }
        for (limit, lines, more) in [
            (0, 0, true),
            (PAGE - 1, PAGE - 1, true),
            (PAGE + 2, PAGE + 2, true),
            (PAGE + 3, PAGE + 3, false),
            (9999, PAGE + 3, false),
        ] {
            let (text, told) = listed(&store, Filter::default(), limit, Format::Json).await;
            assert_eq!((text.lines().count(), told), (lines, more), "limit {limit}");
        }
    }

    #[tokio::test]
    async fn json_lines_hold_what_passes_the_filter() {
        let store = Memory::default();
        let sealing = Sealing::establish(&store, None).await.unwrap();
        let dead = stored(&store, &sealing, "body").await.id;
        stored(&store, &sealing, "body").await;
        store.change(dead, |row| row.state = State::Dead);
        let filter = Filter { state: Some(State::Dead), ..Filter::default() };
        let (text, _) = listed(&store, filter, 10, Format::Json).await;
        let entry: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!((&entry["id"], &entry["state"]), (&dead.to_string().into(), &"dead".into()));
    }
}
