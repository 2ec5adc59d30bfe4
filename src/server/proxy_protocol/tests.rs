use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::version2::{SIGNATURE, crc32c};
use super::*;

const LINE4: &[u8] = b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n";
const LINE6: &[u8] = b"PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n";
const LONGEST_LINE6: &[u8] = b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
    ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
const UNKNOWN: &[u8] = b"PROXY UNKNOWN\r\n";
const LONGEST_UNKNOWN: &[u8] = b"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
    ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";

fn complete(bytes: &[u8]) -> Header {
    match parse(bytes) {
        Ok(Parsed::Complete { header, consumed }) => {
            assert_eq!(consumed, bytes.len());
            header
        }
        other => panic!("{other:?}"),
    }
}

fn between(source: &str, destination: &str) -> Header {
    Header::Proxied { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

fn version1(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port()).into_bytes()
}

fn version2(source: SocketAddr, destination: SocketAddr, extensions: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    for ip in [source.ip(), destination.ip()] {
        match ip {
            IpAddr::V4(v4) => payload.extend(v4.octets()),
            IpAddr::V6(v6) => payload.extend(v6.octets()),
        }
    }
    payload.extend(source.port().to_be_bytes());
    payload.extend(destination.port().to_be_bytes());
    payload.extend(extensions);
    raw_version2(0x21, if source.is_ipv4() { 0x11 } else { 0x21 }, &payload)
}

fn raw_version2(command: u8, transport: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([command, transport]);
    bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn samples() -> Vec<Vec<u8>> {
    let (v4, v4b) = ("192.0.2.1:50000".parse().unwrap(), "198.51.100.7:443".parse().unwrap());
    let (v6, v6b) = ("[2001:db8::1]:50000".parse().unwrap(), "[2001:db8::2]:8443".parse().unwrap());
    vec![
        LINE4.to_vec(),
        LONGEST_LINE6.to_vec(),
        UNKNOWN.to_vec(),
        LONGEST_UNKNOWN.to_vec(),
        b"PROXY TCP6 :: :: 0 0\r\n".to_vec(),
        version1(v4, v4b),
        version1(v6, v6b),
        version2(v4, v4b, b""),
        version2(v6, v6b, b"\x04\0\x05hello\x20\0\0"),
        raw_version2(0x20, 0, b""),
        raw_version2(0x20, 0xff, b"whatever"),
        raw_version2(0x21, 0, b""),
    ]
}

#[test]
fn lines_of_the_specification_are_read() {
    assert_eq!(complete(LINE4), between("255.255.255.255:65535", "255.255.255.255:65535"));
    let ends = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    assert_eq!(complete(LONGEST_LINE6), between(ends, ends));
    assert_eq!(complete(UNKNOWN), Header::Local);
    assert_eq!(LONGEST_UNKNOWN.len(), version1::LONGEST);
    assert_eq!(complete(LONGEST_UNKNOWN), Header::Local);
    assert_eq!(parse(LINE6), Err(ProxyProtocolError::Address), "the specification abbreviates there");
}

#[test]
fn local_and_unspecified_headers_leave_the_sockets_address() {
    assert_eq!(complete(&raw_version2(0x20, 0, b"")), Header::Local);
    assert_eq!(complete(&raw_version2(0x20, 0x31, b"ignored")), Header::Local);
    assert_eq!(complete(&raw_version2(0x21, 0x00, b"ignored")), Header::Local);
}

#[test]
fn mapped_addresses_are_given_as_ipv4() {
    let bytes = b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n";
    assert_eq!(complete(bytes), between("192.0.2.1:1", "192.0.2.2:2"));
}

#[test]
fn bytes_after_the_header_are_left_alone() {
    for sample in samples() {
        let mut followed = sample.clone();
        followed.extend(b"\x16\x03\x01");
        let Ok(Parsed::Complete { consumed, .. }) = parse(&followed) else { panic!("{sample:?}") };
        assert_eq!(consumed, sample.len());
    }
}

#[test]
fn every_truncation_is_incomplete_and_never_asks_beyond_the_header() {
    for sample in samples() {
        for length in 0..sample.len() {
            match parse(&sample[..length]) {
                Ok(Parsed::Incomplete { at_least }) => assert!((1..=sample.len() - length).contains(&at_least)),
                other => panic!("{other:?} at {length} of {:?}", sample.escape_ascii().to_string()),
            }
        }
    }
}

#[test]
fn malformed_lines_are_refused() {
    use ProxyProtocolError::{Address, Line, LineTooLong, Port, Signature, Transport};
    let cases: &[(&[u8], ProxyProtocolError)] = &[
        (b"GET / HTTP/1.1\r\n", Signature),
        (b"\x16\x03\x01\x02\x00\x01", Signature),
        (b"PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2\r\n", Signature),
        (b"PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", Transport),
        (b"PROXY UNIX /a /b 1 2\r\n", Transport),
        (b"PROXY UNKNOWNS\r\nxxxxxxx", Line),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", Line),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", Line),
        (b"PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", Line),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2  1\r\n", Port),
        (b"PROXY TCP4 ::1 2.2.2.2 1 2\r\n", Address),
        (b"PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", Address),
        (b"PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", Address),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", Port),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n", Port),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", Port),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", Line),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 \xff\r\n", Line),
    ];
    for (bytes, error) in cases {
        assert_eq!(parse(bytes), Err(*error), "{}", bytes.escape_ascii());
    }
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    assert_eq!(parse(&endless), Err(LineTooLong));
    assert_eq!(
        parse(b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n").map(|parsed| matches!(parsed, Parsed::Complete { .. })),
        Ok(false)
    );
}

