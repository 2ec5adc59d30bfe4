//! What a configuration is read from.

use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::key::VARIABLE_PREFIX;
use super::variables::ASSETS;
use crate::files::{self, KEEPS_CHANGING, Unreadable};

/// Where settings come from: a file, if any, and environment variables, which win over the file.
#[derive(Clone, Default)]
pub struct Sources {
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// Environment variables, name and value; those of others are passed over.
    pub environment: Vec<(OsString, OsString)>,
}

impl Sources {
    /// A file and nothing else.
    #[must_use]
    pub fn from_file(file: impl Into<PathBuf>) -> Self {
        Self { file: Some(file.into()), environment: Vec::new() }
    }

    /// The file, if any, and the variables of this process that concern us.
    #[must_use]
    pub fn from_process(file: Option<PathBuf>) -> Self {
        let ours = |name: &OsString| is_ours(&name.to_string_lossy());
        Self { file, environment: std::env::vars_os().filter(|(name, _)| ours(name)).collect() }
    }

    /// Adds a variable.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }
}

/// Values of variables may be secrets: only names are printed.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.environment.iter().map(|(name, _)| name).collect();
        f.debug_struct("Sources").field("file", &self.file).field("environment", &names).finish()
    }
}

/// Whether a variable is a setting. Names are compared without case, as the layers fold it.
pub(super) fn is_ours(name: &str) -> bool {
    is_setting(name) || ASSETS.iter().any(|asset| asset.variables.contains(&name))
}

/// Whether a variable starts with our prefix.
pub(super) fn is_setting(name: &str) -> bool {
    name.get(..VARIABLE_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(VARIABLE_PREFIX))
}

/// Far beyond any real configuration, in bytes; a wrong path (a log, a disk) ends here and not in memory.
const LONGEST: u64 = 4 << 20;

/// Reads a configuration file until two reads agree, or says what is wrong and what to do. The first half of a configuration can
/// be a good one.
pub(super) fn read_file(path: &Path) -> Result<String, (String, String)> {
    let take = || files::read(path, LONGEST);
    settled(take(), take)
}

/// The text of a configuration file as it is at this moment, with a sign in the place of what is no UTF-8; `None` = it cannot be read.
pub(super) fn read_roughly(path: &Path) -> Option<String> {
    files::read(path, LONGEST).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn settled(
    first: Result<Zeroizing<Vec<u8>>, Unreadable>,
    take: impl FnMut() -> Result<Zeroizing<Vec<u8>>, Unreadable>,
) -> Result<String, (String, String)> {
    let difference = |last: &Result<_, Unreadable>, next: &Result<_, Unreadable>| match (last, next) {
        (Ok(last), Ok(next)) => (last != next).then_some(()),
        (Err(_), Err(_)) => None,
        _ => Some(()),
    };
    let bytes = files::settled(first, take, difference).map_err(|()| {
        (format!("The configuration file cannot be read: {KEEPS_CHANGING}."), "Leave it alone for a moment.".to_owned())
    })?;
    let bytes = bytes.map_err(|error| explain(&error))?;
    String::from_utf8(bytes.to_vec()).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.split(|byte| *byte == b'\n').count();
        (format!("The file is not UTF-8 text (line {line})."), "Save it as UTF-8.".to_owned())
    })
}

fn explain(error: &Unreadable) -> (String, String) {
    let remedy = match error.kind() {
        ErrorKind::NotFound | ErrorKind::FileTooLarge => "Correct the path of the configuration file.",
        ErrorKind::PermissionDenied => "Let the user that the server runs as read the file.",
        ErrorKind::IsADirectory => "Name the TOML file in the directory.",
        _ => "Make the file readable.",
    };
    (format!("The configuration file cannot be read: {error}."), remedy.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What [`settled`] makes of a file that holds these texts one after the other, and the last one from then on.
    fn read(texts: &[&str]) -> Result<String, (String, String)> {
        let mut reads = texts.iter().map(|text| Ok(Zeroizing::new(text.as_bytes().to_vec())));
        let first = reads.next().unwrap();
        settled(first, || reads.next().unwrap_or_else(|| Ok(Zeroizing::new(texts.last().unwrap().as_bytes().to_vec()))))
    }

    #[test]
    fn a_text_that_is_still_being_written_is_waited_for() {
        assert_eq!(read(&["a = 1"]).unwrap(), "a = 1", "control");
        assert_eq!(read(&["", "a = 1\n", "a = 1\nb = 2"]).unwrap(), "a = 1\nb = 2");
    }

    #[test]
    fn a_text_that_never_rests_is_a_problem() {
        let (problem, _) = read(&["1", "2", "3", "4", "5", "6"]).unwrap_err();
        assert!(problem.contains("it keeps changing while it is read"), "{problem}");
    }

    #[test]
    fn the_file_itself_is_read_until_it_rests() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.toml");
        std::fs::write(&path, "a = 1").unwrap();
        assert_eq!(read_file(&path).unwrap(), "a = 1");
    }
}
