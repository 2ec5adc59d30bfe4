//! From settings to API keys, bearer tokens and the token endpoint.

use std::sync::Arc;
use std::time::SystemTime;

use super::SettingProblem;
use super::interpretation::Digest;
use super::texts::texts;
use crate::auth::bearer::BearerOptions;
use crate::auth::jwks::{Jwks, JwksSource};
use crate::auth::secret::LiveSecret;
use crate::auth::token_endpoint::{Client, TokenEndpoint, TokenEndpointOptions};
use crate::auth::{ApiKeys, BearerTokens, HttpsFetch, SigningKeys};
use crate::settings::{
    EnvironmentSettings, IdentityProviderSettings, PemSource, SecretSource, TokenEndpointSettings, TokenIssuerSettings,
    TokenSettings,
};

/// The API keys of the environment: `Some(None)` when it has none, `None` after a problem.
#[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
pub(super) fn api_keys(
    environment: &EnvironmentSettings,
    digest: &mut Digest,
    problems: &mut Vec<SettingProblem>,
) -> Option<Option<ApiKeys>> {
    let keys = &environment.interpreter.api_keys;
    if keys.is_empty() {
        return Some(None);
    }
    let table = format!("environments.{}.api_keys", environment.name);
    let wanted = keys.iter().map(|key| Wanted {
        setting: format!("{}.key", key.name),
        name: &key.name,
        source: &key.key,
        username: key.username.as_deref(),
        expires: key.expires,
    });
    Some(Some(ApiKeys::new(live(&table, &wanted.collect::<Vec<_>>(), digest, problems)?)))
}

/// What judges the tokens of the environment's callers, and what makes them where this server does. `None` after a problem.
pub(super) fn tokens(
    environment: &EnvironmentSettings,
    digest: &mut Digest,
    problems: &mut Vec<SettingProblem>,
) -> Option<(Option<BearerTokens>, Option<Arc<TokenEndpoint>>)> {
    let Some(tokens) = &environment.interpreter.tokens else { return Some((None, None)) };
    let scope = (!tokens.scope.is_empty()).then(|| tokens.scope.join(" "));
    match &tokens.issuer {
        TokenIssuerSettings::IdentityProvider(provider) => {
            let options = BearerOptions {
                issuer: provider.issuer.clone(),
                audience: tokens.audience.clone(),
                scope,
                environment: None,
            };
            let jwks = jwks(&environment.name, provider, digest, problems)?;
            Some((Some(BearerTokens::of_identity_provider(jwks, options)), None))
        }
        TokenIssuerSettings::TokenEndpoint(endpoint) => {
            let options = BearerOptions {
                issuer: issuer_of(environment),
                audience: tokens.audience.clone(),
                scope,
                environment: Some(environment.name.clone()),
            };
            let (keys, endpoint) = token_endpoint(environment, tokens, endpoint, digest, problems)?;
            Some((Some(BearerTokens::own(keys, options)), Some(Arc::new(endpoint))))
        }
    }
}

/// The name under which this server makes tokens for an environment (RFC 7519 section 4.1.1).
fn issuer_of(environment: &EnvironmentSettings) -> String {
    match environment.host.as_deref().filter(|host| !host.starts_with('*')) {
        Some(host) => format!("https://{host}"),
        None => format!("urn:issuer-host:{}", environment.name),
    }
}

fn jwks(
    environment: &str,
    provider: &IdentityProviderSettings,
    digest: &mut Digest,
    problems: &mut Vec<SettingProblem>,
) -> Option<Jwks> {
    let table = format!("environments.{environment}.tokens");
    let mut wrong = |name: &str, problem: String| {
        problems.push(SettingProblem { key: format!("{table}.{name}"), problem });
    };
    let ca = match &provider.jwks_ca {
        None => None,
        Some(source) => {
            let mut found = Vec::new();
            let mut held = texts(&table, &[("jwks_ca", source)], PemSource::read, &mut found);
            if !found.is_empty() {
                problems.extend(found);
                return None;
            }
            held.remove("jwks_ca")
        }
    };
    let trusted = ca.as_deref().map_or(&[][..], Vec::as_slice);
    digest.add(trusted);
    let mut trust = Digest::new();
    trust.add(trusted);
    let fetch = match HttpsFetch::new(ca.as_deref().map(Vec::as_slice)) {
        Ok(fetch) => fetch,
        Err(error) => {
            wrong("jwks_ca", error.to_string());
            return None;
        }
    };
    let (name, source) = match &provider.jwks_url {
        Some(url) => ("jwks_url", JwksSource::Keys(url.clone())),
        None => ("issuer", JwksSource::Issuer(provider.issuer.clone())),
    };
    Jwks::trusting(&source, Arc::new(fetch), trust.finish()).map_err(|error| wrong(name, error.to_string())).ok()
}

