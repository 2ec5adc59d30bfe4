//! Other people's clients that come back: OpenSSL and Java resume, and their sessions are worth nothing once the trust has changed.

mod java;
mod openssl;

use tempfile::TempDir;
use time::Duration;

use crate::support::door::{replace, write};
use crate::support::returning::resumptions;
use crate::support::{Authority, Door, HOST, Pki, Returning, Setup};

/// A door with the files of the honest client in its directory, a list of revoked certificates, and no reload but those that the
/// test asks for.
struct Prepared {
    door: Door,
    lists: TempDir,
}

/// What changes between two visits.
enum Change {
    Removed,
    RolledOver,
    Revoked,
}

impl Prepared {
    async fn new() -> Self {
        let (pki, lists) = (Pki::new(), TempDir::new().unwrap());
        write(lists.path(), "issuing.crl", &pki.issuing.crl(1, &[], Duration::days(1)));
        let environment = format!("crl = [\"{}/issuing.crl\"]", lists.path().display());
        let server = "[reload]\nwatch = false\npoll = \"0s\"\n";
        let door = Door::behind(pki, Setup { server, environment: &environment, ..Setup::default() }).await;
        let directory = door.directory.path();
        write(directory, "client.pem", &door.pki.honest.chain_pem());
        write(directory, "client.key", &door.pki.honest.key_pem());
        write(directory, "issuing.pem", &door.pki.issuing.pem());
        write(directory, "root.pem", &door.pki.servers.pem());
        write(directory, "hosts", &format!("127.0.0.1 {HOST}\n"));
        Self { door, lists }
    }

    /// Makes the change, and has a newcomer resume under what is in force then.
    async fn make(&self, change: Change) {
        let Self { door, lists } = self;
        let other = Authority::root("Other Client Root");
        let newcomer = match change {
            Change::Removed => {
                door.install_anchors(&[&other]).await;
                other.client("newcomer")
            }
            Change::RolledOver => {
                door.install_anchors(&[&door.pki.clients, &other]).await;
                other.client("newcomer")
            }
            Change::Revoked => {
                let list = door.pki.issuing.crl(2, &[door.pki.honest.leaf()], Duration::days(1));
                replace(lists.path(), "issuing.crl", &list);
                let report = door.server.reload().await;
                assert_eq!(report["environments"]["preprod"]["outcome"], "installed", "{report}");
                door.pki.issuing.client("newcomer")
            }
        };
        // Sessions work under the new epoch too: an old one is passed over for no lack of a key.
        Returning::new(&door.stranger().presenting(&newcomer)).expect_resumption().await;
    }

    /// How many handshakes resumed, by the server's count.
    async fn resumed(&self) -> usize {
        resumptions(&self.door.server).await
    }
}
