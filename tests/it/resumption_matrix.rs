//! The resumption matrix: a session that was good, something that changes, and what the session is worth then. Each row for TLS 1.2 and
//! for TLS 1.3, and each begins with a resumption, so that it would have happened again.

mod epochs;
mod leaves;
mod lifetime;
mod places;
mod under_way;

use crate::support::{Door, Identity, Pki, Returning, Setup};

/// `[server]` of a server that reloads when the test says so, and never by itself.
const QUIET: &str = "[reload]\nwatch = false\npoll = \"0s\"\n";

async fn quiet_door() -> Door {
    Door::with(Setup { server: QUIET, ..Setup::default() }).await
}

/// A caller with `identity` for each version of TLS.
fn both(door: &Door, identity: &Identity) -> [Returning; 2] {
    let caller = door.stranger().presenting(identity);
    [caller.clone().tls12(), caller.tls13()].map(|caller| Returning::new(&caller))
}

/// The honest client on each version, after its first resumption.
async fn resuming(door: &Door) -> [Returning; 2] {
    let callers = both(door, &door.pki.honest);
    sessions_work_for(&callers).await;
    callers
}

/// Somebody resumes under what is in force now: there is a key, and an old session is passed over for no lack of one.
async fn sessions_work_for(callers: &[Returning]) {
    for caller in callers {
        caller.expect_resumption().await;
    }
}

/// A full handshake for each, and then sessions as before.
async fn each_proves_itself_once(callers: &[Returning], when: &str) {
    for caller in callers {
        caller.expect_proof(when).await;
        caller.expect_resumed(&format!("again {when}")).await;
    }
}

/// Each is refused, for `reason`, and the backend sees nothing of it.
async fn none_is_let_in(door: &Door, callers: &[Returning], reason: &str, when: &str) {
    let arrivals = door.backend.all_arrivals();
    for caller in callers {
        let failures = failures(door, reason).await;
        caller.expect_turned_away(when).await;
        crate::support::eventually("the refusal to be counted", async || failures_above(door, reason, failures).await)
            .await;
    }
    door.server.permits_return_to_zero().await;
    assert_eq!(door.backend.all_arrivals(), arrivals, "a refused caller reached the backend {when}");
}

async fn failures_above(door: &Door, reason: &str, before: u64) -> bool {
    failures(door, reason).await > before
}

/// Handshakes that failed for `reason`.
async fn failures(door: &Door, reason: &str) -> u64 {
    door.server.counted("issuer_host_handshakes_total", &[&format!("reason=\"{reason}\"")]).await
}

/// Reads everything again; the epoch that is in force then.
async fn reload(door: &Door) -> u64 {
    let report = door.server.reload().await;
    assert_eq!(report["environments"]["preprod"]["outcome"], "installed", "{report}");
    door.server.status_of("preprod").await["epoch"].as_u64().unwrap()
}

/// A door that knows a list of revoked certificates of the issuing authority, and the directory with the list.
async fn door_with_list(pki: Pki) -> (Door, tempfile::TempDir) {
    let lists = tempfile::TempDir::new().unwrap();
    publish(&lists, &pki.issuing.crl(1, &[], time::Duration::days(1)));
    let environment = format!("crl = [\"{}/issuing.crl\"]", lists.path().display());
    (Door::behind(pki, Setup { server: QUIET, environment: &environment, ..Setup::default() }).await, lists)
}

fn publish(lists: &tempfile::TempDir, list: &str) {
    crate::support::door::replace(lists.path(), "issuing.crl", list);
}
