//! From settings to the admin listener.

use super::SettingProblem;
use super::inbox::text;
use super::texts::texts;
use crate::admin::{AdminOptions, AdminRules, AdminTokenError, admin_token};
use crate::auth::LiveSecret;
use crate::settings::{AdminSettings, AdminTlsSettings, PemSource, SecretSource};
use crate::tls::{AdminTls, AdminTlsProblem, AdminTlsTexts, now};

/// The admin listener that settings describe; `None` after a problem, so that none is ever run with less than what was asked for.
pub(super) fn options(settings: &AdminSettings, problems: &mut Vec<SettingProblem>) -> Option<AdminOptions> {
    let token = match &settings.token {
        Some(source) => Some(token(source, problems)?),
        None => None,
    };
    let tls = match &settings.tls {
        Some(tls) => Some(of_tls(tls, problems)?),
        None => None,
    };
    let rules = AdminRules { token, tls, hosts: settings.hosts.clone(), protected_metrics: settings.protected_metrics };
    Some(AdminOptions { listen: settings.listen, rules })
}

fn token(source: &SecretSource, problems: &mut Vec<SettingProblem>) -> Option<LiveSecret> {
    let key = "admin.token";
    let secret = match source {
        SecretSource::Sha256(digest) => LiveSecret::from_digest("admin", *digest).map_err(AdminTokenError::from),
        SecretSource::Text(_) | SecretSource::File(_) => admin_token(&text(key, source, problems)?),
    };
    let file = source.path().map(|path| format!("{}: ", path.display())).unwrap_or_default();
    let told = |error| SettingProblem { key: key.into(), problem: format!("{file}{error}") };
    secret.map_err(|error| problems.push(told(error))).ok()
}

/// What `[admin.tls]` describes, its files read together.
pub(crate) fn of_tls(settings: &AdminTlsSettings, problems: &mut Vec<SettingProblem>) -> Option<AdminTls> {
    const TABLE: &str = "admin.tls";
    let AdminTlsSettings { certificate_chain, private_key, client_ca } = settings;
    let mut sources = vec![("certificate_chain", certificate_chain), ("private_key", private_key)];
    sources.extend(client_ca.as_ref().map(|source| ("client_ca", source)));
    let held = texts(TABLE, &sources, PemSource::read, problems);
    let text = |name| held.get(name).map(|text| text.as_slice());
    let client_ca = match client_ca {
        Some(_) => Some(text("client_ca")?),
        None => None,
    };
    let texts =
        AdminTlsTexts { certificate_chain: text("certificate_chain")?, private_key: text("private_key")?, client_ca };
    let told = |problem| {
        let (name, source, problem) = match problem {
            AdminTlsProblem::CertificateChain(problem) => ("certificate_chain", Some(certificate_chain), problem),
            AdminTlsProblem::PrivateKey(problem) => ("private_key", Some(private_key), problem),
            AdminTlsProblem::ClientCa(problem) => ("client_ca", settings.client_ca.as_ref(), problem),
        };
        let file = source.and_then(PemSource::path).map(|path| format!("{}: ", path.display())).unwrap_or_default();
        SettingProblem { key: format!("{TABLE}.{name}"), problem: format!("{file}{problem}") }
    };
    AdminTls::new(texts, now()).map_err(|found| problems.extend(found.into_iter().map(told))).ok()
}
