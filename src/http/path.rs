//! Path hygiene: what a backend could read in another way than we do is refused, so that the path that was matched is the
//! path that is forwarded.

use std::borrow::Cow;

use ::http::request::Parts;

use super::Problem;
use super::stack::Connection;

/// Refuses every request target but a clean origin form, or an absolute form with a clean path.
pub(crate) fn refuse_unclean(parts: &mut Parts, _: &Connection) -> Result<(), Problem> {
    let reason = unclean(parts.uri.path()).or_else(|| unclean_query(parts.uri.query()?));
    reason.map_or(Ok(()), |reason| Err(Problem::bad_request(reason)))
}

/// Refuses a path that would be no operation here, and one for a backend that decodes it: one that spells letters, digits, `-`, `.`,
/// `_` or `~` as percent-encodings (RFC 3986 section 2.3), when without them it would be called, or lie where a product's calls lie.
pub(crate) fn refuse_disguised(parts: &mut Parts, connection: &Connection) -> Result<(), Problem> {
    let Some(interpreter) = connection.interpreter() else { return Ok(()) };
    let path = parts.uri.path();
    if path.contains('%') && disguised(path) && interpreter.routes().is_anybodys(&undisguised(path)) {
        return Err(Problem::bad_request("The path encodes a character that needs no encoding."));
    }
    Ok(())
}

/// The path without such encodings.
fn undisguised(path: &str) -> String {
    let mut pieces = path.split('%');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        if let Some(character) = unreserved(piece) {
            plain.push(character);
            plain.push_str(piece.get(2..).unwrap_or_default());
        } else {
            plain.push('%');
            plain.push_str(piece);
        }
    }
    plain
}

/// The character that the two digits at the beginning of `encoded` stand for, when it needs no encoding.
fn unreserved(encoded: &str) -> Option<char> {
    let mut digits = encoded.bytes().map_while(hex);
    let character = char::from(digits.next()? << 4 | digits.next()?);
    matches!(character, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~').then_some(character)
}

fn disguised(path: &str) -> bool {
    path.split('%').skip(1).any(|encoded| unreserved(encoded).is_some())
}

/// What is wrong with `query`, if anything. HTTP/2 would let octets through that no HTTP/1.1 request line may hold, and some
/// readers of request lines take U+0085 and U+00A0 for spaces.
fn unclean_query(query: &str) -> Option<&'static str> {
    let graphic = query.bytes().all(|byte| byte.is_ascii_graphic());
    (!graphic).then_some("The query holds a character that must be percent-encoded.")
}

/// What is wrong with `path`, if anything.
fn unclean(path: &str) -> Option<&'static str> {
    if is_plain(path.as_bytes()) { None } else { unclean_at_a_close_look(path.as_bytes()) }
}

fn unclean_at_a_close_look(bytes: &[u8]) -> Option<&'static str> {
    if bytes.first() != Some(&b'/') {
        return Some("The request target must be in origin form.");
    }
    if bytes.iter().any(|byte| !(0x21..=0x7e).contains(byte) || *byte == b'#') {
        return Some("The path holds a character that must be percent-encoded.");
    }
    if bytes.contains(&b'\\') {
        return Some("The path holds a backslash.");
    }
    let path = match decoded(bytes) {
        Ok(path) => path,
        Err(reason) => return Some(reason),
    };
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        // A last empty segment is a trailing slash; any other is `//`.
        if segment.is_empty() && segments.peek().is_some() {
            return Some("The path holds an empty segment.");
        }
        // `..;a=b` is a dot segment, and `;a=b` an empty one, for servers that take path parameters off first.
        let name = segment.split(|byte| *byte == b';').next().unwrap_or(segment);
        if name.is_empty() && !segment.is_empty() {
            return Some("The path holds an empty segment.");
        }
        if name == b"." || name == b".." {
            return Some("The path holds a dot segment.");
        }
    }
    None
}

