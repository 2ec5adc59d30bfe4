//! How many connections there may be, and how many of them may be unfinished handshakes.
//!
//! A connection has a permit before it is accepted. An unfinished handshake has a slot: where slots run out, the newcomer
//! is taken and the oldest unfinished handshake gives way, so that silent sockets never keep an honest caller waiting.
//! Finished handshakes are not counted by source, because many honest calls come from a few NAT addresses.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The connections that there may be at once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Permits {
    free: Arc<Semaphore>,
    total: usize,
    in_use: Gauge,
}

impl Permits {
    /// `total` permits, at least one; `in_use` shows how many are taken.
    #[must_use]
    pub fn new(total: usize, in_use: Gauge) -> Self {
        let total = total.clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(total)), total, in_use }
    }

    /// Waits for a permit and reserves it. To be called before a connection is accepted: what waits beyond the limit then
    /// waits in the kernel's queue. Safe to cancel.
    pub async fn reserve(&self) -> Reserved {
        match Arc::clone(&self.free).acquire_owned().await {
            Ok(permit) => Reserved { permit, in_use: self.in_use.clone() },
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// How many permits are taken.
    #[must_use]
    pub fn in_use(&self) -> usize {
        usize::try_from(self.in_use.get()).unwrap_or_default()
    }

    /// How many permits there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }
}

/// A permit for the next connection, whenever that comes; it is not in use before.
#[derive(Debug)]
pub struct Reserved {
    permit: OwnedSemaphorePermit,
    in_use: Gauge,
}

impl Reserved {
    /// The connection is there.
    #[must_use]
    pub fn take(self) -> Permit {
        self.in_use.inc();
        Permit { _permit: self.permit, in_use: self.in_use }
    }
}

/// The right to one connection; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    _permit: OwnedSemaphorePermit,
    in_use: Gauge,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.in_use.dec();
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
    limits: HandshakeLimits,
    table: Mutex<Table>,
    in_flight: Gauge,
    displaced: Counter,
}

impl HandshakeSlots {
    /// Slots within `limits`; `in_flight` shows how many are taken, `displaced` counts those that had to give way.
    #[must_use]
    pub fn new(limits: HandshakeLimits, in_flight: Gauge, displaced: Counter) -> Self {
        let limits = HandshakeLimits { total: limits.total.max(1), per_source: limits.per_source.max(1) };
        Self(Arc::new(Shared { limits, table: Mutex::default(), in_flight, displaced }))
    }

    /// Takes a slot at once. Where `source`, or the whole, is full, its oldest unfinished handshake gives way. A
    /// connection whose source only its PROXY header will tell has none yet and counts for the whole alone.
    #[must_use]
    pub fn enter(&self, source: Option<IpAddr>) -> HandshakeSlot {
        let token = CancellationToken::new();
        let (number, displaced) = self.0.table().enter(source.map(Source::of), token.clone(), self.0.limits);
        self.0.in_flight.inc();
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
        self.0.displaced.get()
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
        let displaced = self.shared.table().assign(self.number, Source::of(source), self.shared.limits);
        self.shared.give_way(displaced);
    }
}

