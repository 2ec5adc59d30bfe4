//! What a client's certificate says, whoever signs it: its own key, or a customer's CA.

use super::issuing::SerialNumber;
use super::validity::Validity;
use super::{der, key_identifier};

/// The numbers of extensions below id-ce, 2.5.29 (RFC 5280 section 4.2.1).
const KEY_USAGE: u8 = 15;
const BASIC_CONSTRAINTS: u8 = 19;
const EXTENDED_KEY_USAGE: u8 = 37;

/// keyUsage with digitalSignature alone: the first bit, and seven that are unused (RFC 5280 section 4.2.1.3).
const DIGITAL_SIGNATURE: [u8; 4] = [der::BIT_STRING, 2, 7, 0x80];
/// id-kp-clientAuth, 1.3.6.1.5.5.7.3.2 (RFC 5280 section 4.2.1.12).
const CLIENT_AUTH: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 3, 2];
/// Version 3 in its explicit tag.
const VERSION_3: [u8; 5] = [0xa0, 3, der::INTEGER, 1, 2];
/// The explicit tag of the extensions.
const EXTENSIONS: u8 = 0xa3;

/// A certificate for a TLS client that is still to be signed: version 3, CA:FALSE and digitalSignature (both critical), clientAuth, and
/// the identifiers of the keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientCertificate<'a> {
    pub(crate) serial: &'a SerialNumber,
    /// The DER of the issuer's name.
    pub(crate) issuer: &'a [u8],
    pub(crate) validity: Validity,
    /// The DER of the subject's name.
    pub(crate) subject: &'a [u8],
    /// The DER of the `SubjectPublicKeyInfo`.
    pub(crate) public_key: &'a [u8],
    /// The identifier of this key.
    pub(crate) subject_key: &'a [u8],
    /// The identifier of the issuer's key, unless it is the same (RFC 5280 section 4.2.1.1).
    pub(crate) authority_key: Option<&'a [u8]>,
}

impl ClientCertificate<'_> {
    /// What is signed (RFC 5280 section 4.1.2) with an algorithm (the DER of its `AlgorithmIdentifier`); None where the validity can't be
    /// written.
    pub(crate) fn to_be_signed(self, algorithm: &[u8]) -> Option<Vec<u8>> {
        // cA is FALSE by default, and DER leaves defaults out.
        let no_ca = der::sequence(&[]);
        let client_auth = der::sequence(&[&der::object_identifier(&CLIENT_AUTH)]);
        let extensions = der::sequence(&[
            &der::extension(BASIC_CONSTRAINTS, true, &no_ca),
            &der::extension(KEY_USAGE, true, &DIGITAL_SIGNATURE),
            &der::extension(EXTENDED_KEY_USAGE, false, &client_auth),
            &key_identifier::of_subject(self.subject_key),
            &self.authority_key.map(key_identifier::of_authority).unwrap_or_default(),
        ]);
        Some(der::sequence(&[
            &VERSION_3,
            &self.serial.der(),
            algorithm,
            self.issuer,
            &self.validity.der()?,
            self.subject,
            self.public_key,
            &der::element(EXTENSIONS, &extensions),
        ]))
    }
}
