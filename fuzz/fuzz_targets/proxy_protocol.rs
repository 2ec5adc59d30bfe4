//! The first bytes of a connection, as a load balancer would send them.
#![no_main]

use issuer_host::server::proxy_protocol::{Header, MAX_HEADER_BYTES, Parsed, ReadHeaderError, parse, read_header};
use issuer_host_fuzz::door::run;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let parsed = parse(bytes);
    assert_eq!(parsed, parse(bytes), "the same bytes say the same");
    match parsed {
        Ok(Parsed::Complete { header, consumed }) => {
            assert!((1..=bytes.len().min(MAX_HEADER_BYTES)).contains(&consumed));
            assert_eq!(parse(&bytes[..consumed]), parsed, "what follows is not looked at");
            let followed = [&bytes[..consumed], b"\r\nPROXY \x16\x03\x01"].concat();
            assert_eq!(parse(&followed), parsed, "what follows is not looked at");
            for length in 0..consumed {
                match parse(&bytes[..length]) {
                    Ok(Parsed::Incomplete { at_least }) => {
                        assert!(at_least >= 1 && length + at_least <= consumed, "it would read past the header");
                    }
                    other => panic!("{length} of {consumed} bytes: {other:?}"),
                }
            }
            if let Header::Proxied { source, destination } = header {
                for address in [source, destination] {
                    assert_eq!(address.ip(), address.ip().to_canonical());
                }
            }
        }
        Ok(Parsed::Incomplete { at_least }) => {
            assert!(at_least >= 1 && bytes.len() + at_least <= MAX_HEADER_BYTES);
            for length in 0..bytes.len() {
                assert!(matches!(parse(&bytes[..length]), Ok(Parsed::Incomplete { .. })), "{length} bytes");
            }
        }
        // No byte makes a header again of what is none.
        Err(_) => assert!(parse(&[bytes, b"\r\n"].concat()).is_err()),
    }

    let mut stream = bytes;
    let read = run(read_header(&mut stream));
    match (parsed, read) {
        (Ok(Parsed::Complete { header, consumed }), Ok(read)) => {
            assert_eq!(read, header);
            assert_eq!(stream, &bytes[consumed..], "not one byte more is read");
        }
        (Ok(Parsed::Incomplete { .. }), Err(ReadHeaderError::Closed))
        | (Err(_), Err(ReadHeaderError::Malformed(_))) => {}
        (parsed, read) => panic!("{parsed:?} and {read:?}"),
    }
});
