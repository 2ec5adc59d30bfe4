//! A collector that is away: no call notices.

use crate::support::{Collector, QUIET, eventually};
use crate::support::{Door, Setup};

#[tokio::test]
async fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let collector = Collector::open().await;
    collector.go_away();
    let log = format!("{QUIET}\n{}", collector.table());
    let door = Door::with(Setup { log: &log, ..Setup::default() }).await;
    let lost = async || door.server.counted("issuer_host_trace_spans_total", &[r#"outcome="lost""#]).await;
    for _ in 0..2 {
        let before = lost().await;
        door.honest().expect_accepted("while the collector is away").await;
        eventually("the call's spans to be lost", async || lost().await == before + 2).await;
    }
    assert!(collector.refused() >= 2, "it was asked each time");
    assert_eq!(door.server.told("traces_lost", 1).await.len(), 1, "told once: {}", door.server.log());

    collector.come_back();
    door.honest().expect_accepted("when it is back").await;
    eventually("spans again", async || collector.spans().len() == 2).await;
    eventually("that to be told", async || !door.server.events("traces_resumed").is_empty()).await;
    assert_eq!(door.server.told("traces_resumed", 1).await[0]["lost"], 4);
    let sent = door.server.counted("issuer_host_trace_spans_total", &[r#"outcome="sent""#]).await;
    assert_eq!((sent, lost().await), (2, 4));
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_sent_and_a_collector_that_is_away_does_not_hold_the_end_up() {
    for away in [false, true] {
        let collector = Collector::open().await;
        let mut door = Door::with(Setup { log: &collector.table(), ..Setup::default() }).await;
        door.honest().expect_accepted("an honest client").await;
        if away {
            collector.go_away();
        }
        door.server.terminate();
        assert_eq!(door.server.exit_code().await, Some(0));
        assert_eq!(collector.spans().len(), if away { 0 } else { 2 }, "away: {away}");
    }
}
