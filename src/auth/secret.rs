//! Secrets that callers show: several may live at once, so that one can be replaced without a moment in which none is right.

use std::fmt;
use std::time::SystemTime;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

/// Fewest characters of a secret. With sixteen letters and digits nobody guesses one at the rate that a guesser is left with.
pub const SHORTEST_SECRET: usize = 16;

/// A secret as long as it is good. Its text is not kept.
#[derive(Clone)]
pub struct LiveSecret {
    /// What it is called in configuration and logs.
    pub name: String,
    /// Who has to show it, where the way of showing has a user name.
    pub username: Option<String>,
    /// SHA-256 of its text.
    pub digest: [u8; 32],
    /// From when on it is good no more; `None` = good until it is removed.
    pub expires: Option<SystemTime>,
}

impl LiveSecret {
    /// The secret with this text. One line end after it, as files have it, does not belong to it.
    ///
    /// # Errors
    /// [`SecretError`] when it is empty, shorter than [`SHORTEST_SECRET`] or holds control characters.
    pub fn from_text(name: impl Into<String>, text: &str) -> Result<Self, SecretError> {
        let text = without_line_end(text);
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(SecretError::ControlCharacter);
        }
        if text.chars().count() < SHORTEST_SECRET {
            return Err(SecretError::TooShort);
        }
        Ok(Self { name: name.into(), username: None, digest: sha256(text.as_bytes()), expires: None })
    }

    /// The secret whose text has this SHA-256, in 64 hexadecimal digits. How long the text is cannot be told from it.
    ///
    /// # Errors
    /// [`SecretError`] when it is no such digest, or the one of an empty text.
    pub fn from_sha256(name: impl Into<String>, hexadecimal: &str) -> Result<Self, SecretError> {
        Self::from_digest(name, bytes(without_line_end(hexadecimal)).ok_or(SecretError::NoDigest)?)
    }

    /// The secret whose text has this SHA-256.
    ///
    /// # Errors
    /// [`SecretError::Empty`] when it is the digest of an empty text.
    pub fn from_digest(name: impl Into<String>, digest: [u8; 32]) -> Result<Self, SecretError> {
        // A script that digests a variable which is not set yields this one.
        if digest == sha256(b"") || digest == sha256(b"\n") {
            return Err(SecretError::Empty);
        }
        Ok(Self { name: name.into(), username: None, digest, expires: None })
    }

    /// Whether it is good at `now`.
    #[must_use]
    pub fn is_live(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// Whether `text` is this secret, in a time that tells nothing of either.
    #[must_use]
    pub fn is(&self, text: &[u8]) -> bool {
        Shown::new(text).is(self)
    }
}

/// The digest is left out too: of a weak secret it tells enough to guess it.
impl fmt::Debug for LiveSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, username, expires, .. } = self;
        f.debug_struct("LiveSecret")
            .field("name", name)
            .field("username", username)
            .field("expires", expires)
            .finish_non_exhaustive()
    }
}

/// Why a text is not taken as a secret. Never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is nothing.
    #[error("the secret is empty: put its text there")]
    Empty,
    /// It could be guessed.
    #[error("the secret has fewer than {SHORTEST_SECRET} characters: make a longer one, at random")]
    TooShort,
    /// A header cannot carry it; most often there is more than one line in its file.
    #[error("the secret holds a control character: write it on one line, without tabs")]
    ControlCharacter,
    /// It is no SHA-256.
    #[error("this is no SHA-256: expected 64 hexadecimal digits, as `printf %s SECRET | sha256sum` prints them")]
    NoDigest,
}

/// What was shown, as far as it is compared.
pub(super) struct Shown([u8; 32]);

impl Shown {
    pub(super) fn new(text: &[u8]) -> Self {
        Self(sha256(text))
    }

    pub(super) fn is(&self, secret: &LiveSecret) -> bool {
        verify_slices_are_equal(&self.0, &secret.digest).is_ok()
    }
}

/// What `secrets` say to something that was shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Finding<'s> {
    /// It is this one.
    Live(&'s LiveSecret),
    /// It was this one.
    Expired(&'s LiveSecret),
    /// It is none of them.
    None,
}

/// Compares with every secret, whichever it is, so that the time tells nothing of their order.
pub(super) fn find(secrets: &[LiveSecret], now: SystemTime, is: impl Fn(&LiveSecret) -> bool) -> Finding<'_> {
    let (mut live, mut expired) = (None, None);
    for secret in secrets {
        let matches = is(secret);
        let slot = if secret.is_live(now) { &mut live } else { &mut expired };
        if matches {
            *slot = Some(secret);
        }
    }
    match (live, expired) {
        (Some(secret), _) => Finding::Live(secret),
        (None, Some(secret)) => Finding::Expired(secret),
        (None, None) => Finding::None,
    }
}

