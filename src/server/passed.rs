//! Sockets that somebody else has opened for us: systemd, or another supervisor that keeps them over a restart.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::SockRef;

/// Listening sockets that this process was given. Each is used for the address that it is bound to.
#[derive(Debug, Default)]
pub struct PassedSockets(Vec<(SocketAddr, TcpListener)>);

/// A socket that was passed and that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PassedSocketError {
    /// It is a connection.
    #[error(
        "the socket for {address} that was passed is a connection and does not listen: a socket unit of systemd needs Accept=no"
    )]
    Connection {
        /// Where it is bound to.
        address: SocketAddr,
    },
    /// It is bound, and nobody has called listen(2): no connection would ever arrive.
    #[error(
        "the socket for {address} that was passed is bound, but does not listen: whoever passes it has to call listen(2) first; a socket \
         unit of systemd needs ListenStream="
    )]
    NotListening {
        /// Where it is bound to.
        address: SocketAddr,
    },
    /// Connections to it would wait for ever.
    #[error(
        "a socket for {} was passed, and nothing is configured to listen there (configured: {}): write the same addresses into \
         ListenStream= of the socket unit and into `listen` (ListenStream=8443 alone means [::]:8443)",
        list(.addresses),
        list(.configured)
    )]
    Unused {
        /// Where they are bound to.
        addresses: Vec<SocketAddr>,
        /// What the configuration names.
        configured: Vec<SocketAddr>,
    },
    /// The operating system says no.
    #[error("a socket that was passed cannot be used: {0}")]
    Io(#[from] io::Error),
}

impl PassedSockets {
    /// Takes sockets over.
    ///
    /// # Errors
    /// [`PassedSocketError`]: one that takes no connections.
    pub fn new(sockets: impl IntoIterator<Item = TcpListener>) -> Result<Self, PassedSocketError> {
        let mut passed = Vec::new();
        for socket in sockets {
            let address = socket.local_addr()?;
            let asked = SockRef::from(&socket);
            if asked.peer_addr().is_ok() {
                return Err(PassedSocketError::Connection { address });
            }
            if !asked.is_listener()? {
                return Err(PassedSocketError::NotListening { address });
            }
            passed.push((address, socket));
        }
        Ok(Self(passed))
    }

    /// Checks that each socket has an address among those that are configured.
    ///
    /// # Errors
    /// [`PassedSocketError::Unused`] with all that have none.
    pub(crate) fn check(&self, configured: &[SocketAddr]) -> Result<(), PassedSocketError> {
        let addresses = self.0.iter().map(|(address, _)| *address);
        let unused: Vec<_> = addresses.filter(|address| !configured.contains(address)).collect();
        if unused.is_empty() {
            return Ok(());
        }
        Err(PassedSocketError::Unused { addresses: unused, configured: configured.to_vec() })
    }

    /// The socket for `address`, where there is one.
    pub(crate) fn take(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let at = self.0.iter().position(|(bound, _)| *bound == address)?;
        Some(self.0.swap_remove(at).1)
    }
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

    use super::*;

    #[test]
    fn a_socket_is_found_by_its_address_once() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let mut passed = PassedSockets::new([socket]).unwrap();
        assert!(passed.take(SocketAddr::from(([127, 0, 0, 2], address.port()))).is_none(), "another address");
        assert_eq!(passed.take(address).unwrap().local_addr().unwrap(), address);
        assert!(passed.take(address).is_none());
    }

    #[test]
    fn a_socket_that_nothing_is_configured_for_is_told_of() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let passed = PassedSockets::new([socket]).unwrap();
        let other = SocketAddr::from(([0, 0, 0, 0], 8443));
        let error = passed.check(&[other]).unwrap_err().to_string();
        assert!(error.contains(&address.to_string()) && error.contains("configured: 0.0.0.0:8443"), "{error}");
        assert!(passed.check(&[other, address]).is_ok(), "control");
    }

    #[test]
    fn a_connection_is_refused() {
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected = std::net::TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        // What a socket unit with Accept=yes passes.
        let connected = TcpListener::from(std::os::fd::OwnedFd::from(connected));
        let error = PassedSockets::new([connected]).unwrap_err();
        assert!(matches!(error, PassedSocketError::Connection { .. }), "{error}");
        assert!(PassedSockets::new([listening]).is_ok(), "control");
    }

    #[test]
    fn a_socket_that_is_bound_and_does_not_listen_is_refused() {
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        bound.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let listening = bound.try_clone().unwrap();
        let error = PassedSockets::new([TcpListener::from(bound)]).unwrap_err();
        assert!(matches!(error, PassedSocketError::NotListening { .. }), "{error}");
        listening.listen(1).unwrap();
        assert!(PassedSockets::new([TcpListener::from(listening)]).is_ok(), "control");
    }
}
