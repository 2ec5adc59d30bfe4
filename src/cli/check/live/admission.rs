//! Who is admitted, and what becomes of sessions, as lines of the report.

use rustls_pki_types::UnixTime;

use super::lines::because;
use super::{Finding, Status, Told, sentence};
use crate::caller::inspection::{Admission, Inspection, InspectionOptions, Outcome, Resumed, Tried};
use crate::caller::{Failure, Stage, TlsVersions};
use crate::cli::advice::{Advice, Shown, Whom, refusal};
use crate::pki::public_roots::is_name_of_public_root;
use crate::thales::requirement::Requirement;

/// O1 and O5, where there was a handshake.
pub(super) fn lines(seen: &Inspection, options: &InspectionOptions, now: UnixTime) -> Vec<Told> {
    if seen.admission.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![nobody(&seen.admission), stranger(&seen.admission), wanted(&seen.admission)];
    lines.push(if options.credential.is_some() {
        given(&seen.admission, options, now)
    } else {
        Finding::skipped(
            "Not looked at: whether a caller of Thales is admitted. Give --client-certificate and --client-key.",
        )
        .on(Requirement::O5)
    });
    lines.push(sessions(seen, options));
    lines
}

fn nobody(admission: &[Admission]) -> Told {
    let each = admission.iter().map(|tried| {
        // Who is not asked for a certificate is not refused for the lack of one, whatever ends the connection.
        let (refusal, asked) = match tried.wanted {
            None => (Refusal::None, ", and no certificate is asked for"),
            Some(_) => (Refusal::of_both(&tried.nobody), ""),
        };
        (refusal, format!("{} {}{asked}", version(tried.versions), became_of_both(&tried.nobody)))
    });
    told(
        Requirement::O1,
        "Without a certificate",
        each.collect(),
        "Demand a client certificate in the handshake, for every path (nginx: ssl_verify_client on).",
    )
}

fn stranger(admission: &[Admission]) -> Told {
    if admission.iter().all(|tried| tried.wanted.is_none()) {
        return Finding::skipped("Not looked at: certificates of strangers; the server asks for none.")
            .on(Requirement::O5);
    }
    let asked = admission.iter().filter(|tried| tried.wanted.is_some());
    let each = asked.map(|tried| {
        let words = format!("{} {}", version(tried.versions), became_of_both(&tried.stranger));
        (Refusal::of_both(&tried.stranger), words)
    });
    told(
        Requirement::O5,
        "With a certificate that its holder made himself",
        each.collect(),
        "Trust the Thales Client CA, and nothing else, as issuer of client certificates.",
    )
}

/// The CAs that the server names when it asks for a certificate (RFC 8446 section 4.2.4).
fn wanted(admission: &[Admission]) -> Told {
    /// More names than these are counted.
    const SHOWN: usize = 5;
    let Some(names) = admission.iter().filter_map(|tried| tried.wanted.as_ref()).max_by_key(|names| names.len()) else {
        return Finding::skipped("Not looked at: whose certificates are wanted; the server asks for none.")
            .on(Requirement::O5);
    };
    if let Some(public) = names.iter().find(|name| is_name_of_public_root(name)) {
        return Finding::fail(
            format!("Certificates of {public} are wanted: a CA of the public web, which serves everybody."),
            "Put the Thales Client CA in the place of the public CAs.",
        )
        .on(Requirement::O5);
    }
    let mut shown: Vec<String> = names.iter().take(SHOWN).cloned().collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    Finding::pass(if shown.is_empty() {
        "A certificate is asked for; of which CAs, the server does not say.".to_owned()
    } else {
        format!("Certificates of these CAs are wanted: {}.", shown.join("; "))
    })
    .on(Requirement::O5)
}

fn given(admission: &[Admission], options: &InspectionOptions, now: UnixTime) -> Told {
    let shown = |tried: &Admission| Shown::new(options.credential.as_ref(), tried.wanted.clone(), now);
    let (mut parts, mut worst) = (Vec::new(), (Status::Pass, None));
    for tried in admission {
        let Some(outcome) = &tried.given else { continue };
        if matches!(outcome, Outcome::Answered(_)) && tried.wanted.is_none() {
            // Nobody has seen the certificate: that the server answers says nothing of it.
            continue;
        }
        let (status, why) = match outcome {
            Outcome::Refused(Failure::Refused(alert)) => {
                (Status::Fail, Some(refusal(Some(*alert), Whom::IssuerHost, &shown(tried))))
            }
            Outcome::Refused(_) | Outcome::Unclear(Failure::Closed(_)) => {
                (Status::Fail, Some(refusal(None, Whom::IssuerHost, &shown(tried))))
            }
            Outcome::Unclear(_) => (Status::Warn, None),
            // The same answer as one without a certificate gets is none to this certificate.
            Outcome::Answered(_) if in_http(outcome) && same(outcome, &tried.nobody.get) => {
                let shown = shown(tried);
                let why = shown.is_out_of_time().then(|| refusal(None, Whom::IssuerHost, &shown));
                (Status::Warn, why)
            }
            Outcome::Answered(_) => (Status::Pass, None),
        };
        if status > worst.0 {
            worst = (status, why);
        }
        parts.push(format!("{} {}", version(tried.versions), became(outcome, "GET /")));
    }
    if parts.is_empty() {
        return Finding::skipped("Not looked at: whether the given certificate is admitted; the server asks for none.")
            .on(Requirement::O5);
    }
    let found = format!("With the given certificate: {}", parts.join(", "));
    match worst {
        (status, Some(Advice { meaning, to_do, .. })) => {
            Finding { status, found: format!("{found}: {meaning}."), to_do: sentence(&to_do) }
        }
        (Status::Warn | Status::Fail, None) => Finding::warn(
            format!("{found}."),
            "Look whether the server takes the certificate: it does not tell by what it does.",
        ),
        (Status::Note | Status::Pass | Status::Skipped, None) => Finding::pass(format!("{found}.")),
    }
    .on(Requirement::O5)
}

