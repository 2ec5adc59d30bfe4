//! Group commit: whoever wants something written while a transaction is under way shares the next one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use super::store::{Batch, BatchOutcome, Claim, Lease, NewRow, Received, Renewal, Settlement, Store, StoreError};
use crate::inbox::InboxMetrics;

/// Most entries of one transaction: enough for an fsync to be shared by everybody who waits, and small enough for a transaction
/// not to make everybody wait.
const MOST_ENTRIES: usize = 256;
/// Most bytes of one transaction: however large bodies are, nobody waits long for those of others.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Pieces that may wait for their transaction; more are refused at once. Far more than a store that works ever has.
const QUEUE: usize = 4096;
const KIB: usize = 1024;
/// Bytes of entries that may wait for their transaction or be in one; what comes beyond that is refused at once: memory is no store.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// A batch that is smaller than the one before waits for others, but not for longer than this part of what that one took.
const PATIENCE: u32 = 4;
/// However long that one took: it may have waited for a lock, which is no reason to.
const LONGEST_WAIT: Duration = Duration::from_millis(5);
/// What the runtime's timers can tell apart. Where a commit is quicker than that, waiting is dearer than another one.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Writes to a store, in batches. Cheap to clone. Ends when the last clone is gone and everything is written.
#[derive(Clone, Debug)]
pub struct Writer {
    pieces: mpsc::Sender<Piece>,
    /// In KiB: how much more may wait.
    room: Arc<Semaphore>,
    metrics: InboxMetrics,
}

/// What somebody wants written, and where the answer goes.
#[derive(Debug)]
enum Piece {
    Receive(Box<NewRow>, Answer<Received>, Room),
    Settle(Settlement, Answer<bool>),
    Renew(Renewal, Answer<Vec<Lease>>),
    Claim(Claim, Answer<Vec<Lease>>),
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What an entry takes of the queue, until it is written.
type Room = OwnedSemaphorePermit;

impl Writer {
    /// Starts writing to `store`, on the current runtime.
    #[must_use]
    pub fn start(store: Arc<dyn Store>, metrics: InboxMetrics) -> Self {
        let (sender, pieces) = mpsc::channel(QUEUE);
        tokio::spawn(run(store, pieces, metrics.clone()));
        Self { pieces: sender, room: Arc::new(Semaphore::new(QUEUE_BYTES / KIB)), metrics }
    }

    /// Stores an entry; durably, when this returns. An entry whose caller is gone before it is taken up is not stored. Those that are
    /// refused because too many wait are counted here.
    ///
    /// # Errors
    /// [`StoreError`]; nothing may be acknowledged then.
    pub async fn receive(&self, row: NewRow) -> Result<Received, StoreError> {
        let (answer, answered) = oneshot::channel();
        let busy = || {
            let error = StoreError::Busy("too many notifications are waiting to be stored".into());
            self.metrics.failed(error.name());
            error
        };
        // Refused at once: whoever calls has retries and deadlines of his own. What is larger than the queue takes all of it.
        let kibibytes = (row.payload.bytes.len() / KIB + 1).min(QUEUE_BYTES / KIB);
        let wanted = u32::try_from(kibibytes).unwrap_or(u32::MAX);
        let taken = Arc::clone(&self.room).try_acquire_many_owned(wanted).map_err(|_| busy())?;
        self.pieces.try_send(Piece::Receive(Box::new(row), answer, taken)).map_err(|_| busy())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Settles what came of a lane: whether its lease still held.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle(&self, settlement: Settlement) -> Result<bool, StoreError> {
        self.ask(|answer| Piece::Settle(settlement, answer)).await
    }

    /// Keeps leases for longer, and returns those that hold no longer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renew(&self, renewal: Renewal) -> Result<Vec<Lease>, StoreError> {
        self.ask(|answer| Piece::Renew(renewal, answer)).await
    }

    /// Leases lanes that are due.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim(&self, claim: Claim) -> Result<Vec<Lease>, StoreError> {
        self.ask(|answer| Piece::Claim(claim, answer)).await
    }

    async fn ask<T>(&self, piece: impl FnOnce(Answer<T>) -> Piece) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.pieces.send(piece(answer)).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the writer has ended".into())
}

async fn run(store: Arc<dyn Store>, mut pieces: mpsc::Receiver<Piece>, metrics: InboxMetrics) {
    let mut under_way: JoinSet<Written> = JoinSet::new();
    let mut last = Written::default();
    while let Some(first) = pieces.recv().await {
        let mut gathered = Gathered::default();
        gathered.add(first);
        // Room first: what comes meanwhile belongs into this batch.
        while under_way.len() >= store.parallel_writes() {
            if let Some(Ok(written)) = under_way.join_next().await {
                last = written;
            }
        }
        while let Some(Ok(written)) = under_way.try_join_next() {
            last = written;
        }
        let patience = (last.took / PATIENCE).min(LONGEST_WAIT);
        let until = tokio::time::Instant::now() + patience;
        while gathered.has_room() {
            let piece = match pieces.try_recv() {
                Ok(piece) => piece,
                // Those who had answers a moment ago may all be about to come again: a batch of one would let them wait for two.
                Err(_) if gathered.parts() < last.parts && patience >= SHORTEST_WAIT => {
                    match tokio::time::timeout_at(until, pieces.recv()).await {
                        Ok(Some(piece)) => piece,
                        _ => break,
                    }
                }
                Err(_) => break,
            };
            gathered.add(piece);
        }
        if gathered.batch.is_empty() {
            continue;
        }
        let (store, metrics) = (Arc::clone(&store), metrics.clone());
        under_way.spawn(async move { gathered.write(store.as_ref(), &metrics).await });
    }
    while under_way.join_next().await.is_some() {}
}

