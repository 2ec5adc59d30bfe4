//! What was seen, as lines of the report.

use std::net::SocketAddr;

use rustls::Error as TlsError;
use rustls_pki_types::UnixTime;

use super::{Finding, Told, admission, chain, sentence};
use crate::caller::Failure;
use crate::caller::addresses::is_private;
use crate::caller::failure::alert_name;
use crate::caller::inspection::hello::FirstAnswer;
use crate::caller::inspection::names::{NameTaken, UNKNOWN_NAME};
use crate::caller::inspection::{Inspection, InspectionOptions, Names, OldVersion, Protocols, Suites, Version};
use crate::cli::advice::{Shown, Whom, handshake};
use crate::pki::distinguished_name::printable;
use crate::thales::requirement::Requirement;

/// All lines, by requirement.
pub(super) fn of(seen: &Inspection, options: &InspectionOptions, now: UnixTime) -> Vec<Told> {
    let mut lines = admission::lines(seen, options, now);
    lines.push(versions(&seen.tls12, &seen.tls13, now));
    lines.push(old_versions(&seen.old_versions));
    lines.push(port(options.address));
    lines.push(reached(options.address));
    if seen.tls12.is_spoken() || seen.tls13.is_spoken() {
        lines.push(suites(&seen.suites));
    } else {
        let nothing = "Not looked at: there is no handshake to look at.";
        let unseen =
            [Requirement::O1, Requirement::O5, Requirement::O8, Requirement::O9, Requirement::O11, Requirement::O14];
        lines.extend(unseen.map(|requirement| Finding::skipped(nothing).on(requirement)));
    }
    lines.extend(seen.chain.iter().flat_map(|seen| chain::lines(seen, options, now)));
    lines.extend(seen.names.as_ref().map(names));
    lines.extend(seen.protocols.as_ref().map(protocols));
    lines
}

fn versions(tls12: &Version, tls13: &Version, now: UnixTime) -> Told {
    let requirement = Requirement::O2;
    match (tls12, tls13) {
        (Version::Spoken, Version::Spoken) => Finding::pass("TLS 1.2 and TLS 1.3 are spoken.").on(requirement),
        (Version::Spoken, Version::Refused(why)) => {
            Finding::pass(format!("TLS 1.2 is spoken, TLS 1.3 is not ({}).", because(why))).on(requirement)
        }
        (Version::Refused(why), Version::Spoken) => Finding::warn(format!("TLS 1.3 is spoken, TLS 1.2 is not ({}).", because(why)), "Switch TLS 1.2 on as well, unless Thales has said that all of its callers speak TLS 1.3.").on(requirement),
        (Version::Refused(_), Version::Refused(newer @ Failure::ServerRefused(TlsError::InvalidMessage(_)))) => {
            let advice = handshake(newer, Whom::IssuerHost, &Shown::nothing(now));
            Finding::fail(sentence(&advice.meaning), sentence(&advice.to_do)).on(requirement)
        }
        (Version::Refused(older), Version::Refused(newer)) => Finding::fail(format!("Neither TLS 1.2 ({}) nor TLS 1.3 ({}) is spoken.", because(older), because(newer)), "Look whether this is the right port and the right name (--server-name); then switch TLS 1.2 and TLS 1.3 on.").on(requirement),
    }
}

fn old_versions(answers: &[OldVersion]) -> Told {
    let requirement = Requirement::O2;
    let of = |chosen: fn(&OldVersion) -> bool| {
        let names: Vec<&str> = answers.iter().filter(|old| chosen(old)).map(|old| old.name).collect();
        listed(&names)
    };
    let spoken = of(OldVersion::is_spoken);
    if !spoken.is_empty() {
        return Finding::fail(
            format!("{spoken}: the server goes on with it."),
            "Switch off everything before TLS 1.2 (nginx: ssl_protocols TLSv1.2 TLSv1.3).",
        )
        .on(requirement);
    }
    let silent = of(|old| old.answer == FirstAnswer::Silence);
    if !silent.is_empty() {
        let found = format!("{silent}: there is no answer at all.");
        return Finding::warn(found, "Look what stands before the server: a refusal is an alert, not silence.")
            .on(requirement);
    }
    let each: Vec<String> = answers.iter().map(|old| format!("{} ({})", old.name, answered(old.answer))).collect();
    Finding::pass(format!("Refused: {}.", each.join(", "))).on(requirement)
}

fn answered(answer: FirstAnswer) -> String {
    match answer {
        FirstAnswer::Alert(number) => format!("alert {}", alert_name(number.into())),
        FirstAnswer::Closed => "closed without a word".to_owned(),
        FirstAnswer::Silence => "no answer".to_owned(),
        FirstAnswer::NotTls => "answered with something that is not TLS".to_owned(),
        FirstAnswer::ServerHello { version, .. } => format!("answered with version {version:#06x}"),
    }
}

