//! `issuer-host inbox export`: entries with what was sent, as JSON lines.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::filter::FilterArguments;
use super::problems::Problems;
use super::progress::{bar, roughly};
use super::store::Opened;
use super::{PAGE, StoreArguments, entries, exit_code};
use crate::cli::{Error, complain};
use crate::inbox::entry::Contents;
use crate::inbox::report::EntryReport;
use crate::inbox::store::Filter;

const EXAMPLES: &str = "\
Examples:
  issuer-host inbox export --state dead --output dead.jsonl";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    filter: FilterArguments,
    /// A file that does not exist yet, readable by its owner only; default: standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let opened = arguments.store.open().await?;
    let filter = arguments.filter.on(&opened)?;
    let mut to: Box<dyn Write> = match &arguments.output {
        Some(path) => Box::new(new_file(path)?),
        None => Box::new(io::stdout().lock()),
    };
    complain("What is exported was sent by Thales, and may hold personal data.");
    let exported = export(&opened, filter, &mut to).await?;
    complain(format_args!("{} exported.", entries(exported.entries)));
    exported.problems.tell();
    Ok(exit_code(exported.problems.is_empty()))
}

fn new_file(path: &Path) -> Result<BufWriter<std::fs::File>, Error> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    Ok(BufWriter::new(file.map_err(|error| format!("cannot write {}: {error}", path.display()))?))
}

/// A line.
#[derive(Serialize)]
struct Exported {
    #[serde(flatten)]
    entry: EntryReport,
    path: String,
    query: Option<String>,
    subject: Option<String>,
    /// Name, and value in base64: no header has to be UTF-8.
    headers: Vec<(String, String)>,
    body_base64: String,
}

/// What came of it.
#[derive(Debug, Default)]
struct Outcome {
    entries: u64,
    problems: Problems,
}

async fn export(opened: &Opened, filter: Filter, to: &mut dyn Write) -> Result<Outcome, Error> {
    let store = opened.store.as_ref();
    let bar = bar(roughly(store, &filter).await?);
    let (mut outcome, mut after) = (Outcome::default(), 0);
    loop {
        let page = store.list(filter.clone(), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        for row in &page {
            bar.inc(1);
            let contents = match opened.sealing.unseal(&row.facts, &row.payload) {
                Ok(contents) => contents,
                Err(error) => {
                    outcome.problems.add(format!("{} is left out: {error}", row.facts.id));
                    continue;
                }
            };
            let Contents { path, query, subject, headers, body } = contents;
            let headers = headers.into_iter().map(|(name, value)| (name, STANDARD.encode(value))).collect();
            let body_base64 = STANDARD.encode(body);
            let line = Exported { entry: EntryReport::from(row), path, query, subject, headers, body_base64 };
            serde_json::to_writer(&mut *to, &line).map_err(io::Error::from)?;
            to.write_all(b"\n")?;
            outcome.entries += 1;
        }
    }
    to.flush()?;
    bar.finish_and_clear();
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    use super::*;
    use crate::inbox::Sealing;
    use crate::inbox::testing::{Memory, key_lines, keys, stored};

    #[tokio::test]
    async fn a_line_holds_an_entry_with_what_was_sent() {
        let [key] = key_lines(["k1"]);
        let store = Arc::new(Memory::default());
        let sealing = Sealing::establish(store.as_ref(), Some(keys(&[&key]))).await.unwrap();
        let id = stored(&store, &sealing, "a body").await.id;
        let lost = stored(&store, &sealing, "another").await.id;
        store.change(lost, |row| row.payload.key_id = Some("lost".into()));
        let opened = Opened { store, sealing };
        let mut text = Vec::new();
        let outcome = export(&opened, Filter::default(), &mut text).await.unwrap();
        let problems = outcome.problems.lines();
        assert_eq!((outcome.entries, problems.len()), (1, 1));
        assert!(problems[0].starts_with(&format!("{lost} is left out")), "{problems:?}");
        let line: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(line["id"], id.to_string());
        assert_eq!(line["body_base64"], STANDARD.encode("a body"));
        assert_eq!(line["headers"][0], serde_json::json!(["content-type", STANDARD.encode("application/json")]));
        assert_eq!((&line["query"], &line["subject"]), (&"a=b".into(), &"CARD7".into()));
    }

    #[test]
    fn a_file_is_its_owner_s_alone_and_none_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("export.jsonl");
        drop(new_file(&path).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(new_file(&path).unwrap_err().to_string().contains("cannot write"));
    }
}
