//! O8 to O10: the server's chain, who knows it, and how long it holds.

use super::Findings;
use super::left_open::UNREADABLE;
use super::life::life;
use crate::cli::check::examined::{Endorsement, Examined};
use crate::cli::check::report::{Finding, Status};
use crate::cli::shell_word::shell_word;
use crate::pki::public_roots::public_root_of_chain;
use crate::pki::{CertificateFacts, EndorsedChain};
use crate::settings::PemSource;
use crate::thales::Requirement;

/// Why nothing is said of what Thales was given.
const SEE_O8: &str = "the chain does not lead to endorsed_chain as it is (see O8)";

pub(super) fn findings(environment: &Examined<'_>) -> Findings {
    let Some((leaf, authorities)) = environment.chain_facts().split_first() else {
        return Vec::new();
    };
    let endorsement = environment.endorsement();
    let mut of_chain = vec![complete(leaf, authorities)];
    of_chain.extend(path(environment, endorsement));
    let renew = "Renew it; under another CA only after Thales was told (O10).";
    of_chain.push(life("the server's certificate", leaf, environment.now, renew));
    if endorsement == Endorsement::Met {
        let endorsed = environment.endorsed.iter().flat_map(EndorsedChain::authorities);
        let matches = endorsed.map(|authority| authority.facts.subject.as_str()).collect::<Vec<_>>().join(" and ");
        of_chain.push(Finding::pass(format!("the chain ends at what Thales was given: {matches}")));
    }
    let known = known(environment, endorsement, leaf, authorities);
    let covered = covered(environment, leaf).map(|covered| {
        // The half of a requirement is not the whole of it.
        if known.status == Status::Skipped && covered.status == Status::Pass {
            Finding::note(covered.found)
        } else {
            covered
        }
    });
    let of_chain = of_chain.into_iter().map(|finding| finding.on(Requirement::O8));
    let of_issuer = covered.into_iter().chain([known]).map(|finding| finding.on(Requirement::O9));
    let lives = lives(environment, authorities);
    let of_change = [change(endorsement)].into_iter().chain(lives).map(|finding| finding.on(Requirement::O10));
    of_chain.chain(of_issuer).chain(of_change).collect()
}

fn complete(leaf: &CertificateFacts, authorities: &[CertificateFacts]) -> Finding {
    let count = authorities.len() + 1;
    let certificates =
        if count == 1 { "1 certificate".to_owned() } else { format!("{count} certificates in the right order") };
    let ends = authorities.last().unwrap_or(leaf);
    let issuer = if ends.self_issued { String::new() } else { format!(", issued by {}", ends.issuer) };
    Finding::pass(format!("{certificates}{issuer}; the key ({}) belongs to it", leaf.key))
}

/// A CA that may not issue what is below it, unless the endorsed chain was found not to match, which tells of it as well.
fn path(environment: &Examined<'_>, endorsement: Endorsement) -> Option<Finding> {
    let (authority, problem) = environment.credential.as_ref()?.path_problem(environment.now)?;
    let is_told = environment.endorsed.is_some() && endorsement == Endorsement::Unmet;
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
fn known(
    environment: &Examined<'_>,
    endorsement: Endorsement,
    leaf: &CertificateFacts,
    authorities: &[CertificateFacts],
) -> Finding {
    if let Some(root) = public_root_of_chain(environment.chain(), environment.now) {
        return Finding::pass(format!("Mozilla recognises its CA: {root}"));
    }
    match endorsement {
        Endorsement::Met => Finding::pass("a private CA, which Thales was given as endorsed_chain"),
        Endorsement::Unmet => Finding::skipped(format!("a private CA; whether Thales was given it is open: {SEE_O8}")),
        Endorsement::Unknown => {
            Finding::skipped(format!("a private CA; whether Thales was given it is open: {UNREADABLE}"))
        }
        Endorsement::Unset => Finding::warn(
            "its CA is none that Mozilla recognises, so Thales does not know it by itself",
            trust_store(environment.parts.certificate_chain.as_ref(), leaf, authorities),
        ),
    }
}

/// How the trust store is made: of the root, which a server does not send, and so is in another file.
fn trust_store(chain: Option<&PemSource>, leaf: &CertificateFacts, authorities: &[CertificateFacts]) -> String {
    let chain = chain.and_then(PemSource::path).map_or("CHAIN.pem".to_owned(), shell_word);
    let (of_root, root) = match authorities.last().unwrap_or(leaf) {
        top if top.self_issued => (String::new(), ""),
        // Nothing tells whether its issuer is a root already.
        top if authorities.is_empty() => {
            let files = " INTERMEDIATES.pem ROOT.pem";
            (format!(" ({}: the certificates from {} up to its root)", files.trim_start(), top.issuer), files)
        }
        top => (format!(" (ROOT.pem: the certificate of {})", top.issuer), " ROOT.pem"),
    };
    format!(
        "Send Thales' delivery team the PEM trust store that this makes{of_root}, and name it as endorsed_chain:\n\
         issuer-host chain --trust-store --certificate-chain {chain}{root}"
    )
}

/// Whether a change of the CA would be noticed before Thales does.
fn change(endorsement: Endorsement) -> Finding {
    match endorsement {
        Endorsement::Met => Finding::pass("endorsed_chain holds new certificates against what Thales pins"),
        Endorsement::Unmet => Finding::skipped(format!("whether Thales was told of this CA is open: {SEE_O8}")),
        Endorsement::Unknown => Finding::skipped(format!("whether Thales was told of this CA is open: {UNREADABLE}")),
        Endorsement::Unset => Finding::warn(
            "endorsed_chain is not set, so nothing holds a new certificate against the chain that Thales pins",
            "Put the CA certificates that Thales was given into a file, and name it as endorsed_chain.",
        ),
    }
}

/// How long the CAs are good: those of the chain, and those that Thales was given.
fn lives(environment: &Examined<'_>, authorities: &[CertificateFacts]) -> Vec<Finding> {
    let now = environment.now;
    let tell = "Ask the CA for its successor, and tell Thales before the server changes to it.";
    let mut findings: Vec<Finding> =
        authorities.iter().map(|facts| life("the server's CA", facts, now, tell)).collect();
    let ours = |facts: &CertificateFacts| authorities.iter().any(|known| known.sha256 == facts.sha256);
    let endorsed = environment.endorsed.iter().flat_map(EndorsedChain::authorities).map(|authority| &authority.facts);
    // What has ended is told by the chain itself.
    let endorsed = endorsed.filter(|facts| facts.is_valid_at(now) && !ours(facts));
    findings.extend(endorsed.map(|facts| life("the endorsed CA", facts, now, tell)));
    findings
}
