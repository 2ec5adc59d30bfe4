//! The keys that entries are sealed under: a file with a line for each.

use std::fmt;
use std::path::Path;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::files;

/// Most keys of a file: several rotations that nobody has followed up, and no more to try by mistake.
const MOST: usize = 16;
/// Longest name, in bytes.
const LONGEST_NAME: usize = 64;
/// Of a key, in bytes.
const KEY_LENGTH: usize = 32;
/// What the fingerprint of a key is derived with.
const FINGERPRINT: &[u8] = b"issuer-host inbox fingerprint v1";
/// Longest file, in bytes: enough for every key with a page of comments.
const LONGEST_FILE: u64 = 64 * 1024;

/// Keys by name. The first seals, all open. Never empty.
#[derive(Clone)]
pub struct MasterKeys(Vec<MasterKey>);

/// A key that others are derived from.
#[derive(Clone)]
pub(super) struct MasterKey {
    pub(super) name: String,
    /// What HKDF-Extract (RFC 5869 section 2.2) made of it; the key itself is not kept.
    pub(super) prk: Prk,
    /// Derived from it as well, so that it is known again.
    fingerprint: [u8; 32],
}

impl PartialEq for MasterKeys {
    fn eq(&self, other: &Self) -> bool {
        let same = |(one, other): (&MasterKey, &MasterKey)| {
            one.name == other.name && verify_slices_are_equal(&one.fingerprint, &other.fingerprint).is_ok()
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}

impl Eq for MasterKeys {}

impl MasterKeys {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`MasterKeysError`], which never repeats what stands in the file.
    pub fn load(path: &Path) -> Result<Self, MasterKeysError> {
        let bytes = files::read(path, LONGEST_FILE).map_err(|error| MasterKeysError::Unreadable(error.to_string()))?;
        Self::parse(std::str::from_utf8(&bytes).map_err(|_| MasterKeysError::NotText)?)
    }

    /// Reads `NAME:BASE64` lines, the key being 32 bytes; blank lines and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// [`MasterKeysError`] for the first line that is none, or when there are none or too many.
    pub fn parse(text: &str) -> Result<Self, MasterKeysError> {
        let mut keys: Vec<MasterKey> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let key = key(text).map_err(|problem| MasterKeysError::Line { line, problem })?;
            if keys.iter().any(|other| other.name == key.name) {
                return Err(MasterKeysError::Line { line, problem: LineProblem::Again });
            }
            keys.push(key);
        }
        match keys.len() {
            0 => Err(MasterKeysError::None),
            1..=MOST => Ok(Self(keys)),
            _ => Err(MasterKeysError::TooMany),
        }
    }

    /// The name of the key that seals.
    #[must_use]
    pub fn sealing_name(&self) -> &str {
        self.0.first().map_or("", |key| &key.name)
    }

    /// The key that seals.
    pub(super) fn sealing(&self) -> Option<&MasterKey> {
        self.0.first()
    }

    /// The key of this name.
    pub(super) fn named(&self, name: &str) -> Option<&MasterKey> {
        self.0.iter().find(|key| key.name == name)
    }
}

/// A line for a key file, with a new random key in it.
///
/// # Errors
/// [`NewKeyError`] when the name cannot be one, or there are no random bytes.
pub fn new_line(name: &str) -> Result<Zeroizing<String>, NewKeyError> {
    if !is_name(name) {
        return Err(NewKeyError::Name);
    }
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    aws_lc_rs::rand::fill(key.as_mut()).map_err(|_| NewKeyError::NoRandomBytes)?;
    let encoded = Zeroizing::new(STANDARD.encode(key.as_ref()));
    Ok(Zeroizing::new(format!("{name}:{}", encoded.as_str())))
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.name)).finish()
    }
}

/// Why a key file is not taken. Never repeats what stands in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeysError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It is something else.
    #[error("it is no text; write NAME:BASE64 lines, as `issuer-host inbox new-key` prints them")]
    NotText,
    /// It has no keys.
    #[error("it holds no key; add a line that `issuer-host inbox new-key` prints")]
    None,
    /// It has more keys than anybody needs.
    #[error("it holds more than {MOST} keys; run `issuer-host inbox rekey`, then take the old ones out")]
    TooMany,
    /// A line is no key.
    #[error("line {line}: {problem}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// There is no colon.
    #[error("expected NAME:BASE64")]
    Form,
    /// What stands before the colon.
    #[error("the name has 1 to {LONGEST_NAME} letters, digits, dots, underscores and hyphens")]
    Name,
    /// What stands behind it.
    #[error("the key is not base64 of exactly {KEY_LENGTH} bytes")]
    Key,
    /// All bytes are alike: nobody made it at random.
    #[error("the key is the same byte over and over; make one with `issuer-host inbox new-key`")]
    Uniform,
    /// A name stands twice.
    #[error("an earlier line has the same name")]
    Again,
}

