//! `[environments.NAME]`: one product family, one customer id, one host, with a trust and a credential of its own.

use std::net::SocketAddr;

use super::backend::{self, BackendSettings};
use super::host::host;
use super::key;
use super::not_built;
use super::origin::Origin;
use super::pem_source::PemSource;
use super::product::Product;
use super::reader::Section;
use super::typed::{Parsed, Raw, address, flag, identifier, list, one_of, pem, text, words, wrong};
use super::variables::{ASSET_ENVIRONMENT, asset_variable};

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
    /// The DNS name that Thales calls, in lower case, without a dot at its end. Without one the environment must be
    /// alone on its listeners, and takes any name.
    pub host: Option<String>,
    /// Its listeners, at least one.
    pub listen: Vec<SocketAddr>,
    /// The client CA bundle: the Thales Client CA (O5), never a leaf (O6).
    pub client_ca: PemSource,
    /// The server's certificate chain, leaf first.
    pub certificate_chain: PemSource,
    /// The server's private key.
    pub private_key: PemSource,
    /// Whether TLS sessions may be resumed.
    pub resumption: Resumption,
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
    /// Every connection makes a full handshake.
    Off,
}

/// What could be read of an environment, whatever is wrong beside it: so that what its settings name (certificates, keys,
/// patterns) can be looked at all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentParts {
    /// Its name.
    pub name: String,
    /// The host that its certificate has to cover, where it has one.
    pub host: Option<String>,
    /// Its listeners; empty when they could not be read.
    pub listen: Vec<SocketAddr>,
    /// The client CA bundle.
    pub client_ca: Option<PemSource>,
    /// The server's certificate chain.
    pub certificate_chain: Option<PemSource>,
    /// The server's private key.
    pub private_key: Option<PemSource>,
    /// Whether the client CA bundle may hold a CA that the public web trusts; `true` as well when that could not be read.
    pub allow_public_client_ca: bool,
    /// Whether the sample CA may be trusted everywhere; `true` as well when that could not be read.
    pub allow_sample_certificates: bool,
    /// Patterns on the caller's subject.
    pub client_subject: Option<ClientSubjectSettings>,
    /// Where calls go.
    pub backend: Option<BackendSettings>,
}

impl From<&EnvironmentSettings> for EnvironmentParts {
    fn from(settings: &EnvironmentSettings) -> Self {
        Self {
            name: settings.name.clone(),
            host: settings.host.clone(),
            listen: settings.listen.clone(),
            client_ca: Some(settings.client_ca.clone()),
            certificate_chain: Some(settings.certificate_chain.clone()),
            private_key: Some(settings.private_key.clone()),
            allow_public_client_ca: settings.allow_public_client_ca,
            allow_sample_certificates: settings.allow_sample_certificates,
            client_subject: Some(settings.client_subject.clone()),
            backend: Some(settings.backend.clone()),
        }
    }
}

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
    let certificate_chain = section.required("certificate_chain", pem(false));
    let private_key = section.required_secret("private_key");
    let resumption = section.or("resumption", Resumption::Off, resumption);
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
        certificate_chain: certificate_chain.clone(),
        private_key: private_key.clone(),
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
            certificate_chain: certificate_chain?,
            private_key: private_key?,
            resumption: resumption?,
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

fn resumption(raw: &Raw<'_>) -> Parsed<Resumption> {
    let word = text(raw)?;
    if let Some(instead) = not_built::value("environments.*.resumption", &word) {
        return wrong(
            format!("\"{word}\" is not built yet in this version."),
            format!("Write \"{instead}\", which is the default, until a version that has it."),
        );
    }
    one_of(&[("off", Resumption::Off)])(raw)
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