/// What a batch was like.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    parts: usize,
    took: Duration,
}

/// A batch, and who waits for its parts.
#[derive(Debug, Default)]
struct Gathered {
    batch: Batch,
    bytes: usize,
    rooms: Vec<Room>,
    received: Vec<Answer<Received>>,
    settled: Vec<Answer<bool>>,
    renewed: Vec<Answer<Vec<Lease>>>,
    claimed: Vec<Answer<Vec<Lease>>>,
}

impl Gathered {
    fn parts(&self) -> usize {
        self.received.len() + self.settled.len() + self.renewed.len() + self.claimed.len()
    }

    fn has_room(&self) -> bool {
        self.parts() < MOST_ENTRIES && self.bytes < MOST_BYTES
    }

    fn add(&mut self, piece: Piece) {
        match piece {
            // Nobody would acknowledge it: Thales sends it again.
            Piece::Receive(_, answer, _) if answer.is_closed() => {}
            Piece::Receive(row, answer, room) => {
                self.bytes += row.payload.bytes.len();
                self.rooms.push(room);
                self.batch.receive.push(*row);
                self.received.push(answer);
            }
            Piece::Settle(settlement, answer) => {
                self.batch.settle.push(settlement);
                self.settled.push(answer);
            }
            Piece::Renew(renewal, answer) => {
                self.batch.renew.push(renewal);
                self.renewed.push(answer);
            }
            // A lease that nobody takes would keep everybody else off its lane.
            Piece::Claim(_, answer) if answer.is_closed() => {}
            Piece::Claim(claim, answer) => {
                self.batch.claim.push(claim);
                self.claimed.push(answer);
            }
        }
    }

    async fn write(self, store: &dyn Store, metrics: &InboxMetrics) -> Written {
        let parts = self.parts();
        let Self { batch, received, settled, renewed, claimed, .. } = self;
        let entries = batch.receive.len();
        // Kept for the case that one of them is not taken.
        let again = (entries > 0 && parts > 1).then(|| batch.clone());
        let begun = Instant::now();
        let outcome = store.write(batch).await;
        let took = begun.elapsed();
        metrics.committed(entries, took, outcome.as_ref().err().map(StoreError::name));
        let answers = Answers { settled, renewed, received, claimed };
        match (outcome, again) {
            // One that is not taken must not stand in the way of its neighbours.
            (Err(StoreError::Rejected(_)), Some(batch)) => answers.one_by_one(batch, store).await,
            (outcome, _) => answers.give(outcome),
        }
        Written { parts, took }
    }
}

/// Those who wait for the parts of a batch.
struct Answers {
    settled: Vec<Answer<bool>>,
    renewed: Vec<Answer<Vec<Lease>>>,
    received: Vec<Answer<Received>>,
    claimed: Vec<Answer<Vec<Lease>>>,
}

impl Answers {
    fn give(self, outcome: Result<BatchOutcome, StoreError>) {
        let Self { settled, renewed, received, claimed } = self;
        match outcome {
            Ok(BatchOutcome { settled: held, lost, received: stored, claimed: leases }) => {
                hand_out(settled, held);
                hand_out(renewed, lost);
                hand_out(received, stored);
                hand_out(claimed, leases);
            }
            Err(error) => {
                refuse(settled, &error);
                refuse(renewed, &error);
                refuse(received, &error);
                refuse(claimed, &error);
            }
        }
    }

    /// Writes what deliveries need, which is not to blame, then each entry in a transaction of its own.
    async fn one_by_one(mut self, mut batch: Batch, store: &dyn Store) {
        let rows = std::mem::take(&mut batch.receive);
        let received = std::mem::take(&mut self.received);
        if !batch.is_empty() {
            self.give(store.write(batch).await);
        }
        for (row, answer) in rows.into_iter().zip(received) {
            let alone = store.write(Batch { receive: vec![row], ..Batch::default() }).await;
            let one = alone.and_then(|outcome| outcome.received.first().copied().ok_or_else(gone));
            let _ = answer.send(one);
        }
    }
}

/// Whoever asked may have gone.
fn hand_out<T>(answers: Vec<Answer<T>>, outcomes: Vec<T>) {
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        let _ = answer.send(Ok(outcome));
    }
}

fn refuse<T>(answers: Vec<Answer<T>>, error: &StoreError) {
    for answer in answers {
        let _ = answer.send(Err(error.clone()));
    }
}

#[cfg(test)]
mod tests;
