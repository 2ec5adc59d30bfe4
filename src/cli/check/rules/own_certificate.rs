//! O5 the other way round: what the customer itself shows to Thales must not get in here.

use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;

use super::Findings;
use crate::cli::check::examined::Examined;
use crate::cli::check::report::Finding;
use crate::pki::distinguished_name::attributes;
use crate::pki::{CertificateFacts, pem};
use crate::settings::PemSource;
use crate::thales::Requirement;
use crate::tls::{Judge, Refusal};

/// A client certificate that the customer shows to Thales, and what is above it in its file.
pub(in crate::cli::check) struct OwnCertificate {
    path: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    facts: CertificateFacts,
}

impl OwnCertificate {
    /// Reads a file (PEM, leaf first).
    ///
    /// # Errors
    /// When it cannot be read, or holds no certificate.
    pub(in crate::cli::check) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = PemSource::File(path.to_owned()).read().map_err(|error| format!("cannot read {shown}: {error}"))?;
        let chain = pem::certificates(&text).map_err(|error| format!("{shown}: {error}"))?;
        let leaf = chain.first().ok_or_else(|| format!("{shown}: there is no certificate in it"))?;
        let facts = CertificateFacts::from_der(leaf).map_err(|error| format!("{shown}: {error}"))?;
        Ok(Self { path: path.to_owned(), chain, facts })
    }
}

pub(super) fn findings(environment: &Examined<'_>, own: &[OwnCertificate]) -> Findings {
    let (Ok(material), Some(whole)) = (&environment.material, &environment.whole) else {
        let unknown = |own: &OwnCertificate| {
            let found =
                format!("whether your own client certificate {} is admitted is not known yet", own.path.display());
            Finding::warn(found, "Mend what fails, and check again.").on(Requirement::O5)
        };
        return own.iter().map(unknown).collect();
    };
    let algorithms = crate::tls::provider().signature_verification_algorithms;
    let rules = whole.options.client_rules.clone();
    let judge = Judge::new(material.anchors.clone(), material.revocation.clone(), rules, algorithms);
    own.iter().map(|own| judged(&judge, own, environment).on(Requirement::O5)).collect()
}

fn judged(judge: &Judge, own: &OwnCertificate, environment: &Examined<'_>) -> Finding {
    let shown = format!("{} ({})", own.path.display(), own.facts.subject);
    match judge.judge(&own.chain, environment.now) {
        Ok(_) => Finding::fail(
            format!("client_ca admits your own client certificate {shown}: whoever has its key passes for Thales"),
            remedy(&own.facts),
        ),
        // Its successor may be admitted.
        Err(refusal @ (Refusal::Expired | Refusal::NotYetValid)) => Finding::warn(
            format!("your own client certificate {shown} is kept out by its dates alone: {refusal}"),
            "Give the certificate that is in use.",
        ),
        Err(refusal) => Finding::pass(format!("your own client certificate {shown} is not admitted: {refusal}")),
    }
}

/// Never by key, serial or digest: the next certificate has the same subject (I6).
fn remedy(facts: &CertificateFacts) -> String {
    let subject = attributes(&facts.subject_der);
    let Some(name) = subject.iter().find(|attribute| attribute.kind == "CN") else {
        return "Name its subject in client_subject.deny, or Thales' in client_subject.allow.".to_owned();
    };
    let value: String =
        name.value.chars().flat_map(|c| matches!(c, ',' | '\\').then_some('\\').into_iter().chain([c])).collect();
    let pattern = crate::pki::distinguished_name::printable(format!("CN={value}").as_bytes());
    format!("Set client_subject.deny = [{pattern:?}], or name Thales' subject in client_subject.allow.")
}
