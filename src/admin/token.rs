//! The token that administrators show (RFC 6750 section 2.1).

use std::time::SystemTime;

use axum::http::{HeaderMap, header};

use crate::auth::LiveSecret;

/// Longer texts are no token, and are not even digested. Bytes.
pub(super) const LONGEST: usize = 4096;

/// Whether `shown` is the token, in a time that tells nothing of either.
pub(super) fn is(token: &LiveSecret, shown: &[u8]) -> bool {
    (1..=LONGEST).contains(&shown.len()) && token.is(shown) && token.is_live(SystemTime::now())
}

/// What stands behind `Bearer` in the only `authorization` header; nothing where there is another one.
pub(super) fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let only = values.next().filter(|_| values.next().is_none())?.as_bytes().trim_ascii();
    let (scheme, token) = only.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token.trim_ascii())
}
