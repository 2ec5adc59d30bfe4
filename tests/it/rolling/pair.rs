//! Two replicas of one server, which can be started again at the same address.

use std::net::{SocketAddr, TcpListener};

use crate::support::door::write;
use crate::support::{Backend, Caller, Door, Server, Setup, eventually};

/// Where replicas listen: addresses of their own, so that no connection that somebody else makes meanwhile takes a port of theirs.
const ADDRESSES: [&str; 2] = ["127.0.0.21", "127.0.0.22"];

/// Two replicas with the same certificates and the same backend.
pub(super) struct Pair {
    /// With replica a.
    door: Door,
    other: Server,
}

/// An address of this host with a port that is free.
pub(super) fn free(host: &str) -> SocketAddr {
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap()
}

impl Pair {
    /// Two replicas that demand the PROXY protocol, with these keys of `[server]`.
    pub(super) async fn start(server: &str) -> Self {
        let [a, b] = ADDRESSES.map(|host| [free(host), free(host)].map(|address| format!("\"{address}\"")));
        let arrange = |directory: &std::path::Path| {
            crate::support::door::edit(
                directory,
                "[admin]\nlisten = \"127.0.0.1:0\"",
                &format!("[admin]\nlisten = {}", a[1]),
            );
        };
        let server = format!("{server}\n[server.proxy_protocol]\nfrom = [\"127.0.0.0/8\"]");
        let listen = format!("[{}]", a[0]);
        let setup = Setup { server: &server, listen: Some(&listen), arrange: Some(&arrange), ..Setup::default() };
        let door = Door::with(setup).await;
        let text = std::fs::read_to_string(door.directory.path().join(Self::file("a"))).unwrap();
        write(door.directory.path(), Self::file("b"), &text.replace(&a[0], &b[0]).replace(&a[1], &b[1]));
        let other = Server::start(&door.directory.path().join(Self::file("b"))).await;
        Self { door, other }
    }

    fn file(name: &str) -> &'static str {
        if name == "a" { "issuer-host.toml" } else { "other.toml" }
    }

    pub(super) fn replica(&self, name: &str) -> &Server {
        if name == "a" { &self.door.server } else { &self.other }
    }

    pub(super) fn replica_mut(&mut self, name: &str) -> &mut Server {
        if name == "a" { &mut self.door.server } else { &mut self.other }
    }

    pub(super) fn backend(&self) -> &Backend {
        &self.door.backend
    }

    /// A caller of theirs, who calls through somebody else at `address`.
    pub(super) fn caller(&self, address: SocketAddr) -> Caller {
        self.door.honest().to(address)
    }

    /// Starts a replica that has ended.
    pub(super) async fn restart(&mut self, name: &str) {
        let server = Server::start(&self.door.directory.path().join(Self::file(name))).await;
        *self.replica_mut(name) = server;
    }

    /// Waits until each of them has served more calls than it has now, new connections too.
    pub(super) async fn both_serve(&self) {
        for name in ["a", "b"] {
            let replica = self.replica(name);
            let count = async || {
                let calls = replica.counted("issuer_host_requests_total", &["status_class=\"2xx\""]).await;
                let connections = replica.counted("issuer_host_handshakes_total", &["outcome=\"accepted\""]).await;
                (calls, connections)
            };
            let before = count().await;
            eventually("a replica to serve", async || {
                let now = count().await;
                now.0 > before.0 + 5 && now.1 > before.1 + 2
            })
            .await;
        }
    }
}
