//! Secrets: each can be written in the setting itself or in a file of its own, some as their SHA-256.

use std::fmt;
use std::path::{Path, PathBuf};

use config::ValueKind;
use zeroize::Zeroizing;

use super::missing::join;
use super::path;
use super::pem_source::PemSource;
use super::reader::Section;
use super::typed::{self, Parsed, Raw, what, wrong};

/// Where a secret that a caller shows comes from. It is read again at each reload when it is a file. Text is erased when
/// dropped; neither it nor a digest, from which a weak secret could be guessed, is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The secret itself.
    Text(Zeroizing<String>),
    /// A file that holds it.
    File(PathBuf),
    /// The SHA-256 of its bytes.
    Sha256([u8; 32]),
}

impl SecretSource {
    /// The file, where it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Text(_) | Self::Sha256(_) => None,
        }
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text([redacted])"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Sha256(_) => f.write_str("Sha256([redacted])"),
        }
    }
}

impl Section<'_> {
    /// A private key: PEM text or a path as `name`, or a path as `name_file`, not both.
    #[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
    pub(super) fn optional_private_key(&mut self, name: &str) -> Option<Option<PemSource>> {
        let twin = format!("{name}_file");
        let written = self.written(&[name, &twin]);
        let direct = self.optional(name, path::pem(true));
        let file = self.optional(&twin, path::private_key_file);
        self.one_at_most(&written)?;
        Some(direct?.or(file?))
    }

    /// A private key that must be there.
    pub(super) fn required_private_key(&mut self, name: &str) -> Option<PemSource> {
        let value = self.optional_private_key(name)?;
        if value.is_none() {
            self.miss(name);
        }
        value
    }

    /// A secret that callers show, which must be there: its text as `name`, a path as `name_file` or its SHA-256 as
    /// `name_sha256`, and only one of them.
    pub(super) fn caller_secret(&mut self, name: &str) -> Option<SecretSource> {
        let secret = self.optional_caller_secret(name)?;
        if secret.is_none() {
            let [file, digest] = ["file", "sha256"].map(|way| format!("{name}_{way}"));
            let remedy = format!("Set {file}, the path of a file that holds it, {digest} or {name}.");
            self.report(None, format!("It has no {name}."), remedy);
        }
        secret
    }

    /// A secret that callers show, as [`caller_secret`](Self::caller_secret).
    #[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
    pub(super) fn optional_caller_secret(&mut self, name: &str) -> Option<Option<SecretSource>> {
        let [file, digest] = ["file", "sha256"].map(|way| format!("{name}_{way}"));
        let written = self.written(&[name, &file, &digest]);
        let text = self.optional(name, secret_text);
        let in_file = self.optional(&file, path::caller_secret_file);
        let sha256 = self.optional(&digest, sha256);
        self.one_at_most(&written)?;
        let text = text?.map(SecretSource::Text);
        Some(text.or(in_file?.map(SecretSource::File)).or(sha256?.map(SecretSource::Sha256)))
    }

    /// A secret that we show, or sign with: its text as `name`, or a path as `name_file`, not both.
    #[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
    pub(super) fn optional_own_secret(&mut self, name: &str) -> Option<Option<SecretSource>> {
        let file = format!("{name}_file");
        let written = self.written(&[name, &file]);
        let text = self.optional(name, secret_text);
        let in_file = self.optional(&file, path::caller_secret_file);
        self.one_at_most(&written)?;
        Some(text?.map(SecretSource::Text).or(in_file?.map(SecretSource::File)))
    }

    /// Records it when several of the ways to write a secret were `written`.
    pub(super) fn one_at_most(&mut self, written: &[String]) -> Option<()> {
        let [first, others @ ..] = written else { return Some(()) };
        if others.is_empty() {
            return Some(());
        }
        let placed = others.iter().map(|name| format!("{name} ({})", self.origin_of(name)));
        let all: Vec<String> = std::iter::once(first.clone()).chain(placed).collect();
        let problem = match all.as_slice() {
            [_, _] => format!("Both {} are set.", join(&all)),
            _ => format!("{} are all set.", join(&all)),
        };
        self.report(Some(first), problem, format!("Keep one of {}.", join(written)));
        None
    }
}

/// The secret itself. It is not repeated in problems.
pub(super) fn secret_text(raw: &Raw<'_>) -> Parsed<Zeroizing<String>> {
    match raw.kind {
        ValueKind::String(_) => {}
        other => return wrong(format!("It is {}, but text is expected.", what(other)), "Write it in quotes."),
    }
    let text = Zeroizing::new(typed::text(raw)?);
    if text.chars().any(char::is_control) {
        return wrong("There are control characters in it, which no caller can send.", "Write it on one line.");
    }
    Ok(text)
}

/// The SHA-256 of a secret in hexadecimal digits. It is not repeated in problems: it may be the secret.
pub(super) fn sha256(raw: &Raw<'_>) -> Parsed<[u8; 32]> {
    const REMEDY: &str = "Write 64 hexadecimal digits in quotes, as `printf %s \"$SECRET\" | sha256sum` prints them.";
    let ValueKind::String(text) = raw.kind else {
        return wrong(format!("It is {}, but text is expected.", what(raw.kind)), REMEDY);
    };
    match digest(text.trim()) {
        Some(digest) => Ok(digest),
        None => wrong("It is no SHA-256 (it is not repeated here, since it may be a secret).", REMEDY),
    }
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
    let bytes: Option<Vec<u8>> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::typed::tests::parse;
    use super::*;

    #[test]
    fn a_digest_is_64_hexadecimal_digits_of_either_case() {
        let hex = "00ff10Ab".repeat(8);
        assert_eq!(parse(hex.as_str(), sha256), Ok([0x00, 0xff, 0x10, 0xab].repeat(8).try_into().unwrap()));
        for bad in [&hex[1..], &hex[2..], "", &format!("{hex}00"), &format!("+{}", &hex[1..]), "hunter2"] {
            let problem = parse(bad, sha256).unwrap_err();
            assert!(!problem.contains("hunter2") && problem.contains("64 hexadecimal"), "{problem}");
        }
    }

    #[test]
    fn a_secret_is_text_and_is_never_repeated() {
        assert_eq!(parse(" hunter2 ", secret_text), Ok(Zeroizing::new("hunter2".to_owned())));
        assert!(!parse(1_234_567, secret_text).unwrap_err().contains("1234567"));
        assert!(!parse("hunter2\nhunter3", secret_text).unwrap_err().contains("hunter"));
        assert!(parse(" ", secret_text).unwrap_err().contains("empty"));
    }

    #[test]
    fn neither_a_secret_nor_its_digest_is_printed() {
        let text = SecretSource::Text(Zeroizing::new("hunter2".to_owned()));
        assert_eq!(format!("{text:?} {:?}", SecretSource::Sha256([7; 32])), "Text([redacted]) Sha256([redacted])");
        assert_eq!(format!("{:?}", SecretSource::File("a".into())), "File(\"a\")", "control");
    }
}
