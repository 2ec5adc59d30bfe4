//! Files that a command replaces while a server watches them: whoever reads finds the old one or the new one, and nothing between.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use super::Error;

/// Nobody but its owner may change it.
const MODE: u32 = 0o644;

/// A file that is about to be replaced. As long as this exists, no other such command replaces a file of its directory.
#[derive(Debug)]
pub(super) struct ReplacedFile {
    path: PathBuf,
    directory: File,
}

impl ReplacedFile {
    /// Waits for its turn. Behind a symbolic link it is the file that the link names.
    pub(super) fn begin(path: &Path) -> Result<Self, Error> {
        let failed = |error| format!("cannot replace {}: {error}", path.display());
        let path = match path.canonicalize() {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(failed(error).into()),
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = File::open(parent).map_err(failed)?;
        directory.lock().map_err(failed)?;
        Ok(Self { path, directory })
    }

    /// Puts `contents` in the place of what is there, if anything; durable when this returns. Where it fails, what was there stays.
    pub(super) fn replace(self, contents: &[u8]) -> Result<(), Error> {
        let beside = self.beside();
        let written = Self::write(&beside, &self.path, contents).and_then(|()| self.directory.sync_all());
        written.map_err(|error| {
            let _ = std::fs::remove_file(&beside);
            format!("cannot replace {}: {error}", self.path.display()).into()
        })
    }

    fn write(beside: &Path, path: &Path, contents: &[u8]) -> std::io::Result<()> {
        // What a command that was killed has left is nobody's: the directory is ours. But the name can be foretold, and what somebody
        // else has put there, a link for example, is never written through.
        match std::fs::remove_file(beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(MODE).custom_flags(libc::O_NOFOLLOW);
        let mut file = options.open(beside)?;
        if let Ok(replaced) = path.metadata() {
            // Root replaces what a server reads as a user of its own. Nobody else may give a file away, nor has to.
            let _ = fchown(&file, Some(replaced.uid()), Some(replaced.gid()));
            file.set_permissions(replaced.permissions())?;
        }
        file.write_all(contents)?;
        file.sync_all()?;
        std::fs::rename(beside, path)
    }

    /// `.ca.crl.new` for `ca.crl`.
    fn beside(&self) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".new");
        self.path.with_file_name(name)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    fn replace(path: &Path, contents: &[u8]) {
        ReplacedFile::begin(path).unwrap().replace(contents).unwrap();
    }

    #[test]
    fn a_file_that_root_replaces_stays_the_servers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.crl");
        replace(&path, b"one");
        let own = path.metadata().unwrap().uid();
        // Whoever is not root cannot give files away, and finds its own.
        let server = if chown(&path, Some(65532), Some(65532)).is_ok() { 65532 } else { own };
        assert!(server == 65532 || own != 0, "control: root can");
        replace(&path, b"two");
        let owner = path.metadata().unwrap();
        assert_eq!((owner.uid(), std::fs::read(&path).unwrap().as_slice()), (server, b"two".as_slice()));
        assert!(server != 65532 || owner.gid() == 65532);
    }

    #[test]
    fn the_new_file_takes_the_place_of_the_old_one_whole_and_with_its_permissions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.crl");
        replace(&path, b"one");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let (mut old, before) = (File::open(&path).unwrap(), path.metadata().unwrap().ino());
        replace(&path, b"two");
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_ne!(path.metadata().unwrap().ino(), before, "it was written in place");
        let mut read = String::new();
        std::io::Read::read_to_string(&mut old, &mut read).unwrap();
        assert_eq!(read, "one", "whoever has it open reads the old one to its end");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_symbolic_link_stays_one_and_what_a_killed_command_left_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("ca.crl"), directory.path().join("link.crl"));
        std::fs::write(&path, b"one").unwrap();
        std::fs::write(directory.path().join(".ca.crl.new"), b"half of a list, and longer than it").unwrap();
        symlink("ca.crl", &link).unwrap();
        replace(&link, b"two");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
    }

    #[test]
    fn a_link_at_the_name_of_the_new_file_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("ca.crl"), b"one").unwrap();
        std::fs::write(at("victim"), b"as it was").unwrap();
        for target in ["victim", "nowhere"] {
            symlink(target, at(".ca.crl.new")).unwrap();
            replace(&at("ca.crl"), b"two");
            assert!(!at("ca.crl").symlink_metadata().unwrap().is_symlink(), "{target}");
            assert_eq!(std::fs::read(at("ca.crl")).unwrap(), b"two");
            assert_eq!(std::fs::read(at("victim")).unwrap(), b"as it was");
            assert!(!at("nowhere").exists());
        }
    }

    #[test]
    fn two_commands_take_turns() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.crl");
        std::fs::write(&path, b"0").unwrap();
        let add_one = || {
            let turn = ReplacedFile::begin(&path).unwrap();
            let number: u32 = std::fs::read_to_string(&path).unwrap().parse().unwrap();
            turn.replace((number + 1).to_string().as_bytes()).unwrap();
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10).for_each(|_| add_one()));
            }
        });
        assert_eq!(std::fs::read(&path).unwrap(), b"40");
    }

    #[test]
    fn a_directory_that_is_not_there_is_told_of() {
        let problem = ReplacedFile::begin(Path::new("/nowhere/ca.crl")).unwrap_err().to_string();
        assert!(problem.starts_with("cannot replace /nowhere/ca.crl: "), "{problem}");
    }
}
