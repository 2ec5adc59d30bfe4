//! Where the keys of an identity provider are.

use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;
use serde::Deserialize;

use super::{JwksError, document};
use crate::outgoing::Fetch;

/// What is known of an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// The URL of its keys.
    Keys(String),
    /// Its issuer, whose configuration names that URL (`OpenID` Connect Discovery 1.0 section 4).
    Issuer(String),
}

/// Why keys cannot be fetched from a URL. It is not repeated, since it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksSourceError {
    /// It is none.
    #[error("this is no URL: write it as https://HOST/PATH")]
    Malformed,
    /// Who changes the keys on their way decides who gets in.
    #[error("the URL has to be https; http is taken for this machine alone")]
    NotHttps,
    /// There is something before the host.
    #[error("the URL holds a user name or password, which would be sent to nobody")]
    UserInfo,
    /// An issuer has neither query nor fragment.
    #[error("an issuer has no query and no fragment")]
    IssuerWithQuery,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    Keys(Uri),
    Discovered { issuer: String, configuration: Uri },
}

#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

impl Location {
    pub(super) fn new(source: &JwksSource) -> Result<Self, JwksSourceError> {
        match source {
            JwksSource::Keys(url) => Ok(Self::Keys(trustworthy(url)?)),
            JwksSource::Issuer(issuer) => {
                if issuer.contains(['?', '#']) {
                    return Err(JwksSourceError::IssuerWithQuery);
                }
                let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
                Ok(Self::Discovered { issuer: issuer.clone(), configuration: trustworthy(&url)? })
            }
        }
    }

    /// The host that is asked first.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Keys(url) | Self::Discovered { configuration: url, .. } => url.host().unwrap_or_default(),
        }
    }

    /// The URL of the keys.
    pub(super) async fn keys(&self, fetch: &dyn Fetch) -> Result<Uri, JwksError> {
        let (issuer, at) = match self {
            Self::Keys(url) => return Ok(url.clone()),
            Self::Discovered { issuer, configuration } => (issuer, configuration),
        };
        let answer = document::get(fetch, at.clone()).await?;
        let configuration: Configuration =
            serde_json::from_slice(answer.body()).map_err(|_| JwksError::Malformed("OpenID configuration"))?;
        // Section 4.3: byte for byte.
        if configuration.issuer != *issuer {
            return Err(JwksError::Issuer);
        }
        let keys = trustworthy(&configuration.jwks_uri)?;
        // What an issuer says may not take its keys to a place that is less safe than its own: http is for an issuer on this machine.
        if keys.scheme() == Some(&Scheme::HTTP) && at.scheme() != Some(&Scheme::HTTP) {
            return Err(JwksSourceError::NotHttps.into());
        }
        Ok(keys)
    }
}

/// A URL that nobody on the way can answer for.
fn trustworthy(url: &str) -> Result<Uri, JwksSourceError> {
    let url: Uri = url.parse().map_err(|_| JwksSourceError::Malformed)?;
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err(JwksSourceError::Malformed);
    };
    if authority.as_str().contains('@') {
        return Err(JwksSourceError::UserInfo);
    }
    match scheme {
        _ if authority.host().is_empty() => Err(JwksSourceError::Malformed),
        "https" => Ok(url),
        "http" if is_loopback(authority.host()) => Ok(url),
        _ => Err(JwksSourceError::NotHttps),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fetched_over_https_or_from_this_machine() {
        for url in [
            "https://idp.example/keys",
            "https://idp.example:8443/keys?v=1",
            "http://127.0.0.1:8080/keys",
            "http://[::1]/keys",
            "http://localhost/keys",
        ] {
            assert_eq!(trustworthy(url).unwrap().to_string(), url);
        }
        for (url, error) in [
            ("http://idp.example/keys", JwksSourceError::NotHttps),
            ("http://localhost.example/keys", JwksSourceError::NotHttps),
            ("http://127.0.0.1.example/keys", JwksSourceError::NotHttps),
            ("ftp://idp.example/keys", JwksSourceError::NotHttps),
            ("https://user:secret@idp.example/keys", JwksSourceError::UserInfo),
            ("/keys", JwksSourceError::Malformed),
            ("idp.example", JwksSourceError::Malformed),
            ("", JwksSourceError::Malformed),
        ] {
            let found = trustworthy(url).unwrap_err();
            assert_eq!(found, error, "{url}");
            assert!(!found.to_string().contains("secret"));
        }
    }

    #[test]
    fn the_configuration_of_an_issuer_is_below_it() {
        for issuer in ["https://idp.example/tenant", "https://idp.example/tenant/"] {
            let Ok(Location::Discovered { issuer: kept, configuration }) =
                Location::new(&JwksSource::Issuer(issuer.into()))
            else {
                panic!("{issuer}")
            };
            assert_eq!(configuration, "https://idp.example/tenant/.well-known/openid-configuration");
            assert_eq!(kept, issuer);
        }
        let query = Location::new(&JwksSource::Issuer("https://idp.example/?a".into()));
        assert_eq!(query.err(), Some(JwksSourceError::IssuerWithQuery));
    }
}
