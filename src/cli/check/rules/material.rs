//! Which requirement each problem and warning of certificates and keys is about (O5 to O10).

use rustls_pki_types::UnixTime;

use super::Findings;
use crate::cli::check::examined::Examined;
use crate::cli::check::report::{Finding, Status, Subject};
use crate::pki::endorsed_chain::{EndorsedChainWarning, EndorsementProblem};
use crate::pki::facts::minute;
use crate::pki::revocation::{ListWarning, Revocation, RevocationMode};
use crate::pki::server_credential::{CredentialProblem, CredentialWarning};
use crate::pki::trust_anchors::{AnchorProblem, AnchorRefusal, AnchorWarning};
use crate::pki::{EndorsedChain, RevocationList, ServerCredential, TrustAnchors, TrustAnchorsError};
use crate::settings::{Origins, PemSource};
use crate::thales::Requirement;
use crate::tls::material::{MaterialKind, MaterialProblem};

pub(super) fn findings(environment: &Examined<'_>, origins: &Origins) -> Findings {
    let parts = &environment.parts;
    let missing = |kind| match kind {
        MaterialKind::ClientCa => parts.client_ca.is_none(),
        MaterialKind::CertificateChain => parts.certificate_chain.is_none(),
        MaterialKind::PrivateKey => parts.private_key.is_none(),
        MaterialKind::EndorsedChain => parts.endorsed_chain.is_none(),
        MaterialKind::Crl => false,
    };
    let problems = environment.material.as_ref().err().map(|error| error.0.as_slice()).unwrap_or_default();
    let mut findings: Findings = problems
        .iter()
        .filter(|problem| !missing(problem.kind))
        .flat_map(|found| {
            let key = format!("environments.{}.{}", parts.name, found.kind);
            let origin = origins.of(&key);
            let of_key = move |(subject, finding): (Subject, Finding)| (subject, finding.about(&key, &origin));
            problem(found, environment).into_iter().map(of_key)
        })
        .collect();
    let shown = |source: &Option<PemSource>| source.as_ref().map(PemSource::shown).unwrap_or_default();
    let anchors = environment.anchors.iter().flat_map(TrustAnchors::warnings);
    findings.extend(anchors.map(|warning| anchor_warning(&shown(&parts.client_ca), warning)));
    let credential = environment.credential.iter().flat_map(ServerCredential::warnings);
    findings.extend(
        credential.filter_map(|warning| credential_warning(&shown(&parts.certificate_chain), warning, environment)),
    );
    let endorsed = environment.endorsed.iter().flat_map(EndorsedChain::warnings);
    findings.extend(endorsed.map(|warning| endorsed_warning(&shown(&parts.endorsed_chain), warning)));
    if let Ok(material) = &environment.material {
        let Revocation { mode, lists } = &material.revocation;
        findings.extend(lists.warnings().iter().filter_map(list_warning));
        let used = lists.lists().iter().filter(|_| *mode != RevocationMode::Off);
        findings.extend(used.filter_map(|list| list_life(list, environment.now)));
    }
    findings
}

fn problem(problem: &MaterialProblem, environment: &Examined<'_>) -> Findings {
    let place = problem.file.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default();
    let told = |message: &dyn std::fmt::Display| Finding::told(Status::Fail, &format!("{place}{message}"));
    let error = problem.problem.as_ref();
    match error.downcast_ref() {
        Some(TrustAnchorsError::Refused(problems)) => {
            return problems.iter().map(|problem| anchor_problem(told(problem), &place, problem)).collect();
        }
        Some(TrustAnchorsError::NoneValid(warnings)) => {
            let none = "No certificate of the bundle is valid now: ask Thales for the current Client CA.";
            return warnings.iter().map(|warning| told(warning).with_to_do(none).on(Requirement::O5)).collect();
        }
        _ => {}
    }
    if let Some(problem) = error.downcast_ref::<CredentialProblem>() {
        return vec![credential_problem(told(problem), &place, problem)];
    }
    if let Some(problem) = error.downcast_ref::<EndorsementProblem>() {
        let words = problem.to_string();
        let found = words.split(". Thales pins").next().unwrap_or(&words);
        let to_do = if environment.chain().len() == 1 {
            "Put the whole chain there, with the certificates between the server's and the root. Where the CA is a new one, Thales pins \
             your server chain: notify Thales before this change."
        } else {
            "Thales pins your server chain: notify Thales before this change; what it has endorsed then goes into endorsed_chain."
        };
        return vec![Finding::fail(format!("{place}{found}"), to_do).on(Requirement::O8)];
    }
    let (requirement, belongs) = match problem.kind {
        MaterialKind::ClientCa => (Requirement::O5, "Put the Thales Client CA there, in PEM."),
        MaterialKind::Crl => (Requirement::O5, "Put the CA's current list there."),
        MaterialKind::CertificateChain => {
            (Requirement::O8, "Put the server's chain there, in PEM, its own certificate first.")
        }
        MaterialKind::PrivateKey => (Requirement::O8, "Put the server's private key there, in PEM."),
        MaterialKind::EndorsedChain => {
            (Requirement::O8, "Put the CA certificates there that Thales was given, in PEM.")
        }
    };
    let told = told(error);
    let told = if told.to_do.is_empty() { told.with_to_do(belongs) } else { told };
    vec![told.on(requirement)]
}

