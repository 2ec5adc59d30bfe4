//! Certificates and revocation lists for tests.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData,
    RevokedCertParams, SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};

use super::CertificateFacts;

/// A certificate with its key.
pub(crate) struct Minted {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) pem: String,
    pub(crate) key_pem: String,
    pub(crate) issuer: Issuer<'static, KeyPair>,
}

impl Minted {
    /// Self-signed, with a key of its own on P-256.
    pub(crate) fn self_signed(params: CertificateParams) -> Self {
        Self::self_signed_with(params, KeyPair::generate().unwrap())
    }

    pub(crate) fn self_signed_with(params: CertificateParams, key: KeyPair) -> Self {
        let certificate = params.self_signed(&key).unwrap();
        Self::new(&certificate, params, key)
    }

    /// Issued by this one, with a key of its own on P-256.
    pub(crate) fn issue(&self, params: CertificateParams) -> Self {
        self.issue_for(params, &PKCS_ECDSA_P256_SHA256)
    }

    pub(crate) fn issue_for(&self, params: CertificateParams, algorithm: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self::new(&certificate, params, key)
    }

    pub(crate) fn facts(&self) -> CertificateFacts {
        CertificateFacts::from_der(&self.der).unwrap()
    }

    /// A revocation list of this CA, as PEM.
    pub(crate) fn crl(&self, params: &CertificateRevocationListParams) -> String {
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    fn serial(&self) -> SerialNumber {
        use x509_parser::prelude::FromDer as _;
        let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(&self.der).unwrap();
        SerialNumber::from_slice(parsed.raw_serial())
    }

    fn new(certificate: &rcgen::Certificate, params: CertificateParams, key: KeyPair) -> Self {
        let (der, pem, key_pem) = (certificate.der().clone(), certificate.pem(), key.serialize_pem());
        Self { der, pem, key_pem, issuer: Issuer::new(params, key) }
    }
}

/// A CA valid from 2020 to 2040.
pub(crate) fn ca(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A TLS client valid from 2020 to 2040.
pub(crate) fn client(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// A TLS server valid from 2020 to 2040.
pub(crate) fn server(name: &str, hosts: &[&str]) -> CertificateParams {
    let mut params = named(name);
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    params.subject_alt_names = CertificateParams::new(hosts).unwrap().subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// `params` from the first of January of one year to that of another.
pub(crate) fn valid(mut params: CertificateParams, from: i32, to: i32) -> CertificateParams {
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    params
}

/// The list with this number, made on the first of May 2030 and good until the first of July.
pub(crate) fn crl(number: u64, revoked: &[&Minted]) -> CertificateRevocationListParams {
    let entry = |minted: &&Minted| RevokedCertParams {
        serial_number: minted.serial(),
        revocation_time: date_time_ymd(2030, 4, 1),
        reason_code: None,
        invalidity_date: None,
    };
    CertificateRevocationListParams {
        this_update: date_time_ymd(2030, 5, 1),
        next_update: date_time_ymd(2030, 7, 1),
        crl_number: number.into(),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

/// `params` narrowed to the kind of certificate, at a distribution point.
pub(crate) fn scoped(
    mut params: CertificateRevocationListParams,
    scope: Option<CrlScope>,
) -> CertificateRevocationListParams {
    let distribution_point = CrlDistributionPoint { uris: vec!["http://crl.test/ca.crl".to_owned()] };
    params.issuing_distribution_point = Some(CrlIssuingDistributionPoint { distribution_point, scope });
    params
}

/// The first of June 2030, 12:00 UTC.
pub(crate) fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_906_545_600))
}

/// A public key of which nobody here has the private one: an uncompressed point on P-384.
struct Known(Vec<u8>);

impl PublicKeyData for Known {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P384_SHA384
    }
}

/// A certificate with the name and key of ISRG Root X2, which Mozilla trusts, signed by a private CA.
pub(crate) fn isrg_root_x2() -> rcgen::Certificate {
    let mut params = ca("");
    params.distinguished_name = DistinguishedName::new();
    let printable = |text: &str| DnValue::PrintableString(text.try_into().unwrap());
    params.distinguished_name.push(DnType::CountryName, printable("US"));
    params.distinguished_name.push(DnType::OrganizationName, printable("Internet Security Research Group"));
    params.distinguished_name.push(DnType::CommonName, printable("ISRG Root X2"));
    let is_x2 = |root: &&TrustAnchor<'_>| root.subject.ends_with(b"ISRG Root X2");
    let root = webpki_roots::TLS_SERVER_ROOTS.iter().find(is_x2).unwrap();
    // The point ends the SubjectPublicKeyInfo.
    let point = root.subject_public_key_info[root.subject_public_key_info.len() - 97..].to_vec();
    params.signed_by(&Known(point), &Minted::self_signed(ca("private")).issuer).unwrap()
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Test");
    params.distinguished_name.push(DnType::CommonName, name);
    valid(params, 2020, 2040)
}
