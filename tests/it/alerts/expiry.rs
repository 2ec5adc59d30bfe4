//! Certificates, revocation lists and second keys that end soon.

use time::{Duration, OffsetDateTime};

use crate::support::everything::{KEY_ENDS, SECRET_ENDS, door_with_everything};
use crate::support::{Authority, HOST, Spec};

use super::history::History;

/// Longer than the hour that the tickets wait for.
const MINUTES: u32 = 70;

/// Everything that can end is replaced by what ends in so many days, revocation lists in so many hours.
async fn ending_in(days: i64, hours: i64) -> Vec<History> {
    let door = door_with_everything().await;
    let mut history = History::of(&door.server).await;
    let soon = |spec: Spec| spec.valid(-1, days);
    let issuing = door.pki.servers.intermediate_of(soon(Spec::authority("Server CA that ends soon")));
    let server = issuing.issue(soon(Spec::server(HOST)));
    door.replace("server-chain.pem", server.chain_pem());
    door.replace("server-key.pem", server.key_pem());
    door.replace("endorsed.pem", issuing.pem() + &door.pki.servers.pem());
    door.replace_anchors(&[&door.pki.clients, &Authority::root_of(soon(Spec::authority("Client CA that ends soon")))]);
    door.replace("clients.crl", door.pki.clients.crl(2, &[], Duration::hours(hours)));
    let shown = Authority::root("Backend CA").issue(soon(Spec::client("to-vault")));
    door.replace("to-vault.pem", shown.chain_pem());
    door.replace("to-vault-key.pem", shown.key_pem());
    let end = format!("{}T00:00:00Z", (OffsetDateTime::now_utc() + Duration::days(days)).date());
    for there in [KEY_ENDS, SECRET_ENDS] {
        door.edit(there, &end);
    }
    door.expect_reload("installed").await;
    history.goes_on(MINUTES, &door.server).await;
    vec![history]
}

pub(super) async fn everything_ends_within_a_week() -> Vec<History> {
    ending_in(5, 12).await
}

/// Second keys too, of which only those are told that end within two weeks.
pub(super) async fn everything_ends_within_a_month() -> Vec<History> {
    ending_in(20, 48).await
}
