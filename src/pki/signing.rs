//! A CA's private key, and what it signs: certificates and revocation lists have the same outer form.

use std::fmt;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::{Signer, SigningKey};
use rustls_pki_types::{AlgorithmIdentifier, PrivateKeyDer, alg_id};

use super::der;
use super::signature::signed_form;

/// The kinds of keys that sign, each with the hash that belongs to its strength, and how the algorithm is called in X.509. SHA-1 is none
/// of them, and for RSA it is PKCS#1 v1.5: PSS signatures of CAs are still refused by some software.
const SCHEMES: [(SignatureScheme, AlgorithmIdentifier); 5] = [
    (SignatureScheme::ECDSA_NISTP256_SHA256, alg_id::ECDSA_SHA256),
    (SignatureScheme::ECDSA_NISTP384_SHA384, alg_id::ECDSA_SHA384),
    (SignatureScheme::ECDSA_NISTP521_SHA512, alg_id::ECDSA_SHA512),
    (SignatureScheme::ED25519, alg_id::ED25519),
    (SignatureScheme::RSA_PKCS1_SHA256, alg_id::RSA_PKCS1_SHA256),
];

/// A private key that signs certificates and revocation lists.
#[derive(Clone)]
pub(crate) struct DocumentSigner {
    key: Arc<dyn SigningKey>,
    scheme: SignatureScheme,
    /// The whole `AlgorithmIdentifier`.
    algorithm: Vec<u8>,
}

impl fmt::Debug for DocumentSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentSigner").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl DocumentSigner {
    /// Takes RSA with 2048 to 8192 bits, EC on P-256, P-384 or P-521, and Ed25519; else None.
    pub(crate) fn new(key: &PrivateKeyDer<'_>) -> Option<Self> {
        let key = any_supported_type(key).ok()?;
        let (scheme, algorithm) = SCHEMES.into_iter().find(|(scheme, _)| key.choose_scheme(&[*scheme]).is_some())?;
        Some(Self { key, scheme, algorithm: der::sequence(&[algorithm.as_ref()]) })
    }

    /// Whether it is the key of a `SubjectPublicKeyInfo` (DER).
    pub(crate) fn is_key_of(&self, public_key_der: &[u8]) -> bool {
        self.key.public_key().is_some_and(|public| *public == *public_key_der)
    }

    /// The `AlgorithmIdentifier` of its signatures (DER), which stands inside of what is signed as well (RFC 5280 sections 4.1.1.2 and
    /// 5.1.1.2).
    pub(crate) fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    /// SEQUENCE { `to_be_signed`, signatureAlgorithm, signatureValue }; None where the machine has no randomness.
    pub(crate) fn signed(&self, to_be_signed: &[u8]) -> Option<Vec<u8>> {
        let signature = self.signer()?.sign(to_be_signed).ok()?;
        Some(signed_form(to_be_signed, &self.algorithm, &signature))
    }

    fn signer(&self) -> Option<Box<dyn Signer>> {
        self.key.choose_scheme(&[self.scheme])
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256,
        PublicKeyData as _,
    };
    use rustls_pki_types::PrivatePkcs8KeyDer;

    use super::*;
    use crate::pki::signature::{Issuance, signed_with};

    #[test]
    fn what_each_kind_of_key_signs_verifies_with_it_and_with_no_other() {
        let kinds = [
            &PKCS_ECDSA_P256_SHA256,
            &PKCS_ECDSA_P384_SHA384,
            &PKCS_ECDSA_P521_SHA512,
            &PKCS_ED25519,
            &PKCS_RSA_SHA256,
        ];
        for kind in kinds {
            let [key, other] = [(); 2].map(|()| KeyPair::generate_for(kind).unwrap());
            let signer = DocumentSigner::new(&PrivatePkcs8KeyDer::from(key.serialize_der()).into()).unwrap();
            assert!(signer.is_key_of(&key.subject_public_key_info()), "{kind:?}");
            assert!(!signer.is_key_of(&other.subject_public_key_info()), "{kind:?}");
            let signed = signer.signed(&der::unsigned(&[5])).unwrap();
            assert_eq!(signed_with(&signed, &key.subject_public_key_info()), Issuance::Proven, "{kind:?}");
            assert_eq!(signed_with(&signed, &other.subject_public_key_info()), Issuance::BadSignature, "{kind:?}");
        }
    }
}
