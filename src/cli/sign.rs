//! `issuer-host sign`: the customer's own CA signs the request that Thales generates (O7).

use std::path::PathBuf;
use std::process::ExitCode;

use rustls_pki_types::CertificateDer;

use super::authority::{AuthorityFiles, warn};
use super::new_file::{Readers, write_new};
use super::subject_pattern::allowing;
use super::tls_files::read;
use super::wrapping::wrapped;
use super::{Error, say};
use crate::pki::CertificateFacts;
use crate::pki::facts::minute;
use crate::pki::issuing::{CertificateRequest, Issues, IssuingAuthority, SerialNumber, Validity};
use crate::pki::pem;
use crate::tls::now;

/// How long a certificate is valid unless it is said: two years, what Thales allows a certificate that it pins (I6).
const DEFAULT_DAYS: u32 = 730;
/// Nobody means more than a hundred years.
const MOST_DAYS: i64 = 36_525;
/// Where the words of a line begin.
const MARGIN: usize = 13;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    authority: AuthorityFiles,
    /// The request that Thales generated (PKCS#10; PEM or DER)
    #[arg(long, value_name = "FILE")]
    csr: PathBuf,
    /// The new file for what goes back to Thales: the certificate, and the CAs below your root
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Days of validity; 730 unless given, and never beyond the end of the CA
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MOST_DAYS))]
    days: Option<u32>,
}

const EXAMPLES: &str = "\
Exit codes: 0 the certificate is there; 1 nothing was signed, and it is said
why; 2 wrong arguments.

Examples:
  issuer-host sign --ca ca.pem --ca-key ca-key.pem --csr thales.csr \\
      --out thales-client.pem
  issuer-host sign --ca ca.pem --ca-key ca-key.pem --csr thales.csr \\
      --out thales-client.pem --days 365";

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let now = now();
    let authority = arguments.authority.load(Issues::ClientCertificates, now)?;
    let shown = arguments.csr.display();
    let request =
        CertificateRequest::from_bytes(&read(&arguments.csr)?).map_err(|error| format!("{shown}: {error}"))?;
    let days = arguments.days.unwrap_or(DEFAULT_DAYS);
    let validity = Validity::within(&authority, days, now);
    let left = validity.not_after.as_secs().saturating_sub(now.as_secs()) / (24 * 60 * 60);
    let ends_with_ca = left < u64::from(days);
    if ends_with_ca && arguments.days.is_some() {
        return Err(format!(
            "the CA {} is itself valid until {}, {left} days from now: give fewer days than {days}, or renew the CA first",
            authority.facts().subject,
            minute(validity.not_after)
        )
        .into());
    }
    let serial = SerialNumber::random().ok_or("there is no serial number: the machine has no randomness")?;
    let certificate =
        authority.issue_client(&request, validity, &serial).map_err(|error| format!("{shown}: {error}"))?;
    let facts = CertificateFacts::from_der(&certificate)?;
    write_new(&arguments.out, chain(&certificate, &authority).as_bytes(), Readers::Everybody)?;

    if !request.requested_extensions().is_empty() {
        warn(&format!(
            "{shown} asks for extensions that are not taken over: {}; the certificate has those of a TLS client, and no others",
            request.requested_extensions().join(", ")
        ));
    }
    if ends_with_ca {
        warn(&format!("the certificate ends with its CA, before the usual {DEFAULT_DAYS} days; renew the CA in time"));
    }
    tell(arguments, &authority, &request, &facts)?;
    Ok(ExitCode::SUCCESS)
}

/// What Thales presents: the certificate and the CAs above it, without the root.
fn chain(certificate: &CertificateDer<'_>, authority: &IssuingAuthority) -> String {
    let all = std::iter::once(certificate).chain(authority.intermediates());
    pem::certificates_text(all.map(|one| &**one))
}

fn tell(
    arguments: &Arguments,
    authority: &IssuingAuthority,
    request: &CertificateRequest,
    facts: &CertificateFacts,
) -> Result<(), Error> {
    let line = |label: &str, words: &str| say(wrapped(&format!("{label:MARGIN$}{words}"), MARGIN));
    line("certificate", &facts.subject)?;
    line("", &format!("issued by {}", facts.issuer))?;
    line("", &format!("valid from {} to {}", minute(facts.not_before), minute(facts.not_after)))?;
    line("", &format!("{}, serial {}", request.key(), facts.serial))?;
    line("", &format!("SHA-256 {}", facts.sha256))?;
    let and = match authority.intermediates().len() {
        0 => "the certificate; its CA is a root, which Thales need not present".to_owned(),
        1 => "the certificate and its CA, which is no root; Thales has to present both".to_owned(),
        more => format!("the certificate and the {more} CAs between it and the root; Thales has to present them all"),
    };
    line("send back", &format!("{}: {and}", arguments.out.display()))?;
    let ca = arguments.authority.ca.display();
    if authority.stands_alone() {
        line("client_ca", &format!("{ca}, and nothing else (O5)"))?;
    } else {
        line("client_ca", &format!("a file with nothing but {} of {ca} (O5)", authority.place()))?;
    }
    let alone =
        "Whoever this CA has signed, and will sign, is admitted: use a CA for this alone. Where it signs others too,";
    match allowing(&facts.subject_der) {
        Ok(setting) => {
            line("", &format!("{alone} narrow the door in the configuration:"))?;
            say(format_args!("{:MARGIN$}{setting}", ""))?;
        }
        Err(reason) => {
            let how = "narrow the door by client_subject in the configuration; no line is given here";
            line("", &format!("{alone} {how}: {reason}."))?;
        }
    }
    Ok(())
}
