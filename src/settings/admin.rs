//! `[admin]`: the listener for probes, metrics and administrators.

use std::net::SocketAddr;

use rustls_pki_types::DnsName;

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
    /// Names beside those of loopback by which browsers may call a listener on a loopback address.
    pub hosts: Vec<String>,
    /// Whether metrics are told to administrators alone.
    pub protected_metrics: bool,
}

/// Whether metrics are protected, by the words for it.
const METRICS: [(&str, bool); 2] = [("open", false), ("protected", true)];

pub(super) fn read(section: &mut Section<'_>) -> Option<AdminSettings> {
    let listen = section.required("listen", address);
    let token = section.optional_caller_secret("token");
    let hosts = section.or("hosts", Vec::new(), list(',', name));
    let protected_metrics = section.required("metrics", one_of(&METRICS));
    let settings =
        AdminSettings { listen: listen?, token: token?, hosts: hosts?, protected_metrics: protected_metrics? };
    if !settings.listen.ip().to_canonical().is_loopback() {
        warn_of_others(section, &settings);
    }
    Some(settings)
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
    let AdminSettings { listen, token, hosts, protected_metrics } = settings;
    let metrics = if *protected_metrics { "" } else { " and metrics" };
    section.warn(format!(
        "admin.listen is {listen}, which is not a loopback address: health{metrics} can be read by whoever reaches it, without TLS."
    ));
    let why = if token.is_some() { "admin.token is taken over TLS alone" } else { "there is no admin.token" };
    section.warn(format!("admin.listen is {listen}, and {why}: nobody is told, and may change, anything else there."));
    if !hosts.is_empty() {
        section
            .warn(format!("admin.hosts has no effect: it is for an admin.listen on loopback, which {listen} is not."));
    }
}
