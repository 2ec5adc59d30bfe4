//! Version 1: one line of text, `PROXY TCP4 192.0.2.1 192.0.2.2 50000 443` and CRLF.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Header, Parsed, ProxyProtocolError, proxied};

/// The shortest line, `PROXY UNKNOWN`, with its CRLF, in bytes.
pub(super) const SHORTEST: usize = 15;
/// The longest line that the specification allows, with its CRLF, in bytes.
pub(super) const LONGEST: usize = 107;

const START: &[u8] = b"PROXY ";
const CRLF: &[u8] = b"\r\n";
/// The fields of a line for TCP.
const FIELDS: usize = 6;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, ProxyProtocolError> {
    if !bytes.iter().zip(START).all(|(byte, expected)| byte == expected) {
        return Err(ProxyProtocolError::Signature);
    }
    let within = bytes.get(..LONGEST).unwrap_or(bytes);
    if let Some(line) = within.windows(CRLF.len()).position(|pair| pair == CRLF) {
        let header = parse_line(within.get(..line).unwrap_or_default())?;
        return Ok(Parsed::Complete { header, consumed: line + CRLF.len() });
    }
    if bytes.len() >= LONGEST {
        return Err(ProxyProtocolError::LineTooLong);
    }
    Ok(Parsed::Incomplete { at_least: missing(bytes) })
}

/// A lower bound of the bytes that `line`, which has no CRLF yet, still lacks.
fn missing(line: &[u8]) -> usize {
    if let Some(missing) = SHORTEST.checked_sub(line.len()).filter(|missing| *missing > 0) {
        return missing;
    }
    if line.last() == Some(&b'\r') {
        return 1;
    }
    if !line.starts_with(b"PROXY TCP") {
        return CRLF.len();
    }
    let fields = line.split(|byte| *byte == b' ').count();
    // Each field that is still to come has a space before it and is at least one byte long.
    CRLF.len() + 2 * FIELDS.saturating_sub(fields)
}

/// `line` is without its CRLF and starts with [`START`].
fn parse_line(line: &[u8]) -> Result<Header, ProxyProtocolError> {
    let line = line.strip_prefix(START).ok_or(ProxyProtocolError::Signature)?;
    let line = std::str::from_utf8(line).map_err(|_| ProxyProtocolError::Line)?;
    // What follows UNKNOWN is to be ignored up to the end of the line.
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Ok(Header::Local);
    }
    let mut fields = line.split(' ');
    let mut field = || fields.next().ok_or(ProxyProtocolError::Line);
    let (family, source, destination) = (field()?, field()?, field()?);
    let (source_port, destination_port) = (field()?, field()?);
    if fields.next().is_some() {
        return Err(ProxyProtocolError::Line);
    }
    let address: fn(&str) -> Result<IpAddr, ProxyProtocolError> = match family {
        "TCP4" => |text| text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| ProxyProtocolError::Address),
        "TCP6" => |text| text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| ProxyProtocolError::Address),
        _ => return Err(ProxyProtocolError::Transport),
    };
    let (source, destination) = (address(source)?, address(destination)?);
    Ok(proxied(SocketAddr::new(source, port(source_port)?), SocketAddr::new(destination, port(destination_port)?)))
}

/// A decimal number without sign and without leading zeros.
fn port(text: &str) -> Result<u16, ProxyProtocolError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    if !digits || padded {
        return Err(ProxyProtocolError::Port);
    }
    text.parse().map_err(|_| ProxyProtocolError::Port)
}
