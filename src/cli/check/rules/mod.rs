//! What is looked at, and what it means: a file for each group of requirements.

mod calls;
mod chain;
mod client_ca;
mod door;
mod isolation;
mod left_open;
mod life;
mod material;
mod own_certificate;
mod second_keys;
mod secrets;
mod settings;
mod stage;

pub(super) use left_open::completed;
pub(super) use life::{ends_soon, until};
pub(super) use own_certificate::OwnCertificate;
pub(super) use secrets::server as server_secrets;
pub(super) use settings::{refused, warned};

use super::examined::Examined;
use super::report::{Finding, Subject};
use crate::settings::Origins;

type Findings = Vec<(Subject, Finding)>;

/// Everything that is to be said of an environment among all of them.
pub(super) fn environment(
    environment: &Examined<'_>,
    all: &[Examined<'_>],
    own: &[OwnCertificate],
    origins: &Origins,
) -> Findings {
    let others: Vec<&Examined<'_>> = all.iter().filter(|other| other.name() != environment.name()).collect();
    let mut findings = door::findings(environment);
    findings.extend(material::findings(environment, origins));
    findings.extend(client_ca::findings(environment));
    findings.extend(own_certificate::findings(environment, own));
    findings.extend(chain::findings(environment));
    findings.extend(isolation::findings(environment, &others));
    findings.extend(calls::findings(environment));
    findings.extend(second_keys::findings(environment));
    findings.extend(secrets::environment(environment, origins));
    findings.extend(settings::backend(environment));
    findings
}
