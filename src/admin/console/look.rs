//! A look at the server: all that the console shows, as it is at one moment.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::ConsoleSources;
use super::health::Health;
use super::seen::{CallsSeen, RefusalSeen};
use crate::admin::{InboxSource, StatusReport};
use crate::inbox::entry::State;
use crate::inbox::report::EntryReport;
use crate::inbox::store::{DestinationKey, Filter, StoreError};

/// How old a look may be that those share who watch.
const FRESH: Duration = Duration::from_secs(2);
/// The same, of what the inbox holds: it has to be read from the store.
const INBOX_FRESH: Duration = Duration::from_secs(5);
/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Dead letters that are shown, the oldest.
const MOST_DEAD: usize = 25;

/// All that the console shows.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) now: OffsetDateTime,
    /// As `/readyz` says it.
    pub(super) readiness: &'static str,
    pub(super) status: StatusReport,
    pub(super) health: Health,
    /// Those of a client CA first, then the others; the newest first.
    pub(super) refusals: Vec<RefusalSeen>,
    pub(super) calls: Vec<CallsSeen>,
    /// `None` = there is no inbox.
    pub(super) inbox: Option<Arc<InboxSeen>>,
}

/// What the inbox holds.
#[derive(Clone, Debug, Default)]
pub(super) struct InboxSeen {
    pub(super) waiting: Vec<(DestinationKey, u64)>,
    /// Oldest first.
    pub(super) dead: Vec<EntryReport>,
    /// Whether there are more dead letters than these.
    pub(super) more: bool,
    /// Why nothing is known.
    pub(super) problem: Option<String>,
}

/// Looks, for all who watch. Cheap to clone.
#[derive(Clone)]
pub(super) struct Looks(Arc<Shared>);

struct Shared {
    sources: ConsoleSources,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    seen: Option<(Instant, Arc<Seen>)>,
    inbox: Option<(Instant, Arc<InboxSeen>)>,
}

impl Looks {
    pub(super) fn new(sources: ConsoleSources) -> Self {
        Self(Arc::new(Shared { sources, last: Mutex::default() }))
    }

    /// A look that others may have taken, a moment ago: what it costs does not depend on how many watch.
    pub(super) async fn shared(&self) -> Arc<Seen> {
        let mut last = self.0.last.lock().await;
        if let Some((at, seen)) = &last.seen
            && at.elapsed() < FRESH
        {
            return Arc::clone(seen);
        }
        self.look(&mut last).await
    }

    /// A look that begins now, but for what the store was found to hold a moment ago: whoever asks often does not ask the store as often.
    pub(super) async fn now(&self) -> Arc<Seen> {
        let mut last = self.0.last.lock().await;
        self.look(&mut last).await
    }

    /// A look that begins now: whoever decided something wants to see it. A store that did not answer a moment ago is not asked again:
    /// those who load the page would wait for it one after the other.
    pub(super) async fn anew(&self) -> Arc<Seen> {
        let mut last = self.0.last.lock().await;
        last.inbox.take_if(|(_, seen)| seen.problem.is_none());
        self.look(&mut last).await
    }

    async fn look(&self, last: &mut Last) -> Arc<Seen> {
        let sources = &self.0.sources;
        let inbox = match &sources.inbox {
            Some(store) => Some(inbox(store, last).await),
            None => None,
        };
        let status = (sources.status)();
        let seen = Arc::new(Seen {
            now: OffsetDateTime::now_utc(),
            readiness: sources.readiness.name(),
            health: (sources.health)(&status),
            status,
            refusals: (sources.refusals)(),
            calls: (sources.calls)(),
            inbox,
        });
        last.seen = Some((Instant::now(), Arc::clone(&seen)));
        seen
    }
}

async fn inbox(store: &InboxSource, last: &mut Last) -> Arc<InboxSeen> {
    if let Some((at, seen)) = &last.inbox
        && at.elapsed() < INBOX_FRESH
    {
        return Arc::clone(seen);
    }
    let read = tokio::time::timeout(PATIENCE, read(store)).await;
    let seen = match read {
        Ok(Ok(seen)) => seen,
        Ok(Err(error)) => InboxSeen { problem: Some(error.to_string()), ..InboxSeen::default() },
        Err(_) => {
            let problem = format!("the store did not answer within {} s", PATIENCE.as_secs());
            InboxSeen { problem: Some(problem), ..InboxSeen::default() }
        }
    };
    let seen = Arc::new(seen);
    last.inbox = Some((Instant::now(), Arc::clone(&seen)));
    seen
}

