//! What may be told of a request's method and path: nothing that could be a card number, and no text of any length.

use ::http::Method;

/// Longest part of a path that is told, in bytes.
const MAX_PATH: usize = 512;
/// Digits in a row that are not told: the shortest card number has twelve (ISO/IEC 7812-1 leaves room for eight; those in use do not).
const LONGEST_NUMBER: usize = 11;

/// The name of a method that everybody knows; `None` = it is the caller's own text.
pub(crate) fn registered(method: &Method) -> Option<&'static str> {
    static REGISTERED: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    REGISTERED.iter().find(|known| *known == method).map(Method::as_str)
}

/// A path as it may be told: without numbers that could be those of cards, however they are spelt, and not too long.
pub(super) fn tellable(path: &str) -> String {
    let plain = plain_digits(path);
    let mut told = String::with_capacity(plain.len().min(MAX_PATH));
    let mut rest = plain.as_str();
    while !rest.is_empty() {
        if told.len() >= MAX_PATH {
            told.push_str("...");
            break;
        }
        let (length, digits) = number(rest);
        let length = if length > 0 {
            length
        } else {
            let text = rest.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(rest.len());
            rest.ceil_char_boundary(text.min(MAX_PATH - told.len()))
        };
        let Some((piece, after)) = rest.split_at_checked(length) else { break };
        told.push_str(if digits > LONGEST_NUMBER { "[number]" } else { piece });
        rest = after;
    }
    told
}

/// Digits that were written as percent-encodings become digits.
fn plain_digits(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, encoded) = rest.split_at(at);
        plain.push_str(before);
        let (piece, digit) = match encoded.as_bytes() {
            [b'%', b'3', digit @ b'0'..=b'9', ..] => (3, Some(char::from(*digit))),
            _ => (1, None),
        };
        plain.push(digit.unwrap_or('%'));
        rest = encoded.get(piece..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// How many bytes a number takes at the beginning of `text`, with single separators as people write them between its digits, and
/// how many digits it has.
fn number(text: &str) -> (usize, usize) {
    let (mut length, mut digits) = (0, 0);
    loop {
        let rest = text.as_bytes().get(length..).unwrap_or_default();
        let skipped = match rest {
            _ if digits == 0 => 0,
            [b'-' | b'.' | b'_' | b'+' | b' ', ..] => 1,
            [b'%', b'2', b'0', ..] => 3,
            _ => 0,
        };
        if !rest.get(skipped).is_some_and(u8::is_ascii_digit) {
            return (length, digits);
        }
        length += skipped + 1;
        digits += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_without_numbers_of_cards() {
        for (path, told) in [
            ("/cards/4000000000000002/x1", "/cards/[number]/x1"),
            ("/v2/issuers/0012345678/cards", "/v2/issuers/0012345678/cards"),
            ("/400000000002", "/[number]"),
            ("/40000000000", "/40000000000"),
            ("/4000-0000-0000-0002", "/[number]"),
            ("/4000%200000%200000%200002x", "/[number]x"),
            ("/%34%30%30%30000000000002", "/[number]"),
            ("/2026-11-22/v1.0", "/2026-11-22/v1.0"),
            ("/a-1--2.b%2", "/a-1--2.b%2"),
        ] {
            assert_eq!(tellable(path), told, "{path}");
        }
    }

    #[test]
    fn a_method_of_the_callers_own_is_not_repeated() {
        assert_eq!(registered(&Method::PATCH), Some("PATCH"));
        assert_eq!(registered(&Method::from_bytes(b"4000000000000002").unwrap()), None);
    }

    #[test]
    fn a_long_path_is_cut_and_no_number_with_it() {
        let long = format!("/{}/4000000000000002/{}", "q".repeat(MAX_PATH - 6), "r".repeat(1000));
        let told = tellable(&long);
        assert!(told.len() < MAX_PATH + 16 && told.ends_with("...") && !told.contains("4000"), "{told}");
        let wide = format!("/{}", "\u{e9}".repeat(10_000));
        assert!(tellable(&wide).len() < MAX_PATH + 16);
    }
}
