//! `[admin]`: the listener for probes, metrics and administrators.

use std::net::SocketAddr;
use std::path::Path;

use rustls_pki_types::DnsName;

use super::path;
use super::pem_source::PemSource;
use super::reader::Section;
use super::secret::SecretSource;
use super::typed::{self, Parsed, Raw, address, list, one_of, shown, wrong};

/// `[admin]`: the listener for probes, metrics and administrators, never on a public listener's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// Its address.
    pub listen: SocketAddr,
    /// What administrators show; `None` = there is no token.
    pub token: Option<SecretSource>,
    /// What is spoken; `None` = plain HTTP.
    pub tls: Option<AdminTlsSettings>,
    /// Names beside those of loopback by which browsers may call a listener on a loopback address.
    pub hosts: Vec<String>,
    /// Whether metrics are told to administrators alone.
    pub protected_metrics: bool,
}

/// `[admin.tls]`: PEM texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminTlsSettings {
    /// Leaf first.
    pub certificate_chain: PemSource,
    /// Of the leaf.
    pub private_key: PemSource,
    /// The CAs that vouch for administrators; `None` = no certificate says anything.
    pub client_ca: Option<PemSource>,
}

impl AdminSettings {
    /// Every file that they name.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let of_tls = self.tls.iter().flat_map(|tls| {
            [Some(&tls.certificate_chain), Some(&tls.private_key), tls.client_ca.as_ref()].into_iter().flatten()
        });
        self.token.as_ref().and_then(SecretSource::path).into_iter().chain(of_tls.filter_map(PemSource::path))
    }

    /// Who is an administrator, in words; `None` = nobody.
    pub(crate) fn administrators(&self) -> Option<&'static str> {
        let certificates = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        match (self.token.is_some() && (self.is_loopback() || self.tls.is_some()), certificates) {
            (true, true) => Some("the token or a client certificate"),
            (true, false) => Some("the token"),
            (false, true) => Some("a client certificate"),
            (false, false) if self.is_loopback() && self.token.is_none() => Some("whoever is on this machine"),
            (false, false) => None,
        }
    }

    /// Whether administrators have to show anything.
    fn asks_for_something(&self) -> bool {
        self.token.is_some() || self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some())
    }

    /// Whether no other machine reaches it.
    fn is_loopback(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }
}

/// Whether metrics are protected, by the words for it.
const METRICS: [(&str, bool); 2] = [("open", false), ("protected", true)];

pub(super) fn read(section: &mut Section<'_>) -> Option<AdminSettings> {
    let listen = section.required("listen", address);
    let token = section.optional_caller_secret("token");
    let tls = section.within_if_written("tls", read_tls);
    let hosts = section.or("hosts", Vec::new(), list(',', name));
    let protected_metrics = section.required("metrics", one_of(&METRICS));
    let tls = match tls {
        None => None,
        Some(tls) => Some(tls?),
    };
    let (listen, token, hosts, protected_metrics) = (listen?, token?, hosts?, protected_metrics?);
    let settings = AdminSettings { listen, token, tls, hosts, protected_metrics };
    if !settings.is_loopback() {
        warn_of_others(section, &settings);
    } else if settings.protected_metrics && !settings.asks_for_something() {
        section.warn(
            "admin.metrics = \"protected\" has no effect: there is neither an admin.token nor an admin.tls.client_ca, so whoever is on this machine reads them."
                .to_owned(),
        );
    }
    Some(settings)
}

fn read_tls(section: &mut Section<'_>) -> Option<AdminTlsSettings> {
    let certificate_chain = section.required("certificate_chain", path::pem(false));
    let private_key = section.required_private_key("private_key");
    let client_ca = section.optional("client_ca", path::pem(false));
    for missing in section.take_missing() {
        section.report(None, format!("It has no {missing}."), format!("Set {missing}, the path of a PEM file."));
    }
    Some(AdminTlsSettings { certificate_chain: certificate_chain?, private_key: private_key?, client_ca: client_ca? })
}

/// A DNS name in lower case, without the dot at its end.
fn name(raw: &Raw<'_>) -> Parsed<String> {
    let text = typed::text(raw)?;
    let name = text.strip_suffix('.').unwrap_or(&text).to_lowercase();
    match DnsName::try_from(name.as_str()) {
        Ok(_) => Ok(name),
        Err(_) => wrong(
            format!("{} is not a DNS name.", shown(&text)),
            "Write the name alone, such as \"admin.bank.example\", without scheme and port.",
        ),
    }
}

/// What an operator should know of a listener that other machines reach.
fn warn_of_others(section: &mut Section<'_>, settings: &AdminSettings) {
    let listen = settings.listen;
    let whoever = "can be read by whoever reaches it";
    let told = if settings.protected_metrics { "health" } else { "health and metrics" };
    let tls = if settings.tls.is_none() { ", without TLS" } else { "" };
    section.warn(format!("admin.listen is {listen}, which is not a loopback address: {told} {whoever}{tls}."));
    if settings.administrators().is_none() {
        let why = if settings.token.is_some() {
            "admin.token is taken over TLS alone (admin.tls)"
        } else {
            "there is neither an admin.token nor an admin.tls.client_ca"
        };
        section.warn(format!("Nobody is told anything else on {listen}, nor may change anything: {why}."));
    }
    if !settings.hosts.is_empty() {
        section
            .warn(format!("admin.hosts has no effect: it is for an admin.listen on loopback, which {listen} is not."));
    }
}
