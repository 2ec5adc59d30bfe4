//! How many connections there may be, and how many of them may be unfinished handshakes.
//!
//! A connection has a permit before it is accepted. An unfinished handshake has a slot: where slots run out, the newcomer
//! is taken and the oldest unfinished handshake gives way, so that silent sockets never keep an honest caller waiting.
//! Finished handshakes are not counted by source, because many honest calls come from a few NAT addresses.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::metrics::{PermitMetrics, SlotMetrics};

/// The connections that there may be at once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Permits(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    free: Arc<Semaphore>,
    size: Mutex<Size>,
    metrics: PermitMetrics,
}

#[derive(Debug)]
struct Size {
    total: usize,
    /// Permits that are out and will not come back: the total was lowered while they were in use.
    surplus: usize,
}

impl Permits {
    /// `total` permits, at least one; `metrics` shows how many are taken.
    #[must_use]
    pub fn new(total: usize, metrics: PermitMetrics) -> Self {
        let total = total.clamp(1, Semaphore::MAX_PERMITS);
        metrics.limit.set(i64::try_from(total).unwrap_or(i64::MAX));
        let size = Mutex::new(Size { total, surplus: 0 });
        Self(Arc::new(Pool { free: Arc::new(Semaphore::new(total)), size, metrics }))
    }

    /// Another total. Where more are in use than that, no connection is cut: their permits are not given out again.
    pub fn set_total(&self, total: usize) {
        let total = total.clamp(1, Semaphore::MAX_PERMITS);
        let mut size = self.0.size();
        if total >= size.total {
            let more = total - size.total;
            let kept = more.min(size.surplus);
            size.surplus -= kept;
            self.0.free.add_permits(more - kept);
        } else {
            let fewer = size.total - total;
            size.surplus += fewer - self.0.free.forget_permits(fewer);
        }
        size.total = total;
        self.0.metrics.limit.set(i64::try_from(total).unwrap_or(i64::MAX));
    }

    /// Waits for a permit and reserves it. To be called before a connection is accepted: what waits beyond the limit then
    /// waits in the kernel's queue. Safe to cancel.
    pub async fn reserve(&self) -> Reserved {
        if self.0.free.available_permits() == 0 {
            self.0.metrics.ran_out();
        }
        match Arc::clone(&self.0.free).acquire_owned().await {
            Ok(permit) => Reserved(Returned { permit: Some(permit), pool: Arc::clone(&self.0) }),
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// How many permits are taken.
    #[must_use]
    pub fn in_use(&self) -> usize {
        usize::try_from(self.0.metrics.in_use.get()).unwrap_or_default()
    }

    /// How many permits there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.size().total
    }
}

impl Pool {
    fn size(&self) -> MutexGuard<'_, Size> {
        // Numbers that are changed in one step each; a panic leaves them whole.
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A semaphore's permit on its way back.
#[derive(Debug)]
struct Returned {
    permit: Option<OwnedSemaphorePermit>,
    pool: Arc<Pool>,
}

impl Drop for Returned {
    fn drop(&mut self) {
        let mut size = self.pool.size();
        if let Some(permit) = self.permit.take()
            && size.surplus > 0
        {
            size.surplus -= 1;
            permit.forget();
        }
    }
}

/// A permit for the next connection, whenever that comes; it is not in use before.
#[derive(Debug)]
pub struct Reserved(Returned);

impl Reserved {
    /// The connection is there.
    #[must_use]
    pub fn take(self) -> Permit {
        self.0.pool.metrics.in_use.inc();
        Permit(self.0)
    }
}

/// The right to one connection; given back when dropped.
#[derive(Debug)]
pub struct Permit(Returned);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.pool.metrics.in_use.dec();
    }
}

/// How many unfinished handshakes there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// In total; at least one.
    pub total: usize,
    /// From one source, that is one IPv4 address or one IPv6 /64; at least one.
    pub per_source: usize,
}

/// The unfinished handshakes. Cheap to clone; an operation takes time logarithmic in their number.
#[derive(Clone, Debug)]
pub struct HandshakeSlots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    metrics: SlotMetrics,
}

impl HandshakeSlots {
    /// Slots within `limits`; `metrics` shows how many are taken, and how many had to give way.
    #[must_use]
    pub fn new(limits: HandshakeLimits, metrics: SlotMetrics) -> Self {
        let table = Table::new(limits);
        metrics.limit.set(i64::try_from(table.limits.total).unwrap_or(i64::MAX));
        Self(Arc::new(Shared { table: Mutex::new(table), metrics }))
    }

    /// Other limits. The oldest that are beyond the whole give way at once.
    pub fn set_limits(&self, limits: HandshakeLimits) {
        let displaced = self.0.table().set_limits(limits);
        self.0.metrics.limit.set(i64::try_from(limits.total.max(1)).unwrap_or(i64::MAX));
        self.0.give_way(displaced);
    }