async fn read(store: &InboxSource) -> Result<InboxSeen, StoreError> {
    let waiting = store.waiting().await?;
    let filter = Filter { state: Some(State::Dead), ..Filter::default() };
    // One page alone: large ones are cut short by the store, lest what is shown take more room than what is served.
    let rows = store.list(filter.clone(), 0, MOST_DEAD).await?;
    let more = match rows.last() {
        Some(last) => !store.list(filter, last.sequence, 1).await?.is_empty(),
        None => false,
    };
    Ok(InboxSeen { waiting, dead: rows.iter().map(EntryReport::from).collect(), more, problem: None })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::admin::console::testing::{quiet, sources};
    use crate::inbox::Sealing;
    use crate::inbox::testing::{Memory, stored};

    async fn dead_letters(store: &Memory, count: usize, bytes: usize) {
        let sealing = Sealing::establish(store, None).await.unwrap();
        for _ in 0..count {
            let id = stored(store, &sealing, "a body").await.id;
            store.change(id, |row| {
                row.state = State::Dead;
                row.payload.bytes.resize(bytes, 0);
            });
        }
    }

    fn looking_at(store: &Arc<Memory>) -> Looks {
        let store: InboxSource = Arc::clone(store) as InboxSource;
        Looks::new(ConsoleSources { inbox: Some(store), ..sources(&Arc::new(std::sync::Mutex::new(quiet()))) })
    }

    #[tokio::test]
    async fn dead_letters_that_are_not_shown_are_told_of() {
        for (count, bytes, shown, more) in [(25, 10, 25, false), (26, 10, 25, true), (6, 1024 * 1024, 4, true)] {
            let store = Arc::new(Memory::default());
            dead_letters(&store, count, bytes).await;
            let seen = looking_at(&store).anew().await;
            let inbox = seen.inbox.as_ref().unwrap();
            assert_eq!((inbox.dead.len(), inbox.more), (shown, more), "{count} of {bytes}");
        }
    }

    #[tokio::test]
    async fn a_store_that_fails_is_a_problem_and_no_empty_inbox() {
        let store = Arc::new(Memory::default());
        let looks = looking_at(&store);
        assert_eq!(looks.anew().await.inbox.as_ref().unwrap().problem, None, "control");
        *store.outage.lock().unwrap() = Some(StoreError::Unavailable("gone".into()));
        assert!(looks.anew().await.inbox.as_ref().unwrap().problem.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn pages_that_are_loaded_behind_a_store_that_hangs_wait_for_it_once_and_not_one_after_the_other() {
        let store = Arc::new(Memory::default());
        let looks = looking_at(&store);
        let asked = || store.asked.load(Ordering::Relaxed);
        looks.anew().await;
        let before = asked();
        looks.anew().await;
        assert!(asked() > before, "control: each page asks a store that answers");

        store.is_silent.store(true, Ordering::Relaxed);
        let (before, begun) = (asked(), Instant::now());
        let pages = tokio::join!(looks.anew(), looks.anew(), looks.now(), looks.shared(), looks.anew());
        assert_eq!((asked() - before, begun.elapsed().as_secs()), (1, PATIENCE.as_secs()));
        for seen in [pages.0, pages.1, pages.2, pages.3, pages.4] {
            assert!(seen.inbox.as_ref().unwrap().problem.is_some());
        }
        store.is_silent.store(false, Ordering::Relaxed);
        tokio::time::advance(INBOX_FRESH).await;
        assert_eq!(looks.anew().await.inbox.as_ref().unwrap().problem, None, "it is asked again");
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_watch_share_a_look_and_those_who_load_the_page_look_anew() {
        let looked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looked);
        let sources = sources(&Arc::new(std::sync::Mutex::new(quiet())));
        let status = Arc::clone(&sources.status);
        let looks = Looks::new(ConsoleSources {
            status: Arc::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
                status()
            }),
            ..sources
        });
        for _ in 0..8 {
            looks.shared().await;
        }
        assert_eq!(looked.load(Ordering::Relaxed), 1);
        looks.anew().await;
        assert_eq!(looked.load(Ordering::Relaxed), 2);
        tokio::time::advance(FRESH).await;
        looks.shared().await;
        assert_eq!(looked.load(Ordering::Relaxed), 3);
    }
}
