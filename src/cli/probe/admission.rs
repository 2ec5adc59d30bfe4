//! Whether the server has taken the client's certificate. In TLS 1.3 a client is done before the server has looked at it: only an
//! answer tells.

use rustls_pki_types::UnixTime;
use serde_json::json;

use super::plan::Plan;
use super::step::{Part, Step};
use super::words;
use crate::caller::failure::alert_name;
use crate::caller::{Answer, Failure};
use crate::cli::advice::{Advice, Shown, refusal};
use crate::pki::CertificateFacts;
use crate::pki::distinguished_name::printable;
use crate::thales::Requirement;

/// As many names of CAs are printed; JSON has them all.
const SHOWN: usize = 5;

/// What became of the request behind the handshake.
pub(super) enum Outcome<'a> {
    Answered(&'a Answer),
    /// In the handshake (TLS 1.2), or where an answer should have come.
    Failed(&'a Failure),
}

/// Whether the client was admitted. `wanted` = the CAs whose certificates the server asked for; `None` = it asked for none.
pub(super) fn step(plan: &Plan, wanted: Option<&[String]>, outcome: &Outcome<'_>, now: UnixTime) -> Step {
    let shown = || plan.shown(wanted.map(<[_]>::to_vec), now);
    let facts = json!({
        "asked": wanted.is_some(),
        "authorities": wanted.unwrap_or_default(),
        "shown": plan.credential.is_some() && wanted.is_some(),
        "alert": match outcome {
            Outcome::Failed(Failure::Refused(alert)) => Some(alert_name(*alert)),
            _ => None,
        },
    });
    let step = match (wanted, &plan.credential, outcome) {
        (None, _, _) => not_asked(plan),
        (Some(_), None, outcome) => none_to_show(outcome),
        (Some(names), Some(_), Outcome::Answered(answer)) => answered(plan, names, answer, &shown()),
        (Some(_), Some(_), Outcome::Failed(failure)) => refused(plan, failure, &shown()),
    };
    step.with_details(wanted.map(authorities)).with_facts(facts)
}

fn not_asked(plan: &Plan) -> Step {
    let found = if plan.credential.is_some() {
        "the server asked for no certificate, so yours was not shown"
    } else {
        "the server asked for no certificate"
    };
    let to_do = "Thales' servers always ask: is this one Thales', and does nothing in between open TLS?";
    Step::warning(Part::ClientCertificate, found.to_owned(), to_do).about(Requirement::I1)
}

/// Nobody said that the client has a certificate yet: how far one gets without is worth knowing, and no failure.
fn none_to_show(outcome: &Outcome<'_>) -> Step {
    const TO_DO: &str = "name --client-certificate and --client-key to see whether yours is taken";
    let found = match outcome {
        Outcome::Answered(answer) if !is_refusal(answer) => {
            "the server asked for a certificate, and answers without one".to_owned()
        }
        Outcome::Answered(_) => "the server asks for a certificate, and none was given to show".to_owned(),
        Outcome::Failed(Failure::Refused(alert)) => format!(
            "the server asks for a certificate, and none was given to show; it ended with the alert {}",
            alert_name(*alert)
        ),
        Outcome::Failed(failure) => {
            format!("the server asks for a certificate, and none was given to show; then: {failure}")
        }
    };
    Step::warning(Part::ClientCertificate, found, TO_DO).about(Requirement::I1)
}

fn answered(plan: &Plan, names: &[String], answer: &Answer, shown: &Shown) -> Step {
    if is_refusal(answer) {
        let advice = refusal(None, plan.whom(), shown);
        let found = format!("refused, in HTTP: {} with a page about the SSL certificate", answer.status);
        return refused_as(&found, advice);
    }
    let own = plan.credential.iter().flat_map(crate::caller::ClientCredential::chain);
    let issuers: Vec<String> =
        own.filter_map(|der| CertificateFacts::from_der(der).ok()).map(|facts| facts.issuer).collect();
    let named = names.is_empty() || names.iter().any(|name| issuers.contains(name));
    if named {
        Step::good(Part::ClientCertificate, "asked for, shown, and an answer came: accepted".to_owned())
    } else {
        let found = "accepted, although its issuer is none of the CAs that the server asked for".to_owned();
        let to_do = "many clients show no certificate then: make sure that yours does, or ask Thales";
        Step::warning(Part::ClientCertificate, found, to_do)
    }
    .about(Requirement::I1)
}

fn refused(plan: &Plan, failure: &Failure, shown: &Shown) -> Step {
    match failure {
        Failure::Refused(alert) => {
            let advice = refusal(Some(*alert), plan.whom(), shown);
            refused_as(&format!("refused with the alert {}", alert_name(*alert)), advice)
        }
        failure if words::may_be_refusal(failure) => {
            let found = "the server cut the connection after the certificate was shown, most likely to refuse it";
            refused_as(found, refusal(None, plan.whom(), shown))
        }
        _ => {
            let why = "shown, but no answer came that would tell whether it was taken";
            Step::not_looked_at(Part::ClientCertificate, why).about(Requirement::I1)
        }
    }
}

/// How the server refused, and what that means.
fn refused_as(how: &str, Advice { requirement, meaning, to_do }: Advice) -> Step {
    Step::failure(Part::ClientCertificate, format!("{how}: {meaning}"), to_do)
        .about(requirement.unwrap_or(Requirement::I1))
}

/// Some servers (nginx) let the handshake pass, and refuse the certificate in HTTP.
pub(super) fn is_refusal(answer: &Answer) -> bool {
    let about_certificate = || String::from_utf8_lossy(&answer.body).contains("SSL certificate");
    answer.status == http::StatusCode::BAD_REQUEST && about_certificate()
}

fn authorities(names: &[String]) -> String {
    match names {
        [] => "asked of: any CA (the server names none)".to_owned(),
        names => {
            let more = if names.len() > SHOWN { format!("; and {} more", names.len() - SHOWN) } else { String::new() };
            format!("asked of: {}{more}", names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; "))
        }
    }
}

/// What HTTP came to: any answer is one.
pub(super) fn http(answer: &Answer, protocol: &str, took: std::time::Duration) -> Step {
    let server = answer.headers.get(http::header::SERVER).map(|name| printable(name.as_bytes()));
    let from = server.as_ref().map(|name| format!(" from {name}")).unwrap_or_default();
    let status = answer.status;
    let found = format!("{status}{from} over {protocol}, in {}; any status counts as reached", words::seconds(took));
    Step::good(Part::Http, found).with_facts(json!({
        "status": status.as_u16(),
        "protocol": protocol,
        "server": server,
        "milliseconds": took.as_millis(),
    }))
}