    /// Takes a slot at once. Where `source`, or the whole, is full, its oldest unfinished handshake gives way. A
    /// connection whose source only its PROXY header will tell has none yet and counts for the whole alone.
    #[must_use]
    pub fn enter(&self, source: Option<IpAddr>) -> HandshakeSlot {
        let token = CancellationToken::new();
        let (number, displaced) = self.0.table().enter(source.map(Source::of), token.clone());
        self.0.metrics.in_flight.inc();
        self.0.give_way(displaced);
        HandshakeSlot { shared: Arc::clone(&self.0), number, displaced: token }
    }

    /// How many unfinished handshakes there are.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.table().slots.len()
    }

    /// How many unfinished handshakes had to give way so far.
    #[must_use]
    pub fn displaced(&self) -> u64 {
        self.0.metrics.displaced.get()
    }
}

/// The slot of an unfinished handshake; given back when dropped, which is to be done as soon as the handshake ends.
#[derive(Debug)]
pub struct HandshakeSlot {
    shared: Arc<Shared>,
    number: u64,
    displaced: CancellationToken,
}

impl HandshakeSlot {
    /// Completes when the handshake has to give way to a newer one; its connection is then to be closed.
    pub async fn displaced(&self) {
        self.displaced.cancelled().await;
    }

    /// Whether the handshake has to give way.
    #[must_use]
    pub fn is_displaced(&self) -> bool {
        self.displaced.is_cancelled()
    }

    /// Counts the handshake for `source`, known from its PROXY header, from now on. Where that source is full, its oldest
    /// other handshake gives way.
    pub fn assign(&self, source: IpAddr) {
        let displaced = self.shared.table().assign(self.number, Source::of(source));
        self.shared.give_way(displaced);
    }
}

impl Drop for HandshakeSlot {
    fn drop(&mut self) {
        // A slot that was displaced is not there any more.
        let freed = self.shared.table().remove(self.number);
        if freed.is_some() {
            self.shared.metrics.in_flight.dec();
        }
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        // The table's operations do not panic half-way; a poisoned lock is no reason to refuse callers.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells handshakes that left the table, after the lock was released.
    fn give_way(&self, displaced: impl IntoIterator<Item = CancellationToken>) {
        for token in displaced {
            token.cancel();
            self.metrics.in_flight.dec();
            self.metrics.gave_way();
        }
    }
}

/// Whom a handshake counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    V4(Ipv4Addr),
    /// The upper half of the address: a /64 is what one host commonly has to itself.
    V6(u64),
}

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
        }
    }
}

#[derive(Debug)]
struct Table {
    limits: HandshakeLimits,
    /// The number of the next slot: numbers grow, so the smallest is the oldest.
    next: u64,
    slots: BTreeMap<u64, Slot>,
    by_source: HashMap<Source, BTreeSet<u64>>,
}

#[derive(Debug)]
struct Slot {
    source: Option<Source>,
    displaced: CancellationToken,
}

impl Table {
    fn new(limits: HandshakeLimits) -> Self {
        Self { limits: at_least_one(limits), next: 0, slots: BTreeMap::new(), by_source: HashMap::new() }
    }

    fn set_limits(&mut self, limits: HandshakeLimits) -> Vec<CancellationToken> {
        self.limits = at_least_one(limits);
        let excess = self.slots.len().saturating_sub(self.limits.total);
        let oldest: Vec<_> = self.slots.keys().copied().take(excess).collect();
        oldest.into_iter().filter_map(|number| self.remove(number)).collect()
    }

    fn enter(&mut self, source: Option<Source>, displaced: CancellationToken) -> (u64, Option<CancellationToken>) {
        // One that leaves for the source's sake makes room in the whole as well.
        let gone = source.and_then(|source| self.make_room_at(source)).or_else(|| {
            let oldest = *self.slots.first_key_value()?.0;
            if self.slots.len() >= self.limits.total { self.remove(oldest) } else { None }
        });
        let number = self.next;
        self.next += 1;
        if let Some(source) = source {
            self.by_source.entry(source).or_default().insert(number);
        }
        self.slots.insert(number, Slot { source, displaced });
        (number, gone)
    }

    fn assign(&mut self, number: u64, source: Source) -> Option<CancellationToken> {
        let slot = self.slots.get_mut(&number)?;
        if slot.source == Some(source) {
            return None;
        }
        let before = slot.source.replace(source);
        self.forget_at(before, number);
        let gone = self.make_room_at(source);
        self.by_source.entry(source).or_default().insert(number);
        gone
    }

    fn make_room_at(&mut self, source: Source) -> Option<CancellationToken> {
        let numbers = self.by_source.get(&source).filter(|numbers| numbers.len() >= self.limits.per_source)?;
        let oldest = *numbers.first()?;
        self.remove(oldest)
    }

    fn remove(&mut self, number: u64) -> Option<CancellationToken> {
        let slot = self.slots.remove(&number)?;
        self.forget_at(slot.source, number);
        Some(slot.displaced)
    }

    fn forget_at(&mut self, source: Option<Source>, number: u64) {
        if let Some(source) = source
            && let Some(numbers) = self.by_source.get_mut(&source)
        {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.by_source.remove(&source);
            }
        }
    }
}

fn at_least_one(limits: HandshakeLimits) -> HandshakeLimits {
    HandshakeLimits { total: limits.total.max(1), per_source: limits.per_source.max(1) }
}

#[cfg(test)]
mod tests;
