//! Where the server is: `HOST:PORT`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::caller::{Failure, Stage};
use crate::cli::Error;
use crate::cli::advice::{Advice, Whom, connecting};

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Target {
    /// A name or an address; an IPv6 address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not HOST:PORT, such as tsh.bank.example:443 or [2001:db8::7]:8443");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        // Without brackets, an IPv6 address would lose its last group to the port.
        if host.is_empty() || host.contains('/') || (host.contains(':') && bare.is_none()) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Target {
    /// The first of its addresses that takes a connection.
    pub(super) async fn reached(&self, patience: Duration) -> Result<SocketAddr, Error> {
        /// More addresses than these are not tried.
        const MOST_ADDRESSES: usize = 4;
        let lookup = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found = timeout(patience, lookup)
            .await
            .map_err(|_| format!("{self}: the name takes longer than {patience:?} to resolve"))?;
        let found = found.map_err(|error| format!("{self}: the name cannot be resolved: {error}"))?;
        let mut problem = format!("{self}: the name has no address");
        for address in found.take(MOST_ADDRESSES) {
            match timeout(patience, TcpStream::connect(address)).await {
                Ok(Ok(_)) => return Ok(address),
                Ok(Err(error)) => problem = self.unreached(address, &Failure::Unreachable(error)),
                Err(_) => {
                    let failure = Failure::TimedOut { stage: Stage::Connecting, after: patience };
                    problem = self.unreached(address, &failure);
                }
            }
        }
        Err(problem.into())
    }

    fn unreached(&self, address: SocketAddr, failure: &Failure) -> String {
        let Advice { meaning, to_do, .. } = connecting(failure, Whom::IssuerHost);
        format!("{self}: cannot connect to {address}: {meaning}; {to_do}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_are_read_and_written() {
        for (text, host, port) in [
            ("tsh.bank.example:443", "tsh.bank.example", 443),
            ("192.0.2.7:8443", "192.0.2.7", 8443),
            ("[2001:db8::7]:443", "2001:db8::7", 443),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.host.as_str(), target.port, target.to_string().as_str()), (host, port, text));
        }
        for wrong in ["tsh.bank.example", "2001:db8::7:443", ":443", "[]:443", "x:0", "x:65536", "https://x:443", ""] {
            assert!(wrong.parse::<Target>().unwrap_err().contains("HOST:PORT"), "{wrong}");
        }
    }
}
