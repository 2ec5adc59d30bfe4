//! Why a token was not taken: for the operator in full, for the caller as far as RFC 6750 goes.

use http::HeaderValue;

/// Why a token was not taken. None of these says anything of the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenRefusal {
    /// There is no `authorization` header, or one of another scheme.
    #[error("no access token was shown")]
    Missing,
    /// There are several such headers.
    #[error("several authorization headers were sent")]
    Several,
    /// It is longer than [`LONGEST_TOKEN`](super::LONGEST_TOKEN).
    #[error("the access token is too long to be looked at")]
    TooLong,
    /// It is no signed JWT, or one of a kind that is not taken here.
    #[error("the access token is not a signed JWT as it is taken here")]
    Malformed,
    /// It names a key that is not there, or none.
    #[error("the access token is not signed with any key that is known")]
    UnknownKey,
    /// It claims another algorithm than its key is for.
    #[error("the access token claims an algorithm that its key is not for")]
    Algorithm,
    /// The signature does not verify.
    #[error("the signature of the access token does not verify")]
    Signature,
    /// It was good once.
    #[error("the access token has expired")]
    Expired,
    /// It will be good, or one of the clocks is wrong.
    #[error("the access token is not valid yet: compare the clocks")]
    NotYetValid,
    /// It was issued by somebody else.
    #[error("the access token names another issuer")]
    Issuer,
    /// It was issued for somebody else.
    #[error("the access token is meant for another audience")]
    Audience,
    /// It was issued for another environment of this server.
    #[error("the access token is of another environment")]
    Environment,
    /// It does not reach as far as this call.
    #[error("the access token lacks the scope that is demanded")]
    Scope,
    /// The identity provider's keys are not there, or older than a token that names another one, and cannot be fetched now: nothing is
    /// known of the token.
    #[error("the keys of the identity provider that the token is to be judged by cannot be fetched now")]
    NoKeys,
}

impl TokenRefusal {
    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Several => "several",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Environment => "environment",
            Self::Scope => "scope",
            Self::NoKeys => "no_keys",
        }
    }

    /// The `www-authenticate` of the answer (RFC 6750 section 3). Why a token is invalid is said of expiry alone, the one that a
    /// caller mends by itself; the rest would help those who try.
    #[must_use]
    pub const fn www_authenticate(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            // Section 3.1: who showed nothing is told nothing.
            Self::Missing | Self::NoKeys => "Bearer",
            Self::Several => "Bearer error=\"invalid_request\"",
            Self::Scope => "Bearer error=\"insufficient_scope\"",
            Self::Expired => "Bearer error=\"invalid_token\", error_description=\"The access token expired\"",
            Self::TooLong
            | Self::Malformed
            | Self::UnknownKey
            | Self::Algorithm
            | Self::Signature
            | Self::NotYetValid
            | Self::Issuer
            | Self::Audience
            | Self::Environment => "Bearer error=\"invalid_token\"",
        })
    }
}
