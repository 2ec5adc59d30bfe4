//! Certificates for tests. Every test makes its own authorities, with subjects of their own unless a test is about two that
//! share one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, RevokedCertParams, SerialNumber,
    SignatureAlgorithm,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

/// What a certificate is to look like: sensible until a test says otherwise.
pub(crate) struct Spec {
    params: CertificateParams,
    algorithm: &'static SignatureAlgorithm,
}

/// A certificate that signs others, sensible or not.
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    certificate: CertificateDer<'static>,
    /// What a client presents above a leaf of this authority: itself unless it is a root, and what is above it.
    path: Vec<CertificateDer<'static>>,
}

/// A chain, leaf first, and the private key of the leaf.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Spec {
    /// A leaf for a client: digitalSignature, clientAuth.
    pub(crate) fn client(name: &str) -> Self {
        Self::named(name).with(|params| {
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// A leaf for a server called `host`.
    pub(crate) fn server(host: &str) -> Self {
        let mut spec = Self::named(host);
        spec.params.subject_alt_names = CertificateParams::new([host.to_owned()]).unwrap().subject_alt_names;
        spec.params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        spec.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        spec
    }

    /// An authority: CA:TRUE, keyCertSign, cRLSign.
    pub(crate) fn authority(name: &str) -> Self {
        Self::named(name).with(|params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        })
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CountryName, "FR");
        params.distinguished_name.push(DnType::OrganizationName, "issuer-host tests");
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        Self { params, algorithm: &PKCS_ECDSA_P256_SHA256 }.valid(-1, 400)
    }

    pub(crate) fn key(mut self, algorithm: &'static SignatureAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Any other change.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        change(&mut self.params);
        self
    }

    /// Valid from and to so many days from now.
    pub(crate) fn valid(self, from: i64, to: i64) -> Self {
        let now = OffsetDateTime::now_utc();
        self.with(|params| {
            params.not_before = now + Duration::days(from);
            params.not_after = now + Duration::days(to);
        })
    }

    pub(crate) fn expired(self) -> Self {
        self.valid(-30, -1)
    }

    pub(crate) fn not_yet_valid(self) -> Self {
        self.valid(1, 30)
    }
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        Self::root_of(Spec::authority(name))
    }

    pub(crate) fn root_of(spec: Spec) -> Self {
        let key = KeyPair::generate_for(spec.algorithm).unwrap();
        let certificate = spec.params.self_signed(&key).unwrap().der().clone();
        Self { params: spec.params, key, certificate, path: Vec::new() }
    }

    /// Another root with the same subject and another key.
    pub(crate) fn impostor(&self) -> Self {
        Self::root_of(Spec { params: self.params.clone(), algorithm: &PKCS_ECDSA_P256_SHA256 })
    }

    pub(crate) fn intermediate(&self, name: &str) -> Self {
        self.intermediate_of(Spec::authority(name))
    }

    pub(crate) fn intermediate_of(&self, spec: Spec) -> Self {
        let key = KeyPair::generate_for(spec.algorithm).unwrap();
        let certificate = self.sign(&spec.params, &key);
        let path = [vec![certificate.clone()], self.path.clone()].concat();
        Self { params: spec.params, key, certificate, path }
    }

    /// This authority's name and key, certified by `other` too.
    pub(crate) fn cross_certificate(&self, other: &Self) -> CertificateDer<'static> {
        other.sign(&self.params, &self.key)
    }

    pub(crate) fn client(&self, name: &str) -> Identity {
        self.issue(Spec::client(name))
    }

    pub(crate) fn issue(&self, spec: Spec) -> Identity {
        let Spec { params, algorithm } = spec;
        let key = KeyPair::generate_for(algorithm).unwrap();
        let leaf = self.sign(&params, &key);
        Identity { chain: [vec![leaf], self.path.clone()].concat(), key: private_key(&key) }
    }

    /// The authority itself as a client: its own certificate and key.
    pub(crate) fn as_identity(&self) -> Identity {
        let mut chain = self.path.clone();
        if chain.is_empty() {
            chain.push(self.certificate.clone());
        }
        Identity { chain, key: private_key(&self.key) }
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A revocation list (PEM) with the certificates of `revoked`, valid for `life` from a minute ago on.
    pub(crate) fn crl(&self, number: u64, revoked: &[&CertificateDer<'_>], life: Duration) -> String {
        let now = OffsetDateTime::now_utc();
        let revoked_certs = revoked.iter().map(|certificate| RevokedCertParams {
            serial_number: serial(certificate),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: now - Duration::minutes(1),
            next_update: now + life,
            crl_number: number.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let crl = params.signed_by(&Issuer::from_params(&self.params, &self.key)).unwrap();
        pem("X509 CRL", crl.der())
    }

    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    pub(crate) fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key.serialize_der())
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
        params.signed_by(key, &Issuer::from_params(&self.params, &self.key)).unwrap().der().clone()
    }
}

impl Identity {
    pub(crate) fn leaf(&self) -> &CertificateDer<'static> {
        &self.chain[0]
    }

    /// The same key behind another chain.
    pub(crate) fn behind(&self, chain: Vec<CertificateDer<'static>>) -> Self {
        Self { chain, key: self.key.clone_key() }
    }

    /// The same chain with `more` certificates presented after it.
    pub(crate) fn followed_by(&self, more: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        self.behind(self.chain.iter().cloned().chain(more).collect())
    }

    pub(crate) fn leaf_only(&self) -> Self {
        self.behind(vec![self.leaf().clone()])
    }

    pub(crate) fn chain_pem(&self) -> String {
        self.chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect()
    }

    pub(crate) fn key_pem(&self) -> String {
        pem("PRIVATE KEY", self.key.secret_der())
    }
}

/// A leaf that nobody but its own key vouches for.
pub(crate) fn self_signed(spec: Spec) -> Identity {
    Authority::root_of(spec).as_identity()
}

/// `count` authorities of one name, each certified by another of them and none by anybody else: every one of them could be the
/// issuer of every other, so that a path builder without a bound tries them all.
pub(crate) fn cross_certified_thicket(count: usize) -> Vec<CertificateDer<'static>> {
    let authorities: Vec<_> = (0..count).map(|_| Authority::root("Thicket")).collect();
    let shifted = authorities.iter().cycle().skip(1);
    authorities.iter().zip(shifted).map(|(one, next)| one.cross_certificate(next)).collect()
}

/// PEM with lines of 64 characters (RFC 7468).
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The DER of the first block of a PEM text.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    STANDARD.decode(lines.take_while(|line| !line.starts_with("-----")).collect::<String>()).unwrap()
}

fn serial(certificate: &CertificateDer<'_>) -> SerialNumber {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).unwrap();
    SerialNumber::from_slice(parsed.raw_serial())
}

fn private_key(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}
