//! Identifiers of keys: a certificate names its own key and that of its issuer (RFC 5280 sections 4.2.1.1 and 4.2.1.2). No security
//! rests on them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::der;

/// The number of authorityKeyIdentifier below id-ce, 2.5.29 (RFC 5280 section 4.2.1.1).
pub(crate) const AUTHORITY_KEY_IDENTIFIER: u8 = 35;
/// The number of subjectKeyIdentifier below id-ce (RFC 5280 section 4.2.1.2).
const SUBJECT_KEY_IDENTIFIER: u8 = 14;
/// `[0]` of an `AuthorityKeyIdentifier`: keyIdentifier.
const KEY_IDENTIFIER: u8 = 0x80;
/// An identifier has 160 bits (RFC 7093 section 2).
const OCTETS: usize = 20;

/// The identifier of a key (the DER of a `SubjectPublicKeyInfo`): the first 160 bits of the SHA-256 of its bits (RFC 7093 section 2,
/// method 1).
pub(crate) fn sha256(public_key_der: &[u8]) -> Vec<u8> {
    digest(&SHA256, &bits(public_key_der)).as_ref().iter().copied().take(OCTETS).collect()
}

/// The same with SHA-1 (RFC 5280 section 4.2.1.2, method 1), which is what OpenSSL writes.
pub(crate) fn sha1(public_key_der: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, &bits(public_key_der)).as_ref().to_vec()
}

/// The extension that identifies a certificate's own key.
pub(crate) fn of_subject(identifier: &[u8]) -> Vec<u8> {
    der::extension(SUBJECT_KEY_IDENTIFIER, false, &der::octet_string(identifier))
}

/// The extension that identifies the key of a certificate's or revocation list's issuer.
pub(crate) fn of_authority(identifier: &[u8]) -> Vec<u8> {
    let identifier = der::element(KEY_IDENTIFIER, identifier);
    der::extension(AUTHORITY_KEY_IDENTIFIER, false, &der::sequence(&[&identifier]))
}

/// The identifier that a certificate (DER) has for its own key; what it issues must repeat it (RFC 5280 section 4.2.1.1).
pub(crate) fn in_certificate(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier.0.to_vec()),
        _ => None,
    })
}

/// The bits of the key. What the parser refuses has its identifier too: of all there is.
fn bits(public_key_der: &[u8]) -> Vec<u8> {
    let parsed = SubjectPublicKeyInfo::from_der(public_key_der);
    parsed.map_or_else(|_| public_key_der.to_vec(), |(_, key)| key.subject_public_key.data.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `SubjectPublicKeyInfo` whose key is the text `abc`.
    const ABC: [u8; 15] = [0x30, 13, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 4, 0, b'a', b'b', b'c'];

    #[test]
    fn an_identifier_is_the_digest_of_the_bits_of_the_key_alone() {
        // FIPS 180: the digests of "abc".
        assert_eq!(sha1(&ABC)[..4], [0xa9, 0x99, 0x3e, 0x36]);
        assert_eq!(sha256(&ABC)[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!((sha1(&ABC).len(), sha256(&ABC).len()), (20, 20));
        assert_eq!(sha256(b"abc"), sha256(&ABC), "of all there is, where the parser reads no key");
    }
}
