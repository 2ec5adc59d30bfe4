//! What stands in the way before a server can answer: TCP, and a handshake that ends before any certificate is judged.

use std::io::ErrorKind;
use std::time::Duration;

use rustls::{AlertDescription, Error as TlsError};

use super::{Advice, Shown, Whom, refusal};
use crate::caller::Failure;
use crate::caller::failure::alert_name;

/// What to do where something on the way to Thales spoils the handshake.
pub(super) const OPEN: &str =
    "have this host let through untouched: a device that opens or filters TLS on the way breaks it";

/// What a TCP connection that failed means.
pub(in crate::cli) fn connecting(failure: &Failure, whom: Whom) -> Advice {
    let to_do = |issuer_host, thales| match whom {
        Whom::IssuerHost => issuer_host,
        Whom::Thales(_) => thales,
    };
    match failure {
        Failure::Unreachable(error) if error.kind() == ErrorKind::ConnectionRefused => Advice::new(
            "refused: nothing listens at that port, or a firewall says no in this way",
            to_do(
                "is the port right, and does the server run? Thales calls 443 or 8443 (O3)",
                "is the port right? Else have outbound TCP to the host opened, by its name and not by its addresses (I10)",
            ),
        ),
        Failure::TimedOut { after, .. } => Advice::new(
            format!("no answer within {}: most likely a firewall drops it", seconds(*after)),
            to_do(
                "have the port opened to all addresses: Thales has no list of those that it calls from (O4)",
                "have outbound TCP to port 443 of the host opened; Thales' addresses change, so do not list them (I10)",
            ),
        ),
        Failure::Unreachable(error) if is_without_route(error) => {
            Advice::new(format!("nothing leads there: {error}"), "this machine has no route to it: look at its network")
        }
        other => Advice::new(
            other.to_string(),
            to_do(
                "look at the name, the port, and at firewalls on the way (O3, O4)",
                "look at this machine's network, and at firewalls on the way (I10)",
            ),
        ),
    }
}

/// Whether a machine without IPv6 says so.
pub(in crate::cli) fn is_without_route(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable | ErrorKind::AddrNotAvailable)
}

/// What a handshake that failed before any certificate was judged means.
pub(in crate::cli) fn handshake(failure: &Failure, whom: Whom, shown: &Shown) -> Advice {
    const LOGS: &str = "see the logs of the server, and of a load balancer before it, for this moment";
    let to_do = |issuer_host, thales| match whom {
        Whom::IssuerHost => issuer_host,
        Whom::Thales(_) => thales,
    };
    match failure {
        Failure::Closed(_) => Advice::new(
            "the connection was cut in the middle of the handshake, without a word",
            to_do(
                LOGS,
                "a firewall that filters by name (SNI) does so; else the port speaks no TLS. Have this host let through untouched",
            ),
        ),
        Failure::TimedOut { after, .. } => Advice::new(
            format!("TCP works, but the handshake had no end within {}", seconds(*after)),
            to_do("what listens there may speak no TLS, or wait for a PROXY protocol header", OPEN),
        ),
        Failure::Refused(alert) => refused(*alert, whom, shown),
        Failure::ServerRefused(TlsError::InvalidMessage(_)) => Advice::new(
            "what answers there speaks no TLS",
            to_do(
                "is the port right, and is there no load balancer in between that answers in plain HTTP?",
                "is the port right, and is there no proxy in between that answers in plain HTTP?",
            ),
        ),
        Failure::ServerRefused(TlsError::PeerIncompatible(_)) => Advice::new(
            format!("{failure}: it speaks no TLS 1.2 or 1.3 that this one speaks"),
            to_do(
                "switch TLS 1.2 and TLS 1.3 on (O2)",
                "Thales speaks TLS 1.2 and 1.3: is this Thales' server, and nothing in between?",
            ),
        ),
        other => Advice::new(other.to_string(), to_do(LOGS, OPEN)),
    }
}

fn refused(alert: AlertDescription, whom: Whom, shown: &Shown) -> Advice {
    let advice = refusal(Some(alert), whom, shown);
    Advice { meaning: format!("refused with the alert {}: {}", alert_name(alert), advice.meaning), ..advice }
}

/// `12 ms`, `1.5 s`
pub(in crate::cli) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
