//! What a failure means on the way to Thales, and what to do about it.

use std::io::ErrorKind;
use std::time::Duration;

use rustls::{AlertDescription, Error as TlsError};

use crate::caller::failure::alert_name;
use crate::caller::resolution::ResolutionError;
use crate::caller::{Failure, Stage};
use crate::thales::Requirement;
use crate::thales::inbound::InboundProduct;

/// What to do about a name that came to nothing.
pub(super) fn resolution(error: &ResolutionError) -> &'static str {
    match error {
        ResolutionError::NoServer(_) => "name one with --dns ADDRESS, or in /etc/resolv.conf",
        ResolutionError::NotAName(_) => "write the name as Thales gives it",
        ResolutionError::NeverThere(_) => "this is no name of the internet's: write the name as Thales gives it",
        ResolutionError::NoSuchName => {
            "is it spelt as Thales gives it? An internal name server may know internal names alone: ask a public one with --dns to \
             compare. Names of the hosts file and of search domains do not count here"
        }
        ResolutionError::NoAddress => {
            "compare with another name server (--dns); where it knows no address either, tell Thales"
        }
        ResolutionError::ServerFailed => {
            "the name server cannot find out, or its DNSSEC check fails: ask another one (--dns), and tell whoever runs it"
        }
        ResolutionError::Refused => "it does not answer this machine: ask the one that your network provides (--dns)",
        ResolutionError::OtherCode(_) => "ask another name server (--dns), and tell whoever runs this one",
        ResolutionError::Silent(_) => {
            "is the address of the name server right, and may this machine send to it by UDP and TCP at port 53?"
        }
        ResolutionError::Unreachable(_) => "is the address of the name server right, and does it run?",
    }
}

/// What a TCP connection that failed means: a few words, and what to do.
pub(super) fn tcp(failure: &Failure) -> (String, &'static str) {
    match failure {
        Failure::Unreachable(error) if error.kind() == ErrorKind::ConnectionRefused => (
            "refused: nothing listens at that port, or a firewall says no in this way".to_owned(),
            "is the port right? Else have outbound TCP to the host opened, by its name and not by its addresses (I10)",
        ),
        Failure::TimedOut { after, .. } => (
            format!("no answer within {}: most likely a firewall drops it", seconds(*after)),
            "have outbound TCP to port 443 of the host opened; Thales' addresses change, so do not list them (I10)",
        ),
        Failure::Unreachable(error) if is_without_route(error) => {
            (format!("nothing leads there: {error}"), "this machine has no route to it: look at its network")
        }
        other => (format!("{other}"), "look at this machine's network, and at firewalls on the way (I10)"),
    }
}

/// Whether a machine without IPv6 says so.
pub(super) fn is_without_route(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable | ErrorKind::AddrNotAvailable)
}

/// What a handshake that failed before any certificate was judged means.
pub(super) fn handshake(failure: &Failure) -> (String, &'static str) {
    let open = "have this host let through untouched: a device that opens or filters TLS on the way breaks it";
    match failure {
        Failure::Closed(_) => (
            "the connection was cut in the middle of the handshake, without a word".to_owned(),
            "a firewall that filters by name (SNI) does so; else the port speaks no TLS. Have this host let through untouched",
        ),
        Failure::TimedOut { after, .. } => {
            (format!("TCP works, but the handshake had no end within {}", seconds(*after)), open)
        }
        Failure::Refused(AlertDescription::UnrecognisedName) => (
            "refused with the alert unrecognised_name: the server knows no such name".to_owned(),
            "call the host by the name that Thales gives",
        ),
        Failure::Refused(alert @ (AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure)) => (
            format!("refused with the alert {}: no version or cipher suite in common", alert_name(*alert)),
            "Thales speaks TLS 1.2 and 1.3: is this Thales' server, and nothing in between?",
        ),
        Failure::Refused(alert) => (format!("refused with the alert {}", alert_name(*alert)), open),
        Failure::ServerRefused(TlsError::InvalidMessage(_)) => (
            "what answers there speaks no TLS".to_owned(),
            "is the port right, and is there no proxy in between that answers in plain HTTP?",
        ),
        Failure::ServerRefused(TlsError::PeerIncompatible(_)) => (
            format!("{failure}: it speaks no TLS 1.2 or 1.3 that this one speaks"),
            "Thales speaks TLS 1.2 and 1.3: is this Thales' server, and nothing in between?",
        ),
        other => (other.to_string(), open),
    }
}

/// What an alert that answers a client certificate means at Thales: the requirement, what it says, and what to do.
pub(super) fn refusal(alert: AlertDescription, product: Option<InboundProduct>) -> (Requirement, String, String) {
    let unknown = match product {
        Some(InboundProduct::Merchant) => {
            "have Thales endorse this certificate for this environment: through the portal, or by hand; the sandbox and \
             production do not know each other's"
        }
        Some(_) => {
            "show the certificate that the Thales CA of this environment signed, with the intermediates that came with it; \
             pre-production and production have a CA each"
        }
        None => {
            "xPay and D1 take what the Thales CA of the environment signed, merchant tokenization what was endorsed there"
        }
    };
    let (requirement, meaning, to_do) = match alert {
        AlertDescription::UnknownCA => (
            Requirement::I1,
            "the server does not know who issued it: not endorsed yet, or the certificate of another environment",
            unknown,
        ),
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown | AlertDescription::AccessDenied => (
            Requirement::I4,
            "it is known, and not taken: not endorsed yet, of another environment, or with another CN than Thales expects",
            "compare the CN with what Thales gave (I4), and ask Thales whether this certificate is endorsed for this environment",
        ),
        AlertDescription::CertificateExpired => (
            Requirement::I6,
            "it has expired, or this machine's clock or the server's is wrong",
            "renew it: issuer-host csr, or issuer-host client-cert for merchant tokenization",
        ),
        AlertDescription::CertificateRevoked => {
            (Requirement::I1, "it has been revoked", "ask Thales why, and for a new one with a new key")
        }
        AlertDescription::UnsupportedCertificate => (
            Requirement::I2,
            "its key, its signature or its purpose is not taken",
            "look at the kind of the key (I2) and for clientAuth in its extendedKeyUsage",
        ),
        AlertDescription::CertificateRequired => (
            Requirement::I1,
            "the server demands a certificate, and none arrived",
            "name --client-certificate and --client-key",
        ),
        AlertDescription::HandshakeFailure => {
            (Requirement::I1, "the server does not take it, or demands one and none arrived", unknown)
        }
        AlertDescription::DecryptError => (
            Requirement::I1,
            "the server could not verify the signature made with the key",
            "a device that opens TLS on the way does this; have this host let through untouched",
        ),
        _ => (Requirement::I1, "the server does not go on", unknown),
    };
    (requirement, format!("refused with the alert {}: {meaning}", alert_name(alert)), to_do.to_owned())
}

/// Whether a failed exchange may be the server's way to refuse the client's certificate: in TLS 1.3 it does so after the handshake.
pub(super) fn may_be_refusal(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Refused(_) | Failure::Closed(_) | Failure::Broken { stage: Stage::Exchange | Stage::Handshake, .. }
    )
}

/// `12 ms`, `1.5 s`
pub(super) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
