//! The PROXY protocol, versions 1 and 2: how a load balancer in TCP mode says whose connection it passes on.
//!
//! It is believed only from named senders: from them the header is demanded, every other peer is closed. The format is
//! that of HAProxy's "The PROXY protocol, versions 1 & 2" (2020/03/05), sections 2.1 and 2.2; only TCP over IPv4 and IPv6
//! is taken, since nothing else can carry TLS to this server.

mod version1;
mod version2;

use std::io;
use std::net::{IpAddr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Who must send a PROXY header. With no sender named the protocol is not used at all.
#[derive(Clone, Debug, Default)]
pub struct ProxyProtocol {
    from: Vec<IpNet>,
}

/// What is expected of a peer before its TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The peer is a named sender: its connection starts with a header.
    Demanded,
    /// Senders are named and the peer is none of them: close without reading.
    Forbidden,
    /// No sender is named: the connection starts with TLS.
    NotUsed,
}

impl ProxyProtocol {
    /// Takes headers from the networks `from`. Networks of IPv4-mapped IPv6 addresses count as the IPv4 networks that
    /// they stand for.
    #[must_use]
    pub fn new(from: impl IntoIterator<Item = IpNet>) -> Self {
        Self { from: from.into_iter().map(unmapped).collect() }
    }

    /// What is expected of `peer`, the address of the socket; an IPv4-mapped IPv6 address is compared as IPv4.
    #[must_use]
    pub fn applies_to(&self, peer: IpAddr) -> Expect {
        if self.from.is_empty() {
            return Expect::NotUsed;
        }
        let peer = peer.to_canonical();
        if self.from.iter().any(|network| network.contains(&peer)) { Expect::Demanded } else { Expect::Forbidden }
    }
}

fn unmapped(network: IpNet) -> IpNet {
    /// The bits of `::ffff:0:0/96`.
    const MAPPED_PREFIX: u8 = 96;
    if let IpNet::V6(v6) = network
        && let Some(address) = v6.addr().to_ipv4_mapped()
        && let Some(length) = v6.prefix_len().checked_sub(MAPPED_PREFIX)
        && let Ok(v4) = Ipv4Net::new(address, length)
    {
        return IpNet::V4(v4);
    }
    network
}

/// What a header says. IPv4-mapped IPv6 addresses are given as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The sender speaks for itself (`LOCAL`, a health check) or does not know for whom (`UNKNOWN`, `AF_UNSPEC`): the
    /// socket's own addresses hold.
    Local,
    /// The connection of somebody else.
    Proxied {
        /// The address of the client that connected to the sender.
        source: SocketAddr,
        /// The address to which that client connected.
        destination: SocketAddr,
    },
}

/// What [`parse`] made of the first bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole header.
    Complete {
        /// What it says.
        header: Header,
        /// Its length in bytes; what follows belongs to the TLS handshake.
        consumed: usize,
    },
    /// A header may yet come of it.
    Incomplete {
        /// The number of bytes, at least 1, without which no header can be complete: so many may be read without
        /// reading past the header's end.
        at_least: usize,
    },
}

/// Why bytes are no PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyProtocolError {
    /// Neither version's signature.
    #[error("the connection does not start with a PROXY header")]
    Signature,
    /// Version 1: more than 107 bytes without an end of line.
    #[error("the PROXY line is longer than 107 bytes")]
    LineTooLong,
    /// Version 1: fields missing, too many, or not separated by one space.
    #[error("the PROXY line is malformed")]
    Line,
    /// An address that cannot be read or is of the other family.
    #[error("an address in the PROXY line is malformed")]
    Address,
    /// A port that is no number from 0 to 65535 in its shortest form.
    #[error("a port in the PROXY line is malformed")]
    Port,
    /// Version 2: a version nibble other than 2.
    #[error("the version of the PROXY header is not 2")]
    Version,
    /// Version 2: a command other than LOCAL and PROXY.
    #[error("the command of the PROXY header is unknown")]
    Command,
    /// UDP, UNIX sockets, or something unheard of.
    #[error("the PROXY header is for a transport other than TCP over IPv4 or IPv6")]
    Transport,
    /// Version 2: the length has no room for the addresses.
    #[error("the PROXY header is too short for its addresses")]
    TooShort,
    /// Version 2: the length is beyond [`MAX_HEADER_BYTES`].
    #[error("the PROXY header is longer than {MAX_HEADER_BYTES} bytes")]
    TooLong,
    /// Version 2: the extensions do not add up to the length.
    #[error("an extension of the PROXY header is malformed")]
    Extension,
    /// Version 2: a CRC-32C extension that does not match.
    #[error("the checksum of the PROXY header does not match")]
    Checksum,
}

/// The longest header that is taken, in bytes. Addresses need 52; load balancers add some hundred bytes of extensions.
pub const MAX_HEADER_BYTES: usize = 4096;

/// Parses the first bytes of a connection. Pure; bytes after the header are not looked at.
///
/// # Errors
/// [`ProxyProtocolError`] as soon as the bytes can no longer become a header.
pub fn parse(bytes: &[u8]) -> Result<Parsed, ProxyProtocolError> {
    match bytes.first() {
        // The shortest header of all is the 15 bytes of `PROXY UNKNOWN` and its end of line.
        None => Ok(Parsed::Incomplete { at_least: version1::SHORTEST }),
        Some(b'P') => version1::parse(bytes),
        Some(_) => version2::parse(bytes),
    }
}

/// Why no header could be read from a connection.
#[derive(Debug, thiserror::Error)]
pub enum ReadHeaderError {
    /// The bytes are no header.
    #[error(transparent)]
    Malformed(#[from] ProxyProtocolError),
    /// The peer closed before the header's end.
    #[error("the peer closed before the end of its PROXY header")]
    Closed,
    /// The socket failed.
    #[error("the PROXY header could not be read")]
    Io(#[from] io::Error),
}

/// Reads a header and not one byte beyond it. The deadline is the caller's: the whole handshake shares one. Not safe to
/// cancel and resume, since what was read is lost.
///
/// # Errors
/// [`ReadHeaderError`]; the connection is then to be closed without an answer.
pub async fn read_header<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Header, ReadHeaderError> {
    let mut header = Vec::with_capacity(version1::LONGEST);
    loop {
        let at_least = match parse(&header)? {
            Parsed::Complete { header, .. } => return Ok(header),
            Parsed::Incomplete { at_least } => at_least,
        };
        let room = u64::try_from(at_least).unwrap_or(u64::MAX);
        if (&mut *stream).take(room).read_buf(&mut header).await? == 0 {
            return Err(ReadHeaderError::Closed);
        }
    }
}

fn proxied(source: SocketAddr, destination: SocketAddr) -> Header {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    Header::Proxied { source: canonical(source), destination: canonical(destination) }
}

#[cfg(test)]
mod tests;
