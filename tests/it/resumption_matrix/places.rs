//! The same session at another place: another listener, another name, another environment.

use rcgen::SanType;
use tempfile::TempDir;

use super::{QUIET, both, each_proves_itself_once, failures, sessions_work_for};
use crate::support::door::write;
use crate::support::{Authority, Backend, Door, HOST, Pki, Returning, Setup, Spec};

/// The name of the neighbour, when it is not the door's.
const OTHER: &str = "other.bank.test";

/// A second environment in the door's process, with the door's server certificate and a backend of its own.
struct Neighbour {
    backend: Backend,
    files: TempDir,
}

impl Neighbour {
    async fn new(pki: &Pki, clients: &Authority) -> Self {
        let files = TempDir::new().unwrap();
        write(files.path(), "ca.pem", &clients.pem());
        write(files.path(), "chain.pem", &pki.server.chain_pem());
        write(files.path(), "key.pem", &pki.server.key_pem());
        Self { backend: Backend::http1().await, files }
    }

    /// A door with the neighbour beside it; `keys` tell it where to listen, and for whom.
    async fn beside(&self, pki: Pki, keys: &str) -> Door {
        let (files, backend) = (self.files.path().display(), self.backend.address());
        let server = format!(
            r#"
{QUIET}
[environments.neighbour]
product = "d1"
customer_id = "ISSUER0002"
client_ca = "{files}/ca.pem"
certificate_chain = "{files}/chain.pem"
private_key = "{files}/key.pem"
backend = {{ url = "http://{backend}" }}
{keys}
"#
        );
        Door::behind(pki, Setup { server: &server, ..Setup::default() }).await
    }
}

/// A server certificate for both names, and for any other under theirs.
fn pki() -> Pki {
    let pki = Pki::new();
    let server = pki.servers.issue(Spec::server(HOST).with(|params| {
        params.subject_alt_names.push(SanType::DnsName("*.bank.test".try_into().unwrap()));
    }));
    Pki { server, ..pki }
}

