//! The commands of `docs/rotation.md` by which files are replaced.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::text_of;

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rotation.md")).unwrap()
}

/// The lines that begin like that.
fn defined(page: &str, names: &[&str]) -> String {
    page.lines().filter(|line| names.iter().any(|name| line.starts_with(name))).collect::<Vec<_>>().join("\n")
}

fn shell(directory: &Path, script: &str) {
    let output = Command::new("sh").args(["-c", script]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{}", text_of(&output));
}

/// Owner, group, mode and contents of a file.
fn facts(path: &Path) -> (u32, u32, u32, String) {
    let found = path.metadata().unwrap();
    (found.uid(), found.gid(), found.permissions().mode() & 0o777, fs::read_to_string(path).unwrap())
}

fn file(directory: &Path, name: &str, mode: u32) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, name).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_file_that_is_put_in_the_place_of_another_is_the_servers_as_that_one_was() {
    let functions = defined(&page(), &["like() ", "put() "]);
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let key = file(directory, "server-key.pem", 0o440);
    // Where this is not root, all is its own.
    let _ = chown(&key, Some(65532), Some(65532));
    let (user, group, mode, _) = facts(&key);
    for name in [".key.new", "another"] {
        file(directory, name, 0o600);
    }
    shell(directory, &format!("{functions}\nput .key.new server-key.pem && like server-key.pem another"));
    assert_eq!(facts(&key), (user, group, mode, ".key.new".to_owned()));
    assert_eq!(facts(&directory.join("another")), (user, group, mode, "another".to_owned()));
    assert!(!directory.join(".key.new").exists());

    // Control: by its name alone it would be whose it is that made it, for himself.
    file(directory, ".key.new", 0o600);
    shell(directory, "mv -f .key.new server-key.pem");
    assert_ne!(facts(&key).2, mode);
}

#[test]
fn no_command_of_the_page_moves_a_file_without_it() {
    let page = page();
    let others: Vec<_> = page.lines().filter(|line| line.contains("mv ") && !line.starts_with("put() ")).collect();
    assert_eq!(others, [""; 0]);
    assert!(page.matches("&& put ").count() > 4, "control");
}
