//! What is probed: a host, a port, a path.

use std::net::IpAddr;
use std::str::FromStr;

use rustls_pki_types::ServerName;

/// `HOST[:PORT][/PATH]`, with or without `https://`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    /// Begins with a slash; `None` = none was given.
    pub(super) path: Option<String>,
}

/// The port of HTTPS.
pub(super) const HTTPS: u16 = 443;

impl Target {
    /// The address, where the host is one and no name.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// For SNI and the server's certificate.
    pub(super) fn server_name(&self) -> Option<ServerName<'static>> {
        ServerName::try_from(self.host.trim_end_matches('.').to_owned()).ok()
    }

    /// `host:port`, an IPv6 address in brackets.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("https://").unwrap_or(text);
        if rest.contains("://") {
            return Err("Thales is called by https alone: write HOST[:PORT][/PATH]".to_owned());
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at..).map(str::to_owned)),
            None => (rest, None),
        };
        let (host, port) = match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some(""))),
            // An IPv6 address without brackets has no port.
            None if authority.matches(':').count() > 1 => (authority, Some("")),
            None => authority.split_once(':').map_or((authority, Some("")), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            Some("") => HTTPS,
            Some(port) => port.parse().ok().filter(|&port| port != 0).ok_or("the port is a number from 1 to 65535")?,
            None => return Err("write an IPv6 address as [ADDRESS]:PORT".to_owned()),
        };
        let target = Self { host: host.to_owned(), port, path: path.map(|path| checked_path(&path)).transpose()? };
        target.server_name().ok_or_else(|| format!("{host:?} is not a host name; write HOST[:PORT][/PATH]"))?;
        Ok(target)
    }
}

/// A path that can stand in a request: `/...`, printable ASCII without blanks and fragment.
pub(super) fn checked_path(path: &str) -> Result<String, String> {
    let fits = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if fits && path.parse::<http::uri::PathAndQuery>().is_ok() {
        Ok(path.to_owned())
    } else {
        Err(format!("{path:?} is not a path: it begins with / and has neither blanks nor a fragment"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, u16, Option<String>) {
        let Target { host, port, path } = text.parse().unwrap();
        (host, port, path)
    }

    #[test]
    fn a_target_is_a_host_and_maybe_a_port_and_a_path() {
        let host = || "api.bank.test".to_owned();
        assert_eq!(parts("api.bank.test"), (host(), 443, None));
        assert_eq!(parts("https://api.bank.test:8443/1/mg/"), (host(), 8443, Some("/1/mg/".to_owned())));
        assert_eq!(parts("api.bank.test./?a=b"), ("api.bank.test.".to_owned(), 443, Some("/?a=b".to_owned())));
        assert_eq!(parts("[::1]:8443"), ("::1".to_owned(), 8443, None));
        assert_eq!(parts("::1"), ("::1".to_owned(), 443, None));
        assert_eq!(parts("127.0.0.1:1"), ("127.0.0.1".to_owned(), 1, None));
    }

    #[test]
    fn what_is_no_target_is_refused_in_words() {
        for (text, words) in [
            ("", "not a host name"),
            ("http://api.bank.test", "https alone"),
            ("api.bank.test:0", "from 1 to 65535"),
            ("api.bank.test:https", "from 1 to 65535"),
            ("api bank", "not a host name"),
            ("[::1]8443", "[ADDRESS]:PORT"),
            ("api.bank.test/a b", "not a path"),
            ("api.bank.test/a#b", "not a path"),
        ] {
            let problem = text.parse::<Target>().unwrap_err();
            assert!(problem.contains(words), "{text:?}: {problem}");
        }
    }
}