impl Drop for HandshakeSlot {
    fn drop(&mut self) {
        // A slot that was displaced is not there any more.
        let freed = self.shared.table().remove(self.number);
        if freed.is_some() {
            self.shared.in_flight.dec();
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
            self.in_flight.dec();
            self.displaced.inc();
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

#[derive(Debug, Default)]
struct Table {
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
    fn enter(
        &mut self,
        source: Option<Source>,
        displaced: CancellationToken,
        limits: HandshakeLimits,
    ) -> (u64, Option<CancellationToken>) {
        // One that leaves for the source's sake makes room in the whole as well.
        let gone = source.and_then(|source| self.make_room_at(source, limits)).or_else(|| {
            let oldest = *self.slots.first_key_value()?.0;
            if self.slots.len() >= limits.total { self.remove(oldest) } else { None }
        });
        let number = self.next;
        self.next += 1;
        if let Some(source) = source {
            self.by_source.entry(source).or_default().insert(number);
        }
        self.slots.insert(number, Slot { source, displaced });
        (number, gone)
    }

    fn assign(&mut self, number: u64, source: Source, limits: HandshakeLimits) -> Option<CancellationToken> {
        let slot = self.slots.get_mut(&number)?;
        if slot.source == Some(source) {
            return None;
        }
        let before = slot.source.replace(source);
        self.forget_at(before, number);
        let gone = self.make_room_at(source, limits);
        self.by_source.entry(source).or_default().insert(number);
        gone
    }

    fn make_room_at(&mut self, source: Source, limits: HandshakeLimits) -> Option<CancellationToken> {
        let numbers = self.by_source.get(&source).filter(|numbers| numbers.len() >= limits.per_source)?;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn slots(total: usize, per_source: usize) -> HandshakeSlots {
        HandshakeSlots::new(HandshakeLimits { total, per_source }, Gauge::default(), Counter::default())
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn displaced(slots: &[HandshakeSlot]) -> Vec<bool> {
        slots.iter().map(HandshakeSlot::is_displaced).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_is_waited_for_and_given_back() {
        let gauge = Gauge::default();
        let permits = Permits::new(2, gauge.clone());
        let (one, two) = (permits.reserve().await.take(), permits.reserve().await.take());
        assert_eq!((permits.in_use(), gauge.get()), (2, 2));
        let third = tokio::time::timeout(Duration::from_secs(60), permits.reserve()).await;
        assert!(third.is_err(), "there is none");
        drop(one);
        let third = permits.reserve().await;
        assert_eq!(permits.in_use(), 1, "a reserved permit is not in use before its connection is there");
        drop((two, third));
        assert_eq!((permits.in_use(), gauge.get()), (0, 0));
    }

    #[test]
    fn the_oldest_of_a_full_source_gives_way_to_a_newcomer() {
        let slots = slots(100, 2);
        let other = slots.enter(ip("192.0.2.9"));
        let mine: Vec<_> = (0..4).map(|_| slots.enter(ip("192.0.2.1"))).collect();
        assert_eq!(displaced(&mine), [true, true, false, false]);
        assert!(!other.is_displaced(), "other sources are left alone");
        assert_eq!((slots.in_flight(), slots.displaced()), (3, 2));
        drop(mine);
        assert_eq!(slots.in_flight(), 1);
    }

    #[test]
    fn the_oldest_of_all_gives_way_where_the_whole_is_full() {
        let slots = slots(3, 2);
        let all: Vec<_> = (1..=5).map(|host| slots.enter(ip(&format!("192.0.2.{host}")))).collect();
        assert_eq!(displaced(&all), [true, true, false, false, false]);
        assert_eq!((slots.in_flight(), slots.displaced()), (3, 2));
    }

    #[test]
    fn a_newcomer_of_a_full_source_costs_the_full_whole_no_other_source() {
        let slots = slots(3, 2);
        let others = [slots.enter(ip("192.0.2.9"))];
        let mine: Vec<_> = (0..3).map(|_| slots.enter(ip("192.0.2.1"))).collect();
        assert_eq!(displaced(&others), [false]);
        assert_eq!(displaced(&mine), [true, false, false]);
    }

    #[test]
    fn one_network_of_64_bits_is_one_source_and_mapped_addresses_are_ipv4() {
        let slots = slots(100, 1);
        let v6 = [slots.enter(ip("2001:db8:0:1::1")), slots.enter(ip("2001:db8:0:1:ffff::2"))];
        assert_eq!(displaced(&v6), [true, false]);
        let elsewhere = slots.enter(ip("2001:db8:0:2::1"));
        assert_eq!((displaced(&v6), elsewhere.is_displaced()), (vec![true, false], false));
        let v4 =
            [slots.enter(ip("::ffff:192.0.2.1")), slots.enter(ip("192.0.2.1")), slots.enter(ip("::ffff:192.0.2.2"))];
        assert_eq!(displaced(&v4), [true, false, false]);
    }

    #[test]
    fn a_source_told_later_counts_from_then_on() {
        let slots = slots(100, 1);
        let early = slots.enter(None);
        let late = slots.enter(None);
        assert!(!early.is_displaced(), "connections without a source have no cap of their own");
        late.assign("192.0.2.1".parse().unwrap());
        early.assign("192.0.2.1".parse().unwrap());
        assert!(late.is_displaced() && !early.is_displaced(), "it was the first there");
        early.assign("192.0.2.1".parse().unwrap());
        assert!(!early.is_displaced(), "not by itself");
        early.assign("192.0.2.2".parse().unwrap());
        let newcomer = slots.enter(ip("192.0.2.1"));
        assert!(!early.is_displaced() && !newcomer.is_displaced(), "it left the first source");
        late.assign("192.0.2.1".parse().unwrap());
        assert!(!newcomer.is_displaced(), "who was displaced displaces nobody");
    }

    #[tokio::test]
    async fn whoever_is_displaced_is_woken() {
        let slots = slots(1, 1);
        let old = slots.enter(None);
        let waiting = tokio::spawn(async move { old.displaced().await });
        let _new = slots.enter(None);
        waiting.await.unwrap();
    }

    #[test]
    fn a_panic_elsewhere_does_not_end_the_service() {
        let slots = slots(2, 2);
        let poisoned = slots.clone();
        let panicked = std::thread::spawn(move || {
            let _table = poisoned.0.table();
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        drop(slots.enter(ip("192.0.2.1")));
        assert_eq!(slots.in_flight(), 0);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Enter(Option<u8>),
        Drop(usize),
        Assign(usize, u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => prop::option::of(0u8..4).prop_map(Step::Enter),
            2 => any::<usize>().prop_map(Step::Drop),
            1 => (any::<usize>(), 0u8..4).prop_map(|(at, source)| Step::Assign(at, source)),
        ];
        prop::collection::vec(step, 0..200)
    }

    fn address(source: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, source).into()
    }

    proptest! {
        #[test]
        fn slots_follow_a_plain_model_and_none_leaks(steps in steps(), total in 1usize..8, per_source in 1usize..4) {
            let gauge = Gauge::default();
            let limits = HandshakeLimits { total, per_source };
            let slots = HandshakeSlots::new(limits, gauge.clone(), Counter::default());
            let mut held: Vec<HandshakeSlot> = Vec::new();
            // The model: numbers and sources in the order of age.
            let mut model: Vec<(u64, Option<u8>)> = Vec::new();
            let make_room = |model: &mut Vec<(u64, Option<u8>)>, source: u8, but: Option<u64>| {
                let mut same = model.iter().filter(|(number, at)| *at == Some(source) && Some(*number) != but);
                let oldest = same.next().map(|(number, _)| *number);
                let full = oldest.is_some() && same.count() + 1 >= per_source;
                model.retain(|(number, _)| !(full && Some(*number) == oldest));
            };
            for step in steps {
                match step {
                    Step::Enter(source) => {
                        if let Some(source) = source {
                            make_room(&mut model, source, None);
                        }
                        if model.len() >= total {
                            model.remove(0);
                        }
                        let slot = slots.enter(source.map(address));
                        model.push((slot.number, source));
                        held.push(slot);
                    }
                    Step::Drop(at) if !held.is_empty() => {
                        let slot = held.swap_remove(at % held.len());
                        model.retain(|(number, _)| *number != slot.number);
                    }
                    Step::Assign(at, source) if !held.is_empty() => {
                        let slot = &held[at % held.len()];
                        let known = model.iter().position(|(number, _)| *number == slot.number);
                        if let Some(known) = known && model[known].1 != Some(source) {
                            model[known].1 = Some(source);
                            make_room(&mut model, source, Some(slot.number));
                        }
                        slot.assign(address(source));
                    }
                    Step::Drop(_) | Step::Assign(..) => {}
                }
                let alive: Vec<_> = slots.0.table().slots.keys().copied().collect();
                prop_assert_eq!(alive, model.iter().map(|(number, _)| *number).collect::<Vec<_>>());
                prop_assert!(held.iter().all(|slot| slot.is_displaced() != model.iter().any(|(number, _)| *number == slot.number)));
                prop_assert_eq!(gauge.get(), i64::try_from(model.len()).unwrap());
            }
            drop(held);
            prop_assert_eq!((slots.in_flight(), gauge.get()), (0, 0));
            prop_assert!(slots.0.table().by_source.is_empty());
        }
    }
}
