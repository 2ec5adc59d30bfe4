//! `[admin]`: the listener for probes and metrics.

use std::net::SocketAddr;

use super::reader::Section;
use super::typed::address;

/// `[admin]`: the plain HTTP listener for probes and metrics, never on a public listener's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// Its address.
    pub listen: SocketAddr,
}

pub(super) fn read(section: &mut Section<'_>) -> Option<AdminSettings> {
    let listen = section.required("listen", address)?;
    if !listen.ip().to_canonical().is_loopback() {
        section.warn(format!(
            "admin.listen is {listen}, which is not a loopback address: health and metrics can be read by whoever reaches it, \
             without TLS."
        ));
    }
    Some(AdminSettings { listen })
}
