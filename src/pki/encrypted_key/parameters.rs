//! What stands in front of an encrypted key: how it was encrypted (RFC 8018 appendix A).

use x509_parser::asn1_rs::{Any, FromDer as _, Oid, Tag};

use super::{
    AES_128, AES_192, AES_256, Cipher, Derivation, EncryptedKeyError, MOST_ITERATIONS, NonZeroU32, PBKDF2_HMAC_SHA1,
    PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512, VECTOR_LENGTH, der,
};

/// id-PBES2, 1.2.840.113549.1.5.13.
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
/// id-PBKDF2, 1.2.840.113549.1.5.12.
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
/// id-hmacWithSHA256, 1.2.840.113549.2.9; its neighbours are the other hashes.
const HMAC_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9];
const HMAC_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 7];
const HMAC_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 10];
const HMAC_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 11];
/// aes256-CBC-PAD, 2.16.840.1.101.3.4.1.42.
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];
const AES_192_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 22];
const AES_128_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 2];
/// NULL.
const NULL: &[u8] = &[5, 0];

/// How a key was encrypted.
pub(super) struct Parameters<'a> {
    pub(super) prf: Derivation,
    pub(super) iterations: NonZeroU32,
    pub(super) salt: &'a [u8],
    pub(super) cipher: &'static Cipher,
    pub(super) vector: [u8; VECTOR_LENGTH],
}

/// The `AlgorithmIdentifier` of a new key: PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC.
pub(super) fn encoded(salt: &[u8], iterations: NonZeroU32, vector: &[u8]) -> Vec<u8> {
    let prf = der::sequence(&[&der::object_identifier(HMAC_SHA256), NULL]);
    let rounds = der::unsigned(&iterations.get().to_be_bytes());
    let derivation_parameters = der::sequence(&[&der::octet_string(salt), &rounds, &prf]);
    let derivation = der::sequence(&[&der::object_identifier(PBKDF2), &derivation_parameters]);
    let cipher = der::sequence(&[&der::object_identifier(AES_256_CBC), &der::octet_string(vector)]);
    der::sequence(&[&der::object_identifier(PBES2), &der::sequence(&[&derivation, &cipher])])
}

impl<'a> Parameters<'a> {
    /// Reads an `EncryptedPrivateKeyInfo`: how it was encrypted, and what.
    pub(super) fn read(key: &'a [u8], line: usize) -> Result<(Self, &'a [u8]), EncryptedKeyError> {
        let unsupported = |what: String| EncryptedKeyError::Unsupported { line, what };
        let read = Encoded::read(key).ok_or(EncryptedKeyError::Malformed { line })?;
        if read.scheme.0 != PBES2 {
            return Err(unsupported(format!("the scheme {}", named(read.scheme.0))));
        }
        let malformed = || EncryptedKeyError::Malformed { line };
        let schemes = read.schemes().ok_or_else(malformed)?;
        if schemes.derivation.0 != PBKDF2 {
            return Err(unsupported(format!("the key derivation {}", named(schemes.derivation.0))));
        }
        let derivation = Pbkdf2::read(schemes.derivation.1).ok_or_else(malformed)?;
        let prf = match derivation.prf {
            HMAC_SHA1 => PBKDF2_HMAC_SHA1,
            HMAC_SHA256 => PBKDF2_HMAC_SHA256,
            HMAC_SHA384 => PBKDF2_HMAC_SHA384,
            HMAC_SHA512 => PBKDF2_HMAC_SHA512,
            other => return Err(unsupported(format!("the hash {}", named(other)))),
        };
        let cipher = match schemes.cipher.0 {
            AES_128_CBC => &AES_128,
            AES_192_CBC => &AES_192,
            AES_256_CBC => &AES_256,
            other => return Err(unsupported(format!("the cipher {}", named(other)))),
        };
        let (rest, vector) = der::first(schemes.cipher.1, Tag::OctetString).ok_or_else(malformed)?;
        let vector = vector.try_into().ok().filter(|_| rest.is_empty()).ok_or_else(malformed)?;
        if derivation.key_length.is_some_and(|length| length != key_length(cipher)) {
            return Err(malformed());
        }
        let iterations = NonZeroU32::new(derivation.iterations).ok_or_else(malformed)?;
        if iterations.get() > MOST_ITERATIONS {
            return Err(EncryptedKeyError::TooManyRounds { line, iterations });
        }
        Ok((Self { prf, iterations, salt: derivation.salt, cipher, vector }, read.text))
    }
}

