//! O13: what callers show beside their certificate.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::Findings;
use crate::auth::secret::LiveSecret;
use crate::cli::check::examined::{Examined, Whole};
use crate::cli::check::report::Finding;
use crate::pki::identity::Fingerprint;
use crate::pki::{CertificateFacts, pem};
use crate::settings::{EnvironmentSettings, PemSource, SecretSource, TokenClientSettings, TokenIssuerSettings};
use crate::thales::{Product, Requirement};

pub(super) fn findings(environment: &Examined<'_>) -> Findings {
    let Some(whole) = &environment.whole else { return Vec::new() };
    let settings = whole.settings;
    let has = |product| settings.products.contains(&product);
    let mut findings = Vec::new();
    if has(Product::Cof) {
        findings.extend(api_keys(whole));
    }
    if has(Product::D1) || has(Product::D1Ecom) {
        findings.extend(tokens(whole, has(Product::D1Ecom)));
    }
    if findings.is_empty() {
        findings.push(Finding::pass("Thales shows nothing beside its certificate in calls of these products"));
    }
    findings.into_iter().map(|finding| finding.on(Requirement::O13)).collect()
}

fn api_keys(whole: &Whole<'_>) -> Vec<Finding> {
    let keys = &whole.settings.interpreter.api_keys;
    if keys.is_empty() {
        return vec![missing(
            whole,
            "cof: no API key is asked for",
            "Write a table api_keys.NAME with key_file in it.",
        )];
    }
    let listed: Vec<_> =
        keys.iter().map(|key| Listed { name: &key.name, secret: &key.key, expires: key.expires }).collect();
    secrets("the API key", "API keys", "who needs one is refused", &listed)
}

fn tokens(whole: &Whole<'_>, required: bool) -> Vec<Finding> {
    let Some(tokens) = &whole.settings.interpreter.tokens else {
        let to_do = "Write a table tokens, with the issuer of your identity provider or with clients of your own.";
        return vec![if required {
            missing(whole, "d1-ecom: no bearer token (OAuth 2.0) is asked for", to_do)
        } else {
            // Only Thales knows: it is set up for each tenant.
            Finding::warn(
                "d1: no bearer token (OAuth 2.0) is asked for; Thales shows one where it set your tenant up so",
                "Where Thales set your tenant up with OAuth 2.0, write a table tokens.",
            )
        }];
    };
    match &tokens.issuer {
        TokenIssuerSettings::IdentityProvider(provider) => {
            vec![Finding::pass(format!("tokens of {} for {} are asked for", provider.issuer, tokens.audience))]
        }
        TokenIssuerSettings::TokenEndpoint(endpoint) => endpoint.clients.iter().flat_map(client).collect(),
    }
}

fn client(client: &TokenClientSettings) -> Vec<Finding> {
    let secrets_of = client.secrets.iter();
    let listed: Vec<_> = secrets_of
        .map(|secret| Listed { name: &secret.name, secret: &secret.secret, expires: secret.expires })
        .collect();
    secrets("the secret", &format!("secrets of the client {}", client.id), "it gets no token", &listed)
}

/// Whoever keeps notifications acknowledges them himself, and the backend never sees what the caller has shown.
fn missing(whole: &Whole<'_>, found: &str, to_do: &str) -> Finding {
    if whole.has_inbox {
        let found = format!("{found}, and what the inbox keeps is delivered without it: nobody checks it");
        return Finding::fail(found, to_do);
    }
    Finding::warn(format!("{found} here, so the backend has to check it"), to_do)
}

/// A secret that callers show.
struct Listed<'a> {
    name: &'a str,
    secret: &'a SecretSource,
    expires: Option<SystemTime>,
}

