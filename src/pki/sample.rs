//! The sample PKI: what a trial, the demo and the documentation run on. Its keys are public, and every name in it says so.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, date_time_ymd,
};

/// The organisation in every subject of the sample PKI. Trust anchors are recognised as samples by exactly this.
pub const SAMPLE_ORGANIZATION: &str = "issuer-host SAMPLE - not for production";

/// The sample PKI in PEM. No private key of a CA leaves the generation: nothing can be added to a sample PKI later.
#[derive(Clone)]
pub struct SamplePki {
    hosts: Vec<String>,
    client_ca: String,
    client_a: Credential,
    client_b: Credential,
    client_expired: Credential,
    foreign_ca: String,
    foreign_client: Credential,
    server: Credential,
    server_ca: String,
}

impl std::fmt::Debug for SamplePki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SamplePki").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// What the sample PKI is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleOptions {
    /// The DNS names and IP addresses of the server certificate.
    pub hosts: Vec<String>,
}

impl Default for SampleOptions {
    /// `localhost`, `issuer.sample` and names below it, `127.0.0.1` and `::1`.
    fn default() -> Self {
        Self {
            hosts: ["localhost", "issuer.sample", "*.issuer.sample", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
        }
    }
}

/// Why a sample PKI can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// No host name.
    #[error("the server certificate needs at least one host name or IP address")]
    NoHost,
    /// A host name that can't stand in a certificate, or a failure to generate a key.
    #[error("the sample PKI can't be made: {0}; are all host names plain ASCII DNS names or IP addresses?")]
    Generation(#[from] rcgen::Error),
}

impl SamplePki {
    /// Generates keys and certificates; takes a moment for the two RSA keys. All are valid from 2019 to 2125, whatever the
    /// clock says, but for the client that expired in 2020.
    ///
    /// # Errors
    /// [`SampleError`] when a host can't stand in a certificate, or the machine has no randomness.
    pub fn generate(options: SampleOptions) -> Result<Self, SampleError> {
        if options.hosts.is_empty() {
            return Err(SampleError::NoHost);
        }
        // Stands for the Thales Client CA: one root, an issuing CA for each kind of key.
        let root = Authority::root("SAMPLE client root CA")?;
        let ecdsa = root.issuing("SAMPLE client issuing CA ECDSA", ecdsa_key()?)?;
        let rsa = root.issuing("SAMPLE client issuing CA RSA", rsa_key()?)?;
        let client_a = ecdsa.client("SAMPLE Thales client A", &ecdsa_key()?, LAST_YEAR)?;
        let client_b = rsa.client("SAMPLE Thales client B", &rsa_key()?, LAST_YEAR)?;
        let client_expired = ecdsa.client("SAMPLE Thales client, expired", &ecdsa_key()?, EXPIRED_YEAR)?;
        let foreign_root = Authority::root("SAMPLE foreign root CA")?;
        let foreign_client = foreign_root.client("SAMPLE foreign client", &ecdsa_key()?, LAST_YEAR)?;
        let server_root = Authority::root("SAMPLE server root CA")?;
        let server_issuing = server_root.issuing("SAMPLE server issuing CA", ecdsa_key()?)?;
        let server = server_issuing.server("SAMPLE issuer host", &options.hosts)?;
        Ok(Self {
            hosts: options.hosts,
            client_ca: root.pem,
            client_a,
            client_b,
            client_expired,
            foreign_ca: foreign_root.pem,
            foreign_client,
            server,
            server_ca: server_root.pem,
        })
    }

    /// The files: name, text, and whether it is a private key (to be written with mode 0600).
    pub fn files(&self) -> impl Iterator<Item = (&'static str, String, bool)> {
        let certificates = |name, pem: &String| (name, pem.clone(), false);
        let key = |name, credential: &Credential| (name, credential.key.clone(), true);
        [
            ("README.md", self.readme(), false),
            certificates("thales-client-ca.pem", &self.client_ca),
            certificates("client-a-chain.pem", &self.client_a.chain),
            key("client-a-key.pem", &self.client_a),
            certificates("client-b-chain.pem", &self.client_b.chain),
            key("client-b-key.pem", &self.client_b),
            certificates("client-expired-chain.pem", &self.client_expired.chain),
            key("client-expired-key.pem", &self.client_expired),
            certificates("foreign-ca.pem", &self.foreign_ca),
            certificates("foreign-client-chain.pem", &self.foreign_client.chain),
            key("foreign-client-key.pem", &self.foreign_client),
            certificates("server-chain.pem", &self.server.chain),
            key("server-key.pem", &self.server),
            certificates("server-ca.pem", &self.server_ca),
        ]
        .into_iter()
    }

    fn readme(&self) -> String {
        include_str!("sample/readme.md").replace("{hosts}", &format!("`{}`", self.hosts.join("`, `")))
    }
}

/// The first year of validity: before July 2019, from when on some TLS stacks refuse server certificates that live long.
const FIRST_YEAR: i32 = 2019;
/// The last year of validity; beyond 2049, so `GeneralizedTime` (RFC 5280 section 4.1.2.5).
const LAST_YEAR: i32 = 2125;
/// The last year of the expired client.
const EXPIRED_YEAR: i32 = 2020;

#[derive(Clone)]
struct Credential {
    /// Leaf first, without the root.
    chain: String,
    key: String,
}

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    is_root: bool,
}

impl Authority {
    fn root(name: &str) -> Result<Self, rcgen::Error> {
        let key = ecdsa_key()?;
        let params = authority(name, 1);
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key), is_root: true })
    }

    fn issuing(&self, name: &str, key: KeyPair) -> Result<Self, rcgen::Error> {
        let mut params = authority(name, 0);
        params.use_authority_key_identifier_extension = true;
        let pem = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key), is_root: false })
    }

    fn client(&self, name: &str, key: &KeyPair, last_year: i32) -> Result<Credential, rcgen::Error> {
        let mut params = subject(name, last_year);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.credential(params, key)
    }

    fn server(&self, name: &str, hosts: &[String]) -> Result<Credential, rcgen::Error> {
        let mut params = subject(name, LAST_YEAR);
        params.subject_alt_names = CertificateParams::new(hosts)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.credential(params, &ecdsa_key()?)
    }

    fn credential(&self, mut params: CertificateParams, key: &KeyPair) -> Result<Credential, rcgen::Error> {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(key, &self.issuer)?.pem();
        let chain = if self.is_root { leaf } else { leaf + &self.pem };
        Ok(Credential { chain, key: key.serialize_pem() })
    }
}

fn authority(name: &str, path_length: u8) -> CertificateParams {
    let mut params = subject(name, LAST_YEAR);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn subject(name: &str, last_year: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, SAMPLE_ORGANIZATION);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(FIRST_YEAR, 1, 1);
    params.not_after = date_time_ymd(last_year, 12, 31);
    params
}

fn ecdsa_key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
}

/// RSA with 2048 bits.
fn rsa_key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_RSA_SHA256)
}

#[cfg(test)]
mod tests;
