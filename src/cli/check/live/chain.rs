//! The chain as it was sent, as lines of the report.

use rustls_pki_types::UnixTime;

use super::{Finding, InspectionOptions, Told};
use crate::caller::inspection::{ChainSeen, Trusted};
use crate::pki::facts::minute;
use crate::pki::server_credential::{CredentialProblem, CredentialWarning};
use crate::pki::trust_anchors::Place;
use crate::thales::requirement::Requirement;

/// What a problem is about: each of these has a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Order,
    Name,
    Validity,
    Key,
}

const RIGHT_CA: &str = "Ask the CA for the right chain, or take a certificate of a CA that may issue it.";
const WHOLE_CHAIN: &str = "Serve the whole CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN: the server's own certificate first, each \
                           followed by its issuer; the root can stay out.";

/// O8 and O9.
pub(super) fn lines(seen: &ChainSeen, options: &InspectionOptions) -> Vec<Told> {
    [Topic::Order, Topic::Name, Topic::Validity, Topic::Key]
        .into_iter()
        .map(|topic| line(topic, seen, options))
        .chain([trust(seen, options)])
        .collect()
}

fn line(topic: Topic, seen: &ChainSeen, options: &InspectionOptions) -> Told {
    let problems: Vec<String> =
        seen.served.problems.iter().map(problem).filter(|(about, _)| *about == topic).map(|(_, words)| words).collect();
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

fn trust(seen: &ChainSeen, options: &InspectionOptions) -> Told {
    let requirement = Requirement::O9;
    match &seen.trusted {
        Trusted::Publicly => Finding::pass("The chain ends at a CA that Mozilla recognises.").on(requirement),
        Trusted::Privately => Finding::pass("The chain ends at the CA of --server-ca, a private one: Thales needs it as a PEM trust store.").on(requirement),
        Trusted::Nowhere(_) if is_broken(seen) => {
            Finding::skipped("Not looked at: who trusts the chain; the chain has to be put right first.").on(requirement)
        }
        Trusted::Nowhere(why) if options.private_trust.is_some() => Finding::fail(format!("The chain ends neither at a CA that Mozilla recognises nor at that of --server-ca: {why}."), "Look whether the file holds the CA that issued this chain, and whether every certificate below it is sent.").on(requirement),
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

/// What a problem is about, and its words: this chain was sent, and stands in no file.
fn problem(problem: &CredentialProblem) -> (Topic, String) {
    match problem {
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
        CredentialProblem::Expired { place, not_after } => {
            (Topic::Validity, format!("{} expired at {}", at(place), minute(*not_after)))
        }
        CredentialProblem::NotYetValid { place, not_before } => {
            (Topic::Validity, format!("{} is not valid before {}", at(place), minute(*not_before)))
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
    }
}

fn to_do(topic: Topic) -> &'static str {
    match topic {
        Topic::Order => WHOLE_CHAIN,
        Topic::Name => {
            "Request a certificate with ISSUER_HOST among its subject alternative names, or give the right name with --server-name."
        }
        Topic::Validity => "Renew it; tell Thales first when its CA changes (O10).",
        Topic::Key => {
            "Request a certificate for a server: RSA with 2048 to 4096 bits, EC P-256 or P-384, digitalSignature, serverAuth."
        }
    }
}

fn warning(warning: &CredentialWarning) -> Option<(Topic, String, &'static str)> {
    Some(match warning {
        CredentialWarning::ExpiresSoon { place, not_after } => {
            (Topic::Validity, format!("{} expires at {}", at(place), minute(*not_after)), to_do(Topic::Validity))
        }
        CredentialWarning::SelfSigned { place } => (
            Topic::Order,
            format!("{} is self-signed", at(place)),
            "Thales has to endorse exactly this certificate, and each renewal of it beforehand: take one of a CA.",
        ),
        // Below its root the leaf alone is a whole chain, a root that is sent harms nobody, and the sample PKI is told of where it is configured.
        CredentialWarning::LeafAlone { .. }
        | CredentialWarning::RootIncluded { .. }
        | CredentialWarning::Sample { .. } => {
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
        Topic::Validity => {
            let until = facts
                .iter()
                .map(|facts| facts.not_after)
                .min()
                .unwrap_or(UnixTime::since_unix_epoch(std::time::Duration::ZERO));
            format!("Every certificate of the chain is valid until {} at least.", minute(until))
        }
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
