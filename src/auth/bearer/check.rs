//! The full check of a token: RFC 7519 section 7.2, RFC 8725, RFC 9068 section 4.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Header, decode_header};

use super::claims::{NumericDate, RawClaims, TokenClaims};
use super::{BearerOptions, TokenRefusal};
use crate::auth::verification_keys::{NoKey, VerificationKeys};

/// How far the clocks of issuer and verifier may be apart.
pub(super) const SKEW: Duration = Duration::from_secs(60);

/// What passed.
pub(super) struct Checked {
    pub(super) claims: TokenClaims,
    /// When the same check passes, as long as the keys stay the same.
    pub(super) good: Range<SystemTime>,
}

/// Checks everything that there is about `token`.
pub(super) fn check(
    token: &[u8],
    keys: &VerificationKeys,
    options: &BearerOptions,
    now: SystemTime,
) -> Result<Checked, TokenRefusal> {
    let parts = Parts::of(token).ok_or(TokenRefusal::Malformed)?;
    let header = decode_header(token).map_err(|_| TokenRefusal::Malformed)?;
    if !is_understood(&header) {
        return Err(TokenRefusal::Malformed);
    }
    let key = keys.find(header.kid.as_deref(), header.alg).map_err(|none| match none {
        NoKey::Unknown => TokenRefusal::UnknownKey,
        NoKey::OtherAlgorithm => TokenRefusal::Algorithm,
    })?;
    let verified = jsonwebtoken::crypto::verify(parts.signature, parts.message.as_bytes(), &key.key, key.algorithm);
    if !verified.is_ok_and(|verified| verified) {
        return Err(TokenRefusal::Signature);
    }
    let claims = URL_SAFE_NO_PAD.decode(parts.claims).map_err(|_| TokenRefusal::Malformed)?;
    let claims: RawClaims = serde_json::from_slice(&claims).map_err(|_| TokenRefusal::Malformed)?;
    judge(claims, options, now)
}

fn judge(claims: RawClaims, options: &BearerOptions, now: SystemTime) -> Result<Checked, TokenRefusal> {
    if claims.iss.as_deref() != Some(&*options.issuer) {
        return Err(TokenRefusal::Issuer);
    }
    if !claims.is_for(&options.audience) {
        return Err(TokenRefusal::Audience);
    }
    if options.environment.as_ref().is_some_and(|environment| !claims.is_of_environment(environment)) {
        return Err(TokenRefusal::Environment);
    }
    let expires = claims.exp.and_then(NumericDate::time).ok_or(TokenRefusal::Malformed)?;
    let mut from = SystemTime::UNIX_EPOCH;
    for date in [claims.nbf, claims.iat].into_iter().flatten() {
        let date = date.time().ok_or(TokenRefusal::Malformed)?;
        from = from.max(date.checked_sub(SKEW).unwrap_or(SystemTime::UNIX_EPOCH));
    }
    let good = from..expires.checked_add(SKEW).unwrap_or(expires);
    if now < good.start {
        return Err(TokenRefusal::NotYetValid);
    }
    if now >= good.end {
        return Err(TokenRefusal::Expired);
    }
    if options.scope.as_ref().is_some_and(|scope| !claims.has_scope(scope)) {
        return Err(TokenRefusal::Scope);
    }
    Ok(Checked { claims: claims.into_claims(expires), good })
}

/// Whether the header asks for nothing that we do not do: no extension that must be understood (RFC 7515 section 4.1.11), none of
/// another way to sign (RFC 7797), and no other type of JWT (RFC 8725 section 3.11).
fn is_understood(header: &Header) -> bool {
    let typ = header.typ.as_deref().map(|typ| {
        let prefix = typ.get(..APPLICATION.len()).filter(|prefix| prefix.eq_ignore_ascii_case(APPLICATION));
        prefix.and_then(|prefix| typ.get(prefix.len()..)).unwrap_or(typ)
    });
    header.crit.is_none()
        && !header.extras.inner().contains_key("b64")
        && typ.is_none_or(|typ| typ.eq_ignore_ascii_case("jwt") || typ.eq_ignore_ascii_case("at+jwt"))
}

/// May be left out in front of a type (RFC 7515 section 4.1.9).
const APPLICATION: &str = "application/";

/// The parts of the compact form (RFC 7515 section 7.1).
struct Parts<'t> {
    /// Header and claims, with the dot between them.
    message: &'t str,
    claims: &'t str,
    signature: &'t str,
}

impl<'t> Parts<'t> {
    fn of(token: &'t [u8]) -> Option<Self> {
        let token = str::from_utf8(token).ok()?;
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let is_base64url =
            |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let whole = [header, claims, signature].into_iter().all(|part| !part.is_empty() && is_base64url(part));
        whole.then_some(Self { message, claims, signature })
    }
}