pub(crate) fn sha256(text: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text).as_ref());
    bytes
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// 64 hexadecimal digits as bytes.
fn bytes(hexadecimal: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = hexadecimal.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != 32 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TEXT: &str = "correct-horse-battery";

    fn hexadecimal(bytes: &[u8; 32]) -> String {
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
            .collect()
    }

    #[test]
    fn one_line_end_does_not_belong_to_the_text() {
        let plain = LiveSecret::from_text("a", TEXT).unwrap().digest;
        for ended in ["\n", "\r\n"] {
            assert_eq!(LiveSecret::from_text("a", &format!("{TEXT}{ended}")).unwrap().digest, plain);
        }
        assert_eq!(LiveSecret::from_text("a", &format!("{TEXT}\n\n")).unwrap_err(), SecretError::ControlCharacter);
        assert_ne!(LiveSecret::from_text("a", &format!("{TEXT} ")).unwrap().digest, plain);
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_repeated() {
        for (text, error) in [
            ("", SecretError::Empty),
            ("\n", SecretError::Empty),
            ("fifteen-letters", SecretError::TooShort),
            ("a-secret-with\ta-tab", SecretError::ControlCharacter),
            ("a-secret-with\u{7f}a-delete", SecretError::ControlCharacter),
        ] {
            let found = LiveSecret::from_text("a", text).unwrap_err();
            assert_eq!(found, error, "{text:?}");
            assert!(text.trim().is_empty() || !found.to_string().contains(text));
        }
        assert!(LiveSecret::from_text("a", "sixteen-letters!").is_ok());
    }

    #[test]
    fn a_digest_stands_for_its_text() {
        let of_text = LiveSecret::from_text("a", TEXT).unwrap();
        let digits = hexadecimal(&of_text.digest);
        for digits in [digits.clone(), digits.to_uppercase(), format!("{digits}\n")] {
            assert_eq!(LiveSecret::from_sha256("a", &digits).unwrap().digest, of_text.digest);
        }
        let short = digits.get(1..).unwrap();
        for wrong in ["", short, &format!("{digits}0"), &format!("g{short}"), &format!("+{short}")] {
            assert_eq!(LiveSecret::from_sha256("a", wrong).unwrap_err(), SecretError::NoDigest, "{wrong}");
        }
    }

    #[test]
    fn the_digest_of_nothing_is_no_secret() {
        for nothing in [&b""[..], b"\n"] {
            let digits = hexadecimal(&sha256(nothing));
            assert_eq!(LiveSecret::from_sha256("a", &digits).unwrap_err(), SecretError::Empty);
        }
    }

    #[test]
    fn neither_text_nor_digest_is_printed() {
        let secret = LiveSecret::from_text("of-may", TEXT).unwrap();
        let printed = format!("{secret:?}");
        assert!(printed.contains("of-may"));
        assert!(!printed.contains(TEXT) && !printed.contains(&format!("{:?}", secret.digest)));
        assert!(!printed.contains("digest"));
    }

    #[test]
    fn an_expired_secret_is_found_as_such_and_a_live_one_before_it() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let live =
            LiveSecret { expires: Some(now + Duration::from_secs(1)), ..LiveSecret::from_text("new", TEXT).unwrap() };
        let old = LiveSecret { name: "old".into(), expires: Some(now), ..live.clone() };
        let shown = Shown::new(TEXT.as_bytes());
        let named = |secrets: &[LiveSecret]| match find(secrets, now, |secret| shown.is(secret)) {
            Finding::Live(secret) => format!("live {}", secret.name),
            Finding::Expired(secret) => format!("expired {}", secret.name),
            Finding::None => String::from("none"),
        };
        assert_eq!(named(&[live.clone(), old.clone()]), "live new");
        assert_eq!(named(&[old.clone(), live]), "live new");
        assert_eq!(named(&[old]), "expired old");
        assert_eq!(named(&[LiveSecret::from_text("other", "another-long-secret").unwrap()]), "none");
    }
}
