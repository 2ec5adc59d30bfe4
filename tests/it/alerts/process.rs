//! What the operating system gives.

use crate::support::token_door::{call_d1, with_products};
use crate::support::{QUIET, Setup, descriptors};

use super::history::History;

pub(super) async fn nearly_all_descriptors_are_in_use() -> Vec<History> {
    let door = with_products("\"d1\"", Setup { log: QUIET, ..Setup::default() }).await;
    let mut history = History::of(&door.server).await;
    let mut sessions = Vec::new();
    for _ in 0..60 {
        let mut session = door.honest().session().await.unwrap();
        assert_eq!(call_d1(&mut session, None).await.status, 200);
        sessions.push(session);
    }
    let open = door.server.metric("process_open_fds").await;
    assert!(open >= 60.0, "{open}");
    descriptors::limit(&door, open + 6.0).await;
    history.goes_on(15, &door.server).await;
    vec![history]
}