/// Why there is no new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewKeyError {
    /// Its name cannot be one.
    #[error("the name of a key has 1 to {LONGEST_NAME} letters, digits, dots, underscores and hyphens")]
    Name,
    /// The operating system has none.
    #[error("there are no random bytes")]
    NoRandomBytes,
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

fn key(line: &str) -> Result<MasterKey, LineProblem> {
    let (name, encoded) = line.split_once(':').ok_or(LineProblem::Form)?;
    let name = name.trim_end();
    if !is_name(name) {
        return Err(LineProblem::Name);
    }
    // More room than a key takes, for the decoder wants some to spare; what needs still more is no key.
    let mut room = Zeroizing::new([0; 2 * KEY_LENGTH]);
    let length = STANDARD.decode_slice(encoded.trim(), room.as_mut()).map_err(|_| LineProblem::Key)?;
    let key = room.get(..length).filter(|key| key.len() == KEY_LENGTH).ok_or(LineProblem::Key)?;
    if key.iter().all(|byte| Some(byte) == key.first()) {
        return Err(LineProblem::Uniform);
    }
    let prk = Salt::new(HKDF_SHA256, &[]).extract(key);
    let mut fingerprint = [0; 32];
    // As long as a digest of SHA-256: there is no way for it to fail. If it did, keys would look alike that are not.
    let derived = prk.expand(&[FINGERPRINT], HKDF_SHA256).and_then(|derived| derived.fill(&mut fingerprint));
    derived.map_err(|_| LineProblem::Key)?;
    Ok(MasterKey { name: name.to_owned(), prk, fingerprint })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> MasterKeysError {
        MasterKeys::parse(text).unwrap_err()
    }

    #[test]
    fn the_first_key_seals_and_all_are_known_by_name() {
        let lines = ["2026-11", "old.key_1"].map(|name| new_line(name).unwrap());
        let text = format!("# the new one\n{}\n\n  {} \r\n# end", *lines[0], *lines[1]);
        let keys = MasterKeys::parse(&text).unwrap();
        assert_eq!(keys.sealing_name(), "2026-11");
        assert!(keys.named("old.key_1").is_some() && keys.named("old").is_none());
        assert_eq!(format!("{keys:?}"), r#"["2026-11", "old.key_1"]"#, "names alone");
    }

    #[test]
    fn no_two_new_keys_are_alike() {
        assert_ne!(new_line("a").unwrap(), new_line("a").unwrap());
        assert_eq!(new_line(""), Err(NewKeyError::Name));
        assert_eq!(new_line("a b"), Err(NewKeyError::Name));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_without_the_key() {
        let good = new_line("a").unwrap();
        let material = good.split_once(':').unwrap().1;
        let line = |text: &str| match refused(text) {
            MasterKeysError::Line { line, problem } => (line, problem),
            other => panic!("{other}"),
        };
        assert_eq!(line(&format!("# x\n\n{material}")), (3, LineProblem::Form));
        assert_eq!(line(&format!(":{material}")), (1, LineProblem::Name));
        assert_eq!(line(&format!("a/b:{material}")), (1, LineProblem::Name));
        assert_eq!(line(&format!("{}:{material}", "x".repeat(65))), (1, LineProblem::Name));
        assert_eq!(line(&format!("{}\na:{material}", *good)), (2, LineProblem::Again));
        for short_or_long in [0, 1, 31, 33, 48, 64, 200] {
            let key = STANDARD.encode(vec![7; short_or_long]);
            assert_eq!(line(&format!("a:{key}")), (1, LineProblem::Key), "{short_or_long} bytes");
        }
        assert_eq!(line(&format!("a:{}", &material[1..])), (1, LineProblem::Key));
        assert_eq!(line(&format!("a:{}", STANDARD.encode([0; 32]))), (1, LineProblem::Uniform));
        assert_eq!(refused("# nothing\n"), MasterKeysError::None);
        let seventeen: Vec<_> = (0..17).map(|at| new_line(&at.to_string()).unwrap().to_string()).collect();
        assert_eq!(refused(&seventeen.join("\n")), MasterKeysError::TooMany);
        assert!(MasterKeys::parse(&seventeen[..16].join("\n")).is_ok());
    }

    #[test]
    fn a_file_is_read_and_one_that_is_none_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        assert!(matches!(MasterKeys::load(&path), Err(MasterKeysError::Unreadable(_))));
        std::fs::write(&path, new_line("a").unwrap().as_bytes()).unwrap();
        assert_eq!(MasterKeys::load(&path).unwrap().sealing_name(), "a");
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(MasterKeys::load(&path).unwrap_err(), MasterKeysError::NotText);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_error_repeats_what_was_written(text in "([a-z]{0,3}:?[A-Z]{12,50}=?=?\n?){0,3}") {
            if let Err(error) = MasterKeys::parse(&text) {
                let told = error.to_string();
                for word in text.split([':', '\n', '=']).filter(|word| word.len() >= 12) {
                    prop_assert!(!told.contains(word), "{told}");
                }
            }
        }
    }
}