fn secrets(one: &str, several: &str, without: &str, listed: &[Listed<'_>]) -> Vec<Finding> {
    let now = SystemTime::now();
    let expired: Vec<_> =
        listed.iter().filter_map(|key| Some((key, key.expires.filter(|expires| *expires <= now)?))).collect();
    let mut findings = Vec::new();
    if expired.len() == listed.len() {
        let found = format!("all {several} have expired: {without}");
        findings.push(Finding::fail(found, "Agree on a new one with Thales, and add it."));
    } else {
        findings.extend(expired.iter().map(|(key, at)| {
            let at = humantime::format_rfc3339_seconds(*at);
            Finding::warn(format!("{several}: {} expired at {at}", key.name), "Take it out.")
        }));
    }
    findings.extend(alike(listed).into_iter().map(|(first, second)| {
        let found = format!("{several}: {first} and {second} are the same, so taking one out changes nothing");
        Finding::warn(found, format!("Make {one} {second} a new one."))
    }));
    if findings.is_empty() {
        let names: Vec<&str> = listed.iter().map(|key| key.name).collect();
        findings.push(Finding::pass(format!("{several}: {}", names.join(", "))));
    }
    findings
}

/// Pairs of names whose secrets are the same.
fn alike<'s>(listed: &[Listed<'s>]) -> Vec<(&'s str, &'s str)> {
    let mut first_of = BTreeMap::new();
    let mut alike = Vec::new();
    for key in listed {
        let Some(digest) = digest(key.secret) else { continue };
        match first_of.get(&digest) {
            Some(first) => alike.push((*first, key.name)),
            None => {
                first_of.insert(digest, key.name);
            }
        }
    }
    alike
}

/// Secrets of two environments that are the same, by the names of their settings.
pub(super) fn shared_secrets(one: &EnvironmentSettings, other: &EnvironmentSettings) -> Vec<(String, String)> {
    let others = named(other);
    let same = |digest| others.iter().find(|(_, other)| *other == digest).map(|(name, _)| name.clone());
    named(one).into_iter().filter_map(|(name, digest)| Some((name, same(digest)?))).collect()
}

/// Everything secret that stands between an environment and another, as digests.
fn named(settings: &EnvironmentSettings) -> Vec<(String, [u8; 32])> {
    let mut named = Vec::new();
    let mut add = |name: String, digest: Option<[u8; 32]>| named.extend(digest.map(|digest| (name, digest)));
    for key in &settings.interpreter.api_keys {
        add(format!("api_keys.{}", key.name), digest(&key.key));
    }
    if let Some(TokenIssuerSettings::TokenEndpoint(endpoint)) =
        settings.interpreter.tokens.as_ref().map(|tokens| &tokens.issuer)
    {
        for client in &endpoint.clients {
            for secret in &client.secrets {
                add(format!("tokens.clients.{}.secrets.{}", client.name, secret.name), digest(&secret.secret));
            }
        }
        let blocks = endpoint.signing_key.read().ok().and_then(|text| pem::blocks(&text).ok()).unwrap_or_default();
        for block in blocks {
            add("tokens.signing_key".to_owned(), Some(*Fingerprint::of(block.der()).as_bytes()));
        }
    }
    let backend = &settings.backend;
    if let Some(secret) = &backend.events.signing_secret {
        add("backend.signing_secret".to_owned(), digest(secret));
    }
    // The public key tells, in whatever form the private one is kept.
    let certificates = backend.client_credential.as_ref().and_then(|credential| credential.certificate.read().ok());
    let leaf = certificates.and_then(|text| pem::certificates(&text).ok()?.into_iter().next());
    let facts = leaf.and_then(|der| CertificateFacts::from_der(&der).ok());
    add("backend.client_key".to_owned(), facts.map(|facts| *Fingerprint::of(&facts.public_key_der).as_bytes()));
    let credentials = backend.events.credentials.as_ref().and_then(|path| PemSource::File(path.clone()).read().ok());
    add(
        "backend.events_credentials".to_owned(),
        credentials.map(|text| *Fingerprint::of(text.trim_ascii()).as_bytes()),
    );
    named
}

/// What is wrong with a secret has been told by whoever made the interpreter of it.
fn digest(source: &SecretSource) -> Option<[u8; 32]> {
    let of_text = |text: &str| LiveSecret::from_text("", text).ok().map(|secret| secret.digest);
    match source {
        SecretSource::Text(text) => of_text(text),
        SecretSource::Sha256(digest) => Some(*digest),
        SecretSource::File(path) => of_text(std::str::from_utf8(&PemSource::File(path.clone()).read().ok()?).ok()?),
    }
}
