//! O5 to O7: whom `client_ca` admits.

use super::Findings;
use super::life::{ending, until};
use crate::cli::check::examined::Examined;
use crate::cli::check::report::Finding;
use crate::pki::{Anchor, CertificateFacts, EndorsedChain};
use crate::thales::{Product, Requirement};

/// Products of the family in which a customer's own CA may sign Thales' certificate (O7).
const OF_XPAY: [Product; 4] = [Product::Tsh, Product::TshAuxiliary, Product::Tsp, Product::Transit];

pub(super) fn findings(environment: &Examined<'_>) -> Findings {
    let Some(anchors) = &environment.anchors else { return Vec::new() };
    let now = environment.now;
    let mut findings = Vec::new();
    for Anchor { facts, .. } in anchors.anchors() {
        let trusted = || Finding::note(format!("{} is trusted, {}, {}", facts.subject, facts.key, until(facts, now)));
        let to_do = "Ask Thales for the Client CA that follows, and put it into client_ca beside this one.";
        let life = ending("the client CA", facts, now, to_do).unwrap_or_else(trusted);
        findings.push(life.on(Requirement::O5));
    }
    findings.push(
        Finding::pass("client_ca holds CAs alone, so Thales may change its own certificate at any time")
            .on(Requirement::O6),
    );
    findings.extend(own_ca(environment, anchors.anchors()).map(|finding| finding.on(Requirement::O7)));
    findings
}

/// Whether the callers' CA is the one that the server's own certificate comes from; `None` where that is not known.
fn own_ca(environment: &Examined<'_>, anchors: &[Anchor]) -> Option<Finding> {
    let endorsed = environment.endorsed.iter().flat_map(EndorsedChain::authorities);
    let server: Vec<&CertificateFacts> =
        environment.chain_facts().iter().chain(endorsed.map(|authority| &authority.facts)).collect();
    // The name and the key: a CA that was certified anew under both is the same.
    let is_own = |anchor: &&Anchor| {
        let same_key = |facts: &&&CertificateFacts| facts.public_key_der == anchor.facts.public_key_der;
        let issuer = |facts: &&&CertificateFacts| facts.issuer_der == anchor.facts.subject_der;
        server.iter().any(|facts| same_key(&facts) || issuer(&facts))
    };
    let Some(own) = anchors.iter().find(is_own) else {
        let is_known = !environment.chain_facts().is_empty();
        return is_known.then(|| Finding::pass("no client CA is one of the server's own chain"));
    };
    let Some(whole) = &environment.whole else {
        return Some(Finding::skipped(format!(
            "{} is a CA of your own server chain; whether it is narrowed to Thales is open until the configuration is put right",
            own.facts.subject
        )));
    };
    let narrowed = !whole.settings.client_subject.allow.is_empty();
    let asked = whole.settings.products.iter().any(|product| OF_XPAY.contains(product));
    if narrowed && asked {
        return Some(Finding::pass(format!(
            "{} is a CA of your own, and client_subject.allow narrows it",
            own.facts.subject
        )));
    }
    let to_do = if asked {
        "If it has signed Thales' request, name Thales' subject in client_subject.allow; else put the Thales Client CA into client_ca."
    } else {
        "Only xPay (TSH) has the customer sign Thales' certificate: put the Thales Client CA into client_ca."
    };
    let found =
        format!("{} is a CA of your own server chain: whoever has a certificate of it is admitted", own.facts.subject);
    Some(Finding::warn(found, to_do))
}
