//! What a configuration is read from.

use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::key::VARIABLE_PREFIX;
use super::variables::ASSETS;

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

/// Reads a configuration file, or says what is wrong and what to do.
pub(super) fn read_file(path: &Path) -> Result<String, (String, String)> {
    /// Far beyond any real configuration; a wrong path (a log, a disk) ends here and not in memory.
    const LARGEST: u64 = 4 << 20;
    let failed = |error: std::io::Error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "Correct the path of the configuration file.",
            std::io::ErrorKind::PermissionDenied => "Let the user that the server runs as read the file.",
            std::io::ErrorKind::IsADirectory => "Name the TOML file in the directory.",
            _ => "Make the file readable.",
        };
        (format!("The configuration file cannot be read: {error}."), remedy.to_owned())
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        let problem = format!("The file is larger than {} MiB.", LARGEST >> 20);
        return Err((problem, "Correct the path of the configuration file.".to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.split(|byte| *byte == b'\n').count();
        (format!("The file is not UTF-8 text (line {line})."), "Save it as UTF-8.".to_owned())
    })
}