/// Octets of a cipher's key.
pub(super) fn key_length(cipher: &'static Cipher) -> usize {
    match cipher {
        cipher if *cipher == AES_128 => 16,
        cipher if *cipher == AES_192 => 24,
        _ => 32,
    }
}

/// Whether these octets are one SEQUENCE, as every PKCS#8 key is.
pub(super) fn is_one_sequence(octets: &[u8]) -> bool {
    der::first(octets, Tag::Sequence).is_some_and(|(rest, _)| rest.is_empty())
}

/// An OID and the octets of its parameters.
type Algorithm<'a> = (&'a [u8], &'a [u8]);

/// `EncryptedPrivateKeyInfo ::= SEQUENCE { encryptionAlgorithm, encryptedData OCTET STRING }`.
struct Encoded<'a> {
    scheme: Algorithm<'a>,
    text: &'a [u8],
}

impl<'a> Encoded<'a> {
    fn read(key: &'a [u8]) -> Option<Self> {
        let (rest, key) = der::first(key, Tag::Sequence)?;
        rest.is_empty().then_some(())?;
        let (key, scheme) = algorithm(key)?;
        let (rest, text) = der::first(key, Tag::OctetString)?;
        rest.is_empty().then_some(Self { scheme, text })
    }

    /// PBES2-params ::= SEQUENCE { keyDerivationFunc, encryptionScheme }.
    fn schemes(&self) -> Option<Schemes<'a>> {
        let (rest, parameters) = der::first(self.scheme.1, Tag::Sequence)?;
        rest.is_empty().then_some(())?;
        let (parameters, derivation) = algorithm(parameters)?;
        let (rest, cipher) = algorithm(parameters)?;
        rest.is_empty().then_some(Schemes { derivation, cipher })
    }
}

struct Schemes<'a> {
    derivation: Algorithm<'a>,
    cipher: Algorithm<'a>,
}

/// PBKDF2-params ::= SEQUENCE { salt OCTET STRING, iterationCount, keyLength OPTIONAL, prf DEFAULT hmacWithSHA1 }.
struct Pbkdf2<'a> {
    salt: &'a [u8],
    iterations: u32,
    key_length: Option<usize>,
    prf: &'a [u8],
}

impl<'a> Pbkdf2<'a> {
    fn read(parameters: &'a [u8]) -> Option<Self> {
        let (rest, parameters) = der::first(parameters, Tag::Sequence)?;
        rest.is_empty().then_some(())?;
        let (parameters, salt) = der::first(parameters, Tag::OctetString)?;
        let (mut parameters, iterations) = number(parameters)?;
        let mut key_length = None;
        if let Some((rest, length)) = number(parameters) {
            (parameters, key_length) = (rest, Some(usize::try_from(length).ok()?));
        }
        let (rest, prf) = if parameters.is_empty() {
            (parameters, HMAC_SHA1)
        } else {
            algorithm(parameters).map(|(rest, prf)| (rest, prf.0))?
        };
        rest.is_empty().then_some(Self { salt, iterations, key_length, prf })
    }
}

/// `AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }`, and what follows it.
fn algorithm(input: &[u8]) -> Option<(&[u8], Algorithm<'_>)> {
    let (rest, content) = der::first(input, Tag::Sequence)?;
    let (parameters, oid) = der::first(content, Tag::Oid)?;
    Some((rest, (oid, parameters)))
}

/// A small INTEGER, and what follows it.
fn number(input: &[u8]) -> Option<(&[u8], u32)> {
    let (rest, any) = Any::from_der(input).ok()?;
    Some((rest, any.u32().ok()?))
}

/// The name by which people look for it, else the dotted OID.
fn named(oid: &[u8]) -> String {
    let dotted = Oid::new(oid.into()).to_id_string();
    match dotted.as_str() {
        "1.3.6.1.4.1.11591.4.11" => "scrypt".to_owned(),
        "1.2.840.113549.3.7" => "3DES".to_owned(),
        _ => dotted,
    }
}
