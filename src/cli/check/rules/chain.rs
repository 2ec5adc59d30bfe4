//! O8 to O10: the server's chain, who knows it, and how long it holds.

use super::Findings;
use super::life::{ending, until};
use crate::cli::check::examined::Examined;
use crate::cli::check::report::{Finding, Status};
use crate::pki::public_roots::public_root_of_chain;
use crate::pki::{CertificateFacts, EndorsementProblem};
use crate::thales::Requirement;

pub(super) fn findings(environment: &Examined<'_>) -> Findings {
    let Some((leaf, authorities)) = environment.chain_facts().split_first() else {
        return Vec::new();
    };
    let mut findings = vec![complete(leaf, authorities, environment).on(Requirement::O8)];
    findings.extend(path(environment).map(|finding| finding.on(Requirement::O8)));
    let renew = "Renew it; under another CA only after Thales was told (O10).";
    findings.extend(
        ending("the server's certificate", leaf, environment.now, renew).map(|finding| finding.on(Requirement::O8)),
    );
    if let Some(endorsed) = &environment.endorsed {
        let matches = endorsed.authorities().iter().map(|authority| authority.facts.subject.as_str());
        let matches = matches.collect::<Vec<_>>().join(" and ");
        if environment.material.is_ok() {
            let found = format!("the chain ends at what Thales was given: {matches}");
            findings.push(Finding::pass(found).on(Requirement::O8));
        }
    }
    findings.extend(covered(environment, leaf).map(|finding| finding.on(Requirement::O9)));
    findings.extend(known(environment).map(|finding| finding.on(Requirement::O9)));
    findings.extend(reminders(environment, leaf, authorities).into_iter().map(|finding| finding.on(Requirement::O10)));
    findings
}

fn complete(leaf: &CertificateFacts, authorities: &[CertificateFacts], environment: &Examined<'_>) -> Finding {
    let count = authorities.len() + 1;
    let certificates =
        if count == 1 { "1 certificate".to_owned() } else { format!("{count} certificates in the right order") };
    let ends = authorities.last().unwrap_or(leaf);
    let issuer = if ends.self_issued { String::new() } else { format!(", issued by {}", ends.issuer) };
    let held = until(leaf, environment.now);
    Finding::pass(format!("{certificates}{issuer}; the key ({}) belongs to it; {held}", leaf.key))
}

/// A CA that may not issue what is below it, unless the endorsed chain was found not to match, which tells of it as well.
fn path(environment: &Examined<'_>) -> Option<Finding> {
    let (authority, problem) = environment.credential.as_ref()?.path_problem(environment.now)?;
    let problems = environment.material.as_ref().err().map(|error| error.0.as_slice()).unwrap_or_default();
    let is_told = problems.iter().any(|problem| problem.problem.is::<EndorsementProblem>());
    let found = format!("the server's CA {} {problem}", authority.subject);
    (!is_told).then(|| Finding::told(Status::Fail, &found))
}

fn covered(environment: &Examined<'_>, leaf: &CertificateFacts) -> Option<Finding> {
    match &environment.parts.host {
        Some(host) => Some(Finding::pass(format!("the certificate covers {host}"))),
        // It may be there, and wrong.
        None if environment.whole.is_none() => None,
        None => {
            let names = names(leaf);
            let found =
                format!("host is not set, so nothing holds the certificate against ISSUER_HOST; it covers {names}");
            Some(Finding::warn(found, "Set host to the name that Thales calls."))
        }
    }
}

fn names(leaf: &CertificateFacts) -> String {
    if leaf.subject_alt_names.is_empty() { "no name".to_owned() } else { leaf.subject_alt_names.join(", ") }
}

/// Whether callers know the CA already, or have to be given it.
fn known(environment: &Examined<'_>) -> Option<Finding> {
    if let Some(root) = public_root_of_chain(environment.chain(), environment.now) {
        return Some(Finding::pass(format!("Mozilla recognises its CA: {root}")));
    }
    if environment.endorsed.is_some() {
        return Some(Finding::pass("a private CA, which Thales was given as endorsed_chain"));
    }
    lacks_endorsed_chain(environment).then(|| {
        Finding::warn(
            "its CA is none that Mozilla recognises, so Thales does not know it by itself",
            "Send Thales' delivery team the PEM trust store that `issuer-host chain --trust-store` makes, and name it as endorsed_chain.",
        )
    })
}

/// Whether none was named; one that is wrong is told by its own line.
fn lacks_endorsed_chain(environment: &Examined<'_>) -> bool {
    environment.whole.is_some() && environment.parts.endorsed_chain.is_none()
}

fn reminders(environment: &Examined<'_>, leaf: &CertificateFacts, authorities: &[CertificateFacts]) -> Vec<Finding> {
    let now = environment.now;
    let tell = "Ask the CA for its successor, and tell Thales before the server changes to it.";
    let mut findings: Vec<Finding> =
        authorities.iter().filter_map(|facts| ending("the server's CA", facts, now, tell)).collect();
    match &environment.endorsed {
        None if lacks_endorsed_chain(environment) => findings.push(Finding::warn(
            "endorsed_chain is not set, so nothing holds a new certificate against the chain that Thales pins",
            "Put the CA certificates that Thales was given into a file, and name it as endorsed_chain.",
        )),
        None => return findings,
        Some(endorsed) => {
            let ours = |facts: &CertificateFacts| authorities.iter().any(|known| known.sha256 == facts.sha256);
            let facts = endorsed.authorities().iter().map(|authority| &authority.facts);
            // What has ended is told by the chain itself.
            let endings = facts.filter(|facts| facts.is_valid_at(now) && !ours(facts));
            findings.extend(endings.filter_map(|facts| ending("the endorsed CA", facts, now, tell)));
        }
    }
    if findings.is_empty() {
        let soonest = authorities.iter().min_by_key(|facts| facts.not_after).unwrap_or(leaf);
        findings.push(Finding::pass(format!(
            "endorsed_chain holds new certificates against what Thales pins; {} is good {}",
            soonest.subject,
            until(soonest, now)
        )));
    }
    findings
}
