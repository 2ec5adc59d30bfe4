//! What a certificate says about itself, in types and in printable text.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rustls_pki_types::UnixTime;
use time::OffsetDateTime;
use time::macros::format_description;
use x509_parser::asn1_rs::Oid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_SIG_ED25519, OID_X509_EXT_BASIC_CONSTRAINTS,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey as ParsedPublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::distinguished_name::{hexadecimal, printable, rfc4514};
use super::identity::Fingerprint;

/// More subject alternative names than these are counted, not listed.
const MAX_ALT_NAMES: usize = 100;

/// The facts of one X.509 certificate (RFC 5280). All text is printable ASCII.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// 1, 2 or 3.
    pub version: u32,
    /// Subject distinguished name, RFC 4514.
    pub subject: String,
    /// Issuer distinguished name, RFC 4514.
    pub issuer: String,
    /// Serial number, lower-case hexadecimal, no leading zero bytes, no colons.
    pub serial: String,
    /// SHA-256 over the certificate's DER.
    pub sha256: Fingerprint,
    /// Start of validity; times before 1970 count as 1970.
    pub not_before: UnixTime,
    /// End of validity, the last second of it.
    pub not_after: UnixTime,
    /// CA:TRUE in basicConstraints.
    pub is_ca: bool,
    /// pathLenConstraint of basicConstraints: how many further CA certificates may follow below this one.
    pub path_length: Option<u32>,
    /// The public key.
    pub key: PublicKey,
    /// The keyUsage extension, where present.
    pub key_usage: Option<KeyUsage>,
    /// The extendedKeyUsage extension, where present.
    pub extended_key_usage: Option<ExtendedKeyUsage>,
    /// Subject alternative names as `DNS:...`, `URI:...`, `IP:...`, `email:...` and, for the rarer kinds, `DirName:...`,
    /// `RID:...`, `other:...`; after 100 of them one entry `more:N`.
    pub subject_alt_names: Vec<String>,
    /// Subject and issuer are the same name.
    pub self_issued: bool,
    /// The DER of the subject, header included: what a CA hint holds.
    pub subject_der: Vec<u8>,
    /// The DER of the issuer, header included.
    pub issuer_der: Vec<u8>,
    /// The DER of the `SubjectPublicKeyInfo`, header included.
    pub public_key_der: Vec<u8>,
}

impl fmt::Debug for CertificateFacts {
    /// The short form: the DER fields and what follows from them would fill a screen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CertificateFacts");
        shown.field("subject", &self.subject).field("issuer", &self.issuer).field("serial", &self.serial);
        shown.field("sha256", &self.sha256).field("not_after", &minute(self.not_after)).field("is_ca", &self.is_ca);
        shown.field("key", &self.key).finish_non_exhaustive()
    }
}

/// What kind of public key, and how strong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA.
    Rsa {
        /// Length of the modulus.
        bits: usize,
    },
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// Anything else.
    Other {
        /// The OID of the algorithm; for an elliptic curve, that of the curve.
        oid: String,
    },
}

impl PublicKey {
    /// What the DER of a `SubjectPublicKeyInfo` holds; None: it is none, or something follows it.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let Ok(([], info)) = SubjectPublicKeyInfo::from_der(der) else { return None };
        Some(public_key(&info))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA with {bits} bits"),
            Self::P256 => f.write_str("EC P-256"),
            Self::P384 => f.write_str("EC P-384"),
            Self::P521 => f.write_str("EC P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other { oid } => write!(f, "a key of the kind {oid}"),
        }
    }
}

/// The keyUsage bits that TLS and certificate paths depend on (RFC 5280 section 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage {
    /// digitalSignature: needed by a TLS end-entity.
    pub digital_signature: bool,
    /// keyCertSign: needed by a CA.
    pub key_cert_sign: bool,
    /// cRLSign: needed by the signer of a CRL.
    pub crl_sign: bool,
}

/// The extendedKeyUsage purposes that TLS depends on (RFC 5280 section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedKeyUsage {
    /// serverAuth.
    pub server_auth: bool,
    /// clientAuth.
    pub client_auth: bool,
    /// anyExtendedKeyUsage; it stands for none of the others here, as in webpki.
    pub any: bool,
}

/// The bytes are not a certificate that can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// Not DER of an X.509 certificate, or something follows it.
    #[error("not an X.509 certificate")]
    Malformed,
    /// An extension that matters is malformed or stands there twice.
    #[error("malformed or repeated {0} extension")]
    Extension(&'static str),
}

