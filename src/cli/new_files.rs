//! Several new files: all of them, or none.

use std::fs;
use std::path::{Path, PathBuf};

use super::Error;
use super::new_file::{Readers, write_new};

/// A file to be made.
pub(super) struct NewFile<'a> {
    pub(super) path: &'a Path,
    pub(super) contents: &'a [u8],
    pub(super) readers: Readers,
}

/// Whether the files can be made, as far as that can be told before: before a key is made, which takes a while.
///
/// # Errors
/// When something is there already, a directory is not, or one path stands for two files.
pub(super) fn check_targets(paths: &[&Path]) -> Result<(), Error> {
    let mut places: Vec<PathBuf> = Vec::new();
    for path in paths {
        let shown = path.display();
        let Some(name) = path.file_name() else {
            return Err(format!("{shown} is not the name of a file").into());
        };
        if path.symlink_metadata().is_ok() {
            return Err(format!(
                "{shown} is there already, and nothing is overwritten: move it away, or name another file"
            )
            .into());
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let parent =
            fs::canonicalize(parent).map_err(|error| format!("cannot write {shown}: its directory: {error}"))?;
        let place = parent.join(name);
        if places.contains(&place) {
            return Err(format!("{shown} is named for two files: name another one for each").into());
        }
        places.push(place);
    }
    Ok(())
}

/// Makes all the files. Where one cannot be written, those before it are taken away again.
///
/// # Errors
/// As [`write_new`].
pub(super) fn write_all_new(files: &[NewFile<'_>]) -> Result<(), Error> {
    for (index, file) in files.iter().enumerate() {
        if let Err(error) = write_new(file.path, file.contents, file.readers) {
            for written in files.iter().take(index) {
                let _ = fs::remove_file(written.path);
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Makes a directory, and those above it, where there is none.
///
/// # Errors
/// When it cannot be made.
pub(super) fn make_directory(directory: &Path) -> Result<(), Error> {
    fs::create_dir_all(directory).map_err(|error| format!("cannot make {}: {error}", directory.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &Path) -> NewFile<'_> {
        NewFile { path, contents: b"new", readers: Readers::Everybody }
    }

    #[test]
    fn when_the_second_file_can_not_be_written_the_first_is_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("there"), "old").unwrap();
        let (first, second) = (at("first"), at("there"));
        assert!(write_all_new(&[file(&first), file(&second)]).unwrap_err().to_string().contains("there already"));
        assert!(!first.exists());
        assert_eq!(fs::read(&second).unwrap(), b"old", "what was there before stays");
        let third = at("third");
        write_all_new(&[file(&first), file(&third)]).unwrap();
        assert!(first.exists() && third.exists(), "control");
    }

    #[test]
    fn targets_are_looked_at_before_anything_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("there"), "old").unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("link")).unwrap();
        let refused = |paths: &[&Path]| check_targets(paths).unwrap_err().to_string();
        assert!(refused(&[&at("a"), &at("there")]).contains("nothing is overwritten"));
        assert!(refused(&[&at("link")]).contains("nothing is overwritten"), "a link that leads nowhere is one too");
        assert!(refused(&[&at("none/a")]).contains("its directory"));
        assert!(refused(&[&at("a"), &directory.path().join(".").join("a")]).contains("two files"));
        assert!(refused(&[Path::new("..")]).contains("not the name of a file"));
        assert!(check_targets(&[&at("a"), &at("b")]).is_ok(), "control");
    }
}
