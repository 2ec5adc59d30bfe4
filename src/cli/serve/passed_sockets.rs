//! Sockets that systemd, or another supervisor, has opened for this process: `sd_listen_fds(3)`.

use listenfd::ListenFd;

use crate::server::{PassedSocketError, PassedSockets};

/// Those that the environment tells of. To be called before there are threads, since it takes the variables out of the environment.
pub(super) fn take() -> Result<PassedSockets, PassedSocketError> {
    let mut passed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for at in 0..passed.len() {
        sockets.extend(passed.take_tcp_listener(at)?);
    }
    PassedSockets::new(sockets)
}
