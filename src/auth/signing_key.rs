//! The keys of our own access tokens: ES256 (RFC 7518 section 3.4).

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use jsonwebtoken::crypto::aws_lc;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Serialize;
use zeroize::Zeroizing;

use super::verification_keys::{VerificationKey, VerificationKeys};

/// Most keys at once. A rotation needs two.
pub const MOST_SIGNING_KEYS: usize = 4;

/// What begins a key with a password.
const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// The keys of one environment: the first signs, and what any of them signed verifies. A new key is put first, and the old one
/// is removed when the last of its tokens has expired. Replicas that share the file take each other's tokens.
pub struct SigningKeys {
    id: String,
    signing: EncodingKey,
    verifying: VerificationKeys,
}

impl SigningKeys {
    /// The keys in the PEM blocks of a file: PKCS#8 or SEC1, curve P-256, without a password.
    ///
    /// # Errors
    /// [`SigningKeyError`] when there is no key, one that is not of that curve, one that stands there twice, or too many.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SigningKeyError> {
        use_aws_lc();
        // It would be passed over, and another key would sign than the operator believes.
        if pem.windows(ENCRYPTED.len()).any(|label| label == ENCRYPTED) {
            return Err(SigningKeyError::Encrypted);
        }
        let (mut signing, mut verifying) = (None, Vec::new());
        for (index, key) in PrivateKeyDer::pem_slice_iter(pem).enumerate() {
            let key = Zeroizing::new(key.map_err(SigningKeyError::Pem)?);
            let number = index + 1;
            if number > MOST_SIGNING_KEYS {
                return Err(SigningKeyError::TooMany);
            }
            let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_der())
                .map_err(|_| SigningKeyError::NotP256 { number })?;
            let unusable = |_| SigningKeyError::NotP256 { number };
            // Erases itself, as the document does.
            let encoding = EncodingKey::from_ec_der(pair.to_pkcs8v1().map_err(unusable)?.as_ref());
            let id = Jwk::from_encoding_key(&encoding, Algorithm::ES256)
                .and_then(|jwk| jwk.thumbprint(ThumbprintHash::SHA256))
                .map_err(|_| SigningKeyError::NotP256 { number })?;
            if verifying.iter().any(|other: &VerificationKey| other.id.as_deref() == Some(&id)) {
                return Err(SigningKeyError::Twice { number });
            }
            let decoding = DecodingKey::from_ec_der(pair.public_key().as_ref());
            verifying.push(VerificationKey { id: Some(id.clone()), algorithm: Algorithm::ES256, key: decoding });
            signing.get_or_insert((id, encoding));
        }
        let (id, signing) = signing.ok_or(SigningKeyError::None)?;
        Ok(Self { id, signing, verifying: VerificationKeys::new(verifying, 0, false) })
    }

    /// The ids of the keys (RFC 7638 thumbprints), the signing one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.verifying.ids()
    }

    pub(super) fn verifying(&self) -> &VerificationKeys {
        &self.verifying
    }

    /// A signed token in the compact form (RFC 7515 section 7.1), with the type of RFC 9068 section 2.1.
    pub(super) fn sign<C: Serialize>(&self, claims: &C) -> Result<String, SigningFailed> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(String::from("at+jwt"));
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(|_| SigningFailed)
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("ids", &self.ids().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// No signature came about, for want of random numbers.
#[derive(Debug)]
pub(super) struct SigningFailed;

/// A program around this library may have built the token crate with a second provider, and it panics when it has to choose.
pub(super) fn use_aws_lc() {
    // Somebody chose already: that one serves as well.
    let _ = aws_lc::DEFAULT_PROVIDER.install_default();
}

/// What is wrong with a file of signing keys. Never holds anything of a key.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// It is not PEM.
    #[error("the signing keys cannot be read: expected PEM blocks BEGIN PRIVATE KEY")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// There is none.
    #[error(
        "there is no signing key: expected a PEM block BEGIN PRIVATE KEY, without a password, as \
         `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` writes it"
    )]
    None,
    /// A key has a password.
    #[error("a signing key has a password: take it off with `openssl pkcs8 -topk8 -nocrypt`")]
    Encrypted,
    /// It is RSA, of another curve, or broken.
    #[error("signing key number {number} is not a key of curve P-256, the one that ES256 signs with")]
    NotP256 {
        /// Counted from one.
        number: usize,
    },
    /// The same key again.
    #[error("signing key number {number} stands there a second time: remove one of them")]
    Twice {
        /// Counted from one.
        number: usize,
    },
    /// There are too many.
    #[error("there are more than {MOST_SIGNING_KEYS} signing keys: remove those whose tokens have expired")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
    use serde_json::{Value, json};

    use super::*;
    use crate::auth::secret::sha256;
    use crate::auth::testing::{jwk, key_pem};

    fn error(pem: &str) -> SigningKeyError {
        SigningKeys::from_pem(pem.as_bytes()).unwrap_err()
    }

    fn part(token: &str, index: usize) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn the_id_of_a_key_is_its_thumbprint() {
        let pem = key_pem();
        let jwk = jwk(&pem, "");
        // RFC 7638 section 3.2: the members that are needed, in the order of their names, without blanks.
        let (x, y) = (jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap());
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let keys = SigningKeys::from_pem(pem.as_bytes()).unwrap();
        assert_eq!(keys.ids().collect::<Vec<_>>(), [URL_SAFE_NO_PAD.encode(sha256(canonical.as_bytes()))]);
    }

    #[test]
    fn the_first_key_signs_and_the_header_says_what_was_signed_and_how() {
        let (first, second) = (key_pem(), key_pem());
        let keys = SigningKeys::from_pem(format!("{first}\n{second}").as_bytes()).unwrap();
        assert_eq!(keys.ids().count(), 2);
        let token = keys.sign(&json!({"sub": "a"})).unwrap();
        let id = keys.ids().next().unwrap();
        assert_eq!(part(&token, 0), json!({"typ": "at+jwt", "alg": "ES256", "kid": id}));
        assert_eq!(part(&token, 1), json!({"sub": "a"}));
        let alone = SigningKeys::from_pem(first.as_bytes()).unwrap();
        assert_eq!(alone.ids().next(), Some(id));
    }

    #[test]
    fn sec1_is_the_same_key_as_pkcs8() {
        // The inner key of the PKCS#8 document; RFC 5958 section 2.
        let pkcs8 = key_pem();
        let der = KeyPair::from_pem(&pkcs8).unwrap().serialize_der();
        let start = der.windows(4).position(|bytes| bytes[0] == 0x30 && bytes[2..] == [2, 1]).unwrap();
        let inner = &der[start..start + 2 + usize::from(der[start + 1])];
        // Named curve parameters, which PKCS#8 leaves to its own header, have to be put back.
        let mut body = inner[2..].to_vec();
        let curve = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        if !body.windows(curve.len()).any(|bytes| bytes == curve) {
            body.splice(37..37, curve);
        }
        let sec1 = [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat();
        let text = STANDARD.encode(sec1);
        let pem = format!("-----BEGIN EC PRIVATE KEY-----\n{text}\n-----END EC PRIVATE KEY-----\n");
        let (one, other) =
            (SigningKeys::from_pem(pem.as_bytes()).unwrap(), SigningKeys::from_pem(pkcs8.as_bytes()).unwrap());
        assert_eq!(one.ids().next(), other.ids().next());
    }

    #[test]
    fn what_es256_cannot_sign_with_is_refused_by_its_number() {
        let good = key_pem();
        for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
            let other = KeyPair::generate_for(algorithm).unwrap().serialize_pem();
            assert!(matches!(error(&format!("{good}{other}")), SigningKeyError::NotP256 { number: 2 }));
        }
        assert!(matches!(error(&format!("{good}{good}")), SigningKeyError::Twice { number: 2 }));
        let many: String = (0..=MOST_SIGNING_KEYS).map(|_| key_pem()).collect();
        assert!(matches!(error(&many), SigningKeyError::TooMany));
        assert!(matches!(error(""), SigningKeyError::None));
        assert!(matches!(
            error("-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n"),
            SigningKeyError::Pem(_)
        ));
        let encrypted = good.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        assert!(matches!(error(&format!("{encrypted}{good}")), SigningKeyError::Encrypted));
    }

    #[test]
    fn a_key_is_not_printed() {
        let pem = key_pem();
        let printed = format!("{:?}", SigningKeys::from_pem(pem.as_bytes()).unwrap());
        let secret = pem.lines().nth(1).unwrap();
        assert!(!printed.contains(secret) && !printed.contains("signing:"), "{printed}");
    }
}
