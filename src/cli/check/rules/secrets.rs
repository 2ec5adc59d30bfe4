//! Who may read the files of keys and secrets.
//!
//! Others = a failure: every process of the machine has the key. The group = a warning, and no failure: in a pod with an `fsGroup`
//! Kubernetes lets the group read every file of a secret, and from here that group cannot be told from one with people in it.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::Findings;
use crate::cli::check::examined::Examined;
use crate::cli::check::report::{Finding, Status, Subject};
use crate::cli::shell_word::shell_word;
use crate::pki::trust_anchors::is_sample;
use crate::settings::{
    BackendSettings, EnvironmentSettings, Origin, Origins, PemSource, SecretSource, Settings, StoreSettings,
    TokenIssuerSettings,
};

const FOR_OTHERS: u32 = 0o007;
const FOR_GROUP: u32 = 0o070;

/// A key or secret: its setting, and where it is.
struct Secret<'a> {
    key: String,
    place: Place<'a>,
}

enum Place<'a> {
    File(&'a Path),
    /// In the setting itself: in the configuration file, or in a variable.
    Setting,
}

/// The keys and secrets of an environment.
pub(super) fn environment(environment: &Examined<'_>, origins: &Origins) -> Findings {
    // The keys of samples are public.
    let sample = environment.chain_facts().first().is_some_and(is_sample);
    let mut secrets = Vec::new();
    let name = environment.name();
    if let Some(key) = environment.parts.private_key.as_ref().filter(|_| !sample) {
        secrets.push(Secret { key: format!("environments.{name}.private_key"), place: key.into() });
    }
    if let Some(whole) = &environment.whole {
        of_calls(name, whole.settings, &mut secrets);
    }
    if let Some(backend) = &environment.parts.backend {
        of_backend(&format!("environments.{name}.backend"), backend, &mut secrets);
    }
    told(&secrets, origins)
}

/// The keys and secrets that environments share.
pub(in crate::cli::check) fn server(settings: &Settings) -> Findings {
    let mut secrets = Vec::new();
    for (name, backend) in &settings.backends {
        of_backend(&format!("backends.{name}"), backend, &mut secrets);
    }
    if let Some(token) = &settings.admin.token {
        secrets.extend(Secret::of("admin.token".to_owned(), token));
    }
    if let Some(tls) = &settings.admin.tls {
        secrets.push(Secret { key: "admin.tls.private_key".to_owned(), place: (&tls.private_key).into() });
    }
    if let Some(inbox) = &settings.inbox {
        let file = inbox.key_file.as_deref().map(Place::File);
        secrets.extend(file.map(|place| Secret { key: "inbox.key_file".to_owned(), place }));
        if let StoreSettings::Postgres(url) = &inbox.store {
            secrets.extend(Secret::of("inbox.url".to_owned(), url));
        }
    }
    told(&secrets, &settings.origins)
}

fn of_calls<'a>(name: &str, settings: &'a EnvironmentSettings, secrets: &mut Vec<Secret<'a>>) {
    for key in &settings.interpreter.api_keys {
        secrets.extend(Secret::of(format!("environments.{name}.api_keys.{}.key", key.name), &key.key));
    }
    let Some(tokens) = &settings.interpreter.tokens else { return };
    let TokenIssuerSettings::TokenEndpoint(endpoint) = &tokens.issuer else { return };
    let key = format!("environments.{name}.tokens.signing_key");
    secrets.push(Secret { key, place: (&endpoint.signing_key).into() });
    for client in &endpoint.clients {
        for secret in &client.secrets {
            let key = format!("environments.{name}.tokens.clients.{}.secrets.{}.secret", client.name, secret.name);
            secrets.extend(Secret::of(key, &secret.secret));
        }
    }
}

fn of_backend<'a>(table: &str, backend: &'a BackendSettings, secrets: &mut Vec<Secret<'a>>) {
    if let Some(credential) = &backend.client_credential {
        secrets.push(Secret { key: format!("{table}.client_key"), place: (&credential.key).into() });
    }
    if let Some(secret) = &backend.events.signing_secret {
        secrets.extend(Secret::of(format!("{table}.signing_secret"), secret));
    }
    let file = backend.events.credentials.as_deref().map(Place::File);
    secrets.extend(file.map(|place| Secret { key: format!("{table}.events_credentials"), place }));
}

impl<'a> Secret<'a> {
    /// `None` for a digest, which is no secret.
    fn of(key: String, source: &'a SecretSource) -> Option<Self> {
        let place = match source {
            SecretSource::File(path) => Place::File(path),
            SecretSource::Text(_) => Place::Setting,
            SecretSource::Sha256(_) => return None,
        };
        Some(Self { key, place })
    }
}

impl<'a> From<&'a PemSource> for Place<'a> {
    fn from(source: &'a PemSource) -> Self {
        source.path().map_or(Self::Setting, Self::File)
    }
}

fn told(secrets: &[Secret<'_>], origins: &Origins) -> Findings {
    let mut findings: Vec<Finding> = Vec::new();
    for Secret { key, place } in secrets {
        match place {
            Place::File(path) => findings.extend(file(path, key)),
            Place::Setting => {
                if let Origin::File { path, .. } = origins.of(key) {
                    findings.extend(file(&path, key));
                }
            }
        }
    }
    if findings.is_empty() && !secrets.is_empty() {
        let count = secrets.len();
        let what = if count == 1 { "1 key or secret".to_owned() } else { format!("{count} keys and secrets") };
        findings.push(Finding::pass(format!("{what}, readable by the owner alone or kept in variables")));
    }
    findings.into_iter().map(|finding| (Subject::Secrets, finding)).collect()
}

/// What is wrong with the mode of a file; what cannot be read is told elsewhere. A link is followed.
fn file(path: &Path, key: &str) -> Option<Finding> {
    let mode = path.metadata().ok()?.mode() & 0o777;
    let (status, who) = match mode {
        mode if mode & FOR_OTHERS != 0 => (Status::Fail, "every user of this machine"),
        mode if mode & FOR_GROUP != 0 => (Status::Warn, "its group"),
        _ => return None,
    };
    let chmod = format!("`chmod 600 {}`", shell_word(path));
    let found = format!("{key}: {} is open to {who} (mode {mode:04o})", path.display());
    Some(match status {
        Status::Fail => Finding::fail(found, format!("{chmod} (Kubernetes: defaultMode: 0400).")),
        _ => Finding::warn(found, format!("{chmod}; with Kubernetes' fsGroup it is the server's own group, and fine.")),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_others_may_do_with_a_secret_fails_and_what_its_group_may_is_warned_of() {
        let file_of = tempfile::NamedTempFile::new().unwrap();
        for (mode, status) in [
            (0o600, None),
            (0o400, None),
            (0o640, Some(Status::Warn)),
            (0o440, Some(Status::Warn)),
            (0o604, Some(Status::Fail)),
            (0o644, Some(Status::Fail)),
            (0o602, Some(Status::Fail)),
        ] {
            std::fs::set_permissions(file_of.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(file(file_of.path(), "key").map(|finding| finding.status), status, "{mode:o}");
        }
        assert_eq!(file(Path::new("/nowhere/key.pem"), "key"), None);
    }
}
