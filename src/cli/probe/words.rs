//! What a failure means on the way to Thales, and what to do about it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::caller::resolution::ResolutionError;
use crate::caller::{Failure, Stage};
pub(super) use crate::cli::advice::seconds;

/// What to do about a name that came to nothing; `servers` were asked.
pub(super) fn resolution(error: &ResolutionError, servers: &[SocketAddr]) -> Cow<'static, str> {
    let to_do = match error {
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
            let ports: BTreeSet<u16> = servers.iter().map(SocketAddr::port).collect();
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            let ports = if ports.is_empty() { "53".to_owned() } else { ports.join(" or ") };
            return format!(
                "is the address of the name server right, and may this machine send to it by UDP and TCP at port {ports}?"
            )
            .into();
        }
        ResolutionError::Unreachable(_) => "is the address of the name server right, and does it run?",
    };
    to_do.into()
}

/// Whether a failed exchange may be the server's way to refuse the client's certificate: in TLS 1.3 it does so after the handshake.
pub(super) fn may_be_refusal(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Refused(_) | Failure::Closed(_) | Failure::Broken { stage: Stage::Exchange | Stage::Handshake, .. }
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_port_is_that_of_the_name_server() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let words = |servers: &[SocketAddr]| resolution(&ResolutionError::Silent(Duration::ZERO), servers).into_owned();
        assert!(words(&[at(5399)]).ends_with("at port 5399?"));
        assert!(words(&[at(53), at(53)]).ends_with("at port 53?"));
        assert!(words(&[at(5399), at(53)]).ends_with("at port 53 or 5399?"));
    }
}
