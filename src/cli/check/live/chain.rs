//! The chain as it was sent, as lines of the report.

use rustls_pki_types::UnixTime;

use super::{Finding, InspectionOptions, Status, Told, ends_soon, until};
use crate::caller::inspection::{ChainSeen, Trusted};
use crate::pki::CertificateFacts;
use crate::pki::facts::minute;
use crate::pki::server_credential::{CredentialProblem, CredentialWarning};
use crate::pki::trust_anchors::Place;
use crate::thales::requirement::Requirement;

/// What a problem is about: each of these has a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Order,
    Name,
    Key,
}

const RIGHT_CA: &str = "Ask the CA for the right chain, or take a certificate of a CA that may issue it.";
const WHOLE_CHAIN: &str = "Serve the whole CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN: the server's own certificate first, each \
                           followed by its issuer; the root can stay out.";

const RENEW: &str = "Renew it; tell Thales first when its CA changes (O10).";
const RENEW_CA: &str = "Ask the CA for its next certificate, and tell Thales before it is served (O10).";

/// O8 and O9.
pub(super) fn lines(seen: &ChainSeen, options: &InspectionOptions, now: UnixTime) -> Vec<Told> {
    [Topic::Order, Topic::Name, Topic::Key]
        .into_iter()
        .map(|topic| line(topic, seen, options))
        .chain([validity(&seen.served.facts, now), trust(seen, options)])
        .collect()
}

fn line(topic: Topic, seen: &ChainSeen, options: &InspectionOptions) -> Told {
    let problems = seen.served.problems.iter().filter_map(problem).filter(|(about, _)| *about == topic);
    let problems: Vec<String> = problems.map(|(_, words)| words).collect();
    if !problems.is_empty() {
        let of_path = |problem: &CredentialProblem| matches!(problem, CredentialProblem::Path { .. });
        let is_of_path = topic == Topic::Order && seen.served.problems.iter().any(of_path);
        let to_do = if is_of_path { RIGHT_CA } else { to_do(topic) };
        return Finding::fail(sentences(&problems), to_do).on(Requirement::O8);
    }
    if topic == Topic::Order
        && let Some(alone) = alone_and_unknown(seen)
    {
        return Finding::fail(alone, WHOLE_CHAIN).on(Requirement::O8);
    }
    let warnings: Vec<(String, &str)> = seen
        .served
        .warnings
        .iter()
        .filter_map(warning)
        .filter(|(about, ..)| *about == topic)
        .map(|(_, words, to_do)| (words, to_do))
        .collect();
    match &warnings[..] {
        [] => Finding::pass(found(topic, seen, options)).on(Requirement::O8),
        [(_, to_do), ..] => {
            let words: Vec<String> = warnings.iter().map(|(words, _)| words.clone()).collect();
            Finding::warn(sentences(&words), *to_do).on(Requirement::O8)
        }
    }
}

/// The leaf alone, and nobody that is trusted has issued it: what is missing is an intermediate, or the root is not known. The server
/// can mend the one, and must.
fn alone_and_unknown(seen: &ChainSeen) -> Option<String> {
    let alone = seen.served.warnings.iter().find_map(|warning| match warning {
        CredentialWarning::LeafAlone { issuer, .. } => Some(issuer),
        _ => None,
    })?;
    matches!(seen.trusted, Trusted::Nowhere(_)).then(|| {
        format!("The server's own certificate is all that is sent. {alone} issued it, and callers do not know that CA.")
    })
}

