//! Paths of files and directories, which have to be there when settings are read. What is in them is not looked at.

use std::io::ErrorKind;
use std::path::PathBuf;

use config::ValueKind;
use zeroize::Zeroizing;

use super::pem_source::{self, PemSource};
use super::typed::{Parsed, Raw, text, wrong};

/// PEM text or the path of a PEM file. The content of a secret is not repeated in problems.
pub(super) fn pem(secret: bool) -> impl Fn(&Raw<'_>) -> Parsed<PemSource> {
    move |raw| match PemSource::inline(&Zeroizing::new(text(raw)?)) {
        Some(inline) => Ok(inline),
        None if secret => private_key_file(raw),
        None => readable_file(raw).map(PemSource::File),
    }
}

/// The path of a PEM file with a private key in it.
pub(super) fn private_key_file(raw: &Raw<'_>) -> Parsed<PemSource> {
    if looks_like_a_path(&Zeroizing::new(text(raw)?)) {
        return readable_file(raw).map(PemSource::File);
    }
    wrong(
        "It is neither PEM text nor the path of a file (it is not repeated here, since it may be a secret).",
        "Give the path of a PEM file. PEM text itself starts with -----BEGIN.",
    )
}

/// The path of a file with a secret in it that callers show. What leads nowhere may be the secret itself, which can look like
/// any path, and is not repeated.
pub(super) fn caller_secret_file(raw: &Raw<'_>) -> Parsed<PathBuf> {
    if let ValueKind::String(text) = raw.kind
        && !text.trim().is_empty()
        && raw.base.join(text.trim()).symlink_metadata().is_ok()
    {
        return readable_file(raw);
    }
    wrong(
        "It is not the path of a file that this user can see (it is not repeated here, since it may be a secret).",
        "Give the path of a file that holds the secret and nothing else.",
    )
}

/// The path of a file that may be binary, so that no text can stand in its place.
pub(super) fn file(raw: &Raw<'_>) -> Parsed<PathBuf> {
    match PemSource::inline(&text(raw)?) {
        Some(_) => {
            wrong("It is PEM text, but the path of a file is expected.", "Put the text into a file, and its path here.")
        }
        None => readable_file(raw),
    }
}

/// The path of a directory.
pub(super) fn directory(raw: &Raw<'_>) -> Parsed<PathBuf> {
    let path = raw.base.join(text(raw)?);
    let shown = path.display();
    match std::fs::read_dir(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            wrong(format!("There is no directory {shown}."), "Make the directory, or correct the path.")
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            wrong(format!("{shown} is not a directory."), "Name the directory that holds the files.")
        }
        Err(error) => wrong(
            format!("The directory {shown} cannot be read: {error}."),
            "Let the user that the server runs as read the directory.",
        ),
    }
}

fn readable_file(raw: &Raw<'_>) -> Parsed<PathBuf> {
    let path = raw.base.join(Zeroizing::new(text(raw)?).as_str());
    match pem_source::unreadable(&path) {
        Some((problem, remedy)) => wrong(problem, remedy),
        None => Ok(path),
    }
}

/// Whether text is printable as a path without fear that it is a key whose PEM frame was lost.
fn looks_like_a_path(text: &str) -> bool {
    /// Longer than any sensible name, shorter than the Base64 text of any key in DER.
    const LONGEST_NAME: usize = 60;
    !text.chars().any(char::is_control)
        && !text.contains("-----")
        && text.split(['/', '\\']).all(|name| name.len() <= LONGEST_NAME)
        && text.len() <= 1024
        && !text.ends_with('=')
}

#[cfg(test)]
mod tests {
    use super::super::typed::tests::parse;
    use super::*;

    #[test]
    fn a_key_that_lost_its_frame_is_not_repeated() {
        let key =
            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2OF2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRW";
        assert!(!parse(key, pem(true)).unwrap_err().contains("MIGH"));
        // The control: a path that does not exist is repeated.
        assert!(parse("tls/none.pem", pem(true)).unwrap_err().contains("tls/none.pem"));
    }

    #[test]
    fn a_file_is_a_path_and_not_the_text_in_it() {
        let text = "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n";
        assert!(parse(text, file).unwrap_err().contains("path of a file is expected"));
        assert!(parse("tls/none.crl", file).unwrap_err().contains("no file tls/none.crl"));
        assert_eq!(parse("Cargo.toml", file), Ok(PathBuf::from("Cargo.toml")));
    }

    #[test]
    fn a_secret_in_the_place_of_its_file_is_not_repeated() {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path().to_str().unwrap();
        for secret in ["hunter2", "/hunter2", "hunter2/x=="] {
            assert!(!parse(secret, caller_secret_file).unwrap_err().contains("hunter2"), "{secret}");
        }
        assert!(!parse(1_234_567, caller_secret_file).unwrap_err().contains("1234567"));
        // The control: what is there is no secret.
        assert!(parse(here, caller_secret_file).unwrap_err().contains(here));
        assert_eq!(parse("Cargo.toml", caller_secret_file), Ok(PathBuf::from("Cargo.toml")));
    }

    #[test]
    fn a_directory_is_one_that_can_be_read() {
        assert_eq!(parse("src", directory), Ok(PathBuf::from("src")));
        assert!(parse("none", directory).unwrap_err().contains("no directory none"));
        assert!(parse("Cargo.toml", directory).unwrap_err().contains("is not a directory"));
    }
}
