//! API keys: `authorization: APIKEY <key>`, and HTTP Basic, which the published scheme of the same product names.

use std::time::SystemTime;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderMap;

use super::authorization::{Authorization, Basic, NotOne};
use super::secret::{Finding, LiveSecret, Shown, find};

/// Longer credentials are no key, and are not even digested. Bytes.
const LONGEST: usize = 4096;

/// The keys of an environment, any of which will do.
#[derive(Clone, Debug)]
pub struct ApiKeys(Vec<LiveSecret>);

impl ApiKeys {
    /// Takes all of `keys`; none at all let nobody in.
    #[must_use]
    pub fn new(keys: Vec<LiveSecret>) -> Self {
        Self(keys)
    }

    /// The keys, as far as they may be shown: their names, and until when they are good.
    pub fn listed(&self) -> impl Iterator<Item = (&str, Option<SystemTime>)> {
        self.0.iter().map(|key| (key.name.as_str(), key.expires))
    }

    /// The name of the key that the caller shows. With HTTP Basic the password is the key (and the user name its `username`, where
    /// it has one), or user name, colon and password together are.
    ///
    /// # Errors
    /// [`ApiKeyRefusal`]. Which one is for the operator: a caller should learn no more than that it was refused.
    pub fn verify(&self, headers: &HeaderMap, now: SystemTime) -> Result<&str, ApiKeyRefusal> {
        let authorization = Authorization::of(headers).map_err(|none| match none {
            NotOne::Missing => ApiKeyRefusal::Missing,
            NotOne::Several => ApiKeyRefusal::Several,
        })?;
        let credentials = authorization.credentials;
        if credentials.is_empty() || credentials.len() > LONGEST {
            return Err(ApiKeyRefusal::Malformed);
        }
        let finding = if authorization.is("APIKEY") {
            let shown = Shown::new(credentials);
            find(&self.0, now, |key| shown.is(key))
        } else if authorization.is("Basic") {
            let basic = Basic::decode(credentials).ok_or(ApiKeyRefusal::Malformed)?;
            let (whole, password) = (Shown::new(basic.whole()), Shown::new(basic.password()));
            find(&self.0, now, |key| whole.is(key) | (password.is(key) & is_user(key, basic.user())))
        } else {
            return Err(ApiKeyRefusal::Malformed);
        };
        match finding {
            Finding::Live(key) => Ok(&key.name),
            Finding::Expired(key) => Err(ApiKeyRefusal::Expired { name: key.name.clone() }),
            Finding::None => Err(ApiKeyRefusal::Wrong),
        }
    }
}

fn is_user(key: &LiveSecret, user: &[u8]) -> bool {
    key.username.as_deref().is_none_or(|name| verify_slices_are_equal(name.as_bytes(), user).is_ok())
}

/// Why a caller's key was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyRefusal {
    /// There is no `authorization` header.
    #[error("no API key was shown")]
    Missing,
    /// There are several such headers.
    #[error("several authorization headers were sent")]
    Several,
    /// It is of another scheme, or cannot be read.
    #[error("the authorization header holds no API key")]
    Malformed,
    /// It is none of the keys.
    #[error("the API key is none of the configured ones")]
    Wrong,
    /// It was one of the keys.
    #[error("the API key {name:?} has expired")]
    Expired {
        /// The name of the key.
        name: String,
    },
}

impl ApiKeyRefusal {
    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Several => "several",
            Self::Malformed => "malformed",
            Self::Wrong => "wrong",
            Self::Expired { .. } => "expired",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use http::header::AUTHORIZATION;
    use proptest::prelude::*;

    use super::*;

