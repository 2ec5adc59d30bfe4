//! `[environments.NAME]`: one product family, one customer id, one host, with a trust and a credential of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::backend::{self, BackendSettings};
use super::host::host;
use super::key;
use super::origin::Origin;
use super::parts::EnvironmentParts;
use super::pem_source::PemSource;
use super::quantity::duration;
use super::reader::Section;
use super::revocation::{self, RevocationMode};
use super::typed::{address, flag, identifier, list, one_of, pem, text, words};
use super::variables::{ASSET_ENVIRONMENT, asset_variable};
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
        let credential = self.backend.client_credential.as_ref();
        let of_backend = [
            self.backend.ca.as_ref(),
            credential.map(|credential| &credential.certificate),
            credential.map(|credential| &credential.key),
        ];
        let sources = own.into_iter().chain(of_backend).flatten();
        sources.filter_map(PemSource::path).chain(self.crl.iter().map(PathBuf::as_path))
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

/// Reads the environment `name`. It listens on `server_listen` unless it says otherwise; `from_assets` says that an
/// operator without a file describes it by the names of assets.
pub(super) fn read(
    name: &str,
    section: &mut Section<'_>,
    server_listen: &[SocketAddr],
    from_assets: bool,
) -> Environment {
    let named_well = check_name(name, section);
    let products = section.required("product", list(',', one_of(&words(&Product::ALL, Product::name))));
    let customer_id = section.required("customer_id", identifier);
    let issuer_ids = section.optional("issuer_ids", list(',', identifier));
    let host = section.optional("host", host);
    let listen = section
        .optional("listen", list(',', address))
        .filter(|own| own.as_ref().is_none_or(|own| not_empty(section, "listen", own)))
        .map(|own| own.unwrap_or_else(|| server_listen.to_vec()));
    let client_ca = section.required("client_ca", pem(false));
    let (crl, revocation) = revocation::read(section);
    let certificate_chain = section.required("certificate_chain", pem(false));
    let private_key = section.required_secret("private_key");
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

    report_missing(section, name == ASSET_ENVIRONMENT && from_assets);
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
        })
    };
    Environment { settings: settings(), claim, parts }
}

/// Variables are folded to lower case, and `__` separates names in them.
fn check_name(name: &str, section: &mut Section<'_>) -> Option<String> {
    if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
        let lower = name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let remedy = format!("Use small letters, digits and underscores, such as \"{lower}\".");
        section.report(None, "An environment cannot have this name.", remedy);
        return None;
    }
    if name.starts_with('_') || name.ends_with('_') || name.contains("__") {
        section.warn(format!("The environment {name} cannot be reached by variables: __ separates names in them."));
    }
    Some(name.to_owned())
}

fn read_client_subject(section: &mut Section<'_>) -> Option<ClientSubjectSettings> {
    // Subjects hold commas, so a variable separates patterns by semicolons.
    let allow = section.or("allow", Vec::new(), list(';', text));
    let deny = section.or("deny", Vec::new(), list(';', text));
    Some(ClientSubjectSettings { allow: allow?, deny: deny? })
}

/// Everything that is missing, in one problem.
fn report_missing(section: &mut Section<'_>, from_assets: bool) {
    let missing = section.take_missing();
    if missing.is_empty() {
        return;
    }
    let from_variable = matches!(section.origin(), Origin::Variable(_));
    let named: Vec<String> = missing
        .iter()
        .map(|setting| match asset_variable(setting).filter(|_| from_assets) {
            Some(variable) => variable.to_owned(),
            None if from_variable => key::variable(&format!("{}.{setting}", section.path())),
            None => setting.clone(),
        })
        .collect();
    let (are, them) = if missing.len() == 1 { ("is", "it") } else { ("are", "them") };
    let kind = if from_assets || from_variable { "variable" } else { "setting" };
    let kind = if missing.len() == 1 { kind.to_owned() } else { format!("{kind}s") };
    section.report(
        None,
        format!("The {kind} {} {are} missing.", join(&named)),
        format!("Set {them}: without {them} the environment cannot be served."),
    );
}

fn join(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
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
