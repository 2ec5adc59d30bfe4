//! Signatures after [Standard Webhooks 1.0](https://github.com/standard-webhooks/standard-webhooks), by which a backend can tell
//! events of ours from anybody else's.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::inbox::entry::EntryId;
use crate::outgoing::digest_of;

/// What secrets begin with in their written form.
const PREFIX: &str = "whsec_";
/// Bytes that a secret may have.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The secrets that events are signed with: all of them sign, so that a backend may change to a new one in its own time.
#[derive(Clone)]
pub struct SigningSecrets(Vec<hmac::Key>);

/// What is wrong with signing secrets. They are not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningSecretError {
    /// There is none.
    #[error("there is no signing secret: write one as whsec_BASE64, as from: printf whsec_; openssl rand -base64 32")]
    None,
    /// One of them does not look like one.
    #[error("signing secret number {number} is not written as whsec_BASE64")]
    Malformed {
        /// Counted from one.
        number: usize,
    },
    /// One of them is too short to protect anything, or longer than any is.
    #[error("signing secret number {number} has {bytes} bytes: it must have from 24 to 64")]
    Length {
        /// Counted from one.
        number: usize,
        /// How many it has.
        bytes: usize,
    },
}

impl SigningSecrets {
    /// Reads one or more secrets with white space between them.
    ///
    /// # Errors
    /// [`SigningSecretError`] about the first that cannot be used.
    pub fn parse(text: &Zeroizing<String>) -> Result<Self, SigningSecretError> {
        let keys: Vec<hmac::Key> = text
            .split_ascii_whitespace()
            .enumerate()
            .map(|(index, secret)| key(index + 1, secret))
            .collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(SigningSecretError::None) } else { Ok(Self(keys)) }
    }

    /// By which the same secrets are known again.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let tags: Vec<_> = self.0.iter().map(|key| hmac::sign(key, b"issuer-host fingerprint")).collect();
        digest_of(&tags.iter().map(AsRef::as_ref).collect::<Vec<_>>())
    }

    /// The headers that sign `body` as the event `id`, sent at `now`.
    pub(super) fn headers(&self, id: EntryId, now: SystemTime, body: &[u8]) -> [(&'static str, String); 3] {
        let id = id.to_string();
        // Before 1970 no backend would accept it anyway.
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs().to_string();
        let signature = self.sign(&id, &seconds, body);
        [("webhook-id", id), ("webhook-timestamp", seconds), ("webhook-signature", signature)]
    }

    fn sign(&self, id: &str, seconds: &str, body: &[u8]) -> String {
        let signatures: Vec<String> = self
            .0
            .iter()
            .map(|key| {
                let mut context = hmac::Context::with_key(key);
                for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
                    context.update(part);
                }
                format!("v1,{}", STANDARD.encode(context.sign()))
            })
            .collect();
        signatures.join(" ")
    }
}

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningSecrets").field(&self.0.len()).finish()
    }
}

fn key(number: usize, secret: &str) -> Result<hmac::Key, SigningSecretError> {
    let malformed = SigningSecretError::Malformed { number };
    let encoded = secret.strip_prefix(PREFIX).ok_or_else(|| malformed.clone())?;
    let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| malformed)?);
    if !LENGTHS.contains(&bytes.len()) {
        return Err(SigningSecretError::Length { number, bytes: bytes.len() });
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<SigningSecrets, SigningSecretError> {
        SigningSecrets::parse(&Zeroizing::new(text.to_owned()))
    }

    /// HMAC by its definition (RFC 2104), with nothing but a digest.
    fn hmac_by_hand(secret: &[u8], message: &[u8]) -> Vec<u8> {
        let digest = |parts: [&[u8]; 2]| {
            let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
            for part in parts {
                context.update(part);
            }
            context.finish().as_ref().to_vec()
        };
        let padded = |pad: u8| (0..64).map(|at| secret.get(at).unwrap_or(&0) ^ pad).collect::<Vec<u8>>();
        let inner = digest([&padded(0x36), message]);
        digest([&padded(0x5c), &inner])
    }

    #[test]
    fn a_signature_is_the_one_that_other_implementations_make() {
        // The vector that the libraries of Standard Webhooks are tested with.
        let secrets = parsed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_live_secret_signs_id_time_and_body() {
        let raw = [[7; 24].as_slice(), &[9; 64]];
        let written = raw.map(|secret| format!("whsec_{}", STANDARD.encode(secret)));
        let secrets = parsed(&format!(" {}\n{}\n", written[0], written[1])).unwrap();
        let (id, now) = (EntryId::new(), SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_999));
        let [told, at, signature] = secrets.headers(id, now, b"\xff body");
        assert_eq!(told, ("webhook-id", id.to_string()));
        assert_eq!(at, ("webhook-timestamp", "1700000000".to_owned()));
        let message = [id.to_string().as_bytes(), b".1700000000.\xff body"].concat();
        let expected = raw.map(|secret| format!("v1,{}", STANDARD.encode(hmac_by_hand(secret, &message)))).join(" ");
        assert_eq!(signature, ("webhook-signature", expected));
    }

    #[test]
    fn a_secret_that_cannot_be_used_is_counted_and_not_repeated() {
        let sound = format!("whsec_{}", STANDARD.encode([1; 32]));
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![1; bytes]));
        for (text, expected) in [
            (String::new(), SigningSecretError::None),
            (" \n".into(), SigningSecretError::None),
            ("c2VjcmV0".into(), SigningSecretError::Malformed { number: 1 }),
            (format!("{sound} whsec_secret!"), SigningSecretError::Malformed { number: 2 }),
            (of(23), SigningSecretError::Length { number: 1, bytes: 23 }),
            (format!("{sound}\n{sound} {}", of(65)), SigningSecretError::Length { number: 3, bytes: 65 }),
        ] {
            assert_eq!(parsed(&text).unwrap_err(), expected, "{text:?}");
        }
        assert_eq!(format!("{:?}", parsed(&sound).unwrap()), "SigningSecrets(1)");
    }
}