fn sessions(seen: &Inspection, options: &InspectionOptions) -> Told {
    if seen.resumption.is_empty() {
        let why = if options.credential.is_some() {
            "the given certificate is not admitted."
        } else {
            "sessions are for callers that are admitted. Give --client-certificate and --client-key."
        };
        return Finding::skipped(format!("Not looked at: what becomes of sessions; {why}")).on(Requirement::O1);
    }
    let parts: Vec<String> = seen.resumption.iter().map(session).collect();
    let found = format!("Sessions: {}.", parts.join(", "));
    if seen.resumption.iter().any(|resumed| !resumed.again.is_answer()) {
        return Finding::fail(found, "A caller that comes back with its session must get a full handshake at least: give all servers behind this \
             address the same session keys, or none.").on(Requirement::O1);
    }
    if seen.resumption.iter().any(|resumed| resumed.early_data) {
        return Finding::warn(
            found,
            "Take no early data: whoever recorded it can send it again (nginx: ssl_early_data off).",
        )
        .on(Requirement::O1);
    }
    Finding::pass(found).on(Requirement::O1)
}

fn session(resumed: &Resumed) -> String {
    let version = version(resumed.versions);
    let early = if resumed.early_data { ", with early data" } else { "" };
    match resumed {
        Resumed { again: Outcome::Refused(why) | Outcome::Unclear(why), .. } => {
            format!("{version} ends when one comes back ({})", because(why))
        }
        Resumed { given: 0, .. } => format!("{version} gives none, each connection is a full handshake"),
        Resumed { resumed: true, .. } => format!("{version} resumes them{early}"),
        Resumed { .. } => format!("{version} gives them and then resumes none{early}"),
    }
}

/// How a caller that must not be admitted was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Refusal {
    InTls,
    /// By what may be a refusal, and may be an answer.
    InHttp,
    Unclear,
    None,
}

impl Refusal {
    /// The worse one of both requests.
    fn of_both(tried: &Tried) -> Self {
        let post = tried.post.as_ref().map_or(Self::InTls, Self::of);
        Self::of(&tried.get).max(post)
    }

    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Refused(_) => Self::InTls,
            Outcome::Unclear(_) => Self::Unclear,
            Outcome::Answered(_) if in_http(outcome) => Self::InHttp,
            Outcome::Answered(_) => Self::None,
        }
    }
}

/// Who must not be admitted, and what became of it in each version.
fn told(requirement: Requirement, who: &str, each: Vec<(Refusal, String)>, to_do: &str) -> Told {
    let worst = each.iter().map(|(refusal, _)| *refusal).max().unwrap_or(Refusal::Unclear);
    let parts: Vec<String> = each.into_iter().map(|(_, words)| words).collect();
    let found = format!("{who}: {}.", parts.join(", "));
    match worst {
        Refusal::InTls => Finding::pass(found).on(requirement),
        Refusal::InHttp => Finding::warn(
            found,
            "The handshake lets everybody in, and HTTP sends them away: make sure that it does so for every path.",
        )
        .on(requirement),
        Refusal::Unclear => {
            Finding::warn(found, "Look into the server's log: it is not clear whether it refused.").on(requirement)
        }
        Refusal::None => Finding::fail(found, to_do).on(requirement),
    }
}

/// The status codes by which a server sends away whom its handshake has let in; 495 and 496 are nginx' own.
fn in_http(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered(status) if matches!(status.as_u16(), 400 | 401 | 403 | 495 | 496))
}

fn same(one: &Outcome, other: &Outcome) -> bool {
    matches!((one, other), (Outcome::Answered(one), Outcome::Answered(other)) if one == other)
}

fn became_of_both(tried: &Tried) -> String {
    let get = became(&tried.get, "GET /");
    let post = tried.post.as_ref().map(|post| became(post, "POST to an unknown path"));
    match post {
        Some(post) if post != get => format!("{get} and {post}"),
        _ => get,
    }
}

fn became(outcome: &Outcome, request: &str) -> String {
    match outcome {
        Outcome::Refused(why) => format!("refuses ({})", because(why)),
        Outcome::Answered(status) => format!("answers ({request} with {})", status.as_u16()),
        Outcome::Unclear(Failure::Closed(Stage::Exchange)) => {
            format!("closes after the handshake ({request}, no alert)")
        }
        Outcome::Unclear(why) => format!("fails ({})", because(why)),
    }
}

fn version(versions: TlsVersions) -> &'static str {
    match versions {
        TlsVersions::Only12 => "TLS 1.2",
        TlsVersions::Only13 => "TLS 1.3",
        TlsVersions::Both => "TLS",
    }
}
