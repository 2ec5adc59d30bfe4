//! The product's promises said once more, in other words and as simply as can be: what a target holds its answers against.

use std::borrow::Cow;

/// Whether `text` may stand in a header, a log line and a terminal.
pub fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

/// `text` with each `%XX` as its byte; `None` where one is broken.
pub fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(decoded)
}

/// Asserts that nobody could read `path` in another way than we do.
pub fn assert_clean(path: &str) {
    assert!(path.starts_with('/'), "{path:?} is no path");
    assert!(path.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{path:?} holds what no request line may");
    assert!(!path.contains(['\\', '#', '?']), "{path:?}");
    let decoded = percent_decoded(path).unwrap_or_else(|| panic!("{path:?} holds a broken encoding"));
    assert_eq!(
        decoded.iter().filter(|byte| **byte == b'/').count(),
        path.matches('/').count(),
        "{path:?} encodes a slash"
    );
    assert!(!decoded.contains(&b'\\') && decoded.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f), "{path:?}");
    let decoded = String::from_utf8(decoded).unwrap_or_else(|_| panic!("{path:?} is no UTF-8"));
    let segments: Vec<&str> = decoded.split('/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        let name = segment.split(';').next().unwrap_or_default();
        assert!(name != "." && name != "..", "{path:?} holds a dot segment");
        let is_trailing_slash = segment.is_empty() && at + 1 == segments.len();
        assert!(!name.is_empty() || is_trailing_slash, "{path:?} holds an empty segment");
    }
}

/// `path` as somebody reads it who decodes what needs no encoding (RFC 3986 section 6.2.2.2).
pub fn normalized(path: &str) -> Cow<'_, str> {
    let mut normalized = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, encoded) = rest.split_at(at);
        normalized.push_str(before);
        let byte = encoded.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.map(char::from) {
            Some(character) if character.is_ascii_alphanumeric() || "-._~".contains(character) => {
                normalized.push(character);
                rest = &encoded[3..];
            }
            _ => {
                normalized.push('%');
                rest = &encoded[1..];
            }
        }
    }
    if normalized.is_empty() && rest == path {
        return Cow::Borrowed(path);
    }
    Cow::Owned(normalized + rest)
}

/// Whether `path` is one of `template`: literals in any case, and something for each parameter.
pub fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(wanted, segment)| {
            if wanted.starts_with('{') { !segment.is_empty() } else { wanted.eq_ignore_ascii_case(segment) }
        })
}

/// Fields of a connection, not of a message (RFC 9110 section 7.6.1).
pub const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
