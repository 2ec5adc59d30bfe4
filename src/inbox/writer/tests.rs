//! Batches that are refused for one of their entries.

use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::inbox::entry::State;
use crate::inbox::sqlite::{Sqlite, SqliteOptions};
use crate::inbox::store::conformance::{RECEIVED_AT, WINDOW, entry};
use crate::inbox::store::{Clock, DestinationKey, Ending, Then};
use crate::inbox::testing::Memory;

const LEASE: Duration = Duration::from_secs(600);

fn claim() -> Claim {
    let destination = DestinationKey { environment: "preprod".into(), destination: "events".into() };
    Claim { destination, lease: LEASE, most: 1 }
}

fn room() -> Room {
    Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap()
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
        let refused = gathered.ask(|answer| Piece::Receive(Box::new(stored[0].clone()), answer, room()));
        let mut taken = Vec::new();
        for lane in 0..neighbours {
            taken.push(gathered.ask(|answer| Piece::Receive(Box::new(entry(10 + lane)), answer, room())));
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

#[tokio::test]
async fn entries_wait_up_to_so_many_bytes_and_what_comes_beyond_is_refused_at_once() {
    let store = Arc::new(Memory::default());
    // Nobody takes pieces up: all of them wait.
    let (sender, mut pieces) = mpsc::channel(QUEUE);
    let writer =
        Writer { pieces: sender, room: Arc::new(Semaphore::new(QUEUE_BYTES / KIB)), metrics: InboxMetrics::default() };
    let large = |lane, bytes| {
        let mut row = entry(lane);
        row.payload.bytes = vec![7; bytes];
        row
    };
    let waiting = |row| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.receive(row).await })
    };
    let taken = [waiting(large(1, QUEUE_BYTES / 2)), waiting(large(2, QUEUE_BYTES / 4))];
    let mut gathered = Gathered::default();
    for _ in 0..2 {
        gathered.add(pieces.recv().await.unwrap());
    }
    assert!(matches!(writer.receive(large(3, QUEUE_BYTES / 2)).await, Err(StoreError::Busy(_))));
    gathered.write(store.as_ref(), &InboxMetrics::default()).await;
    for taken in taken {
        assert_eq!(taken.await.unwrap(), Ok(Received::Stored));
    }
    // There is room again, for one that is larger than all of it too.
    let last = waiting(large(4, QUEUE_BYTES * 2));
    let mut gathered = Gathered::default();
    gathered.add(pieces.recv().await.unwrap());
    assert!(matches!(writer.receive(entry(5)).await, Err(StoreError::Busy(_))));
    gathered.write(store.as_ref(), &InboxMetrics::default()).await;
    assert_eq!(last.await.unwrap(), Ok(Received::Stored));
}
