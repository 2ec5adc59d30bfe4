use proptest::prelude::*;

use super::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello";
const CHUNKED: &str = "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
    5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nDigest: x\r\n\r\n";

/// Pushes in one piece, then cut at every place, then octet by octet: the outcome must be one.
fn outcome(bytes: &[u8]) -> Result<u64, FramingError> {
    let mut whole = Framing::new(FramingLimits::default());
    let outcome = whole.push(bytes).map(|()| whole.messages_complete()).map_err(|refusal| refusal.error);
    for cut in 0..=bytes.len() {
        let mut framing = Framing::new(FramingLimits::default());
        let (left, right) = bytes.split_at(cut);
        let cut_outcome = framing.push(left).and_then(|()| framing.push(right));
        let cut_outcome = cut_outcome.map(|()| framing.messages_complete()).map_err(|refusal| refusal.error);
        assert_eq!(cut_outcome, outcome, "cut at {cut} of {}", bytes.escape_ascii());
    }
    let mut framing = Framing::new(FramingLimits::default());
    let single = bytes.chunks(1).try_for_each(|byte| framing.push(byte));
    assert_eq!(single.map(|()| framing.messages_complete()).map_err(|refusal| refusal.error), outcome);
    outcome
}

fn refused(text: &str) -> FramingError {
    match outcome(text.as_bytes()) {
        Err(error) => error,
        Ok(messages) => panic!("{messages} messages in {}", text.escape_debug()),
    }
}

