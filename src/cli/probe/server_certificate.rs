//! The server's chain: trusted, for the name, in time, and of the CA that Thales names (I8).

use rustls::{CertificateError, Error as TlsError};
use rustls_pki_types::{CertificateDer, UnixTime};
use serde_json::{Value, json};

use super::plan::Plan;
use super::step::{Part, Step};
use crate::pki::CertificateFacts;
use crate::pki::distinguished_name::attributes;
use crate::pki::facts::minute;
use crate::thales::Requirement;

const DAY: u64 = 24 * 60 * 60;

/// A chain that TLS has taken.
pub(super) fn trusted(plan: &Plan, chain: &[CertificateDer<'static>], now: UnixTime) -> Step {
    let facts = read(chain);
    let Some(leaf) = facts.first() else {
        return Step::warning(Part::ServerCertificate, "it cannot be read".to_owned(), "tell Thales")
            .about(Requirement::I8);
    };
    let days = leaf.not_after.as_secs().saturating_sub(now.as_secs()) / DAY;
    let by = if plan.own_server_ca { "by --server-ca" } else { "by Mozilla's roots" };
    let found = format!("{}, from {}; trusted {by}, for this name, for {days} more days", leaf.subject, leaf.issuer);
    let step = match plan.product.and_then(|product| product.server_ca().map(|ca| (product, ca))) {
        Some((product, ca))
            if !attributes(&leaf.issuer_der).iter().any(|part| part.kind == "O" && ca.is_of(&part.value)) =>
        {
            let to_do = format!(
                "for {product} Thales names {}: before you trust another one, ask Thales whether its CA has changed. Something that \
                 opens TLS on the way looks like this",
                ca.name
            );
            Step::warning(Part::ServerCertificate, found, to_do)
        }
        _ => Step::good(Part::ServerCertificate, found),
    };
    step.about(Requirement::I8).with_facts(json!({"trusted": true, "days_left": days, "chain": list(&facts)}))
}

/// A chain that TLS has not taken, and why.
pub(super) fn refused(plan: &Plan, chain: &[CertificateDer<'static>], error: &TlsError) -> Step {
    let facts = read(chain);
    let (found, to_do) = match (error, facts.first()) {
        (TlsError::InvalidCertificate(error), Some(leaf)) => why(plan, error, leaf, &facts),
        _ => (error.to_string(), "look at the certificates below".to_owned()),
    };
    let details = facts.iter().zip(1..).flat_map(|(facts, number)| described(number, facts));
    Step::failure(Part::ServerCertificate, found, to_do)
        .about(Requirement::I8)
        .with_details(details)
        .with_facts(json!({"trusted": false, "error": error.to_string(), "chain": list(&facts)}))
}

fn why(plan: &Plan, error: &CertificateError, leaf: &CertificateFacts, chain: &[CertificateFacts]) -> (String, String) {
    let top = chain.last().unwrap_or(leaf);
    let alone = chain.len() == 1 && !leaf.self_issued;
    match error {
        CertificateError::UnknownIssuer if plan.own_server_ca && alone => (
            format!("it comes from {}, whose certificate is neither in --server-ca nor sent with it", leaf.issuer),
            "where --server-ca holds the root above that CA, the server leaves its intermediates out: tell whoever runs it. Else put the \
             CA's certificate into --server-ca, or leave --server-ca out for Mozilla's roots"
                .to_owned(),
        ),
        CertificateError::UnknownIssuer if plan.own_server_ca => (
            format!("it comes from {}, which does not lead to a certificate of --server-ca", top.issuer),
            "put the CA's certificate into --server-ca, or leave --server-ca out for Mozilla's roots".to_owned(),
        ),
        CertificateError::UnknownIssuer if alone => (
            format!(
                "it comes from {}, which Mozilla does not know, and no other certificate was sent with it",
                leaf.issuer
            ),
            format!("{INSPECTED}. Else the server leaves its intermediates out: tell whoever runs it"),
        ),
        CertificateError::UnknownIssuer => (
            format!("it comes from {}, which Mozilla does not know", top.issuer),
            format!("{INSPECTED}. For a server of a CA of your own name it with --server-ca FILE"),
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("it is not for {}, but for {}", plan.target.host, names(leaf)),
            "call the host by the name that Thales gives; else something in between answers in its place".to_owned(),
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let expired = chain.iter().min_by_key(|facts| facts.not_after.as_secs()).unwrap_or(leaf);
            (
                format!("{} expired at {}", expired.subject, minute(expired.not_after)),
                "is this machine's clock right? Else tell Thales".to_owned(),
            )
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let coming = chain.iter().max_by_key(|facts| facts.not_before.as_secs()).unwrap_or(leaf);
            (
                format!("{} is not valid before {}", coming.subject, minute(coming.not_before)),
                "is this machine's clock right? Else tell Thales".to_owned(),
            )
        }
        other => {
            (format!("it is not taken: {other}"), "compare with what Thales gave you; else tell Thales".to_owned())
        }
    }
}

const INSPECTED: &str = "most likely something on the way opens TLS, and mutual TLS cannot pass through it: have it let this host \
                         through untouched, and do not trust its CA for it";

fn names(facts: &CertificateFacts) -> String {
    let names: Vec<&str> =
        facts.subject_alt_names.iter().map(|name| name.strip_prefix("DNS:").unwrap_or(name)).collect();
    match names.as_slice() {
        [] => "no name at all".to_owned(),
        [first, second, third, _, ..] => format!("{first}, {second}, {third} and {} more", names.len() - 3),
        few => few.join(", "),
    }
}

/// One certificate of a chain, for comparing.
fn described(number: usize, facts: &CertificateFacts) -> Vec<String> {
    let mut lines = vec![format!("{number}. {}", facts.subject), format!("   from {}", facts.issuer)];
    lines.push(format!("   {} to {}", minute(facts.not_before), minute(facts.not_after)));
    if !facts.subject_alt_names.is_empty() {
        lines.push(format!("   for {}", names(facts)));
    }
    lines.push(format!("   SHA-256 {}", facts.sha256));
    lines
}

fn read(chain: &[CertificateDer<'_>]) -> Vec<CertificateFacts> {
    chain.iter().filter_map(|der| CertificateFacts::from_der(der).ok()).collect()
}

fn list(chain: &[CertificateFacts]) -> Value {
    chain.iter().map(certificate).collect()
}

/// A certificate for programs; times in seconds after 1970.
pub(super) fn certificate(facts: &CertificateFacts) -> Value {
    json!({
        "subject": facts.subject,
        "issuer": facts.issuer,
        "serial": facts.serial,
        "sha256": facts.sha256.to_string(),
        "not_before": facts.not_before.as_secs(),
        "not_after": facts.not_after.as_secs(),
        "key": facts.key.to_string(),
        "names": facts.subject_alt_names,
    })
}
