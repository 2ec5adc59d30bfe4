//! What is said of a key, and of the request or certificate that was made for it.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use super::color::{GOOD, HEADING, WARNING, styled};
use super::credential::Credential;
use super::credential_files::KeyFile;
use super::wrapping::wrapped;
use super::{Error, say};
use crate::pki::Subject;
use crate::pki::facts::minute;
use crate::pki::identity::Fingerprint;
use crate::pki::self_signed::Validity;
use crate::thales::client_identity::{EnvironmentCode, Refusal, Service};

/// Where the value of a line begins.
const MARGIN: usize = 16;
/// Columns of a line.
const WIDTH: usize = 100;

/// How to write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For a terminal
    #[default]
    Text,
    /// For programs
    Json,
}

/// What was made.
pub(super) struct CredentialReport<'a> {
    pub(super) service: Service,
    pub(super) environment: Option<EnvironmentCode>,
    pub(super) subject: &'a Subject,
    pub(super) credential: &'a Credential,
    pub(super) made: Made,
    /// What deserves a look.
    pub(super) warnings: Vec<String>,
    /// What to do next.
    pub(super) next: Vec<String>,
}

/// What was made for the key.
pub(super) enum Made {
    Request,
    Certificate { serial: String, sha256: Fingerprint, validity: Validity },
}

impl Made {
    fn name(&self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Certificate { .. } => "certificate",
        }
    }
}

impl CredentialReport<'_> {
    /// Says it.
    ///
    /// # Errors
    /// When standard output takes nothing.
    pub(super) fn say(&self, format: Format) -> Result<(), Error> {
        match format {
            Format::Text => say(self.text().trim_end())?,
            Format::Json => say(serde_json::to_string_pretty(&self.fields())?)?,
        }
        Ok(())
    }

    fn text(&self) -> String {
        let environment = self.environment.map(|found| format!(", {}", found.title())).unwrap_or_default();
        let (name, service) = (self.made.name(), self.service.title());
        let mut text = format!("{} a {name} for {service}{environment}\n", styled(GOOD, "Made:"));
        line(&mut text, name, &self.credential.made().display().to_string());
        let key = match self.credential.key_file() {
            KeyFile::New(path) if self.credential.is_encrypted() => {
                format!("{} (encrypted: PBKDF2-HMAC-SHA256, AES-256-CBC; mode 0600)", path.display())
            }
            KeyFile::New(path) => format!("{} (not encrypted; mode 0600)", path.display()),
            KeyFile::Existing(path) => format!("{} (as it was)", path.display()),
        };
        line(&mut text, "private key", &key);
        heading(&mut text, "Compare with what the portal shows:");
        for piece in [label("subject").as_str(), &broken_name(&self.subject.to_string()), "\n"] {
            text.push_str(piece);
        }
        let key = self.credential.key();
        line(&mut text, "key", &key.public_key().to_string());
        line(&mut text, "  its SHA-256", &key.public_key_sha256().to_string());
        line(&mut text, "signature", key.signature_name());
        if let Made::Certificate { serial, sha256, validity, .. } = &self.made {
            line(&mut text, "serial number", serial);
            line(&mut text, "SHA-256", &sha256.to_string());
            let (from, until) = (minute(validity.not_before), minute(validity.not_after));
            line(&mut text, "valid", &format!("{from} to {until}"));
        }
        for warning in &self.warnings {
            let warning = wrapped(&format!("Look: {warning}"), 6).replacen("Look:", &styled(WARNING, "Look:"), 1);
            for piece in ["\n", &warning, "\n"] {
                text.push_str(piece);
            }
        }
        heading(&mut text, "Next:");
        for next in &self.next {
            text.push_str(&wrapped(&format!("  - {next}"), 4));
            text.push('\n');
        }
        text
    }

    fn fields(&self) -> Fields {
        let (certificate_serial, certificate_sha256, not_before, not_after) = match &self.made {
            Made::Request => (None, None, None, None),
            Made::Certificate { serial, sha256, validity, .. } => (
                Some(serial.clone()),
                Some(sha256.to_string()),
                Some(validity.not_before.as_secs()),
                Some(validity.not_after.as_secs()),
            ),
        };
        let (key_file, key_is_new, key_is_encrypted) = match self.credential.key_file() {
            KeyFile::New(path) => (path, true, Some(self.credential.is_encrypted())),
            KeyFile::Existing(path) => (path, false, None),
        };
        let key = self.credential.key();
        Fields {
            product: self.service.name(),
            environment: self.environment.map(EnvironmentCode::code),
            made: self.made.name(),
            file: self.credential.made().to_owned(),
            key_file: key_file.clone(),
            key_is_new,
            key_is_encrypted,
            subject: self.subject.to_string(),
            key: key.public_key().to_string(),
            public_key_sha256: key.public_key_sha256().to_string(),
            signature: key.signature_name(),
            certificate_serial,
            certificate_sha256,
            not_before,
            not_after,
            warnings: self.warnings.clone(),
        }
    }
}

/// For programs. Times are seconds since 1970.
#[derive(Serialize)]
struct Fields {
    product: &'static str,
    environment: Option<&'static str>,
    made: &'static str,
    file: PathBuf,
    key_file: PathBuf,
    key_is_new: bool,
    /// Null: it was there before.
    key_is_encrypted: Option<bool>,
    subject: String,
    key: String,
    public_key_sha256: String,
    signature: &'static str,
    certificate_serial: Option<String>,
    certificate_sha256: Option<String>,
    not_before: Option<u64>,
    not_after: Option<u64>,
    warnings: Vec<String>,
}

/// A refusal as the command line says it: with the number and title of what Thales requires.
#[derive(Debug, thiserror::Error)]
#[error("requirement {} ({}): {refusal}", .refusal.requirement(), .refusal.requirement().title())]
struct Refused {
    refusal: Refusal,
}

/// What ends a command that would make what Thales refuses.
pub(super) fn refused(refusal: Refusal) -> Error {
    Refused { refusal }.into()
}

fn heading(text: &mut String, words: &str) {
    for piece in ["\n", &styled(HEADING, words), "\n"] {
        text.push_str(piece);
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    text.push_str(&wrapped(&format!("{}{value}", label(name)), MARGIN));
    text.push('\n');
}

/// The beginning of a line.
fn label(name: &str) -> String {
    format!("  {name:<0$}", MARGIN - 2)
}

/// A name in lines that end between two of its parts. A break is no part of the name: copied without it, it is the name.
fn broken_name(name: &str) -> String {
    let mut lines = String::new();
    let mut column = MARGIN;
    let mut part = String::new();
    let mut is_escaped = false;
    for character in name.chars().chain([',']) {
        part.push(character);
        if character == ',' && !is_escaped {
            let columns = part.chars().count();
            if column + columns > WIDTH && column > MARGIN {
                lines.push('\n');
                lines.extend(std::iter::repeat_n(' ', MARGIN));
                column = MARGIN;
            }
            lines.push_str(&part);
            column += columns;
            part.clear();
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    lines.pop();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_broken_between_its_parts() {
        let name = format!("CN=a\\,b,O={},OU={},C=FR", "x".repeat(60), "y z".repeat(20));
        let lines = broken_name(&name);
        assert!(lines.lines().all(|line| line.trim_end().len() <= WIDTH), "{lines}");
        assert_eq!(lines.replace(&format!("\n{:MARGIN$}", ""), ""), name);
        assert_eq!(lines.lines().count(), 2, "{lines}");
        assert_eq!(broken_name("CN=a,C=FR"), "CN=a,C=FR");
    }
}
