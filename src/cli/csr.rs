//! `issuer-host csr`: a key and a request for the client certificate that the Thales CA signs (I1).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Error;
use super::credential::{CredentialArguments, PLACE_OF_KEY};
use super::credential_report::{CredentialReport, Format, Made, refused};
use super::names::{environment_codes, key_kinds, signing_services};
use crate::files;
use crate::pki::facts::PublicKey;
use crate::pki::subject::Part;
use crate::pki::{CertificateFacts, KeyKind, Request, Subject, pem};
use crate::thales::client_identity::{CommonName, EnvironmentCode, Holder, Identifier, Service, check_renewed};

mod words;

/// The request in --out-dir.
const REQUEST: &str = "client.csr";

// Lines of at most 80 columns: in a longer one a narrow terminal breaks the command.
const EXAMPLES: &str = "\
Exit codes: 0 the key and the request are there; 1 nothing was made, and it is
said why; 2 wrong arguments.

Examples:
  A key and a request for xPay, pre-production:
    issuer-host csr --product xpay --id TSP0001 --environment ppr \\
      --country FR --state Ile-de-France --locality Paris \\
      --organization 'Sample Bank' --organizational-unit Cards \\
      --out-dir xpay-ppr

  For D1, RSA, with the tail that the portal shows, the key encrypted:
    issuer-host csr --product d1 --id GATEWAY01 --environment prd \\
      --key rsa-4096 --passphrase-file passphrase.txt \\
      --country FR --state Ile-de-France --locality Paris \\
      --organization 'Sample Bank' --organizational-unit Cards \\
      --cn-template 'TLSMA-{algorithm}/{id}/TSH/TSP.{env}' --out-dir d1-prd

  A renewal: the same subject, a new key:
    issuer-host csr --product d1 --renew client.pem --out-dir d1-renewed";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, group = clap::ArgGroup::new("place").args(["out_dir", "csr"]).required(true))]
pub(super) struct Arguments {
    /// Whom it is for: xpay (you are a token service provider), d1 (a merchant gateway)
    #[arg(long, value_parser = signing_services(), value_name = "xpay|d1", hide_possible_values = true)]
    product: Service,
    /// What Thales calls you: tspId (xPay), merchantGatewayId (D1)
    #[arg(long, required_unless_present = "renew", value_name = "ID")]
    id: Option<String>,
    /// Thales' environment: ppr (pre-production), prd (production)
    #[arg(long, required_unless_present = "renew", value_parser = environment_codes(), value_name = "ppr|prd",
        hide_possible_values = true)]
    environment: Option<String>,
    /// C: two letters
    #[arg(long, required_unless_present = "renew", value_name = "CC")]
    country: Option<String>,
    /// ST: state, province or region
    #[arg(long, required_unless_present = "renew", value_name = "NAME")]
    state: Option<String>,
    /// L: city
    #[arg(long, required_unless_present = "renew", value_name = "NAME")]
    locality: Option<String>,
    /// O: the issuer's organisation
    #[arg(long, required_unless_present = "renew", value_name = "NAME")]
    organization: Option<String>,
    /// OU: the organisation's unit
    #[arg(long, required_unless_present = "renew", value_name = "NAME")]
    organizational_unit: Option<String>,
    /// The common name, with {algorithm}, {id} and {env} to be replaced
    #[arg(long, default_value = CommonName::default_template(), value_name = "TEMPLATE")]
    cn_template: String,
    /// A certificate to renew: its subject is taken as it is
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "id", "environment", "country", "state", "locality", "organization", "organizational_unit", "cn_template",
    ])]
    renew: Option<PathBuf>,
    /// The kind of the new key: ecdsa-p256 (default, but in a renewal: as before) or rsa-4096
    #[arg(long, value_parser = key_kinds(Service::Xpay), value_name = "KIND", hide_possible_values = true)]
    key: Option<KeyKind>,
    /// Where to put the request, in place of --out-dir
    #[arg(long, value_name = "FILE", requires = PLACE_OF_KEY)]
    csr: Option<PathBuf>,
    #[command(flatten)]
    credential: CredentialArguments,
    /// How to tell what was made
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let service = arguments.product;
    let renewed = arguments.renew.as_deref().map(subject_of).transpose()?;
    let kind = arguments.key.unwrap_or_else(|| default_kind(renewed.as_ref()));
    // All that could be wrong is looked at before a key is made, which takes a while, and before anything is written.
    let key = arguments.credential.key(service, kind)?;
    let (subject, common_name) = match renewed {
        Some(subject) => {
            let name = CommonName::of_subject(service, &subject, &key.public_key()).map_err(refused)?;
            check_renewed(&subject).map_err(refused)?;
            (subject, name)
        }
        None => arguments.new_subject(&key.public_key())?,
    };
    let credential = arguments.credential.begin(key, REQUEST, arguments.csr.as_deref())?;
    let request = Request::new(&subject, credential.key())?;
    credential.write(&request.to_pem())?;

    CredentialReport {
        service,
        environment: common_name.environment(),
        subject: &subject,
        credential: &credential,
        made: Made::Request,
        warnings: words::warnings(service, &common_name, arguments.renew.is_some()),
        next: words::next(service),
    }
    .say(arguments.format)?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn new_subject(&self, public_key: &PublicKey) -> Result<(Subject, CommonName), Error> {
        let text = |given: &Option<String>| given.clone().unwrap_or_default();
        let identifier = Identifier::new(self.product, &text(&self.id)).map_err(refused)?;
        let environment = EnvironmentCode::from_name(&text(&self.environment)).map_err(refused)?;
        let name = CommonName::from_template(self.product, &self.cn_template, public_key, &identifier, environment);
        let name = name.map_err(refused)?;
        let holder = Holder {
            country: &text(&self.country),
            state: &text(&self.state),
            locality: &text(&self.locality),
            organization: &text(&self.organization),
            organizational_unit: &text(&self.organizational_unit),
        };
        let subject = holder.subject(&name).map_err(refused)?;
        Ok((subject, name))
    }
}

/// The subject of the first certificate of a file.
fn subject_of(path: &Path) -> Result<Subject, Error> {
    /// Octets; certificates are a few thousand.
    const LONGEST: u64 = 1 << 20;
    let shown = path.display();
    let pem = files::read(path, LONGEST).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let certificates = pem::certificates(&pem).map_err(|error| format!("{shown}: {error}"))?;
    let first = certificates.first().ok_or_else(|| format!("{shown} holds no certificate"))?;
    let facts = CertificateFacts::from_der(first).map_err(|error| format!("{shown}: {error}"))?;
    if facts.is_ca {
        return Err(format!("{shown} begins with a CA certificate; name the client certificate to renew").into());
    }
    Ok(Subject::from_der(&facts.subject_der)?)
}

/// ECDSA, unless the name of a certificate before says RSA.
fn default_kind(renewed: Option<&Subject>) -> KeyKind {
    let names = renewed.map(|subject| subject.texts(Part::CommonName)).unwrap_or_default();
    if names.iter().any(|name| name.starts_with("TLSMA-RSA/")) { KeyKind::Rsa4096 } else { KeyKind::P256 }
}