/// Until when each certificate is good, below the thresholds of the offline report.
fn validity(chain: &[CertificateFacts], now: UnixTime) -> Told {
    let (mut worst, mut parts) = ((Status::Pass, ""), Vec::new());
    for (index, facts) in chain.iter().enumerate() {
        let who = match (index, facts.is_ca) {
            (0, _) => "The server's own certificate",
            (_, true) => "The CA certificate",
            (_, false) => "The certificate",
        };
        let subject = if facts.subject.is_empty() { "no subject" } else { &facts.subject };
        let (status, how) = if now > facts.not_after {
            (Status::Fail, format!("expired at {}", minute(facts.not_after)))
        } else if now < facts.not_before {
            (Status::Fail, format!("is not valid before {}", minute(facts.not_before)))
        } else if ends_soon(facts, now) {
            (Status::Warn, format!("is good {}", until(facts, now)))
        } else {
            (Status::Pass, format!("is good {}", until(facts, now)))
        };
        if status > worst.0 {
            worst = (status, if facts.is_ca { RENEW_CA } else { RENEW });
        }
        parts.push(format!("{who} ({subject}) {how}"));
    }
    let (status, to_do) = worst;
    Finding { status, found: sentences(&parts), to_do: to_do.to_owned() }.on(Requirement::O8)
}

fn trust(seen: &ChainSeen, options: &InspectionOptions) -> Told {
    let requirement = Requirement::O9;
    match &seen.trusted {
        Trusted::Publicly => Finding::pass("The chain ends at a CA that Mozilla recognises.").on(requirement),
        Trusted::Privately => Finding::pass("The chain ends at a CA of --server-ca: Thales needs it as a PEM trust store, unless Mozilla recognises it.").on(requirement),
        Trusted::Nowhere(_) if is_broken(seen) => {
            Finding::skipped("Not looked at: who trusts the chain; the chain has to be put right first.").on(requirement)
        }
        Trusted::Nowhere(why) if options.private_trust.is_some() => Finding::fail(format!("The chain does not end at a CA of --server-ca: {why}."), "Look whether the file holds the CA that issued this chain, and whether every certificate below it is sent; without \
             --server-ca, it is held against the CAs that Mozilla recognises.").on(requirement),
        Trusted::Nowhere(why) => Finding::fail(format!("The chain does not end at a CA that Mozilla recognises: {why}."), "Take a certificate of such a CA. For a private one, send it to Thales as a PEM trust store, and name it here \
             with --server-ca.").on(requirement),
    }
}

/// Whether what is sent is no path to any CA.
fn is_broken(seen: &ChainSeen) -> bool {
    let fatal = |problem: &CredentialProblem| {
        !matches!(
            problem,
            CredentialProblem::OtherHost { .. }
                | CredentialProblem::Expired { .. }
                | CredentialProblem::NotYetValid { .. }
                | CredentialProblem::WrongOrder { .. }
                | CredentialProblem::Duplicate { .. }
                | CredentialProblem::Stranger { .. }
        )
    };
    seen.served.problems.iter().any(fatal) || alone_and_unknown(seen).is_some()
}

