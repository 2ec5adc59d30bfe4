//! Where PEM text comes from: a file, or the setting itself.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::files::{self, Kind, Unreadable};

/// No PEM file may be longer, in bytes.
const LONGEST: u64 = 16 << 20;

/// PEM text of a certificate bundle or a key. It is read again at each reload when it is a file. Inline text is erased
/// when dropped and never printed.
#[derive(Clone, PartialEq, Eq)]
pub enum PemSource {
    /// A file.
    File(PathBuf),
    /// Text that stood in the setting itself.
    Inline(Zeroizing<Vec<u8>>),
}

impl PemSource {
    /// The text, erased when dropped.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is no regular file, or is longer than 16 MiB.
    pub fn read(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        match self {
            Self::File(path) => Ok(files::read(path, LONGEST)?),
            Self::Inline(text) => Ok(text.clone()),
        }
    }

    /// The file, unless the text is inline.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Inline(_) => None,
        }
    }

    /// Where it is, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        self.path().map_or_else(|| "the text in the setting".to_owned(), |path| path.display().to_string())
    }

    /// Inline text, when `setting` is PEM. A `\n` that was written out, as `.env` files do, stands for a line break.
    pub(super) fn inline(setting: &str) -> Option<Self> {
        let text = setting.trim_start();
        if !text.starts_with("-----BEGIN") {
            return None;
        }
        let text = if text.contains('\n') { text.to_owned() } else { text.replace("\\n", "\n") };
        Some(Self::Inline(Zeroizing::new(text.into_bytes())))
    }
}

impl fmt::Debug for PemSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Inline(_) => f.write_str("Inline([redacted])"),
        }
    }
}

/// What is wrong with a file that should be read later, and what to do about it.
pub(super) fn unreadable(path: &Path) -> Option<(String, String)> {
    let shown = path.display();
    let error = files::open(path).err()?;
    if let Unreadable::NotAFile(kind) = error {
        let remedy = match kind {
            Kind::Directory => "Name the file in it.",
            _ => "Name a regular file: it is read again when it changes.",
        };
        return Some((format!("{shown} is {kind}."), remedy.to_owned()));
    }
    Some(match error.kind() {
        io::ErrorKind::NotFound => {
            (format!("There is no file {shown}."), "Put the file there, or correct the path.".to_owned())
        }
        io::ErrorKind::PermissionDenied => (
            format!("{shown} may not be read by this user."),
            "Let the user that the server runs as read the file and enter its directories.".to_owned(),
        ),
        _ => (format!("{shown} cannot be read: {error}."), "Make the file readable.".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_text_is_never_printed() {
        let source = PemSource::inline("-----BEGIN PRIVATE KEY-----\nsecret").unwrap();
        assert_eq!(format!("{source:?}"), "Inline([redacted])");
    }

    #[test]
    fn written_out_line_breaks_become_line_breaks() {
        let source = PemSource::inline("-----BEGIN X-----\\nabc\\n-----END X-----").unwrap();
        assert_eq!(source.read().unwrap().as_slice(), b"-----BEGIN X-----\nabc\n-----END X-----");
    }

    #[test]
    fn a_directory_and_a_missing_file_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        assert!(unreadable(directory.path()).unwrap().0.contains("is a directory"));
        assert!(unreadable(&directory.path().join("none.pem")).unwrap().0.contains("no file"));
    }
}
