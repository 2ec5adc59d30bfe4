//! Against DNS rebinding: a page in an operator's browser can have its own name resolve to 127.0.0.1, but it cannot make the
//! browser send another `Host`.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Uri, header};

/// Whether a listener on a loopback address answers a request for `uri` with these headers: for a loopback name, or for one of
/// `hosts`. A target in absolute form names a host as well (RFC 9112 section 3.2.2); each that is named has to be known.
pub(super) fn is_known(uri: &Uri, headers: &HeaderMap, hosts: &[String]) -> bool {
    let is_known = |host: &str| is_loopback(host) || is_one_of(hosts, host);
    let mut named = headers.get_all(header::HOST).iter();
    let by_header = match (named.next(), named.next()) {
        // A browser always names a host; what names none is no page.
        (None, _) => true,
        (Some(host), None) => host.to_str().is_ok_and(is_known),
        _ => false,
    };
    by_header && uri.authority().is_none_or(|authority| is_known(authority.as_str()))
}

fn is_one_of(hosts: &[String], host: &str) -> bool {
    let name = without_port(host);
    let name = name.strip_suffix('.').unwrap_or(name);
    hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn is_loopback(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().to_canonical().is_loopback();
    }
    let name = without_port(host);
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || literal.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(hosts: &[&str]) -> HeaderMap {
        hosts.iter().map(|host| (header::HOST, host.parse().unwrap())).collect()
    }

    fn is_known(headers: &HeaderMap, hosts: &[String]) -> bool {
        super::is_known(&Uri::from_static("/status"), headers, hosts)
    }

    #[test]
    fn a_target_that_names_a_host_is_judged_by_it_and_by_the_header() {
        let hosts = ["admin.bank.example".to_owned()];
        let known = |uri: &str, host: &[&str]| super::is_known(&uri.parse().unwrap(), &headers(host), &hosts);
        for good in
            ["http://localhost/status", "http://127.0.0.1:9090/", "https://[::1]:1/", "http://admin.bank.example/"]
        {
            assert!(known(good, &["localhost"]) && known(good, &[]), "{good}");
            assert!(!known(good, &["evil.example"]), "{good} with another header");
        }
        for evil in [
            "http://evil.example/status",
            "http://localhost@evil.example/",
            "http://evil@localhost/",
            "evil.example:80",
        ] {
            assert!(!known(evil, &["localhost"]) && !known(evil, &[]), "{evil}");
        }
        assert!(known("/status", &["localhost"]), "control");
    }

    #[test]
    fn loopback_has_few_names() {
        for host in ["localhost", "LOCALHOST:9090", "127.0.0.1", "127.0.0.1:9090", "[::1]", "[::1]:9090"] {
            assert!(is_known(&headers(&[host]), &[]), "{host}");
        }
        for host in
            ["", "attacker.example", "localhost.attacker.example:9090", "127.0.0.1.attacker.example", "10.0.0.1"]
        {
            assert!(!is_known(&headers(&[host]), &[]), "{host}");
        }
        assert!(is_known(&headers(&[]), &[]), "no browser");
        let two: HeaderMap = {
            let mut two = headers(&["localhost"]);
            two.append(header::HOST, "localhost".parse().unwrap());
            two
        };
        assert!(!is_known(&two, &[]), "two hosts");
    }

    #[test]
    fn further_names_are_those_that_were_configured_and_no_others() {
        let hosts = ["admin.bank.example".to_owned()];
        for host in ["admin.bank.example", "Admin.Bank.Example:9090", "admin.bank.example."] {
            assert!(is_known(&headers(&[host]), &hosts), "{host}");
            assert!(!is_known(&headers(&[host]), &[]), "{host}, which is not configured");
        }
        for host in ["bank.example", "x.admin.bank.example", "admin.bank.example.evil.example", "admin.bank.example:x"]
        {
            assert!(!is_known(&headers(&[host]), &hosts), "{host}");
        }
    }
}
