//! O5 the other way round: what the customer itself shows to Thales must not get in here.

use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;

use super::Findings;
use crate::cli::check::examined::Examined;
use crate::cli::check::report::Finding;
use crate::cli::subject_pattern::denying;
use crate::pki::{CertificateFacts, pem};
use crate::settings::PemSource;
use crate::thales::Requirement;
use crate::tls::{Judge, Refusal};

const IN_USE: &str = "Give the certificate that is in use.";

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
    /// When it cannot be read, holds no certificate, or begins with a CA's.
    pub(in crate::cli::check) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text =
            PemSource::File(path.to_owned()).read().map_err(|error| format!("{shown} cannot be read: {error}"))?;
        let chain = pem::certificates(&text).map_err(|error| format!("{shown}: {error}"))?;
        let leaf = chain.first().ok_or_else(|| format!("{shown}: there is no certificate in it"))?;
        let facts = CertificateFacts::from_der(leaf).map_err(|error| format!("{shown}: {error}"))?;
        // A CA is refused as anybody's own certificate, and what stands behind it would not be looked at.
        if facts.is_ca {
            return Err(format!(
                "{shown} begins with a CA certificate ({}): the client certificate goes first",
                facts.subject
            ));
        }
        Ok(Self { path: path.to_owned(), chain, facts })
    }

    /// Whether the file leads from the certificate up to a root, by the names.
    fn is_whole(&self) -> bool {
        let all: Vec<_> = self.chain.iter().filter_map(|der| CertificateFacts::from_der(der).ok()).collect();
        let mut top = &self.facts;
        for _ in 0..all.len() {
            let Some(issuer) = all.iter().find(|facts| !top.self_issued && facts.subject_der == top.issuer_der) else {
                break;
            };
            top = issuer;
        }
        top.self_issued
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
    let refusal = match judge.judge(&own.chain, environment.now) {
        Ok(_) => {
            return Finding::fail(
                format!("client_ca admits your own client certificate {shown}: whoever has its key passes for Thales"),
                remedy(&own.facts),
            );
        }
        Err(refusal) if is_of_dates(refusal) => match judged_in_time(judge, own, refusal) {
            // Its successor is admitted.
            Ok(()) => {
                return Finding::warn(
                    format!("your own client certificate {shown} is kept out by its dates alone: {refusal}"),
                    IN_USE,
                );
            }
            Err(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    match refusal {
        // The CA that is missing may well be one of client_ca's: whoever shows the whole chain would get in.
        Refusal::UnknownIssuer if !own.is_whole() => Finding::warn(
            format!(
                "whether client_ca admits your own client certificate {shown} cannot be told: the CAs above it are missing"
            ),
            "Give the file with all its CAs, the root as well.",
        ),
        // What holds for the next certificate as well.
        Refusal::UnknownIssuer
        | Refusal::SubjectNotAdmitted
        | Refusal::WrongExtendedKeyUsage
        | Refusal::WrongKeyUsage
        | Refusal::NameConstraint => {
            Finding::pass(format!("your own client certificate {shown} is not admitted: {refusal}"))
        }
        _ => {
            let is_of_this_one = is_of_dates(refusal) || refusal == Refusal::Revoked;
            Finding::warn(
                format!("your own client certificate {shown} is kept out, but not for good: {refusal}"),
                if is_of_this_one { IN_USE } else { "Mend that, and check again." },
            )
        }
    }
}

fn is_of_dates(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::Expired | Refusal::NotYetValid)
}

/// What the judge says of a certificate while it is valid, and the CAs above it are, as far as there is such a moment; `refusal` where
/// there is none.
fn judged_in_time(judge: &Judge, own: &OwnCertificate, refusal: Refusal) -> Result<(), Refusal> {
    let shown: Vec<_> = own.chain.iter().filter_map(|der| CertificateFacts::from_der(der).ok()).collect();
    let anchors = judge.anchors().anchors().iter().map(|anchor| &anchor.facts);
    // Where all of them are valid at once, they are so when the last of them begins.
    let begins = shown.iter().chain(anchors).map(|facts| facts.not_before);
    let moments = begins.chain([own.facts.not_after]).filter(|&moment| own.facts.is_valid_at(moment));
    let mut told = refusal;
    for moment in moments {
        match judge.judge(&own.chain, moment) {
            Ok(_) => return Ok(()),
            Err(found) if is_of_dates(found) => {}
            Err(found) => told = found,
        }
    }
    Err(told)
}

/// Never by key, serial or digest: the next certificate has the same subject (I6).
fn remedy(facts: &CertificateFacts) -> String {
    match denying(&facts.subject_der) {
        Ok(setting) => format!("Name Thales' subject in client_subject.allow, or keep this one out:\n{setting}"),
        Err(reason) => format!(
            "Name Thales' subject in client_subject.allow, or its own in client_subject.deny; no line is given here: {reason}."
        ),
    }
}