/// Whether there is nothing to look at closely, the short way that nearly all paths go: letters, digits and harmless marks alone, in
/// segments that are not empty and begin with no dot.
fn is_plain(path: &[u8]) -> bool {
    let Some((b'/', rest)) = path.split_first() else { return false };
    let mut segment_begins = true;
    rest.iter().all(|byte| {
        let is_plain = match byte {
            b'/' | b'.' => !segment_begins,
            b'-' | b'_' | b'~' | b':' | b'@' | b'=' | b',' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        segment_begins = *byte == b'/';
        is_plain
    })
}

/// Percent-decodes once, and refuses what must not be there after decoding. Borrows when there is nothing to decode.
fn decoded(path: &[u8]) -> Result<Cow<'_, [u8]>, &'static str> {
    if !path.contains(&b'%') {
        return Ok(Cow::Borrowed(path));
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'%' {
            decoded.push(*first);
            rest = tail;
            continue;
        }
        let [high, low, tail @ ..] = tail else { return Err("The path holds a broken percent-encoding.") };
        let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
            return Err("The path holds a broken percent-encoding.");
        };
        match high << 4 | low {
            b'/' | b'\\' => return Err("The path holds an encoded slash or backslash."),
            0x00..=0x1f | 0x7f => return Err("The path holds an encoded control character."),
            byte => decoded.push(byte),
        }
        rest = tail;
    }
    // Overlong forms such as %c0%af are a slash for decoders that do not check.
    if std::str::from_utf8(&decoded).is_err() {
        return Err("The path is not UTF-8.");
    }
    Ok(Cow::Owned(decoded))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_the_short_way_is_clean_at_a_close_look(path in "[a-z/.;%\\\\~,:2ef]{0,12}", any in any::<Vec<u8>>()) {
            for path in [path.as_bytes(), &any] {
                prop_assert!(!is_plain(path) || unclean_at_a_close_look(path).is_none(), "{path:?}");
            }
        }
    }

    #[test]
    fn the_paths_of_all_operations_go_the_short_way_and_odd_ones_do_not() {
        for path in
            ["/", "/issuer/igwapi/v2.0/notifyVirtualCardChange", "/banking/d1/v1/cards/1-2_3.4~5/", "/a:b@c=d,e"]
        {
            assert!(is_plain(path.as_bytes()), "{path}");
        }
        for path in ["", "a", "//", "/a//b", "/.", "/..", "/a/.b", "/a;b", "/a%41", "/a\\b", "/a b", "/a#", "/\u{e9}"] {
            assert!(!is_plain(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn clean_paths_pass() {
        for path in [
            "/",
            "/tsh/v1/cards",
            "/trailing/",
            "/a.b/..c/...",
            "/caf%C3%A9",
            "/a%20b",
            "/a:b@c;d=e",
            "/%7Btoken%7D",
            "/a%25b",
        ] {
            assert_eq!(unclean(path), None, "{path}");
        }
    }

    #[test]
    fn paths_that_can_be_read_in_two_ways_are_refused() {
        for path in [
            "",
            "*",
            "a/b",
            "//a",
            "/a//b",
            "/a/.",
            "/a/..",
            "/./a",
            "/../a",
            "/a/%2e%2e/b",
            "/a/%2E/b",
            "/a/.%2e/b",
            "/a/..;/b",
            "/a/..;x=y/b",
            "/a/%2e%2e;/b",
            "/;/b",
            "/a/;x=y/b",
            "/a/%3bx/b",
            "/a/;",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%5Cb",
            "/a\\b",
            "/a%00b",
            "/a%0d%0ab",
            "/a%7fb",
            "/a#b",
            "/a b",
            "/a\u{7f}b",
            "/caf\u{e9}",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%+1",
            "/%c0%af",
            "/%ff",
        ] {
            assert!(unclean(path).is_some(), "{path}");
        }
    }

    #[test]
    fn characters_that_need_no_encoding_are_not_encoded() {
        for path in ["/a%62c", "/%41", "/v2%2E0/cards", "/a%2d", "/%7e"] {
            assert!(disguised(path), "{path}");
        }
        for path in ["/abc", "/a%20b", "/caf%C3%A9", "/%7Btoken%7D", "/a%25b", "/a%2", "/%"] {
            assert!(!disguised(path), "{path}");
        }
    }

    #[test]
    fn a_path_is_read_as_whoever_decodes_it_does() {
        assert_eq!(undisguised("/%74sh-cof/a%20b%2Fc%7e%zz%"), "/tsh-cof/a%20b%2Fc~%zz%");
    }

    #[test]
    fn a_query_is_what_a_request_line_may_hold() {
        assert_eq!(unclean_query("a=b&c=%2F..//;?'\"{}"), None);
        for query in ["a=\u{85}b", "a=\u{a0}b", "a=\u{2028}", "a=caf\u{e9}", "a=\u{7f}", "a b"] {
            assert!(unclean_query(query).is_some(), "{query:?}");
        }
    }
}
