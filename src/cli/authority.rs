//! The files of a customer's own CA.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustls_pki_types::UnixTime;
use zeroize::Zeroizing;

use super::color::{WARNING, styled};
use super::wrapping::wrapped;
use super::{Error, complain};
use crate::files;
use crate::pki::issuing::{Issues, IssuingAuthority};

/// Longer files are none of those that are read here, in bytes.
const LONGEST: u64 = 16 << 20;
/// Group and others.
const NOT_THE_OWNER: u32 = 0o077;

/// Where the CA is.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct AuthorityFiles {
    /// Your CA's certificate (PEM); those above it may follow
    #[arg(long, value_name = "FILE")]
    pub(super) ca: PathBuf,
    /// Your CA's private key (PEM)
    #[arg(long, value_name = "FILE")]
    pub(super) ca_key: PathBuf,
}

impl AuthorityFiles {
    /// Reads the CA for what it is to sign at `now`; what is wrong with it is told with the file's name.
    pub(super) fn load(&self, issues: Issues, now: UnixTime) -> Result<IssuingAuthority, Error> {
        let certificates = read(&self.ca)?;
        let key = private_key(&self.ca_key)?;
        IssuingAuthority::from_pem(&certificates, &key, issues, now).map_err(|error| {
            let file = if error.is_about_key() { &self.ca_key } else { &self.ca };
            format!("{}: {error}", file.display()).into()
        })
    }
}

/// All of a file that an argument names; erased when dropped.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    files::read(path, LONGEST).map_err(|error| format!("{} cannot be read: {error}", path.display()).into())
}

/// Says what deserves a look, on standard error.
pub(super) fn warn(words: &str) {
    complain(wrapped(&format!("{}: {words}", styled(WARNING, "warning")), 2));
}

/// The text of a key file. This is the place where an encrypted one would be decrypted.
fn private_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key = read(path)?;
    if let Ok(metadata) = path.metadata()
        && metadata.permissions().mode() & NOT_THE_OWNER != 0
    {
        let shown = path.display();
        warn(&format!(
            "others than its owner may read {shown}, and whoever has it can let anybody in; chmod 600 {shown}"
        ));
    }
    Ok(key)
}
