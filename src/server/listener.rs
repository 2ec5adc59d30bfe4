//! Sockets that listen.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections that the kernel completes ahead of us; it caps the number by `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source} ({})", remedy(.source))]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the operating system said.
    pub source: io::Error,
}

/// A socket that listens. It belongs to no runtime yet.
#[derive(Debug)]
pub struct Listener {
    socket: std::net::TcpListener,
    /// Whether somebody else holds it as well, and goes on with it when we have closed it.
    is_passed: bool,
}

impl Listener {
    /// Takes over a socket that somebody else has opened, and holds.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn passed(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, is_passed: true })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// In the runtime that accepts.
    ///
    /// # Errors
    /// What the operating system says; nothing was lost.
    pub(super) fn open(&self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.socket.try_clone()?)
    }

    /// Closes the socket. What yields are the connections that the kernel has completed and nobody has accepted: their callers believe
    /// themselves connected, and would be reset. A socket that somebody else goes on with keeps them for whoever comes next.
    pub(super) fn close(self) -> impl Iterator<Item = (TcpStream, SocketAddr)> {
        let waiting = (!self.is_passed).then_some(self.socket);
        let next = move || {
            let (socket, peer) = waiting.as_ref()?.accept().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some((TcpStream::from_std(socket).ok()?, peer))
        };
        // Newcomers must not keep it open for ever.
        std::iter::from_fn(next).take(usize::try_from(BACKLOG).unwrap_or_default())
    }
}

/// Binds a listening socket. An IPv6 wildcard takes IPv6 alone, so that `0.0.0.0:8443` and `[::]:8443` can stand side by side.
///
/// # Errors
/// [`BindError`] with what the operating system said, and what to do about it.
pub fn bind(address: SocketAddr) -> Result<Listener, BindError> {
    let listen = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A restart must not wait for the old connections' TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Listener { socket: socket.into(), is_passed: false })
    };
    listen().map_err(|source| BindError { address, source })
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there: stop it, or change `listen`",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or listen on 8443 and publish it as 443"
        }
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has that address",
        _ => "see `listen` in the configuration",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_that_nobody_has_accepted_outlive_a_socket_of_our_own() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let callers: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let waiting: Vec<_> = listener.close().map(|(_, peer)| peer).collect();
        assert_eq!(waiting, callers.iter().map(|caller| caller.local_addr().unwrap()).collect::<Vec<_>>());
        assert!(std::net::TcpStream::connect(address).is_err(), "it is closed");
    }

    #[tokio::test]
    async fn connections_to_a_passed_socket_are_left_to_who_goes_on_with_it() {
        let kept = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = Listener::passed(kept.try_clone().unwrap()).unwrap();
        let caller = std::net::TcpStream::connect(kept.local_addr().unwrap()).unwrap();
        assert_eq!(listener.close().count(), 0);
        kept.set_nonblocking(false).unwrap();
        assert_eq!(kept.accept().unwrap().1, caller.local_addr().unwrap());
    }
}