    const OLD: &str = "old-key-0123456789";
    const NEW: &str = "new-key-0123456789";

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000)
    }

    fn key(name: &str, text: &str) -> LiveSecret {
        LiveSecret::from_text(name, text).unwrap()
    }

    fn keys() -> ApiKeys {
        let old = LiveSecret { expires: Some(now() + Duration::from_secs(60)), ..key("old", OLD) };
        ApiKeys::new(vec![old, key("new", NEW)])
    }

    fn shown(keys: &ApiKeys, values: &[&str], now: SystemTime) -> Result<String, ApiKeyRefusal> {
        let headers = values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect();
        keys.verify(&headers, now).map(str::to_owned)
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn every_live_key_is_taken_and_named_until_it_expires() {
        for scheme in ["APIKEY", "apikey", "ApiKey"] {
            assert_eq!(shown(&keys(), &[&format!("{scheme} {OLD}")], now()).unwrap(), "old");
            assert_eq!(shown(&keys(), &[&format!("{scheme} {NEW}")], now()).unwrap(), "new");
        }
        let later = now() + Duration::from_secs(60);
        let expired = ApiKeyRefusal::Expired { name: "old".into() };
        assert_eq!(shown(&keys(), &[&format!("APIKEY {OLD}")], later), Err(expired.clone()));
        assert_eq!(shown(&keys(), &[&format!("APIKEY {NEW}")], later).unwrap(), "new");
        assert_eq!(expired.name(), "expired");
    }

    #[test]
    fn anything_else_is_refused() {
        let good = format!("APIKEY {NEW}");
        // Control.
        assert!(shown(&keys(), &[&good], now()).is_ok());
        for (values, refusal) in [
            (&[][..], ApiKeyRefusal::Missing),
            (&[&*good, &*good], ApiKeyRefusal::Several),
            (&["APIKEY"], ApiKeyRefusal::Malformed),
            (&[NEW], ApiKeyRefusal::Malformed),
            (&[&format!("Bearer {NEW}")], ApiKeyRefusal::Malformed),
            (&["Basic !"], ApiKeyRefusal::Malformed),
            (&[&format!("APIKEY {}", "a".repeat(LONGEST + 1))], ApiKeyRefusal::Malformed),
            (&[&format!("APIKEY {NEW}0")], ApiKeyRefusal::Wrong),
            (&[&format!("APIKEY {}", &NEW[1..])], ApiKeyRefusal::Wrong),
            (&[&format!("APIKEY {}", NEW.to_uppercase())], ApiKeyRefusal::Wrong),
            (&[&format!("APIKEY {NEW} {NEW}")], ApiKeyRefusal::Wrong),
        ] {
            assert_eq!(shown(&keys(), values, now()), Err(refusal), "{values:?}");
        }
        assert_eq!(shown(&ApiKeys::new(Vec::new()), &[&good], now()), Err(ApiKeyRefusal::Wrong));
    }

    #[test]
    fn http_basic_shows_a_key_as_password_or_as_a_whole() {
        assert_eq!(shown(&keys(), &[&basic(&format!("anybody:{NEW}"))], now()).unwrap(), "new");
        assert_eq!(shown(&keys(), &[&basic(&format!(":{NEW}"))], now()).unwrap(), "new");
        assert_eq!(shown(&keys(), &[&basic(&format!("{NEW}:"))], now()), Err(ApiKeyRefusal::Wrong));
        let whole = ApiKeys::new(vec![key("whole", "thales:0123456789")]);
        assert_eq!(shown(&whole, &[&basic("thales:0123456789")], now()).unwrap(), "whole");
        assert_eq!(shown(&whole, &[&basic("other:0123456789")], now()), Err(ApiKeyRefusal::Wrong));
    }

    #[test]
    fn a_key_with_a_user_name_is_that_users_alone() {
        let of_thales = ApiKeys::new(vec![LiveSecret { username: Some("thales".into()), ..key("its", NEW) }]);
        assert_eq!(shown(&of_thales, &[&basic(&format!("thales:{NEW}"))], now()).unwrap(), "its");
        for other in ["", "Thales", "thales2"] {
            assert_eq!(shown(&of_thales, &[&basic(&format!("{other}:{NEW}"))], now()), Err(ApiKeyRefusal::Wrong));
        }
        // The other scheme has no user names.
        assert_eq!(shown(&of_thales, &[&format!("APIKEY {NEW}")], now()).unwrap(), "its");
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic_or_is_taken(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = http::HeaderValue::from_bytes(&value) {
                let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
                prop_assert!(keys().verify(&headers, now()).is_err());
            }
        }

        #[test]
        fn no_text_in_basic_makes_it_panic_or_is_taken(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let value = format!("Basic {}", STANDARD.encode(value));
            prop_assert!(shown(&keys(), &[&value], now()).is_err());
        }
    }
}