fn anchor_problem(told: Finding, file: &str, problem: &AnchorProblem) -> (Subject, Finding) {
    let AnchorProblem { place, reason } = problem;
    match reason {
        AnchorRefusal::EndEntity => {
            told.with_to_do("Put the Thales Client CA there: Thales forbids pinning its own certificate.").on(Requirement::O6)
        }
        AnchorRefusal::Public { root } => Finding::fail(
            format!("{file}{place} belongs to the public root {root}: whoever has a certificate of it would be admitted"),
            "Put the Thales Client CA there, not the CA of Thales' server; if it is meant: allow_public_client_ca = true.",
        )
        .on(Requirement::O5),
        _ => told.on(Requirement::O5),
    }
}

/// The server's certificate has to be for its host (O9); what Thales endorses is the chain (O8).
fn credential_problem(told: Finding, file: &str, problem: &CredentialProblem) -> (Subject, Finding) {
    match problem {
        CredentialProblem::OtherHost { place, host, names } => {
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            let found = format!("{file}{place} is not for the host {host}, but for {names}");
            let to_do = "Set host to one of its subject alternative names, or request a certificate for the host.";
            Finding::fail(found, to_do).on(Requirement::O9)
        }
        CredentialProblem::HostNotAName { .. } => told.on(Requirement::O9),
        _ => told.on(Requirement::O8),
    }
}

fn anchor_warning(file: &str, warning: &AnchorWarning) -> (Subject, Finding) {
    let told = |status| Finding::told(status, &format!("{file}: {warning}"));
    let finding = match warning {
        // Whoever is admitted by that is not only Thales, however it was meant.
        AnchorWarning::Public { .. } => {
            told(Status::Fail).with_to_do("Put the Thales Client CA there, and take allow_public_client_ca out.")
        }
        AnchorWarning::Sample { .. } => {
            told(Status::Warn).with_to_do("Put the Thales Client CA there before Thales calls.")
        }
        AnchorWarning::NotYetValid { .. } => told(Status::Warn).with_to_do("Set the clock right, or wait."),
        _ => told(Status::Warn),
    };
    finding.on(Requirement::O5)
}

/// `None` where another rule tells it better.
fn credential_warning(
    file: &str,
    warning: &CredentialWarning,
    environment: &Examined<'_>,
) -> Option<(Subject, Finding)> {
    let told = || Finding::told(Status::Warn, &format!("{file}: {warning}"));
    let finding = match warning {
        // Told with all the days that are left.
        CredentialWarning::ExpiresSoon { .. } => return None,
        // The endorsed chain says that it is whole.
        CredentialWarning::LeafAlone { .. } if environment.endorsed.is_some() => return None,
        CredentialWarning::LeafAlone { place, issuer } => Finding::warn(
            format!("{file}: {place} stands alone, issued by {issuer}"),
            "Put the whole CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN there; if the issuer is a root, name it as endorsed_chain.",
        ),
        CredentialWarning::RootIncluded { place } => Finding::warn(
            format!("{file}: {place} is a root, which callers have already"),
            "Take it out: it is sent with every handshake for nothing.",
        ),
        CredentialWarning::SelfSigned { place } => Finding::warn(
            format!("{file}: {place} is self-signed"),
            "Have Thales endorse exactly this one, and every renewal beforehand (O10); better, take one of a CA.",
        ),
        CredentialWarning::Sample { .. } => told().with_to_do("Put your own chain and key there before Thales calls."),
    };
    Some(finding.on(Requirement::O8))
}

fn endorsed_warning(file: &str, warning: &EndorsedChainWarning) -> (Subject, Finding) {
    let finding = Finding::told(Status::Warn, &format!("{file}: {warning}"));
    match warning {
        EndorsedChainWarning::NotValid { .. } => finding.on(Requirement::O10),
        _ => finding.on(Requirement::O8),
    }
}

/// `None` where the life of the list tells it better.
fn list_warning(warning: &ListWarning) -> Option<(Subject, Finding)> {
    let status = match warning {
        ListWarning::ExpiresSoon { .. } => return None,
        // Everybody whom it covers is refused: Thales, normally.
        ListWarning::Expired { .. } => Status::Fail,
        _ => Status::Warn,
    };
    Some(Finding::told(status, &format!("crl: {warning}")).on(Requirement::O5))
}

/// How long a list is good, where it has not expired. A list that lives for a day is renewed every few hours: it deserves a look when
/// three quarters of its life are over, that of months a week before its end.
fn list_life(list: &RevocationList, now: UnixTime) -> Option<(Subject, Finding)> {
    const HOUR: u64 = 60 * 60;
    const DAY: u64 = 24 * HOUR;
    let left = list.next_update.as_secs().saturating_sub(now.as_secs());
    let life = list.next_update.as_secs().saturating_sub(list.this_update.as_secs());
    let counted = match left {
        left if left < 2 * HOUR => format!("{} minutes", left / 60),
        left if left < 2 * DAY => format!("{} hours", left / HOUR),
        left => format!("{} days", left / DAY),
    };
    let RevocationList { place, issuer, next_update, .. } = list;
    let good = format!("CRL {} of {issuer} is good until {} ({counted})", place.file, minute(*next_update));
    let finding = match left {
        0 => return None,
        left if left < (7 * DAY).min(life / 4) => Finding::warn(
            format!("{good}: clients that it covers are refused from then on"),
            "Make the next one with `issuer-host crl`, or get it from the CA.",
        ),
        _ => Finding::note(good),
    };
    Some(finding.on(Requirement::O5))
}
