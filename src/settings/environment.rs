//! `[environments.NAME]`: one product family, one customer id, one host, with a trust and a credential of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::backend::{self, BackendSettings};
use super::host::host;
use super::interpreter::{self, InterpreterSettings};
use super::missing;
use super::name;
use super::parts::EnvironmentParts;
use super::path::pem;
use super::pem_source::PemSource;
use super::quantity::duration;
use super::reader::Section;
use super::revocation::{self, RevocationMode};
use super::typed::{address, flag, identifier, list, one_of, text, words};
use super::variables::ASSET_ENVIRONMENT;
use crate::thales::Product;

/// `[environments.NAME]`: isolated from every other environment (O11, O12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentSettings {
    /// Its name: `[a-z0-9_]+`.
    pub name: String,
    /// The products that share its host, at least one, in the order in which they were written.
    pub products: Vec<Product>,
    /// The customer's id at Thales. It is text: leading zeros count.
    pub customer_id: String,
    /// The issuer ids that may stand in paths and headers; the customer id unless set.
    pub issuer_ids: Vec<String>,
    /// The DNS name that Thales calls, in lower case, without a dot at its end; or `*.` and such a name, for every name with
    /// one label in the place of `*`. Without one the environment must be alone on its listeners, and takes any name.
    pub host: Option<String>,
    /// Its listeners, at least one.
    pub listen: Vec<SocketAddr>,
    /// The client CA bundle: the Thales Client CA (O5), never a leaf (O6).
    pub client_ca: PemSource,
    /// Files of revocation lists, PEM or DER.
    pub crl: Vec<PathBuf>,
    /// What the lists decide.
    pub revocation: RevocationMode,
    /// The server's certificate chain, leaf first.
    pub certificate_chain: PemSource,
    /// The server's private key.
    pub private_key: PemSource,
    /// The server chain that Thales was given (O8): the chain in use must belong to it.
    pub endorsed_chain: Option<PemSource>,
    /// Whether TLS sessions may be resumed.
    pub resumption: Resumption,
    /// How long the keys of sessions live: a session cannot be resumed for longer than that.
    pub session_lifetime: Duration,
    /// Whether a caller's certificate must name the purpose of client authentication, rather than only not exclude it.
    pub require_client_auth_eku: bool,
    /// Whether the client CA bundle may hold a CA that the public web trusts.
    pub allow_public_client_ca: bool,
    /// Whether the sample CA may be trusted on an address that others can reach.
    pub allow_sample_certificates: bool,
    /// Which subjects of callers are admitted among those that the client CA admits.
    pub client_subject: ClientSubjectSettings,
    /// Whether the backend gets the caller's whole certificate and chain (RFC 9440), rather than what identifies it.
    pub forward_client_certificate: bool,
    /// Where calls go.
    pub backend: BackendSettings,
    /// What it makes of the calls that it gets.
    pub interpreter: InterpreterSettings,
}

impl EnvironmentSettings {
    /// Every file that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let own = [
            Some(&self.client_ca),
            Some(&self.certificate_chain),
            Some(&self.private_key),
            self.endorsed_chain.as_ref(),
        ];
        let own = own.into_iter().flatten().filter_map(PemSource::path);
        own.chain(self.crl.iter().map(PathBuf::as_path)).chain(self.backend.files()).chain(self.interpreter.files())
    }
}

/// `[environments.NAME.client_subject]`: patterns on the caller's subject. Empty lists say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSubjectSettings {
    /// When not empty, one of these must match.
    pub allow: Vec<String>,
    /// None of these may match.
    pub deny: Vec<String>,
}

/// Whether TLS sessions may be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// They may; the certificates of a resumed session are judged again before any request.
    Reverified,
    /// Every connection makes a full handshake.
    Off,
}

const RESUMPTIONS: &[(&str, Resumption)] = &[("reverified", Resumption::Reverified), ("off", Resumption::Off)];
/// Proof that the caller has its key is not older than this: whoever resumes proves nothing anew.
const LONGEST_SESSION: Duration = Duration::from_secs(60 * 60);

/// What an environment claims, known even where something else in it is wrong.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) environment: String,
    pub(super) listen: Vec<SocketAddr>,
    pub(super) host: Option<String>,
}

/// What was read of an environment.
pub(super) struct Environment {
    pub(super) settings: Option<EnvironmentSettings>,
    pub(super) claim: Option<Claim>,
    pub(super) parts: EnvironmentParts,
}

/// What the rest of the configuration says about every environment.
pub(super) struct Around<'a> {
    /// `server.listen`, on which an environment listens unless it says otherwise.
    pub(super) listen: &'a [SocketAddr],
    /// The names in `[backends]`.
    pub(super) backends: &'a [String],
    /// Whether an operator without a file describes an environment by the names of assets.
    pub(super) from_assets: bool,
}