fn with_fields(fields: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

fn with_chunks(chunks: &str) -> String {
    with_fields("Transfer-Encoding: chunked\r\n") + chunks
}

#[test]
fn honest_requests_are_taken_however_they_are_cut() {
    assert_eq!(outcome(GET.as_bytes()), Ok(1));
    assert_eq!(outcome(POST.as_bytes()), Ok(1));
    assert_eq!(outcome(CHUNKED.as_bytes()), Ok(1));
    assert_eq!(outcome([GET, POST, CHUNKED, GET].concat().as_bytes()), Ok(4));
    assert_eq!(outcome(format!("\r\n{GET}\r\n{POST}\r\n").as_bytes()), Ok(2));
    let rich = "PATCH /a%20b?c=d HTTP/1.1\r\nHOST:\ta \r\nX-Empty:\r\nX-Tab: a\tb\r\nX-Latin: \u{e9}\r\n\
        User-Agent: x/1 (y; z)\r\nCONTENT-LENGTH: \t 0 \t\r\n\r\n";
    assert_eq!(outcome(rich.as_bytes()), Ok(1));
    assert_eq!(outcome(b"GET / HTTP/1.0\r\n\r\n"), Ok(1));
    assert_eq!(
        outcome(with_fields("Transfer-Encoding: \tChUnKeD \r\n").replace("\r\n\r\n", "\r\n\r\n0\r\n\r\n").as_bytes()),
        Ok(1)
    );
    assert_eq!(
        outcome(with_fields("Content-Length: 9223372036854775807\r\n").as_bytes()),
        Ok(0),
        "the body is to come"
    );
}

#[test]
fn line_ends_are_crlf_and_nothing_else() {
    use FramingError::{BareCr, BareLf, EmptyLines};
    for place in GET.match_indices("\r\n").map(|(at, _)| at) {
        let bare = |end: &str| format!("{}{end}{}", &GET[..place], &GET[place + 2..]);
        let error = refused(&bare("\n"));
        assert!(matches!(error, BareLf | FramingError::NoVersion), "{error} at {place}");
        if place + 2 < GET.len() {
            assert_eq!(refused(&bare("\r")), BareCr, "at {place}");
        }
        if place > 14 {
            let error = refused(&bare("\r\r\n"));
            assert_eq!(error, BareCr, "at {place}");
        }
    }
    assert_eq!(refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), BareLf);
    assert_eq!(refused("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"), BareCr);
    assert_eq!(refused("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), EmptyLines);
    assert_eq!(refused(&with_fields("X: a\rb\r\n")), BareCr);
    assert_eq!(refused(&with_fields("X: a\nY: b\r\n")), BareLf);
    assert_eq!(refused(&with_fields("X\n")), BareLf);
}

#[test]
fn control_characters_are_refused_everywhere_in_a_head() {
    for control in (0..0x20u8).chain([0x7f]).filter(|byte| !matches!(byte, b'\t' | b'\r' | b'\n')) {
        let control = char::from(control);
        for text in [
            format!("G{control}T / HTTP/1.1\r\nHost: a\r\n\r\n"),
            format!("GET /{control} HTTP/1.1\r\nHost: a\r\n\r\n"),
            format!("GET / HTTP/1{control}1\r\nHost: a\r\n\r\n"),
            format!("GET / HTTP/1.1{control}\r\nHost: a\r\n\r\n"),
            with_fields(&format!("X{control}: a\r\n")),
            with_fields(&format!("X:{control}a\r\n")),
            with_fields(&format!("X: abcdefghi{control}\r\n")),
            with_chunks(&format!("1;{control}\r\nx\r\n0\r\n\r\n")),
            with_chunks(&format!("0\r\nX: {control}\r\n\r\n")),
        ] {
            assert_eq!(refused(&text), FramingError::ControlCharacter, "{}", text.escape_debug());
        }
        let coding = refused(&with_fields(&format!("Transfer-Encoding: {control}chunked\r\n")));
        assert_eq!(coding, FramingError::ControlCharacter);
    }
}

#[test]
fn request_lines_are_exactly_three_words() {
    use FramingError::{Http2Preface, NoVersion, RequestLine, Version};
    for line in [
        " GET / HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET\t/ HTTP/1.1",
        "GET / a HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1,1",
        "GET / HTTP/x.1",
        "GET / HTTP /1.1",
        "GET / XHTTP/1.1",
        "G(T / HTTP/1.1",
        "GET: / HTTP/1.1",
        "GET /\u{e9} HTTP/1.1",
        "GET",
    ] {
        assert_eq!(refused(&format!("{line}\r\nHost: a\r\n\r\n")), RequestLine, "{line}");
    }
    for line in ["GET /", "GET /index.html"] {
        assert_eq!(refused(&format!("{line}\r\n\r\n")), NoVersion, "{line}");
    }
    for version in ["0.9", "1.2", "1.9", "2.0", "3.0", "1.10", "1.01"] {
        assert_eq!(refused(&format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n")), Version, "{version}");
    }
    assert_eq!(refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Http2Preface);
    assert_eq!(refused("PRIX * HTTP/2.0\r\n\r\n"), Version);
    assert_eq!(refused("PR * HTTP/2.0\r\n\r\n"), Version);
    assert_eq!(refused("\u{16}\u{3}\u{1}"), FramingError::ControlCharacter);
}

#[test]
fn field_lines_are_neither_folded_nor_spaced_nor_nameless() {
    use FramingError::{EmptyFieldName, FieldName, FoldedField, SpaceBeforeColon};
    assert_eq!(refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), FoldedField);
    assert_eq!(refused(&with_fields("X: a\r\n b\r\n")), FoldedField);
    assert_eq!(refused(&with_fields("X: a\r\n\tb\r\n")), FoldedField);
    assert_eq!(refused(&with_fields("Content-Length : 5\r\n")), SpaceBeforeColon);
    assert_eq!(refused(&with_fields("Transfer-Encoding\t: chunked\r\n")), SpaceBeforeColon);
    assert_eq!(refused(&with_fields(": a\r\n")), EmptyFieldName);
    for name in ["X(", "X\u{e9}", "X\"", "X/Y", "X,Y", "[X]"] {
        assert_eq!(refused(&with_fields(&format!("{name}: a\r\n"))), FieldName, "{name}");
    }
    assert_eq!(refused(&with_fields("no colon at all\r\n")), SpaceBeforeColon);
    assert_eq!(refused(&with_fields("nocolon\r\n")), FieldName);
}

#[test]
fn a_body_is_framed_in_one_way_only() {
    use FramingError::{
        ContentLength, SeveralContentLengths, SeveralTransferEncodings, TransferCoding,
        TransferEncodingAndContentLength, TransferEncodingInHttp10,
    };
    let both = "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n";
    assert_eq!(refused(&with_fields(both)), TransferEncodingAndContentLength);
    let reversed = "content-length: 5\r\ntransfer-encoding: chunked\r\n";
    assert_eq!(refused(&with_fields(reversed)), TransferEncodingAndContentLength);
    for second in ["5", "6", "x"] {
        let fields = format!("Content-Length: 5\r\nContent-Length: {second}\r\n");
        let error = refused(&with_fields(&fields));
        assert!(matches!(error, SeveralContentLengths | ContentLength), "{error}");
    }
    for length in [
        "",
        "5, 5",
        "5,5",
        "+5",
        "-5",
        "0x5",
        "5 5",
        "5.0",
        "\"5\"",
        "5;",
        "five",
        "1e3",
        "\u{665}",
        "9223372036854775808",
        "10000000000000000000",
        "00000000000000000005",
    ] {
        assert_eq!(refused(&with_fields(&format!("Content-Length: {length}\r\n"))), ContentLength, "{length}");
    }
    for coding in [
        "",
        "gzip",
        "identity",
        "gzip, chunked",
        "chunked, chunked",
        "chunked, identity",
        "xchunked",
        "chunkedx",
        "chunke",
        "chunked;q=1",
        "\"chunked\"",
        "chunked,",
        ",chunked",
        "chun ked",
        "c hunked",
    ] {
        assert_eq!(refused(&with_fields(&format!("Transfer-Encoding: {coding}\r\n"))), TransferCoding, "{coding}");
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(refused(&with_fields(twice)), SeveralTransferEncodings);
    assert_eq!(refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), TransferEncodingInHttp10);
}

#[test]
fn there_is_one_host() {
    use FramingError::{NoHost, SeveralHosts};
    assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), NoHost);
    assert_eq!(refused("GET / HTTP/1.1\r\nHos: a\r\nHostt: a\r\nX-Host: a\r\n\r\n"), NoHost);
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), SeveralHosts);
    assert_eq!(refused("GET / HTTP/1.0\r\nHost: a\r\nhOST: b\r\n\r\n"), SeveralHosts);
}

