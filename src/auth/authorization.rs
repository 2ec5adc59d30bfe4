//! The `authorization` header: one scheme and what comes with it (RFC 9110 section 11.6.2).

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

/// Callers that leave the padding out mean the same.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The credentials of a request.
#[derive(Clone, Copy)]
pub(super) struct Authorization<'h> {
    scheme: &'h [u8],
    /// What comes after the scheme, without the blanks around it.
    pub(super) credentials: &'h [u8],
}

/// Why there is no one set of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotOne {
    /// There is no such header.
    Missing,
    /// There are several: whoever looks at another one than we do would see somebody else.
    Several,
}

impl<'h> Authorization<'h> {
    /// The only one in `headers`.
    pub(super) fn of(headers: &'h HeaderMap) -> Result<Self, NotOne> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(NotOne::Missing)?;
        if values.next().is_some() {
            return Err(NotOne::Several);
        }
        let value = value.as_bytes().trim_ascii();
        let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
        let (scheme, credentials) = value.split_at_checked(end).unwrap_or((value, b""));
        Ok(Self { scheme, credentials: credentials.trim_ascii() })
    }

    /// Whether it is of this scheme, whose name has no case.
    pub(super) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme.as_bytes())
    }
}

/// User and password of HTTP Basic (RFC 7617), as bytes. A user name holds no colon, a password may.
pub(super) struct Basic {
    decoded: Zeroizing<Vec<u8>>,
    colon: usize,
}

impl Basic {
    /// `None` when it is not Base64, or has no colon.
    pub(super) fn decode(credentials: &[u8]) -> Option<Self> {
        let decoded = Zeroizing::new(BASE64.decode(credentials).ok()?);
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        Some(Self { decoded, colon })
    }

    /// All of it, colon included.
    pub(super) fn whole(&self) -> &[u8] {
        &self.decoded
    }

    pub(super) fn user(&self) -> &[u8] {
        self.decoded.get(..self.colon).unwrap_or_default()
    }

    pub(super) fn password(&self) -> &[u8] {
        self.decoded.get(self.colon + 1..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn the_scheme_has_no_case_and_blanks_around_credentials_do_not_count() {
        for value in ["Basic abc", "BASIC  abc ", "basic abc"] {
            let headers = headers(&[value]);
            let authorization = Authorization::of(&headers).unwrap();
            assert!(authorization.is("Basic") && !authorization.is("Bearer"), "{value}");
            assert_eq!(authorization.credentials, b"abc");
        }
        let bare = headers(&["Bearer"]);
        assert_eq!(Authorization::of(&bare).unwrap().credentials, b"");
    }

    #[test]
    fn none_and_several_are_told_apart_and_neither_is_taken() {
        assert!(Authorization::of(&headers(&["Bearer a"])).is_ok());
        assert_eq!(Authorization::of(&headers(&[])).err(), Some(NotOne::Missing));
        assert_eq!(Authorization::of(&headers(&["Bearer a", "Bearer a"])).err(), Some(NotOne::Several));
    }

    #[test]
    fn a_password_may_hold_colons_and_padding_may_be_left_out() {
        for text in ["dXNlcjpwYTpzcw==", "dXNlcjpwYTpzcw"] {
            let basic = Basic::decode(text.as_bytes()).unwrap();
            assert_eq!((basic.user(), basic.password()), (&b"user"[..], &b"pa:ss"[..]));
            assert_eq!(basic.whole(), b"user:pa:ss");
        }
        for wrong in ["", "dXNlcg==", "no base64!", "dXNlcjp*"] {
            assert!(Basic::decode(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
