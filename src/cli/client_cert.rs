//! `issuer-host client-cert`: a key and a self-signed client certificate for merchant tokenization (I1).

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use rustls_pki_types::UnixTime;

use super::Error;
use super::credential::{CredentialArguments, PLACE_OF_KEY};
use super::credential_report::{CredentialReport, Format, Made, refused};
use super::names::key_kinds;
use crate::pki::self_signed::Validity;
use crate::pki::{CertificateFacts, KeyKind, SelfSigned};
use crate::thales::client_identity::{MOST_DAYS, Service, check_days, merchant_subject};

/// The certificate in --out-dir.
const CERTIFICATE: &str = "client-cert.pem";

/// A certificate is valid from a little before it is made: other clocks are behind.
const BACKDATED: Duration = Duration::from_secs(5 * 60);

// Lines of at most 80 columns: in a longer one a narrow terminal breaks the command.
const EXAMPLES: &str = "\
Exit codes: 0 the key and the certificate are there; 1 nothing was made, and it
is said why; 2 wrong arguments.

Examples:
  For two years, with the common name that the portal shows:
    issuer-host client-cert --common-name merchant-0001 --out-dir sandbox

  For one year, on P-384, the key encrypted:
    issuer-host client-cert --common-name merchant-1 --key p384 --days 365 \\
      --passphrase-file passphrase.txt \\
      --certificate merchant.pem --key-out merchant-key.pem

  The next certificate for the same key:
    issuer-host client-cert --common-name merchant-0001 \\
      --key-file sandbox/client-key.pem --certificate next.pem";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, group = clap::ArgGroup::new("place").args(["out_dir", "certificate"]).required(true))]
pub(super) struct Arguments {
    /// CN: exactly as the portal gives it
    #[arg(long, value_name = "NAME")]
    common_name: String,
    /// The kind of the new key: ecdsa-p256 (default), ecdsa-p384 or rsa-2048
    #[arg(long, value_parser = key_kinds(Service::MerchantTokenization), value_name = "KIND", hide_possible_values = true)]
    key: Option<KeyKind>,
    /// How long it is valid: at most 730 days, two years
    #[arg(long, default_value_t = MOST_DAYS, value_name = "DAYS")]
    days: u64,
    /// Where to put the certificate, in place of --out-dir
    #[arg(long, value_name = "FILE", requires = PLACE_OF_KEY)]
    certificate: Option<PathBuf>,
    #[command(flatten)]
    credential: CredentialArguments,
    /// How to tell what was made
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let service = Service::MerchantTokenization;
    let key = arguments.credential.key(service, arguments.key.unwrap_or(KeyKind::P256))?;
    let subject = merchant_subject(&arguments.common_name).map_err(refused)?;
    let validity = validity(arguments.days, SystemTime::now())?;
    let credential = arguments.credential.begin(key, CERTIFICATE, arguments.certificate.as_deref())?;
    let certificate = SelfSigned::new(&subject, credential.key(), validity)?;
    let CertificateFacts { serial, sha256, .. } = CertificateFacts::from_der(certificate.der())?;
    credential.write(&certificate.to_pem())?;

    CredentialReport {
        service,
        environment: None,
        subject: &subject,
        credential: &credential,
        made: Made::Certificate { serial, sha256, validity },
        warnings: Vec::new(),
        next: next(),
    }
    .say(arguments.format)?;
    Ok(ExitCode::SUCCESS)
}

/// So many days, both ends included, not a second more: what begins a little earlier ends a little earlier.
fn validity(days: u64, now: SystemTime) -> Result<Validity, Error> {
    const DAY: u64 = 24 * 60 * 60;
    check_days(days).map_err(refused)?;
    let now = now.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| "the clock stands before 1970: set it")?;
    let from = now.as_secs().saturating_sub(BACKDATED.as_secs());
    let time = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    Ok(Validity { not_before: time(from), not_after: time(from + days * DAY - 1) })
}

fn next() -> Vec<String> {
    [
        "Hand the certificate to Thales, through the portal or by hand: it is your CUSTOMER_TLS_CLIENT_CERTIFICATE, and \
         Thales knows you by exactly this one.",
        "Never send the private key: nobody but you has a use for it, Thales neither.",
        "Sandbox and production are set up apart: make another key and certificate for the other one.",
        "Make the next one in time, and call with it when Thales has confirmed it: with any other you are refused.",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validity_begins_a_little_earlier_and_is_never_longer_than_asked_for() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let two_years = validity(730, now).unwrap();
        assert_eq!(two_years.not_before.as_secs(), 2_000_000_000 - 300);
        assert_eq!(two_years.not_after.as_secs() - two_years.not_before.as_secs() + 1, 730 * 86_400);
        let problem = validity(731, now).unwrap_err().to_string();
        assert!(problem.contains("requirement I6"), "{problem}");
    }
}