#[test]
fn chunks_are_exactly_as_long_as_they_say() {
    use FramingError::{BareCr, BareLf, ChunkEnd, ChunkExtensions, ChunkSize};
    for size in ["", "x", " 5", "5 ", "5 ;x", "+5", "-5", "0x5", "5g", "00000000000000005", "8000000000000000", "5,5"] {
        assert_eq!(refused(&with_chunks(&format!("{size}\r\nhello\r\n0\r\n\r\n"))), ChunkSize, "{size}");
    }
    assert_eq!(outcome(with_chunks("0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n").as_bytes()), Ok(1));
    assert_eq!(refused(&with_chunks("5\nhello\r\n0\r\n\r\n")), BareLf);
    assert_eq!(refused(&with_chunks("5;x\nhello\r\n0\r\n\r\n")), BareLf);
    assert_eq!(refused(&with_chunks("5\rhello\r\n0\r\n\r\n")), BareCr);
    assert_eq!(refused(&with_chunks("5;x\ry\r\nhello\r\n0\r\n\r\n")), BareCr);
    for end in ["0\r\n\r\n", "\n0\r\n\r\n", "\r0\r\n\r\n", "!\r\n0\r\n\r\n"] {
        assert_eq!(refused(&with_chunks(&format!("5\r\nhello{end}"))), ChunkEnd, "{}", end.escape_debug());
    }
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(257));
    assert_eq!(refused(&with_chunks(&long)), ChunkExtensions);
    let many = "1;abcdefgh\r\nx\r\n".repeat(33) + "0\r\n\r\n";
    assert_eq!(refused(&with_chunks(&many)), ChunkExtensions);
}

#[test]
fn trailers_keep_the_rules_of_fields_and_frame_nothing() {
    use FramingError::{BareLf, FoldedField, ForbiddenTrailer, SpaceBeforeColon, TrailersTooLarge};
    for field in ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: b"] {
        assert_eq!(refused(&with_chunks(&format!("0\r\n{field}\r\n\r\n"))), ForbiddenTrailer, "{field}");
    }
    assert_eq!(refused(&with_chunks("0\r\nX: a\n\r\n")), BareLf);
    assert_eq!(refused(&with_chunks("0\r\nX : a\r\n\r\n")), SpaceBeforeColon);
    assert_eq!(refused(&with_chunks("0\r\nX: a\r\n b\r\n\r\n")), FoldedField);
    assert_eq!(refused(&with_chunks(&format!("0\r\n{}\r\n", "X: a\r\n".repeat(33)))), TrailersTooLarge);
    assert_eq!(outcome(with_chunks(&format!("0\r\n{}\r\n", "X: a\r\n".repeat(32))).as_bytes()), Ok(1));
}

#[test]
fn limits_hold_to_the_byte() {
    let limits = FramingLimits { request_line_bytes: 30, head_bytes: 60, head_fields: 3, ..FramingLimits::default() };
    let judge = |text: &str| Framing::new(limits).push(text.as_bytes()).map_err(|refusal| refusal.error);
    let line = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length - 16));
    assert_eq!(judge(&line(30)), Ok(()));
    assert_eq!(judge(&line(31)), Err(FramingError::RequestLineTooLong));
    assert_eq!(judge(&"G".repeat(31)), Err(FramingError::RequestLineTooLong));
    let head = |length: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(length - 32));
    assert_eq!(head(60).len(), 60);
    assert_eq!(judge(&head(60)), Ok(()));
    assert_eq!(judge(&head(61)), Err(FramingError::HeadTooLarge));
    let fields = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X:\r\n".repeat(count - 1));
    assert_eq!(judge(&fields(3)), Ok(()));
    assert_eq!(judge(&fields(4)), Err(FramingError::TooManyFields));
}

