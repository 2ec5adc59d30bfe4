use std::time::Duration;

use super::*;

pub(super) fn options(url: &str) -> ForwardOptions {
    ForwardOptions {
        url: url.to_owned(),
        ca_pem: None,
        client_credential: None,
        connect_timeout: Duration::from_secs(5),
        response_timeout: Duration::from_secs(20),
        max_idle: 8,
        idle_timeout: Duration::from_secs(60),
        protocol: Protocol::Auto,
    }
}
