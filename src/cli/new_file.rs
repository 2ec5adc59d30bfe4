//! Files that a command makes: never in the place of another, and keys for their owner alone.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::Error;

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Its owner: mode 0600.
    Owner,
    /// Everybody: mode 0644, less what the process' umask takes away.
    Everybody,
}

/// Makes a file that is durable when this returns. Where it cannot be written whole, nothing is left of it.
pub(super) fn write_new(path: &Path, contents: &[u8], readers: Readers) -> Result<(), Error> {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everybody => 0o644,
    };
    let shown = path.display();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            format!("{shown} is there already, and nothing is overwritten: move it away, or name another file")
        } else {
            format!("cannot write {shown}: {error}")
        }
    })?;
    let written = file.write_all(contents).and_then(|()| file.sync_all()).and_then(|()| sync_directory_of(path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(path);
        format!("cannot write {shown}: {error}").into()
    })
}

/// Makes the name of a file durable, which its own `sync_all` does not.
fn sync_directory_of(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_for_its_owner_alone_and_nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        write_new(&path, b"one", Readers::Owner).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let problem = write_new(&path, b"two", Readers::Owner).unwrap_err().to_string();
        assert!(problem.contains("nothing is overwritten"), "{problem}");
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        let everybody = directory.path().join("certificate.pem");
        write_new(&everybody, b"one", Readers::Everybody).unwrap();
        assert_ne!(everybody.metadata().unwrap().permissions().mode() & 0o777, 0o600, "control");
    }
}
