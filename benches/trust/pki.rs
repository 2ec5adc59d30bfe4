//! Certificates: a root, an issuing CA below it and leaves, for clients and for the server.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm, date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Error;

/// The server's name.
pub(crate) const HOST: &str = "bench.issuer-host.test";

/// The kind of all keys of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    P256,
    Rsa2048,
}

impl Keys {
    fn generate(self) -> Result<KeyPair, Error> {
        let algorithm: &'static SignatureAlgorithm = match self {
            Self::P256 => &PKCS_ECDSA_P256_SHA256,
            Self::Rsa2048 => &PKCS_RSA_SHA256,
        };
        Ok(KeyPair::generate_for(algorithm)?)
    }
}

/// A root and the CA below it that issues leaves.
pub(crate) struct Authority {
    pub(crate) root_pem: String,
    issuing: CertificateDer<'static>,
    issuing_pem: String,
    issuer: Issuer<'static, KeyPair>,
    keys: Keys,
}

/// A chain, leaf first and without its root, and the leaf's key.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) chain_pem: String,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) key_pem: String,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        let (chain, key) = (self.chain.clone(), self.key.clone_key());
        Self { chain, chain_pem: self.chain_pem.clone(), key, key_pem: self.key_pem.clone() }
    }
}

impl Authority {
    pub(crate) fn new(name: &str, keys: Keys) -> Result<Self, Error> {
        let (root_key, root) = (keys.generate()?, ca(&format!("{name} root CA")));
        let root_pem = root.self_signed(&root_key)?.pem();
        let (key, params) = (keys.generate()?, ca(&issuing_name(name)));
        let certificate = params.signed_by(&key, &Issuer::new(root, root_key))?;
        let (issuing, issuing_pem) = (certificate.der().clone(), certificate.pem());
        Ok(Self { root_pem, issuing, issuing_pem, issuer: Issuer::new(params, key), keys })
    }

    /// Leaves the authority in `directory`, for another process of this benchmark.
    pub(crate) fn write(&self, directory: &Path) -> Result<(), Error> {
        fs::write(directory.join("root.pem"), &self.root_pem)?;
        fs::write(directory.join("issuing.pem"), &self.issuing_pem)?;
        fs::write(directory.join("issuing-key.pem"), self.issuer.key().serialize_pem())?;
        Ok(())
    }

    /// What [`Authority::write`] left.
    pub(crate) fn read(name: &str, keys: Keys, directory: &Path) -> Result<Self, Error> {
        let issuing_pem = fs::read_to_string(directory.join("issuing.pem"))?;
        let key = KeyPair::from_pem(&fs::read_to_string(directory.join("issuing-key.pem"))?)?;
        Ok(Self {
            root_pem: fs::read_to_string(directory.join("root.pem"))?,
            issuing: CertificateDer::from_pem_slice(issuing_pem.as_bytes())?,
            issuing_pem,
            issuer: Issuer::new(ca(&issuing_name(name)), key),
            keys,
        })
    }

    pub(crate) fn client(&self, name: &str) -> Result<Identity, Error> {
        self.leaf(named(name), ExtendedKeyUsagePurpose::ClientAuth)
    }

    pub(crate) fn server(&self) -> Result<Identity, Error> {
        let mut params = named(HOST);
        params.subject_alt_names = CertificateParams::new([HOST.to_owned()])?.subject_alt_names;
        self.leaf(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn leaf(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Result<Identity, Error> {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key = self.keys.generate()?;
        let leaf = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            chain: vec![leaf.der().clone(), self.issuing.clone()],
            chain_pem: leaf.pem() + &self.issuing_pem,
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            key_pem: key.serialize_pem(),
        })
    }
}

fn issuing_name(name: &str) -> String {
    format!("{name} issuing CA")
}

fn ca(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Bench");
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    params
}