/// What a problem is about, and its words: this chain was sent, and stands in no file. `None` = [`validity`] tells of it.
fn problem(problem: &CredentialProblem) -> Option<(Topic, String)> {
    Some(match problem {
        CredentialProblem::Expired { .. } | CredentialProblem::NotYetValid { .. } => return None,
        CredentialProblem::WrongOrder { right } => {
            let right: Vec<String> = right.iter().map(usize::to_string).collect();
            (
                Topic::Order,
                format!("The certificates are sent in the wrong order: the right one is {}", right.join(", ")),
            )
        }
        CredentialProblem::Gap { place, issuer, others } => {
            let others: Vec<String> = others.iter().map(at).collect();
            let words = format!(
                "{} was issued by {issuer}, which is not sent, and nothing leads to {}",
                at(place),
                others.join(", ")
            );
            (Topic::Order, words)
        }
        CredentialProblem::OtherIssuerKey { place, issuer } => {
            (Topic::Order, format!("{} is signed with another key than that of {}", at(place), at(issuer)))
        }
        CredentialProblem::SignatureAlgorithm { place } => {
            (Topic::Order, format!("{} is signed with an algorithm that TLS no longer accepts", at(place)))
        }
        CredentialProblem::Stranger { place } => (Topic::Order, format!("{} is no part of the chain", at(place))),
        CredentialProblem::Duplicate { place, first } => {
            (Topic::Order, format!("{} is sent twice, first as number {first}", at(place)))
        }
        CredentialProblem::IssuerNotCa { place } => {
            (Topic::Order, format!("{} issued the one before it, and is no CA", at(place)))
        }
        CredentialProblem::Path { place, problem } => {
            // What to do about it is said once.
            let words = problem.to_string();
            let found = words.split_once(';').map_or(words.as_str(), |(found, _)| found);
            (Topic::Order, format!("{} {found}", at(place)))
        }
        CredentialProblem::Unreadable { place, error } => (Topic::Order, format!("{}: {error}", at(place))),
        CredentialProblem::OtherHost { host, names, .. } => {
            let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            (Topic::Name, format!("The certificate is for {names}, and not for {host}"))
        }
        CredentialProblem::LeafIsCa { place } => {
            (Topic::Key, format!("{} is that of a CA, and stands where the server's own belongs", at(place)))
        }
        CredentialProblem::NotForServers { place } => {
            (Topic::Key, format!("{} is not for servers: its extended key usage lacks serverAuth", at(place)))
        }
        CredentialProblem::MayNotSign { place } => {
            (Topic::Key, format!("{} may not sign: its key usage lacks digitalSignature", at(place)))
        }
        CredentialProblem::KeyKind { place, key } => (Topic::Key, format!("{} has {key}", at(place))),
        CredentialProblem::Unusable { place, error } => {
            (Topic::Key, format!("{} cannot be used as a server certificate ({error})", at(place)))
        }
        // Of a file or of a key, neither of which is seen from outside.
        CredentialProblem::HostNotAName { .. }
        | CredentialProblem::Chain(_)
        | CredentialProblem::Key(_)
        | CredentialProblem::KeyUnreadable
        | CredentialProblem::KeyMismatch { .. } => (Topic::Key, problem.to_string()),
    })
}

fn to_do(topic: Topic) -> &'static str {
    match topic {
        Topic::Order => WHOLE_CHAIN,
        Topic::Name => {
            "Request a certificate with ISSUER_HOST among its subject alternative names, or give the right name with --server-name."
        }
        Topic::Key => {
            "Request a certificate for a server: RSA with 2048 to 4096 bits, EC P-256 or P-384, digitalSignature, serverAuth."
        }
    }
}

fn warning(warning: &CredentialWarning) -> Option<(Topic, String, &'static str)> {
    Some(match warning {
        CredentialWarning::SelfSigned { place } => (
            Topic::Order,
            format!("{} is self-signed", at(place)),
            "Thales has to endorse exactly this certificate, and each renewal of it beforehand: take one of a CA.",
        ),
        // Below its root the leaf alone is a whole chain, a root that is sent harms nobody, and the sample PKI is told of where it is configured.
        CredentialWarning::LeafAlone { .. }
        | CredentialWarning::RootIncluded { .. }
        | CredentialWarning::Sample { .. }
        // `validity` tells of it, for a CA earlier.
        | CredentialWarning::ExpiresSoon { .. } => {
            return None;
        }
    })
}

fn found(topic: Topic, seen: &ChainSeen, options: &InspectionOptions) -> String {
    let facts = &seen.served.facts;
    match topic {
        Topic::Order => {
            let subjects: Vec<&str> = facts.iter().map(|facts| facts.subject.as_str()).collect();
            let root =
                seen.served.warnings.iter().any(|warning| matches!(warning, CredentialWarning::RootIncluded { .. }));
            let root = if root { ". The root is sent too, which callers have already" } else { "" };
            format!("The chain is in order: {}{root}.", subjects.join("; issued by "))
        }
        Topic::Name => format!("The certificate is for {}.", options.server_name.to_str()),
        Topic::Key => {
            let key = facts.first().map(|leaf| leaf.key.to_string()).unwrap_or_default();
            format!("The server's key is {key}, and its certificate is one for servers.")
        }
    }
}

/// `certificate 2 (CN=Issuing CA)`
fn at(place: &Place) -> String {
    let subject = if place.subject.is_empty() { "no subject" } else { &place.subject };
    format!("Certificate {} ({subject})", place.number)
}

fn sentences(words: &[String]) -> String {
    format!("{}.", words.join(". "))
}
