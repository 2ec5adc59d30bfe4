//! `issuer-host inbox show`: an entry, and what was sent.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{StoreArguments, printable};
use crate::cli::{Error, complain};
use crate::inbox::Sealing;
use crate::inbox::entry::{Contents, EntryId};
use crate::inbox::report::EntryReport;
use crate::inbox::store::{Row, Store};

const EXAMPLES: &str = "\
Examples:
  issuer-host inbox show 0193b0a5-7c1e-7a3f-9a52-5d1f3a2b4c6d
  issuer-host inbox show --body 0193b0a5-7c1e-7a3f-9a52-5d1f3a2b4c6d | jq .";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
    /// The entry's id
    id: EntryId,
    /// Write the body instead, as it was sent; it may hold personal data
    #[arg(long)]
    body: bool,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let opened = arguments.store.open().await?;
    let row = found(opened.store.as_ref(), arguments.id).await?;
    let mut out = io::stdout().lock();
    if arguments.body {
        complain("This is what was sent; it may hold personal data.");
        out.write_all(&opened.sealing.unseal(&row.facts, &row.payload)?.body)?;
    } else {
        show(&row, &opened.sealing, &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

async fn found(store: &dyn Store, id: EntryId) -> Result<Row, Error> {
    store.find(id).await?.ok_or_else(|| format!("there is no entry {id}").into())
}

/// What is known, and of what was sent only how much it is.
fn show(row: &Row, sealing: &Sealing, to: &mut dyn Write) -> Result<(), Error> {
    let serde_json::Value::Object(facts) = serde_json::to_value(EntryReport::from(row))? else {
        return Err("an entry is an object".into());
    };
    let mut line = |name: &str, value: &str| writeln!(to, "{:<16}{}", name.replace('_', " "), printable(value));
    for (name, value) in &facts {
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => line(name, text)?,
            other => line(name, &other.to_string())?,
        }
    }
    let Contents { path, query, headers, body, .. } = sealing.unseal(&row.facts, &row.payload)?;
    line("path", &format!("{} bytes", path.len()))?;
    line("query", &format!("{} bytes", query.map_or(0, |query| query.len())))?;
    for (name, value) in headers {
        line("header", &format!("{name}, {} bytes", value.len()))?;
    }
    line("body", &format!("{} bytes", body.len()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::testing::{Memory, key_lines, keys, stored};

    #[tokio::test]
    async fn what_was_sent_is_told_by_its_size() {
        let [key] = key_lines(["k1"]);
        let store = Memory::default();
        let sealing = Sealing::establish(&store, Some(keys(&[&key]))).await.unwrap();
        let id = stored(&store, &sealing, "a body").await.id;
        let mut text = Vec::new();
        show(&found(&store, id).await.unwrap(), &sealing, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        for line in [
            format!("id              {id}"),
            "key id          k1".into(),
            "header          content-type, 16 bytes".into(),
            "body            6 bytes".into(),
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in {text}");
        }
        for sent in ["a body", "CARD7", "ISSUER0001", "application/json", "a=b"] {
            assert!(!text.contains(sent), "{text}");
        }
    }

    #[tokio::test]
    async fn an_entry_that_does_not_open_is_still_shown_and_one_that_is_not_there_is_said_not_to_be() {
        let store = Memory::default();
        let sealing = Sealing::establish(&store, None).await.unwrap();
        let id = stored(&store, &sealing, "a body").await.id;
        store.change(id, |row| row.payload.key_id = Some("lost".into()));
        let mut text = Vec::new();
        let error = show(&found(&store, id).await.unwrap(), &sealing, &mut text).unwrap_err();
        assert!(error.to_string().contains("\"lost\""), "{error}");
        assert!(String::from_utf8(text).unwrap().contains(&id.to_string()));
        assert!(found(&store, EntryId::new()).await.unwrap_err().to_string().contains("there is no entry"));
    }
}
