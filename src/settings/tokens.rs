//! `[environments.NAME.tokens]`: bearer tokens, which callers of the D1 products show beside their certificate.

use std::time::Duration;

use ::http::Uri;

use super::path::pem;
use super::pem_source::PemSource;
use super::quantity::duration;
use super::reader::Section;
use super::token_clients::{self, TokenClientSettings};
use super::typed::{self, Parsed, Raw, flag, list, shown, wrong};

/// `[environments.NAME.tokens]`: where it stands, tokens are demanded (RFC 6750).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// What `aud` must name: the environment's name unless it is set.
    pub audience: String,
    /// The scopes that a token must have, every one of them.
    pub scope: Vec<String>,
    /// Who makes the tokens.
    pub issuer: TokenIssuerSettings,
}

/// Who makes the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenIssuerSettings {
    /// An identity provider of the customer's.
    IdentityProvider(IdentityProviderSettings),
    /// This server.
    TokenEndpoint(TokenEndpointSettings),
}

/// An identity provider whose tokens are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProviderSettings {
    /// What `iss` must be, to the letter: an `https` URL.
    pub issuer: String,
    /// Where its keys are (RFC 7517), an `https` URL; `None` = where its metadata says (RFC 8414).
    pub jwks_url: Option<String>,
    /// Certificates that its own must chain to; `None` = the CAs that Mozilla trusts.
    pub jwks_ca: Option<PemSource>,
}

/// The token endpoint of this server (RFC 6749 section 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEndpointSettings {
    /// Private keys, P-256: the first signs, tokens of all are accepted.
    pub signing_key: PemSource,
    /// How long a token is good for.
    pub lifetime: Duration,
    /// Whether a client may show its secret in the body as well as in HTTP Basic.
    pub credentials_in_body: bool,
    /// Who may ask for tokens, at least one, by name.
    pub clients: Vec<TokenClientSettings>,
}

/// Long enough to be worth a request, short enough for a key that was lost.
const LIFETIME: std::ops::RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(24 * 60 * 60);
const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What only an identity provider has.
const OF_PROVIDER: &[&str] = &["jwks_url", "jwks_ca"];
/// What only the token endpoint has.
const OF_ENDPOINT: &[&str] = &["signing_key", "signing_key_file", "lifetime", "credentials_in_body", "clients"];

/// Reads the tokens of the environment of this name.
pub(super) fn read(section: &mut Section<'_>, environment: &str) -> Option<TokenSettings> {
    let of_provider = section.written(OF_PROVIDER);
    let of_endpoint = section.written(OF_ENDPOINT);
    let issuer = section.optional("issuer", issuer);
    let audience = section.optional("audience", typed::text);
    let scope = section.or("scope", Vec::new(), list(',', token_clients::scope));
    let jwks_url = section.optional("jwks_url", https_url);
    let jwks_ca = section.optional("jwks_ca", pem(false));
    let signing_key = section.optional_private_key("signing_key");
    let lifetime = section.or("lifetime", DEFAULT_LIFETIME, duration(LIFETIME));
    let credentials_in_body = section.or("credentials_in_body", false, flag);
    let clients = token_clients::read(section, scope.as_deref());

    if issuer == Some(None) {
        for name in &of_provider {
            let problem = "It belongs to an identity provider, and issuer, which names one, is not set.";
            section.report(Some(name), problem, "Set issuer, or take it out.");
        }
        if signing_key == Some(None) {
            let remedy = "Set signing_key_file, or issuer for the tokens of an identity provider.";
            section.report(Some("signing_key"), "Without a key no token can be made.", remedy);
        }
        if clients.as_ref().is_some_and(Vec::is_empty) {
            let remedy = format!("Write a table [{}.NAME] for each client.", section.key("clients"));
            section.report(Some("clients"), "Without a client nobody could ask for a token.", remedy);
        }
        let endpoint = TokenEndpointSettings {
            signing_key: signing_key??,
            lifetime: lifetime?,
            credentials_in_body: credentials_in_body?,
            clients: clients?,
        };
        return Some(TokenSettings {
            audience: audience?.unwrap_or_else(|| environment.to_owned()),
            scope: scope?,
            issuer: TokenIssuerSettings::TokenEndpoint(endpoint),
        });
    }
    for name in &of_endpoint {
        let problem = "It belongs to a token endpoint of our own, and issuer names an identity provider.";
        section.report(Some(name), problem, "Take it out, or issuer.");
    }
    if audience == Some(None) {
        let remedy = "Set it to what the identity provider puts into aud for this environment.";
        section.report(
            Some("audience"),
            "Without it the tokens for any other server of the provider would do.",
            remedy,
        );
    }
    let provider = IdentityProviderSettings { issuer: issuer??, jwks_url: jwks_url?, jwks_ca: jwks_ca? };
    Some(TokenSettings { audience: audience??, scope: scope?, issuer: TokenIssuerSettings::IdentityProvider(provider) })
}

/// The issuer's name (RFC 8414 section 2): a URL without a query.
fn issuer(raw: &Raw<'_>) -> Parsed<String> {
    let url = https_url(raw)?;
    if url.contains('?') {
        return wrong(format!("{} has a query, which no issuer has.", shown(&url)), "End it before the question mark.");
    }
    Ok(url)
}

fn https_url(raw: &Raw<'_>) -> Parsed<String> {
    const EXAMPLE: &str = "Write it as the identity provider does, such as \"https://idp.bank.example/realm\".";
    let text = typed::text(raw)?;
    let url = text.parse::<Uri>().ok();
    let authority = url.as_ref().and_then(Uri::authority).map(::http::uri::Authority::as_str);
    // Asked first, so that a password is not repeated below.
    if authority.unwrap_or(&text).contains('@') {
        return wrong("User name and password do not belong in the address.", format!("Take them out. {EXAMPLE}"));
    }
    let has_host = url.as_ref().and_then(Uri::host).is_some_and(|host| !host.is_empty());
    if !has_host || url.as_ref().and_then(Uri::scheme_str) != Some("https") || text.contains('#') {
        return wrong(format!("{} is not an address with https://.", shown(&text)), EXAMPLE);
    }
    Ok(text)
}
