//! Batches that are refused for one of their entries.

use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::inbox::entry::State;
use crate::inbox::sqlite::{Sqlite, SqliteOptions};
use crate::inbox::store::conformance::{RECEIVED_AT, WINDOW, entry};
use crate::inbox::store::{Clock, DestinationKey, Ending, Then};

const LEASE: Duration = Duration::from_secs(600);

fn claim() -> Claim {
    let destination = DestinationKey { environment: "preprod".into(), destination: "events".into() };
    Claim { destination, lease: LEASE, most: 1 }
}

impl Gathered {
    /// Adds a piece, and returns where its answer comes.
    fn ask<T>(&mut self, piece: impl FnOnce(Answer<T>) -> Piece) -> oneshot::Receiver<Result<T, StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.add(piece(answer));
        answered
    }
}

#[tokio::test]
async fn an_entry_that_is_not_taken_stands_in_nobodys_way() {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(SqliteOptions {
        path: folder.path().join("inbox.db"),
        create: true,
        exclusive: true,
        deduplication_window: WINDOW,
        clock: Clock::standing_at(RECEIVED_AT),
    })
    .await
    .unwrap();
    let stored = [entry(1), entry(2), entry(3)];
    store.write(Batch { receive: stored.to_vec(), ..Batch::default() }).await.unwrap();
    let mut leases = Vec::new();
    for _ in 0..2 {
        let batch = Batch { claim: vec![claim()], ..Batch::default() };
        leases.extend(store.write(batch).await.unwrap().claimed.remove(0));
    }
    let delivered = stored.iter().find(|row| row.lane == leases[0].lane).unwrap().facts.id;
    for neighbours in [0, 2] {
        let mut gathered = Gathered::default();
        // Its id is taken already.
        let refused = gathered.ask(|answer| Piece::Receive(Box::new(stored[0].clone()), answer));
        let mut taken = Vec::new();
        for lane in 0..neighbours {
            taken.push(gathered.ask(|answer| Piece::Receive(Box::new(entry(10 + lane)), answer)));
        }
        let settlement =
            Settlement { lease: leases[0], endings: vec![(delivered, Ending::Delivered)], then: Then::Keep };
        let settled = gathered.ask(|answer| Piece::Settle(settlement, answer));
        let renewal = Renewal { leases: vec![leases[1]], lease: LEASE };
        let renewed = gathered.ask(|answer| Piece::Renew(renewal, answer));
        let claimed = gathered.ask(|answer| Piece::Claim(claim(), answer));
        gathered.write(&store, &InboxMetrics::default()).await;
        assert!(matches!(refused.await.unwrap(), Err(StoreError::Rejected(_))));
        assert_eq!(settled.await.unwrap(), Ok(true));
        assert_eq!(renewed.await.unwrap(), Ok(Vec::new()));
        assert_eq!(claimed.await.unwrap().map(|leases| leases.len()), Ok(1));
        for taken in taken {
            assert_eq!(taken.await.unwrap(), Ok(Received::Stored));
        }
        // For the claim of the second round.
        store.write(Batch { receive: vec![entry(4)], ..Batch::default() }).await.unwrap();
    }
    assert_eq!(store.find(delivered).await.unwrap().unwrap().state, State::Delivered);
}
