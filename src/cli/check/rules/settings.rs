//! What no requirement is about: the backend, and whatever else the configuration says.

use http::Uri;

use super::Findings;
use super::life::{ending, life};
use crate::app::SettingProblem;
use crate::cli::check::examined::Examined;
use crate::cli::check::report::{Finding, Status, Subject};
use crate::pki::{CertificateFacts, pem};
use crate::settings::{self, BackendSettings, InterpreterSettings, Settings};
use crate::thales::Requirement;

/// The certificates that an environment's backend is called with.
pub(super) fn backend(environment: &Examined<'_>) -> Findings {
    let Some(backend) = &environment.parts.backend else { return Vec::new() };
    if environment.whole.is_none() {
        return Vec::new();
    }
    let mut findings = vec![Finding::pass(format!("calls go to {}", url(&backend.url)))];
    findings.extend(certificates(backend, environment));
    findings.into_iter().map(|finding| (Subject::Backend, finding)).collect()
}

fn certificates(backend: &BackendSettings, environment: &Examined<'_>) -> Vec<Finding> {
    let credential = backend.client_credential.as_ref().map(|credential| &credential.certificate);
    let files = [("the CA of the backend", backend.ca.as_ref()), ("the certificate for the backend", credential)];
    let mut findings = Vec::new();
    for (called, source) in files {
        let pem = source.and_then(|source| source.read().ok());
        let certificates = pem.and_then(|pem| pem::certificates(&pem).ok()).unwrap_or_default();
        let facts: Vec<_> = certificates.iter().filter_map(|der| CertificateFacts::from_der(der).ok()).collect();
        let endings: Vec<_> =
            facts.iter().filter_map(|facts| ending(called, facts, environment.now, "Renew it.")).collect();
        // A bundle may hold hundreds: the one that ends first speaks for the rest.
        if endings.is_empty()
            && let Some(first) = facts.iter().min_by_key(|facts| facts.not_after)
        {
            findings.push(life(called, first, environment.now, ""));
        }
        findings.extend(endings);
    }
    findings
}

/// Without the path, which a backend's url does not have.
pub(super) fn url(url: &Uri) -> String {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}", url.scheme_str().unwrap_or("http"))
}

/// What is wrong with settings, at the environment that it is about, or None; `known` has been told already.
pub(in crate::cli::check) fn refused(
    report: &settings::Report,
    known: &[SettingProblem],
) -> Vec<(Option<String>, (Subject, Finding))> {
    let is_known = |finding: &&settings::Finding| {
        !known.iter().any(|known| known.key == finding.key && known.problem == finding.problem)
    };
    let findings = report.findings().iter().filter(is_known);
    findings.map(about).collect()
}

fn about(finding: &settings::Finding) -> (Option<String>, (Subject, Finding)) {
    let key = finding.key.as_str();
    // What was found in files says itself what to do.
    let told = if finding.remedy.is_empty() {
        Finding::told(Status::Fail, &finding.problem)
    } else {
        Finding::fail(&finding.problem, &finding.remedy)
    };
    let told = told.about(key, &finding.origin);
    let Some(rest) = key.strip_prefix("environments.") else {
        let subject = match key.split('.').next() {
            Some("inbox") => Subject::Inbox,
            Some("server") if key.starts_with("server.listen") => Subject::Requirement(Requirement::O3),
            Some("backends") => Subject::Backend,
            _ => Subject::Settings,
        };
        let told = if subject == Subject::Inbox && told.to_do.is_empty() {
            told.with_to_do("Mend it, or name another place; a file that is not there yet is made.")
        } else {
            told
        };
        return (None, (subject, told));
    };
    let (environment, setting) = rest.split_once('.').unwrap_or((rest, ""));
    (Some(environment.to_owned()), (subject_of(setting), told))
}

/// The requirement that a setting of an environment answers.
fn subject_of(setting: &str) -> Subject {
    let first = setting.split(['.', '[']).next().unwrap_or(setting);
    Subject::Requirement(match first {
        "listen" => Requirement::O3,
        "client_ca"
        | "crl"
        | "revocation"
        | "client_subject"
        | "require_client_auth_eku"
        | "allow_public_client_ca"
        | "allow_sample_certificates" => Requirement::O5,
        "certificate_chain" | "private_key" | "private_key_file" | "endorsed_chain" => Requirement::O8,
        "host" => Requirement::O9,
        "customer_id" | "issuer_ids" => Requirement::O12,
        "api_keys" | "tokens" | "wrong_key" => Requirement::O13,
        "product" | "base_paths" | "operations" | "unknown" => Requirement::O14,
        "backend" => return Subject::Backend,
        _ => return Subject::Settings,
    })
}

/// What is allowed but deserves a look, as far as no other line tells it.
pub(in crate::cli::check) fn warned(settings: &Settings) -> Findings {
    let warnings = settings.warnings.iter().filter(|warning| !InterpreterSettings::is_about_second_key(warning));
    warnings.map(|warning| (Subject::Settings, Finding::warn(warning.clone(), ""))).collect()
}