fn token_endpoint(
    environment: &EnvironmentSettings,
    tokens: &TokenSettings,
    settings: &TokenEndpointSettings,
    digest: &mut Digest,
    problems: &mut Vec<SettingProblem>,
) -> Option<(Arc<SigningKeys>, TokenEndpoint)> {
    let table = format!("environments.{}.tokens", environment.name);
    let before = problems.len();
    let key = texts(&table, &[("signing_key", &settings.signing_key)], PemSource::read, problems).remove("signing_key");
    let keys = key.and_then(|pem| {
        digest.add(&pem);
        let place = super::in_file(&settings.signing_key);
        SigningKeys::from_pem(&pem)
            .map_err(|error| {
                let key = format!("{table}.signing_key");
                problems.push(SettingProblem { key, problem: format!("{place}{error}") });
            })
            .ok()
    });
    let mut clients = Vec::new();
    for client in &settings.clients {
        let table = format!("{table}.clients.{}.secrets", client.name);
        let wanted = client.secrets.iter().map(|secret| Wanted {
            setting: format!("{}.secret", secret.name),
            name: &secret.name,
            source: &secret.secret,
            username: None,
            expires: secret.expires,
        });
        if let Some(secrets) = live(&table, &wanted.collect::<Vec<_>>(), digest, problems) {
            clients.push(Client { id: client.id.clone(), secrets, scopes: client.scopes.clone() });
        }
    }
    if problems.len() > before {
        return None;
    }
    let keys = Arc::new(keys?);
    let options = TokenEndpointOptions {
        issuer: issuer_of(environment),
        audience: tokens.audience.clone(),
        environment: environment.name.clone(),
        lifetime: settings.lifetime,
        credentials_in_body: settings.credentials_in_body,
        guesses: crate::auth::token_endpoint::GuessLimit::default(),
        clients,
        keys: Arc::clone(&keys),
    };
    match TokenEndpoint::new(options) {
        Ok(endpoint) => Some((keys, endpoint)),
        Err(error) => {
            problems.push(SettingProblem { key: table, problem: error.to_string() });
            None
        }
    }
}

/// A secret as it stands in the settings.
struct Wanted<'s> {
    /// Its setting, below the table.
    setting: String,
    name: &'s str,
    source: &'s SecretSource,
    username: Option<&'s str>,
    expires: Option<SystemTime>,
}

/// The secrets of a table, those in files read together; `None` after a problem.
fn live(
    table: &str,
    wanted: &[Wanted<'_>],
    digest: &mut Digest,
    problems: &mut Vec<SettingProblem>,
) -> Option<Vec<LiveSecret>> {
    let before = problems.len();
    let files: Vec<(String, PemSource)> = wanted
        .iter()
        .filter_map(|wanted| Some((format!("{}_file", wanted.setting), PemSource::File(wanted.source.path()?.into()))))
        .collect();
    let named: Vec<(&str, &PemSource)> = files.iter().map(|(name, source)| (name.as_str(), source)).collect();
    let held = texts(table, &named, PemSource::read, problems);
    let mut secrets = Vec::new();
    for Wanted { setting, name, source, username, expires } in wanted {
        let (ending, secret) = match source {
            SecretSource::Text(text) => ("", LiveSecret::from_text(*name, text)),
            SecretSource::Sha256(sha256) => ("_sha256", LiveSecret::from_digest(*name, *sha256)),
            SecretSource::File(path) => {
                let Some(bytes) = held.get(format!("{setting}_file").as_str()) else { continue };
                let Ok(text) = std::str::from_utf8(bytes) else {
                    let problem = format!("{}: it is not UTF-8; write the secret as text", path.display());
                    problems.push(SettingProblem { key: format!("{table}.{setting}_file"), problem });
                    continue;
                };
                ("_file", LiveSecret::from_text(*name, text))
            }
        };
        match secret {
            Ok(secret) => {
                digest.add(setting.as_bytes());
                digest.add(&secret.digest);
                secrets.push(LiveSecret { username: username.map(str::to_owned), expires: *expires, ..secret });
            }
            Err(error) => {
                problems.push(SettingProblem { key: format!("{table}.{setting}{ending}"), problem: error.to_string() });
            }
        }
    }
    (problems.len() == before).then_some(secrets)
}