#[tokio::test]
async fn a_session_is_good_on_each_listener_of_its_environment() {
    let listen = Some(r#"["127.0.0.1:0", "127.0.0.2:0"]"#);
    let door = Door::with(Setup { server: QUIET, listen, ..Setup::default() }).await;
    let elsewhere = door.server.listeners()[1];
    for caller in both(&door, &door.pki.honest) {
        caller.expect_resumption().await;
        caller.at(elsewhere).expect_resumed("on the other listener").await;
        caller.expect_resumed("back on the first").await;
    }
}

#[tokio::test]
async fn another_listener_with_another_environment_of_the_same_name_and_authority_asks_for_a_proof() {
    let pki = pki();
    let neighbour = Neighbour::new(&pki, &pki.clients).await;
    let keys = format!("host = \"{HOST}\"\nlisten = [\"127.0.0.2:0\"]");
    let door = neighbour.beside(pki, &keys).await;
    let elsewhere = listener(&door, "127.0.0.2");
    sessions_work_for(&both(&door, &door.pki.honest).map(|caller| caller.at(elsewhere))).await;
    for caller in both(&door, &door.pki.honest) {
        caller.expect_resumption().await;
        let before = neighbour.backend.all_arrivals();
        each_proves_itself_once(&[caller.at(elsewhere)], "at the neighbour's").await;
        assert_eq!(neighbour.backend.all_arrivals(), before + 2, "served by the neighbour");
    }
    assert_eq!(door.backend.all_arrivals(), 4, "control: the first two visits of each caller");
}

#[tokio::test]
async fn another_listener_with_an_environment_of_another_authority_lets_no_session_in() {
    let pki = pki();
    let other = Authority::root("Other Client Root");
    let neighbour = Neighbour::new(&pki, &other).await;
    let keys = format!("host = \"{HOST}\"\nlisten = [\"127.0.0.2:0\"]");
    let door = neighbour.beside(pki, &keys).await;
    let elsewhere = listener(&door, "127.0.0.2");
    no_session_opens_the_neighbour(&door, &neighbour, &other, |caller| caller.at(elsewhere)).await;
}

#[tokio::test]
async fn another_name_on_the_same_listener_with_another_authority_lets_no_session_in() {
    let pki = pki();
    let other = Authority::root("Other Client Root");
    let neighbour = Neighbour::new(&pki, &other).await;
    let door = neighbour.beside(pki, &format!("host = \"{OTHER}\"")).await;
    no_session_opens_the_neighbour(&door, &neighbour, &other, |caller| caller.named(OTHER)).await;
}

#[tokio::test]
async fn another_name_on_the_same_listener_with_the_same_authority_asks_for_a_proof() {
    let pki = pki();
    let neighbour = Neighbour::new(&pki, &pki.clients).await;
    let door = neighbour.beside(pki, &format!("host = \"{OTHER}\"")).await;
    sessions_work_for(&both(&door, &door.pki.honest).map(|caller| caller.named(OTHER))).await;
    for caller in both(&door, &door.pki.honest) {
        caller.expect_resumption().await;
        let before = neighbour.backend.all_arrivals();
        each_proves_itself_once(&[caller.named(OTHER)], "at the neighbour's").await;
        assert_eq!(neighbour.backend.all_arrivals(), before + 2, "served by the neighbour");
        // And back: the newest session is the neighbour's now.
        each_proves_itself_once(&[caller], "back at the door's").await;
    }
}

#[tokio::test]
async fn a_session_of_one_name_is_none_of_another_name_of_the_same_environment() {
    for host in ["", "host = \"*.bank.test\""] {
        let pki = pki();
        let neighbour = Neighbour::new(&pki, &pki.clients).await;
        let door = neighbour.beside(pki, &format!("{host}\nlisten = [\"127.0.0.2:0\"]")).await;
        let elsewhere = listener(&door, "127.0.0.2");
        for caller in both(&door, &door.pki.honest) {
            let (one, other) = (caller.at(elsewhere).named(HOST), caller.at(elsewhere).named(OTHER));
            one.expect_resumption().await;
            each_proves_itself_once(std::slice::from_ref(&other), "under the other name").await;
            one.expect_proof("back under the first name").await;
            one.expect_resumed("under the first name").await;
            one.without_name().expect_proof("without a name").await;
        }
        assert_eq!(door.backend.all_arrivals(), 0);
    }
}

/// The door's honest client resumes at the door, before and after, and is refused by the neighbour with or without its session.
async fn no_session_opens_the_neighbour(
    door: &Door,
    neighbour: &Neighbour,
    clients: &Authority,
    there: impl Fn(&Returning) -> Returning,
) {
    sessions_work_for(&both(door, &clients.client("the neighbour's own")).map(|caller| there(&caller))).await;
    let arrivals = neighbour.backend.all_arrivals();
    for caller in both(door, &door.pki.honest) {
        caller.expect_resumption().await;
        let refused = failures(door, "unknown_issuer").await;
        there(&caller).expect_turned_away("by the neighbour").await;
        crate::support::eventually("the refusal to be counted", async || {
            failures(door, "unknown_issuer").await > refused
        })
        .await;
        // Whatever the refusal did to the wallet: the door still takes sessions.
        caller.expect_visit("at the door again").await;
        caller.expect_resumed("at the door again").await;
    }
    door.server.permits_return_to_zero().await;
    assert_eq!(neighbour.backend.all_arrivals(), arrivals, "a refused caller reached the backend");
}

/// The listener on that address.
fn listener(door: &Door, address: &str) -> std::net::SocketAddr {
    let found = door.server.listeners().iter().find(|listener| listener.ip().to_string() == address);
    *found.unwrap_or_else(|| panic!("nobody listens on {address}"))
}