#[test]
fn malformed_binary_headers_are_refused() {
    use ProxyProtocolError::{Command, Extension, TooLong, TooShort, Transport, Version};
    let addresses = [0u8; 12];
    let with = |extension: &[u8]| raw_version2(0x21, 0x11, &[&addresses, extension].concat());
    let cases = [
        (raw_version2(0x11, 0x11, &addresses), Version),
        (raw_version2(0x22, 0x11, &addresses), Command),
        (raw_version2(0x21, 0x12, &addresses), Transport),
        (raw_version2(0x21, 0x22, &[0; 36]), Transport),
        (raw_version2(0x21, 0x31, &[0; 216]), Transport),
        (raw_version2(0x21, 0x41, &addresses), Transport),
        (raw_version2(0x21, 0x11, &addresses[..11]), TooShort),
        (raw_version2(0x21, 0x21, &[0; 35]), TooShort),
        (raw_version2(0x21, 0x11, &[0; MAX_HEADER_BYTES]), TooLong),
        (with(b"\x04\0"), Extension),
        (with(b"\x04\0\x02x"), Extension),
        (with(b"\x03\0\x02xx"), Extension),
    ];
    for (bytes, error) in cases {
        assert_eq!(parse(&bytes), Err(error), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_checksum_must_match() {
    assert_eq!(crc32c([b"1234".as_slice(), b"56789"]), 0xe306_9283, "the check value of CRC-32C");
    let (source, destination) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap());
    let mut bytes = version2(source, destination, b"\x03\0\x04\0\0\0\0\x04\0\x01x");
    let at = bytes.len() - 8;
    let sum = crc32c([bytes.as_slice()]).to_be_bytes();
    bytes[at..at + 4].copy_from_slice(&sum);
    assert_eq!(complete(&bytes), Header::Proxied { source, destination });
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(parse(&bytes), Err(ProxyProtocolError::Checksum));
}

#[test]
fn only_named_senders_are_asked_for_a_header() {
    let nets = |list: &[&str]| ProxyProtocol::new(list.iter().map(|net| net.parse().unwrap()));
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(nets(&[]).applies_to(ip("10.0.0.1")), Expect::NotUsed);
    let named = nets(&["10.0.0.0/8", "2001:db8::/32", "::ffff:192.0.2.0/120"]);
    for sender in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::9", "192.0.2.200", "::ffff:192.0.2.1"] {
        assert_eq!(named.applies_to(ip(sender)), Expect::Demanded, "{sender}");
    }
    for other in ["11.1.2.3", "::ffff:11.1.2.3", "2001:db9::9", "::10.1.2.3", "192.0.3.1"] {
        assert_eq!(named.applies_to(ip(other)), Expect::Forbidden, "{other}");
    }
}

#[tokio::test]
async fn reading_stops_at_the_headers_last_byte() {
    for sample in samples() {
        let Ok(Parsed::Complete { header, .. }) = parse(&sample) else { panic!("{sample:?}") };
        let stream = [sample.as_slice(), b"\x16\x03\x01"].concat();
        let mut whole = stream.as_slice();
        assert_eq!(read_header(&mut whole).await.unwrap(), header);
        assert_eq!(whole, b"\x16\x03\x01");
        let mut dripping = byte_by_byte(&stream);
        assert_eq!(read_header(&mut dripping).await.unwrap(), header);
        let mut rest = Vec::new();
        dripping.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"\x16\x03\x01");
    }
}

/// A stream that gives one byte at each read.
fn byte_by_byte(bytes: &[u8]) -> impl AsyncRead + Unpin + use<> {
    let (mut ours, theirs) = tokio::io::duplex(1);
    let bytes = bytes.to_vec();
    tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut ours, &bytes).await });
    theirs
}

#[tokio::test]
async fn a_peer_that_closes_early_is_told_from_a_malformed_header() {
    let closed = read_header(&mut &LINE4[..20]).await;
    assert!(matches!(closed, Err(ReadHeaderError::Closed)), "{closed:?}");
    let malformed = read_header(&mut b"GET / HTTP/1.1\r\n".as_slice()).await;
    assert!(matches!(malformed, Err(ReadHeaderError::Malformed(ProxyProtocolError::Signature))), "{malformed:?}");
}

fn endpoints() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let v4 = any::<[(u32, u16); 2]>()
        .prop_map(|pair| pair.map(|(ip, port)| SocketAddr::new(Ipv4Addr::from_bits(ip).into(), port)));
    let v6 = any::<[(u128, u16); 2]>()
        // Global addresses, none of which is a mapped one.
        .prop_map(|pair| pair.map(|(ip, port)| SocketAddr::new(Ipv6Addr::from_bits(ip | 1 << 125).into(), port)));
    prop_oneof![v4, v6].prop_map(|[source, destination]| (source, destination))
}

proptest! {
    #[test]
    fn what_was_written_is_what_is_read((source, destination) in endpoints(), extension in any::<Vec<u8>>()) {
        let header = Header::Proxied { source, destination };
        prop_assert_eq!(complete(&version1(source, destination)), header);
        let mut extensions = vec![0xe0];
        extensions.extend(u16::try_from(extension.len()).unwrap().to_be_bytes());
        extensions.extend(&extension);
        prop_assert_eq!(complete(&version2(source, destination, &extensions)), header);
    }

    #[test]
    fn no_bytes_panic(bytes in any::<Vec<u8>>(), start in 0usize..5, cut in any::<prop::sample::Index>()) {
        let start: &[u8] = [b"".as_slice(), b"PROXY ", b"PROXY TCP4 1.1.1.1 ", SIGNATURE, b"PROXY TCP6 ::"][start];
        let bytes = [start, &bytes].concat();
        let length = cut.index(bytes.len() + 1);
        if let Ok(Parsed::Complete { consumed, .. }) = parse(&bytes[..length]) {
            prop_assert!(consumed <= length);
        }
    }
}
