//! `[admin]`: the listener for probes and metrics.

use std::net::SocketAddr;

use super::reader::Section;
use super::secret::SecretSource;
use super::typed::address;

/// `[admin]`: the plain HTTP listener for probes and metrics, never on a public listener's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// Its address.
    pub listen: SocketAddr,
    /// What is asked of those who look into the inbox; `None` = nobody may.
    pub token: Option<SecretSource>,
}

pub(super) fn read(section: &mut Section<'_>) -> Option<AdminSettings> {
    let listen = section.required("listen", address);
    let token = section.optional_caller_secret("token");
    let listen = listen?;
    if !listen.ip().to_canonical().is_loopback() {
        section.warn(format!(
            "admin.listen is {listen}, which is not a loopback address: health and metrics can be read by whoever reaches it, \
             without TLS."
        ));
    }
    Some(AdminSettings { listen, token: token? })
}