impl CertificateFacts {
    /// Reads the DER of one certificate.
    ///
    /// # Errors
    /// [`FactsError`] when it is not exactly one certificate, or basicConstraints, keyUsage, extendedKeyUsage or
    /// subjectAltName can't be relied on.
    pub fn from_der(der: &[u8]) -> Result<Self, FactsError> {
        let Ok(([], certificate)) = X509Certificate::from_der(der) else { return Err(FactsError::Malformed) };
        let (subject, issuer) = (certificate.subject().as_raw(), certificate.issuer().as_raw());
        let key_usage = certificate.key_usage().map_err(|_| FactsError::Extension("keyUsage"))?;
        let purposes = certificate.extended_key_usage().map_err(|_| FactsError::Extension("extendedKeyUsage"))?;
        let (is_ca, path_length) = basic_constraints(&certificate)?;
        Ok(Self {
            version: certificate.version().0.saturating_add(1),
            subject: rfc4514(subject),
            issuer: rfc4514(issuer),
            serial: serial(certificate.raw_serial()),
            sha256: Fingerprint::of(der),
            not_before: unix_time(certificate.validity().not_before),
            not_after: unix_time(certificate.validity().not_after),
            is_ca,
            path_length,
            key: public_key(certificate.public_key()),
            key_usage: key_usage.map(|extension| KeyUsage {
                digital_signature: extension.value.digital_signature(),
                key_cert_sign: extension.value.key_cert_sign(),
                crl_sign: extension.value.crl_sign(),
            }),
            extended_key_usage: purposes.map(|extension| ExtendedKeyUsage {
                server_auth: extension.value.server_auth,
                client_auth: extension.value.client_auth,
                any: extension.value.any,
            }),
            subject_alt_names: subject_alt_names(&certificate)?,
            self_issued: subject == issuer,
            subject_der: subject.to_vec(),
            issuer_der: issuer.to_vec(),
            public_key_der: certificate.public_key().raw.to_vec(),
        })
    }

    /// Whether `now` lies within the validity, both ends included (RFC 5280 section 4.1.2.5).
    #[must_use]
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// A time for messages: `2026-01-31 23:59 UTC`.
#[must_use]
pub fn minute(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let written = OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC")).ok());
    written.unwrap_or_else(|| format!("{seconds} s after 1970"))
}

pub(crate) fn serial(raw: &[u8]) -> String {
    let digits = match raw.iter().position(|&byte| byte != 0) {
        Some(first) => raw.get(first..).unwrap_or(raw),
        None => &[0],
    };
    hexadecimal(digits)
}

pub(crate) fn unix_time(time: ASN1Time) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0)))
}

pub(crate) fn subject_alt_names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, FactsError> {
    let extension = certificate.subject_alternative_name().map_err(|_| FactsError::Extension("subjectAltName"))?;
    let Some(extension) = extension else { return Ok(Vec::new()) };
    let all = &extension.value.general_names;
    let mut names: Vec<String> = all.iter().take(MAX_ALT_NAMES).map(alt_name).collect();
    if all.len() > MAX_ALT_NAMES {
        names.push(format!("more:{}", all.len() - MAX_ALT_NAMES));
    }
    Ok(names)
}

fn alt_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("DNS:{}", printable(name.as_bytes())),
        GeneralName::URI(uri) => format!("URI:{}", printable(uri.as_bytes())),
        GeneralName::RFC822Name(address) => format!("email:{}", printable(address.as_bytes())),
        GeneralName::IPAddress(octets) => match (<[u8; 4]>::try_from(*octets), <[u8; 16]>::try_from(*octets)) {
            (Ok(v4), _) => format!("IP:{}", Ipv4Addr::from(v4)),
            (_, Ok(v6)) => format!("IP:{}", Ipv6Addr::from(v6)),
            _ => format!("IP:#{}", hexadecimal(octets)),
        },
        GeneralName::DirectoryName(name) => format!("DirName:{}", printable(rfc4514(name.as_raw()).as_bytes())),
        GeneralName::RegisteredID(oid) => format!("RID:{}", dotted(oid)),
        GeneralName::OtherName(oid, _) => format!("other:{}", dotted(oid)),
        GeneralName::X400Address(_) => "other:x400Address".to_owned(),
        GeneralName::EDIPartyName(_) => "other:ediPartyName".to_owned(),
        GeneralName::Invalid(tag, _) => format!("other:malformed-{}", tag.0),
    }
}

fn dotted(oid: &Oid<'_>) -> String {
    printable(oid.to_id_string().as_bytes())
}

fn basic_constraints(certificate: &X509Certificate<'_>) -> Result<(bool, Option<u32>), FactsError> {
    let malformed = FactsError::Extension("basicConstraints");
    let extension = certificate.get_extension_unique(&OID_X509_EXT_BASIC_CONSTRAINTS).map_err(|_| malformed)?;
    match extension.map(X509Extension::parsed_extension) {
        None => Ok((false, None)),
        Some(ParsedExtension::BasicConstraints(constraints)) => Ok((constraints.ca, constraints.path_len_constraint)),
        Some(_) => Err(malformed),
    }
}

pub(crate) fn public_key(info: &SubjectPublicKeyInfo<'_>) -> PublicKey {
    let algorithm = &info.algorithm.algorithm;
    let other = || PublicKey::Other { oid: dotted(algorithm) };
    match info.parsed() {
        Ok(ParsedPublicKey::RSA(key)) => PublicKey::Rsa { bits: bit_length(key.modulus) },
        Ok(ParsedPublicKey::EC(_)) => {
            let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            match curve {
                Some(curve) if curve == OID_EC_P256 => PublicKey::P256,
                Some(curve) if curve == OID_NIST_EC_P384 => PublicKey::P384,
                Some(curve) if curve == OID_NIST_EC_P521 => PublicKey::P521,
                Some(curve) => PublicKey::Other { oid: dotted(&curve) },
                None => other(),
            }
        }
        _ if *algorithm == OID_SIG_ED25519 => PublicKey::Ed25519,
        _ => other(),
    }
}

/// The length of a big-endian integer without its leading zero bits.
fn bit_length(integer: &[u8]) -> usize {
    let mut digits = integer.iter().skip_while(|&&byte| byte == 0);
    digits.next().map_or(0, |&first| 8 * (digits.count() + 1) - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests;
