//! The token that administrators show (RFC 6750 section 2.1).

use std::time::SystemTime;

use axum::http::{HeaderMap, header};

use crate::auth::{LiveSecret, SecretError};

/// Fewest characters of the token. Whoever shows the right one is let in, however many wrong ones came from where he is, so that nothing
/// but its length stands against guessing: 24 letters and digits at random are beyond all of it.
pub const SHORTEST_TOKEN: usize = 24;

/// Longer texts are no token, and are not even digested. Bytes.
pub(super) const LONGEST: usize = 4096;

/// Why a text is not taken as the token. Never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminTokenError {
    /// It could be guessed.
    #[error(
        "the token has fewer than {SHORTEST_TOKEN} characters, and could be guessed: make one with `openssl rand -base64 32`"
    )]
    TooShort,
    /// It is no secret at all.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// The token with this text. One line end after it, as files have it, does not belong to it.
///
/// # Errors
/// [`AdminTokenError`] when it has fewer than [`SHORTEST_TOKEN`] characters or holds control characters.
pub fn admin_token(text: &str) -> Result<LiveSecret, AdminTokenError> {
    let secret = match LiveSecret::from_text("admin", text) {
        Err(SecretError::TooShort) => return Err(AdminTokenError::TooShort),
        secret => secret?,
    };
    let long_enough = text.trim_end_matches(['\r', '\n']).chars().count() >= SHORTEST_TOKEN;
    if long_enough { Ok(secret) } else { Err(AdminTokenError::TooShort) }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_could_be_guessed_is_refused_with_how_to_make_one() {
        let (short, long) = ("x".repeat(SHORTEST_TOKEN - 1), "x".repeat(SHORTEST_TOKEN));
        for text in ["fifteen-letters", &short, &format!("{short}\n"), &format!("{short}\r\n")] {
            let error = admin_token(text).unwrap_err();
            assert_eq!(error, AdminTokenError::TooShort);
            assert!(error.to_string().contains("openssl rand -base64 32") && !error.to_string().contains(text));
        }
        assert_eq!(admin_token("\n").unwrap_err(), AdminTokenError::Secret(SecretError::Empty));
        assert!(admin_token(&format!("{long}\n")).unwrap().is(long.as_bytes()), "control");
    }
}
