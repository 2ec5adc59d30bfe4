//! Passphrases of private keys: from a file, or asked for.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Error;
use crate::pki::Passphrase;

/// A shorter one is guessed, however many rounds each guess costs; NIST SP 800-63B section 5.1.1 draws the same line.
const SHORTEST: usize = 8;
/// Octets; OpenSSL takes no longer ones.
const LONGEST: usize = 1024;

/// The option of [`PassphraseArguments`].
const OPTION: &str = "--passphrase-file";

#[derive(Debug, clap::Args)]
pub(super) struct PassphraseArguments {
    /// Encrypt the new key; asks for a passphrase twice, unless --passphrase-file names a file
    #[arg(long, conflicts_with = "key_file")]
    encrypt: bool,
    /// A file with the passphrase, in one line: encrypts the new key, or opens that of --key-file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArguments {
    /// What a new key is encrypted with; None: it is not.
    ///
    /// # Errors
    /// When the file or the answers are of no use, or there is nobody to ask.
    pub(super) fn of_new_key(&self) -> Result<Option<Passphrase>, Error> {
        let chosen = match &self.passphrase_file {
            Some(path) => from_file(path)?,
            None if self.encrypt => asked_twice(ask, OPTION)?,
            None => return Ok(None),
        };
        if chosen.len() < SHORTEST {
            return Err(format!("the passphrase has fewer than {SHORTEST} characters: take a longer one").into());
        }
        Ok(Some(Passphrase::new(chosen)))
    }

    /// What opens the key in a file.
    ///
    /// # Errors
    /// As [`of_new_key`](Self::of_new_key).
    pub(super) fn of_existing_key(&self, key_file: &Path) -> Result<Passphrase, Error> {
        of_key(key_file, self.passphrase_file.as_deref(), OPTION)
    }
}

/// What opens the key in a file: the line in `passphrase_file`, which `option` names, else what somebody types at the terminal.
///
/// # Errors
/// When the file or the answer is of no use, or there is nobody to ask.
pub(super) fn of_key(key_file: &Path, passphrase_file: Option<&Path>, option: &str) -> Result<Passphrase, Error> {
    let known = match passphrase_file {
        Some(path) => from_file(path)?,
        None => answer(ask, &format!("Passphrase of {}: ", key_file.display()), option)?,
    };
    Ok(Passphrase::new(known))
}

/// The one line of a file, which may be a pipe (`<(pass show key)`).
fn from_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let shown = path.display();
    let unreadable = |error: io::Error| format!("cannot read the passphrase in {shown}: {error}");
    let file = File::open(path).map_err(unreadable)?;
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * LONGEST));
    file.take(2 * LONGEST as u64 - 1).read_to_end(&mut bytes).map_err(unreadable)?;
    line_of(&bytes).map_err(|problem| format!("{shown} {problem}").into())
}

/// A line without its end.
fn line_of(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        [] => Err("holds no passphrase: it is empty"),
        _ if line.len() > LONGEST => Err("holds no passphrase: it is longer than any"),
        _ if line.contains(&b'\n') => Err("has several lines: a passphrase stands in one"),
        _ if line.contains(&0) => Err("holds no passphrase, but binary data"),
        _ => Ok(Zeroizing::new(line.to_vec())),
    }
}

/// Asks until there is no doubt: nobody sees what is typed, and a key whose passphrase is unknown is lost.
fn asked_twice(mut ask: impl FnMut(&str) -> io::Result<String>, option: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let first = answer(&mut ask, "New passphrase: ", option)?;
    let second = answer(&mut ask, "The same once more: ", option)?;
    if first == second { Ok(first) } else { Err("these were two passphrases: nothing was made, try again".into()) }
}

fn answer(
    mut ask: impl FnMut(&str) -> io::Result<String>,
    question: &str,
    option: &str,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let answer = ask(question).map_err(|error| {
        format!("there is no terminal to ask for a passphrase ({error}): name a file with {option}")
    })?;
    let answer = Zeroizing::new(answer.into_bytes());
    line_of(&answer).map_err(|_| "that is no passphrase: it is empty, or too long".into())
}

/// At the terminal, without showing what is typed, whatever standard input and output are.
fn ask(question: &str) -> io::Result<String> {
    rpassword::prompt_password(question)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_one_line_without_its_end() {
        for (bytes, line) in [
            (b"open sesame\n".as_slice(), b"open sesame".as_slice()),
            (b"open sesame\r\n", b"open sesame"),
            (b" open sesame ", b" open sesame "),
        ] {
            assert_eq!(*line_of(bytes).unwrap(), line);
        }
        for bytes in [b"".as_slice(), b"\n", b"\r\n", b"one\ntwo\n", b"one\n\n", b"a\0b", &[b'x'; LONGEST + 1]] {
            assert!(line_of(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn who_is_asked_has_to_say_the_same_twice() {
        let asked = |answers: [&'static str; 2]| {
            let mut answers = answers.into_iter();
            asked_twice(move |_| Ok(answers.next().unwrap().to_owned()), OPTION)
        };
        assert_eq!(**asked(["open sesame", "open sesame"]).unwrap(), *b"open sesame");
        let problem = asked(["open sesame", "open Sesame"]).unwrap_err().to_string();
        assert!(problem.contains("two passphrases") && !problem.contains("esame"), "{problem}");
        assert!(asked(["", ""]).is_err());
        let nobody = asked_twice(|_| Err(io::ErrorKind::NotFound.into()), "--other-file").unwrap_err().to_string();
        assert!(nobody.contains("name a file with --other-file"), "{nobody}");
    }
}
