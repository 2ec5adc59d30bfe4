//! Paths in commands that are to be copied.

use std::path::Path;

/// A path as one word of a POSIX shell that no command takes for an option; in quotes only where it needs them.
pub(super) fn shell_word(path: &Path) -> String {
    let shown = path.display().to_string();
    let word = if shown.starts_with('-') { format!("./{shown}") } else { shown };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_each_path_as_it_is() {
        for (path, word) in [
            ("tls/server-chain.pem", "tls/server-chain.pem"),
            ("/etc/p k/key.pem", "'/etc/p k/key.pem'"),
            ("it's.pem", r"'it'\''s.pem'"),
            ("-x.pem", "./-x.pem"),
            ("~.pem", "'~.pem'"),
            ("$(id)`id`", "'$(id)`id`'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
            let read = std::process::Command::new("sh").args(["-c", &format!("printf %s {word}")]).output().unwrap();
            assert_eq!(String::from_utf8(read.stdout).unwrap().trim_start_matches("./"), path);
        }
    }
}