fn suites(suites: &Suites) -> Told {
    let requirement = Requirement::O2;
    if !suites.broken.is_empty() {
        return Finding::fail(
            format!("Suites that protect nothing are taken, such as {}.", suites.broken.join(", ")),
            "Leave suites with RC4, DES, 3DES, NULL and EXPORT, and anonymous ones, out of the server's list.",
        )
        .on(requirement);
    }
    if !suites.weak.is_empty() {
        return Finding::warn(
            format!("Suites without forward secrecy or with CBC are taken, such as {}.", suites.weak.join(", ")),
            "Take suites with ECDHE and with AES-GCM or ChaCha20-Poly1305 alone.",
        )
        .on(requirement);
    }
    let mut parts = Vec::new();
    if !suites.tls13.is_empty() {
        parts.push(format!("TLS 1.3 with {} (groups {})", suites.tls13.join(", "), suites.groups.join(", ")));
    }
    if !suites.sound.is_empty() {
        parts.push(format!("TLS 1.2 with {}", suites.sound.join(", ")));
    }
    Finding::pass(format!("Suites with forward secrecy and authenticated encryption alone: {}.", parts.join("; ")))
        .on(requirement)
}

fn port(address: SocketAddr) -> Told {
    match address.port() {
        443 => Finding::pass("Port 443.").on(Requirement::O3),
        8443 => Finding::pass("Port 8443; Thales prefers 443.").on(Requirement::O3),
        other => Finding::warn(
            format!("Port {other}: Thales calls 443 or 8443."),
            "See to it that one of the two leads here, and look at that one from where Thales would call.",
        )
        .on(Requirement::O3),
    }
}

fn reached(address: SocketAddr) -> Told {
    let ip = address.ip();
    if is_private(ip) {
        let found =
            format!("Not looked at: {ip} is an address of this machine or of a private network, not of the internet.");
        Finding::skipped(found).on(Requirement::O4)
    } else {
        Finding::pass(format!("{ip} is reached from here. Thales calls from addresses of its own: allow them all."))
            .on(Requirement::O4)
    }
}

fn names(names: &Names) -> Told {
    let unsaid = match &names.unsaid {
        NameTaken::Taken => "without a name the server goes on".to_owned(),
        NameTaken::Refused(why) => format!("without a name it is refused as well ({})", because(why)),
    };
    match &names.unknown {
        NameTaken::Refused(why) => {
            let found = format!("An unknown name ({UNKNOWN_NAME}) is refused ({}); {unsaid}.", because(why));
            Finding::pass(found).on(Requirement::O11)
        }
        NameTaken::Taken => Finding::warn(format!("The server answers to a name that nobody has ({UNKNOWN_NAME}); {unsaid}."), "Refuse what is not ISSUER_HOST (issuer-host: set host; nginx: a default server with ssl_reject_handshake on).").on(Requirement::O11),
    }
}

fn protocols(protocols: &Protocols) -> Told {
    let requirement = Requirement::O14;
    match protocols {
        Protocols { h2: true, http1: true, of_both } => Finding::pass(format!(
            "ALPN: h2 and http/1.1; {} where both are offered.",
            of_both.as_deref().unwrap_or("neither")
        ))
        .on(requirement),
        Protocols { h2: false, http1: true, .. } => Finding::pass("ALPN: http/1.1 alone.").on(requirement),
        Protocols { h2: true, http1: false, .. } => Finding::warn(
            "ALPN: h2 alone.",
            "Take http/1.1 as well: it is not known of every caller that it speaks HTTP/2.",
        )
        .on(requirement),
        Protocols { h2: false, http1: false, .. } => Finding::warn(
            "ALPN: neither h2 nor http/1.1 is chosen, so callers have to guess.",
            "Switch ALPN on for http/1.1, and for h2 where it is spoken.",
        )
        .on(requirement),
    }
}

/// `TLS 1.0, TLS 1.1`
fn listed(names: &[&str]) -> String {
    names.join(", ")
}

/// Why the server ended it, in few words and printable.
pub(super) fn because(failure: &Failure) -> String {
    match failure {
        Failure::Refused(alert) => format!("alert {}", alert_name(*alert)),
        Failure::Closed(_) => "closed without a word".to_owned(),
        Failure::ServerRefused(TlsError::InvalidMessage(_)) => "answered with something that is not TLS".to_owned(),
        // Blanks are no danger.
        other => other.to_string().split(' ').map(|word| printable(word.as_bytes())).collect::<Vec<_>>().join(" "),
    }
}