#[test]
fn the_phase_follows_the_message() {
    let mut framing = Framing::new(FramingLimits::default());
    let mut step = |bytes: &str| {
        framing.push(bytes.as_bytes()).unwrap();
        (framing.phase(), framing.heads_begun(), framing.heads_complete(), framing.messages_complete())
    };
    assert_eq!(step(""), (Phase::Idle, 0, 0, 0));
    assert_eq!(step("\r\n"), (Phase::Idle, 0, 0, 0));
    assert_eq!(step("P"), (Phase::Head, 1, 0, 0));
    assert_eq!(step("OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r"), (Phase::Head, 1, 0, 0));
    assert_eq!(step("\n"), (Phase::Body, 1, 1, 0));
    assert_eq!(step("ab"), (Phase::Body, 1, 1, 0));
    assert_eq!(step("c"), (Phase::Idle, 1, 1, 1));
    assert_eq!(step(&format!("{GET}{GET}G")), (Phase::Head, 4, 3, 3));
}

#[test]
fn what_came_before_the_refused_message_is_good() {
    let bad = "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n";
    let refusal = |reads: &[&str]| {
        let mut framing = Framing::new(FramingLimits::default());
        let mut refusals = reads.iter().filter_map(|read| framing.push(read.as_bytes()).err());
        refusals.next().unwrap()
    };
    let head = |good| Refusal { error: FramingError::SpaceBeforeColon, phase: Phase::Head, good };
    assert_eq!(refusal(&[bad]), head(0));
    assert_eq!(refusal(&[&format!("{GET}{POST}{bad}")]), head(GET.len() + POST.len()));
    assert_eq!(refusal(&[&format!("{GET}GET"), " / HTTP/1.1\r\nHost: a\r\nX : b"]), head(0));
    let chunk = with_chunks("5\r\nhello!");
    let refused = refusal(&[&format!("{GET}{chunk}")]);
    assert_eq!((refused.error, refused.phase), (FramingError::ChunkEnd, Phase::Body));
    assert!((GET.len()..GET.len() + chunk.len()).contains(&refused.good), "{refused:?}");
    let mut framing = Framing::new(FramingLimits::default());
    assert_eq!(framing.push(bad.as_bytes()), Err(head(0)));
    assert_eq!(framing.push(GET.as_bytes()), Err(head(0)), "there is no way back");
    assert_eq!(framing.push(b""), Err(head(0)));
}

#[test]
fn every_refusal_has_an_answer_that_closes() {
    for (error, line) in [
        (FramingError::BareLf, "HTTP/1.1 400 "),
        (FramingError::RequestLineTooLong, "HTTP/1.1 414 "),
        (FramingError::HeadTooLarge, "HTTP/1.1 431 "),
        (FramingError::TransferCoding, "HTTP/1.1 501 "),
        (FramingError::Http2Preface, "HTTP/1.1 505 "),
    ] {
        let text = str::from_utf8(error.response_bytes()).unwrap();
        assert!(text.starts_with(line) && text.contains(&error.status().to_string()), "{text}");
        assert!(text.ends_with("\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"), "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_cuts_do_not_matter(bytes in any::<Vec<u8>>(), start in 0usize..4, cut in any::<prop::sample::Index>()) {
        let start = ["", "POST / HTTP/1.1\r\nHost: a\r\n", &with_chunks(""), &with_chunks("1\r\nx\r\n0\r\n")][start].to_owned();
        let bytes = [start.as_bytes(), &bytes].concat();
        let mut whole = Framing::new(FramingLimits::default());
        let mut parts = Framing::new(FramingLimits::default());
        let (left, right) = bytes.split_at(cut.index(bytes.len() + 1));
        let outcome = whole.push(&bytes).map_err(|refusal| refusal.error);
        let cut_outcome = parts.push(left).and_then(|()| parts.push(right)).map_err(|refusal| refusal.error);
        prop_assert_eq!(outcome, cut_outcome);
        prop_assert_eq!(whole.phase(), parts.phase());
        prop_assert_eq!(whole.messages_complete(), parts.messages_complete());
    }
}
