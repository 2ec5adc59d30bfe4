//! O1 to O4: how callers get in.

use std::net::SocketAddr;

use super::Findings;
use crate::cli::check::examined::Examined;
use crate::cli::check::report::Finding;
use crate::thales::Requirement;

/// The ports that Thales calls (O3), the preferred one first.
const PORTS: [u16; 2] = [443, 8443];
/// Ends of names that no resolver of the internet knows (RFC 6762, RFC 6761, ICANN's private use).
const INSIDE: [&str; 4] = [".local", ".localhost", ".internal", ".home.arpa"];
/// Thales' own names (I7).
const OF_THALES: &str = "thalescloud.io";

pub(super) fn findings(environment: &Examined<'_>) -> Findings {
    let parts = &environment.parts;
    let mut findings = vec![
        Finding::pass("a client certificate is demanded on every connection; no setting turns that off")
            .on(Requirement::O1),
        Finding::pass("TLS 1.2 and 1.3 alone, with forward secrecy and authenticated encryption").on(Requirement::O2),
    ];
    findings.extend(parts.listen.iter().map(|address| port(*address).on(Requirement::O3)));
    if !parts.listen.is_empty() {
        findings.push(reach(&parts.listen).on(Requirement::O4));
    }
    findings.extend(parts.host.as_deref().and_then(name).map(|finding| finding.on(Requirement::O4)));
    findings
}

fn port(address: SocketAddr) -> Finding {
    if PORTS.contains(&address.port()) {
        return Finding::pass(format!("listens on {address}"));
    }
    Finding::warn(
        format!("listens on {address}, and Thales calls port 443, or 8443"),
        "Listen on 8443; or let a load balancer or a container's port mapping bring 443 or 8443 here: then it is fine.",
    )
}

fn reach(listen: &[SocketAddr]) -> Finding {
    let shown = listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if listen.iter().all(|address| address.ip().is_loopback()) {
        return Finding::warn(
            format!("{shown} is reached by this machine alone"),
            "Listen on 0.0.0.0 or [::]; loopback is right only behind a proxy on this machine that leaves TLS as it is.",
        );
    }
    Finding::pass("nobody is admitted or refused by an address; open the firewall for every address")
}

/// What is wrong with the name that Thales is to call.
fn name(host: &str) -> Option<Finding> {
    let host = host.strip_prefix("*.").unwrap_or(host);
    if host == OF_THALES || host.ends_with(&format!(".{OF_THALES}")) {
        return Some(Finding::fail(
            format!("host is {host}, which is Thales' own"),
            "Set host to ISSUER_HOST: the name of yours that Thales calls.",
        ));
    }
    if INSIDE.iter().any(|end| host.ends_with(end)) || !host.contains('.') {
        return Some(Finding::warn(
            format!("host is {host}, which is a name for inside and cannot be resolved over the internet"),
            "Set host to the public DNS name that Thales was given.",
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::report::Status;
    use super::*;

    #[test]
    fn the_ports_that_thales_calls_are_fine_and_any_other_may_be_mapped() {
        for (address, status) in [
            ("0.0.0.0:443", Status::Pass),
            ("[::]:8443", Status::Pass),
            ("0.0.0.0:8444", Status::Warn),
            ("0.0.0.0:0", Status::Warn),
        ] {
            assert_eq!(port(address.parse().unwrap()).status, status, "{address}");
        }
    }

    #[test]
    fn one_address_that_others_reach_is_enough() {
        let listen = |addresses: &[&str]| {
            reach(&addresses.iter().map(|address| address.parse().unwrap()).collect::<Vec<_>>()).status
        };
        assert_eq!(listen(&["127.0.0.1:8443", "[::1]:8443"]), Status::Warn);
        assert_eq!(listen(&["127.0.0.1:8443", "10.0.0.1:8443"]), Status::Pass);
    }

    #[test]
    fn names_that_the_internet_does_not_know_are_told() {
        for (host, status) in [
            ("tsh.bank.example", None),
            ("*.bank.example", None),
            ("notthalescloud.io", None),
            ("api.dbp.thalescloud.io", Some(Status::Fail)),
            ("tsh.local", Some(Status::Warn)),
            ("tsh", Some(Status::Warn)),
        ] {
            assert_eq!(name(host).map(|finding| finding.status), status, "{host}");
        }
    }
}