/// Reads the environment `name`.
pub(super) fn read(name: &str, section: &mut Section<'_>, around: &Around<'_>) -> Environment {
    let named_well = name::check(section, "an environment", name);
    let products = section.required("product", list(',', one_of(&words(&Product::ALL, Product::name))));
    let customer_id = section.required("customer_id", identifier);
    let issuer_ids = section.optional("issuer_ids", list(',', identifier));
    let host = section.optional("host", host);
    let listen = section
        .optional("listen", list(',', address))
        .filter(|own| own.as_ref().is_none_or(|own| not_empty(section, "listen", own)))
        .map(|own| own.unwrap_or_else(|| around.listen.to_vec()));
    let client_ca = section.required("client_ca", pem(false));
    let (crl, revocation) = revocation::read(section);
    let certificate_chain = section.required("certificate_chain", pem(false));
    let private_key = section.required_private_key("private_key");
    let endorsed_chain = section.optional("endorsed_chain", pem(false));
    let resumption = section.or("resumption", Resumption::Reverified, one_of(RESUMPTIONS));
    let session_lifetime =
        section.or("session_lifetime", LONGEST_SESSION, duration(Duration::from_secs(1)..=LONGEST_SESSION));
    let require_client_auth_eku = section.or("require_client_auth_eku", false, flag);
    let allow_public_client_ca = section.or("allow_public_client_ca", false, flag);
    let allow_sample_certificates = section.or("allow_sample_certificates", false, flag);
    let client_subject = section.within("client_subject", read_client_subject);
    let forward_client_certificate = section.or("forward_client_certificate", false, flag);
    let backend = section.within("backend", backend::read);
    let interpreter = interpreter::read(section, name, products.as_deref(), around.backends);

    missing::report(section, "the environment", "served", name == ASSET_ENVIRONMENT && around.from_assets);
    let products = products.filter(|products| not_empty(section, "product", products) && no_repeats(section, products));
    let issuer_ids = issuer_ids.filter(|ids| ids.as_ref().is_none_or(|ids| not_empty(section, "issuer_ids", ids)));

    let claim = match (&host, &listen) {
        (Some(host), Some(listen)) => {
            Some(Claim { environment: name.to_owned(), listen: listen.clone(), host: host.clone() })
        }
        _ => None,
    };
    let parts = EnvironmentParts {
        name: name.to_owned(),
        host: host.clone().flatten(),
        listen: listen.clone().unwrap_or_default(),
        client_ca: client_ca.clone(),
        crl: crl.clone().unwrap_or_default(),
        revocation: revocation.unwrap_or_else(|| RevocationMode::default_for(crl.as_deref().unwrap_or_default())),
        certificate_chain: certificate_chain.clone(),
        private_key: private_key.clone(),
        endorsed_chain: endorsed_chain.clone().flatten(),
        allow_public_client_ca: allow_public_client_ca.unwrap_or(true),
        allow_sample_certificates: allow_sample_certificates.unwrap_or(true),
        client_subject: client_subject.clone(),
        backend: backend.clone(),
    };
    let settings = || {
        let customer_id = customer_id?;
        Some(EnvironmentSettings {
            name: named_well?,
            products: products?,
            issuer_ids: issuer_ids?.unwrap_or_else(|| vec![customer_id.clone()]),
            customer_id,
            host: host?,
            listen: listen?,
            client_ca: client_ca?,
            crl: crl?,
            revocation: revocation?,
            certificate_chain: certificate_chain?,
            private_key: private_key?,
            endorsed_chain: endorsed_chain?,
            resumption: resumption?,
            session_lifetime: session_lifetime?,
            require_client_auth_eku: require_client_auth_eku?,
            allow_public_client_ca: allow_public_client_ca?,
            allow_sample_certificates: allow_sample_certificates?,
            client_subject: client_subject?,
            forward_client_certificate: forward_client_certificate?,
            backend: backend?,
            interpreter: interpreter?,
        })
    };
    Environment { settings: settings(), claim, parts }
}

fn read_client_subject(section: &mut Section<'_>) -> Option<ClientSubjectSettings> {
    // Subjects hold commas, so a variable separates patterns by semicolons.
    let allow = section.or("allow", Vec::new(), list(';', text));
    let deny = section.or("deny", Vec::new(), list(';', text));
    Some(ClientSubjectSettings { allow: allow?, deny: deny? })
}

fn not_empty<T>(section: &mut Section<'_>, name: &str, list: &[T]) -> bool {
    if list.is_empty() {
        section.report(Some(name), "The list is empty.", "Give it at least one element.");
    }
    !list.is_empty()
}

fn no_repeats(section: &mut Section<'_>, products: &[Product]) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let Some(twice) = products.iter().find(|product| !seen.insert(**product)) else { return true };
    section.report(Some("product"), format!("{twice} is named twice."), "Name each product once.");
    false
}
