//! Who signed a certificate, or a revocation list: both have the same outer form.

use rustls_pki_types::SubjectPublicKeyInfoDer;
use webpki::{ALL_VERIFICATION_ALGS, RawPublicKeyEntity};
use x509_parser::asn1_rs::{Any, FromDer as _};

use super::{CertificateFacts, der};

/// Whether one certificate was issued by the holder of another name and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issuance {
    /// The issuer's name and a signature that verifies.
    Proven,
    /// Another issuer's name; the signature was not looked at.
    OtherIssuer,
    /// The issuer's name, but not its signature.
    BadSignature,
    /// The issuer's name, and a signature algorithm that TLS clients refuse too, such as SHA-1.
    UnsupportedAlgorithm,
}

/// Whether `certificate` (DER) was issued by the subject of `issuer`. Names are compared octet by octet, as webpki does.
pub(crate) fn issuance(certificate: &[u8], facts: &CertificateFacts, issuer: &CertificateFacts) -> Issuance {
    if facts.issuer_der != issuer.subject_der {
        return Issuance::OtherIssuer;
    }
    signed_with(certificate, &issuer.public_key_der)
}

/// Whether the signature of `certificate` or revocation list (DER) verifies with `public_key` (the DER of a
/// `SubjectPublicKeyInfo`).
pub(crate) fn signed_with(certificate: &[u8], public_key: &[u8]) -> Issuance {
    let Some(signed) = Signed::parse(certificate) else { return Issuance::BadSignature };
    let public_key = SubjectPublicKeyInfoDer::from(public_key);
    let Ok(entity) = RawPublicKeyEntity::try_from(&public_key) else { return Issuance::BadSignature };
    // One identifier can stand for several algorithms, which differ in the curve of the key.
    let mut known = false;
    for algorithm in ALL_VERIFICATION_ALGS {
        if algorithm.signature_alg_id().as_ref() == signed.algorithm {
            known = true;
            if entity.verify_signature(*algorithm, signed.message, signed.signature).is_ok() {
                return Issuance::Proven;
            }
        }
    }
    if known { Issuance::BadSignature } else { Issuance::UnsupportedAlgorithm }
}

/// Whether a certificate or revocation list (DER) bears a signature of a kind that is verified at all; SHA-1 is not.
pub(crate) fn is_of_known_algorithm(signed: &[u8]) -> bool {
    Signed::parse(signed).is_some_and(|signed| {
        ALL_VERIFICATION_ALGS.iter().any(|algorithm| algorithm.signature_alg_id().as_ref() == signed.algorithm)
    })
}

/// The outer form: what was signed, the algorithm (the DER of its `AlgorithmIdentifier`) and the signature. Requests for certificates
/// have it too (RFC 2986 section 4.2).
pub(crate) fn signed_form(message: &[u8], algorithm: &[u8], signature: &[u8]) -> Vec<u8> {
    der::sequence(&[message, algorithm, &der::bit_string(signature)])
}

/// Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING } (RFC 5280 sections 4.1
/// and 5.1).
struct Signed<'a> {
    /// The whole encoding of the tbsCertificate.
    message: &'a [u8],
    /// The content of the `AlgorithmIdentifier`, without its own header.
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    fn parse(certificate: &'a [u8]) -> Option<Self> {
        let (_, certificate) = Any::from_der(certificate).ok()?;
        let (after_message, _) = Any::from_der(certificate.data).ok()?;
        let message = certificate.data.get(..certificate.data.len().checked_sub(after_message.len())?)?;
        let (after_algorithm, algorithm) = Any::from_der(after_message).ok()?;
        let (_, signature) = Any::from_der(after_algorithm).ok()?;
        // The first octet counts the unused bits of the last one.
        let (0, signature) = signature.data.split_first()? else { return None };
        Some(Self { message, algorithm: algorithm.data, signature })
    }
}
