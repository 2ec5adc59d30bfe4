//! `issuer-host crl`: the revocation list of a customer's own CA.

mod revoked;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use revoked::Revoked;
use rustls_pki_types::UnixTime;

use super::authority::{AuthorityFiles, warn};
use super::replaced_file::ReplacedFile;
use super::tls_files::read;
use super::wrapping::wrapped;
use super::{Error, say};
use crate::pki::facts::minute;
use crate::pki::issuing::{Issues, IssuingAuthority};
use crate::pki::pem::encoded;
use crate::pki::revocation::CrlFile;
use crate::pki::revocation::issuing::{ListDraft, RevocationReason, SignedList};
use crate::tls::now;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Nobody means more than a hundred years.
const MOST_DAYS: i64 = 36_525;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Your CA's certificate (PEM)
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Your CA's private key (PEM)
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    ca_key: Option<PathBuf>,
    /// A file with the passphrase of the CA's key, in one line
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    ca_key_passphrase_file: Option<PathBuf>,
    /// The list, which the next one replaces
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Make the first list, where there is none
    #[arg(long, conflicts_with = "list")]
    new: bool,
    /// A certificate of your CA (PEM), or its serial number in hexadecimal digits, a positive number always; may be given again
    #[arg(long = "revoke", value_name = "FILE|SERIAL", conflicts_with = "list")]
    revoked: Vec<String>,
    /// Why they are revoked
    #[arg(long, value_name = "REASON", requires = "revoked")]
    reason: Option<Reason>,
    /// Days until the list expires; from then on the server refuses everybody whom it covers
    #[arg(long, value_name = "N", default_value_t = 30, conflicts_with = "list",
          value_parser = clap::value_parser!(u32).range(1..=MOST_DAYS))]
    days: u32,
    /// Show the list and change nothing
    #[arg(long)]
    list: bool,
    /// How to show it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", requires = "list")]
    format: Format,
}

const EXAMPLES: &str = "\
Exit codes: 0 the list is made, or shown; 1 it is not, nothing was changed, and
it is said why; 2 wrong arguments.

Examples:
  issuer-host crl --ca ca.pem --ca-key ca-key.pem --out ca.crl --new
  issuer-host crl --ca ca.pem --ca-key ca-key.pem --out ca.crl \\
      --revoke old.pem --reason superseded
  issuer-host crl --ca ca.pem --out ca.crl --list

The server takes it as crl = [\"ca.crl\"], and sees each new one without a
restart. Renew it before it expires, from a timer for example.";

/// The reasons of RFC 5280 that may stand in a list for good.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reason {
    #[value(name = "keyCompromise")]
    KeyCompromise,
    #[value(name = "cACompromise")]
    CaCompromise,
    #[value(name = "affiliationChanged")]
    AffiliationChanged,
    #[value(name = "superseded")]
    Superseded,
    #[value(name = "cessationOfOperation")]
    CessationOfOperation,
    #[value(name = "privilegeWithdrawn")]
    PrivilegeWithdrawn,
}

impl From<Reason> for RevocationReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::KeyCompromise => Self::KeyCompromise,
            Reason::CaCompromise => Self::CaCompromise,
            Reason::AffiliationChanged => Self::AffiliationChanged,
            Reason::Superseded => Self::Superseded,
            Reason::CessationOfOperation => Self::CessationOfOperation,
            Reason::PrivilegeWithdrawn => Self::PrivilegeWithdrawn,
        }
    }
}

/// How a list is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let now = now();
    match &arguments.ca_key {
        Some(ca_key) if !arguments.list => {
            let files = AuthorityFiles {
                ca: arguments.ca.clone(),
                ca_key: ca_key.clone(),
                ca_key_passphrase_file: arguments.ca_key_passphrase_file.clone(),
            };
            update(arguments, &files.load(Issues::RevocationLists, now)?, now)?;
        }
        _ => show::show(signed(arguments, &read(&arguments.ca)?, now)?, arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn update(arguments: &Arguments, authority: &IssuingAuthority, now: UnixTime) -> Result<(), Error> {
    let shown = arguments.out.display();
    let of = |given: &String| Revoked::named(given, authority);
    let all = arguments.revoked.iter().map(of).collect::<Result<Vec<_>, _>>()?;
    // From here on nobody else adds to the list that is read.
    let file = ReplacedFile::begin(&arguments.out)?;
    let existing = match (arguments.new, arguments.out.try_exists()) {
        (true, Ok(false)) => None,
        (true, _) => {
            return Err(format!("{shown} is there already, and goes on: leave --new out, or name another file").into());
        }
        // Whoever stood on a list that is gone would be admitted again.
        (false, Ok(false)) => {
            return Err(format!(
                "there is no {shown}, and whoever stands on a list that was lost would be admitted again: bring the list back or look \
                 at the name; only the first list of a CA is made with --new"
            )
            .into());
        }
        (false, _) => Some(signed(arguments, encoded("CERTIFICATE", authority.der()).as_bytes(), now)?),
    };
    let mut draft = existing.as_ref().map_or_else(ListDraft::first, ListDraft::following);
    let mut done = Vec::new();
    for Revoked { serial, kind, shown: certificate } in &all {
        if let (Some(SignedList { list, .. }), Some(kind)) = (&existing, *kind)
            && !list.tells_of(kind)
        {
            return Err(
                format!("{shown} does not tell of such certificates as {certificate}; begin another list").into()
            );
        }
        match draft.revoke(serial, arguments.reason.map(RevocationReason::from), now)? {
            Some(entry) => {
                let since = minute(entry.revoked);
                warn(&format!("{certificate} is on the list since {since}, and its entry stays as it is"));
            }
            None => done.push(format!("revoked: {certificate}, serial {serial}")),
        }
    }
    let life = DAY.as_secs().saturating_mul(u64::from(arguments.days));
    let next_update = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs().saturating_add(life)));
    let der = draft.sign(authority, now, next_update)?;
    // Who has a file of DER reads it as DER.
    let is_der = existing.as_ref().is_some_and(|existing| existing.list.place.line.is_none());
    let contents = if is_der { der } else { encoded("X509 CRL", &der).as_bytes().to_vec() };
    file.replace(&contents)?;
    // Not before it is so; and who cannot be told is no reason to leave anybody admitted.
    for words in done {
        say(wrapped(&words, 2))?;
    }
    let (number, revoked) = (draft.number(), draft.revoked());
    let words = format!(
        "{shown}: list {number} of {}, {revoked} revoked, expires at {}; make the next one before",
        authority.facts().subject,
        minute(next_update)
    );
    say(wrapped(&words, 2))?;
    if existing.is_none() {
        say(wrapped(&format!("In the configuration: crl = [{}]", toml_edit::Value::from(shown.to_string())), 2))?;
    }
    Ok(())
}

/// The list that is there, signed by one of `authorities` (PEM).
fn signed(arguments: &Arguments, authorities: &[u8], now: UnixTime) -> Result<SignedList, Error> {
    let label = arguments.out.display().to_string();
    let bytes = read(&arguments.out)?;
    SignedList::read(&CrlFile { label: &label, bytes: &bytes }, authorities, now)
        .map_err(|error| format!("{label}: {error}").into())
}
