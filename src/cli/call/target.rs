//! Which server is called, and how: the arguments that a single call and a load have in common.

use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use rustls_pki_types::ServerName;

use super::prepared::NoCall;
use crate::caller::{CallerOptions, Http, TlsVersions};
use crate::cli::Error;
use crate::cli::tls_files::{ClientFiles, trust};

/// Which server is called, what is shown to it, and over which protocols.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The server's URL
    #[arg(value_name = "URL", help = "The server: https://HOST[:PORT], or HOST[:PORT]")]
    url: Origin,
    /// Connect to this address instead of those that the name resolves to
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    connect: Option<Origin>,
    /// The name for SNI and for the server's certificate, if it is not that of the URL
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// The CAs that the server's certificate has to come from (PEM), in place of those that Mozilla trusts
    #[arg(long, value_name = "FILE")]
    server_ca: Option<PathBuf>,
    #[command(flatten)]
    client: ClientFiles,
    /// Offer this version of TLS alone; default: both
    #[arg(long, value_enum, value_name = "VERSION")]
    tls: Option<Tls>,
    /// Offer this version of HTTP alone; default: both, and the server chooses
    #[arg(long, value_enum, value_name = "VERSION")]
    http: Option<HttpVersion>,
    /// How long TCP and TLS may take together
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    connect_timeout: Duration,
    /// How long an answer may take
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

impl Target {
    /// `HOST[:PORT]` as `Host` and `:authority` have it: without the port where it is 443.
    pub(super) fn authority(&self) -> String {
        let Origin { host, port } = &self.url;
        let host = if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) { format!("[{host}]") } else { host.clone() };
        match port {
            None | Some(HTTPS) => host,
            Some(port) => format!("{host}:{port}"),
        }
    }

    /// Whether --server-ca says whom the server's certificate has to come from.
    pub(super) fn names_server_ca(&self) -> bool {
        self.server_ca.is_some()
    }

    /// How long an answer may take.
    pub(super) fn answer_timeout(&self) -> Duration {
        self.timeout
    }

    /// What is shown to the server.
    pub(super) fn client(&self) -> &ClientFiles {
        &self.client
    }

    /// How the server is called, with the address that its name resolves to now, and no resumption.
    ///
    /// # Errors
    /// When a file or a name cannot be used, which is the arguments' fault, or the name does not resolve, which is not.
    pub(super) fn caller_options(&self) -> Result<CallerOptions, NoCall> {
        let name = self.server_name.as_deref().unwrap_or(&self.url.host);
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| {
            format!("{name:?} is no name that a certificate could be for: write --server-name with the server's name")
        })?;
        let trust = trust(self.server_ca.as_deref())?;
        let options = CallerOptions {
            credential: self.client.read()?,
            versions: match self.tls {
                None => TlsVersions::Both,
                Some(Tls::V12) => TlsVersions::Only12,
                Some(Tls::V13) => TlsVersions::Only13,
            },
            http: match self.http {
                None => Http::Either,
                Some(HttpVersion::V11) => Http::V1,
                Some(HttpVersion::V2) => Http::V2,
            },
            connect_timeout: self.connect_timeout,
            ..CallerOptions::new(self.address().map_err(NoCall::Failed)?, server_name, trust)
        };
        Ok(options)
    }

    /// Of several addresses (`localhost` has two) the first that takes a connection, else the first.
    fn address(&self) -> Result<SocketAddr, Error> {
        let host = self.connect.as_ref().unwrap_or(&self.url);
        let port = host.port.or(self.url.port).unwrap_or(HTTPS);
        let addresses: Vec<_> = (host.host.as_str(), port)
            .to_socket_addrs()
            .map_err(|error| format!("the name {} does not resolve: {error}; or write --connect ADDRESS", host.host))?
            .collect();
        let first = *addresses.first().ok_or_else(|| format!("the name {} has no address", host.host))?;
        if addresses.len() == 1 {
            return Ok(first);
        }
        let takes = |address: &&SocketAddr| TcpStream::connect_timeout(address, self.connect_timeout).is_ok();
        Ok(addresses.iter().find(takes).copied().unwrap_or(first))
    }
}

/// The port of https.
const HTTPS: u16 = 443;

/// A host and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    /// A name or an address, without brackets.
    host: String,
    port: Option<u16>,
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("http://") {
            return Err("Thales calls nothing without TLS: write https://HOST[:PORT]".to_owned());
        }
        let rest = text.strip_prefix("https://").unwrap_or(text);
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err("write HOST[:PORT] alone; what goes before the path of an operation is --base-path".to_owned());
        }
        let origin = |host: &str, port| Self { host: host.to_owned(), port };
        if let Ok(address) = rest.parse::<SocketAddr>() {
            return Ok(origin(&address.ip().to_string(), Some(address.port())));
        }
        if let Ok(address) = rest.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Ok(origin(&address.to_string(), None));
        }
        let (host, port) = match rest.split_once(':') {
            None => (rest, None),
            Some((host, port)) => match port.parse() {
                Ok(port) if port != 0 => (host, Some(port)),
                _ => return Err(format!("{port:?} is no port")),
            },
        };
        if host.is_empty() || !host.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._".contains(letter)) {
            return Err(format!("{host:?} is no name of a host"));
        }
        Ok(origin(host, port))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tls {
    #[value(name = "1.2")]
    V12,
    #[value(name = "1.3")]
    V13,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HttpVersion {
    #[value(name = "1.1")]
    V11,
    #[value(name = "2")]
    V2,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_its_url_or_its_host() {
        let origin = |text: &str| text.parse::<Origin>().map(|Origin { host, port }| (host, port));
        assert_eq!(origin("https://issuer.example"), Ok(("issuer.example".to_owned(), None)));
        assert_eq!(origin("https://issuer.example:8443/"), Ok(("issuer.example".to_owned(), Some(8443))));
        assert_eq!(origin("issuer.example:8443"), Ok(("issuer.example".to_owned(), Some(8443))));
        assert_eq!(origin("127.0.0.1:8443"), Ok(("127.0.0.1".to_owned(), Some(8443))));
        assert_eq!(origin("https://[::1]:8443"), Ok(("::1".to_owned(), Some(8443))));
        assert_eq!(origin("[::1]"), Ok(("::1".to_owned(), None)));
    }

    #[test]
    fn what_is_no_server_is_said() {
        for (text, words) in [
            ("http://issuer.example", "https://"),
            ("https://issuer.example/tsh-cof", "--base-path"),
            ("https://user@issuer.example", "--base-path"),
            ("issuer.example:0", "no port"),
            ("issuer.example:x", "no port"),
            ("", "no name"),
            ("an issuer", "no name"),
        ] {
            let problem = text.parse::<Origin>().unwrap_err();
            assert!(problem.contains(words), "{text}: {problem}");
        }
    }

    #[test]
    fn the_authority_leaves_the_usual_port_away() {
        let target = |url: &str| {
            #[derive(clap::Parser)]
            struct Line {
                #[command(flatten)]
                target: Target,
            }
            <Line as clap::Parser>::try_parse_from(["call", url]).unwrap().target.authority()
        };
        assert_eq!(target("https://issuer.example:443"), "issuer.example");
        assert_eq!(target("https://issuer.example:8443"), "issuer.example:8443");
        assert_eq!(target("https://[::1]:8443"), "[::1]:8443");
    }
}
