//! A revocation list, shown.

use std::time::{Duration, SystemTime};

use rustls_pki_types::UnixTime;
use serde_json::json;

use super::{Arguments, Format};
use crate::cli::authority::warn;
use crate::cli::wrapping::wrapped;
use crate::cli::{Error, say};
use crate::pki::facts::minute;
use crate::pki::revocation::issuing::SignedList;

/// Shows it as the arguments want.
///
/// # Errors
/// When standard output takes nothing.
pub(super) fn show(signed: SignedList, arguments: &Arguments) -> Result<(), Error> {
    let SignedList { list, entries, warnings, .. } = signed;
    for warning in warnings {
        warn(&format!("{}: {warning}", arguments.out.display()));
    }
    let number = list.number.as_ref().map(ToString::to_string);
    if arguments.format == Format::Json {
        let entries = entries
            .iter()
            .map(|entry| json!({ "serial": entry.serial, "revoked": rfc3339(entry.revoked), "reason": entry.reason }));
        let shown = json!({
            "issuer": list.issuer,
            "number": number,
            "this_update": rfc3339(list.this_update),
            "next_update": rfc3339(list.next_update),
            "sha256": list.sha256.to_string(),
            "revoked": entries.collect::<Vec<_>>(),
        });
        return Ok(say(shown)?);
    }
    let line = |label: &str, words: &str| say(wrapped(&format!("{label:13}{words}"), 13));
    line("issuer", &list.issuer)?;
    line("number", number.as_deref().unwrap_or("none"))?;
    line("made at", &minute(list.this_update))?;
    line("expires at", &minute(list.next_update))?;
    line("revoked", &entries.len().to_string())?;
    for entry in entries {
        let reason = entry.reason.map(|reason| format!(", {reason}")).unwrap_or_default();
        say(format_args!("  {} at {}{reason}", entry.serial, minute(entry.revoked)))?;
    }
    Ok(())
}

fn rfc3339(time: UnixTime) -> String {
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs())).to_string()
}
