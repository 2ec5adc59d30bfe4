//! Version 2: twelve bytes of signature, command, family, length, addresses, extensions (TLVs).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Header, MAX_HEADER_BYTES, Parsed, ProxyProtocolError, proxied};

pub(super) const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length: 16 bytes.
const FIXED: usize = SIGNATURE.len() + 4;

const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;
const UNSPECIFIED: u8 = 0x00;

/// The extension that holds a CRC-32C over the whole header, its own four bytes taken as zero.
const CRC32C_EXTENSION: u8 = 0x03;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, ProxyProtocolError> {
    if !bytes.iter().zip(SIGNATURE).all(|(byte, expected)| byte == expected) {
        return Err(ProxyProtocolError::Signature);
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(Parsed::Incomplete { at_least: FIXED - bytes.len() });
    };
    let [.., version_and_command, transport, high, low] = *fixed;
    if version_and_command >> 4 != 2 {
        return Err(ProxyProtocolError::Version);
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if FIXED + length > MAX_HEADER_BYTES {
        return Err(ProxyProtocolError::TooLong);
    }
    let Some(payload) = rest.get(..length) else {
        return Ok(Parsed::Incomplete { at_least: length - rest.len() });
    };
    let header = match version_and_command & 0x0f {
        // For LOCAL everything up to the length is to be skipped unread.
        0 => Header::Local,
        1 => proxied_for(transport, fixed, payload)?,
        _ => return Err(ProxyProtocolError::Command),
    };
    Ok(Parsed::Complete { header, consumed: FIXED + length })
}

fn proxied_for(transport: u8, fixed: &[u8; FIXED], payload: &[u8]) -> Result<Header, ProxyProtocolError> {
    let (header, extensions) = match transport {
        TCP_OVER_IPV4 => {
            let (source, rest) = address::<4, Ipv4Addr>(payload)?;
            let (destination, rest) = address::<4, Ipv4Addr>(rest)?;
            let (source_port, rest) = port(rest)?;
            let (destination_port, rest) = port(rest)?;
            let source = SocketAddr::new(source.into(), source_port);
            (proxied(source, SocketAddr::new(destination.into(), destination_port)), rest)
        }
        TCP_OVER_IPV6 => {
            let (source, rest) = address::<16, Ipv6Addr>(payload)?;
            let (destination, rest) = address::<16, Ipv6Addr>(rest)?;
            let (source_port, rest) = port(rest)?;
            let (destination_port, rest) = port(rest)?;
            let source = SocketAddr::new(source.into(), source_port);
            (proxied(source, SocketAddr::new(destination.into(), destination_port)), rest)
        }
        UNSPECIFIED => return Ok(Header::Local),
        _ => return Err(ProxyProtocolError::Transport),
    };
    judge_extensions(fixed, payload, extensions)?;
    Ok(header)
}

fn address<const N: usize, A: From<[u8; N]>>(bytes: &[u8]) -> Result<(A, &[u8]), ProxyProtocolError> {
    let (octets, rest) = bytes.split_first_chunk::<N>().ok_or(ProxyProtocolError::TooShort)?;
    Ok((A::from(*octets), rest))
}

fn port(bytes: &[u8]) -> Result<(u16, &[u8]), ProxyProtocolError> {
    let (octets, rest) = bytes.split_first_chunk::<2>().ok_or(ProxyProtocolError::TooShort)?;
    Ok((u16::from_be_bytes(*octets), rest))
}

/// Walks over the extensions: they must add up to the length, and a checksum must match. The rest is of no use here.
fn judge_extensions(fixed: &[u8; FIXED], payload: &[u8], mut extensions: &[u8]) -> Result<(), ProxyProtocolError> {
    while let Some((start, rest)) = extensions.split_first_chunk::<3>() {
        let [kind, high, low] = *start;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, rest) = rest.split_at_checked(length).ok_or(ProxyProtocolError::Extension)?;
        if kind == CRC32C_EXTENSION {
            let stated = <[u8; 4]>::try_from(value).map_err(|_| ProxyProtocolError::Extension)?;
            let before = payload.len() - rest.len() - value.len();
            let before = payload.get(..before).ok_or(ProxyProtocolError::Extension)?;
            let computed = crc32c([fixed.as_slice(), before, &[0; 4], rest]);
            if u32::from_be_bytes(stated) != computed {
                return Err(ProxyProtocolError::Checksum);
            }
        }
        extensions = rest;
    }
    if extensions.is_empty() { Ok(()) } else { Err(ProxyProtocolError::Extension) }
}

/// CRC-32C (RFC 9260 appendix A) over the parts in their order. A header is rare and short: bit by bit is quick enough.
pub(super) fn crc32c<const N: usize>(parts: [&[u8]; N]) -> u32 {
    const REFLECTED_POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut crc = u32::MAX;
    for byte in parts.into_iter().flatten() {
        crc ^= u32::from(*byte);
        for _ in 0..u8::BITS {
            let carry = 0u32.wrapping_sub(crc & 1);
            crc = (crc >> 1) ^ (REFLECTED_POLYNOMIAL & carry);
        }
    }
    !crc
}
