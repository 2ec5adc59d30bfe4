mod permits;

use std::time::Duration;

use proptest::prelude::*;

use prometheus_client::metrics::gauge::Gauge;

use super::*;

fn slots(total: usize, per_source: usize) -> HandshakeSlots {
    HandshakeSlots::new(HandshakeLimits { total, per_source }, SlotMetrics::default())
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
    let permits = Permits::new(2, PermitMetrics { in_use: gauge.clone(), ..PermitMetrics::default() });
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
    let v4 = [slots.enter(ip("::ffff:192.0.2.1")), slots.enter(ip("192.0.2.1")), slots.enter(ip("::ffff:192.0.2.2"))];
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
        let slots = HandshakeSlots::new(limits, SlotMetrics { in_flight: gauge.clone(), ..SlotMetrics::default() });
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

#[tokio::test]
async fn a_higher_total_lets_more_in_at_once_and_a_lower_one_takes_permits_back_as_they_are_freed() {
    let permits = Permits::new(2, PermitMetrics::default());
    let (first, second) = (permits.reserve().await.take(), permits.reserve().await.take());
    permits.set_total(3);
    let third = permits.reserve().await.take();
    permits.set_total(1);
    assert_eq!((permits.total(), permits.in_use()), (1, 3), "nobody is cut");
    drop((first, second));
    assert_eq!(permits.0.free.available_permits(), 0, "their permits are not given out again");
    drop(third);
    assert_eq!(permits.0.free.available_permits(), 1);
    let held = permits.reserve().await.take();
    permits.set_total(5);
    assert_eq!(permits.0.free.available_permits(), 4);
    drop(held);
    assert_eq!(permits.0.free.available_permits(), 5);
}

#[tokio::test]
async fn a_total_that_is_lowered_and_raised_again_while_all_are_in_use_is_whole_in_the_end() {
    let permits = Permits::new(3, PermitMetrics::default());
    let held = [permits.reserve().await.take(), permits.reserve().await.take(), permits.reserve().await.take()];
    permits.set_total(1);
    permits.set_total(2);
    drop(held);
    assert_eq!(permits.0.free.available_permits(), 2);
}

#[test]
fn lower_handshake_limits_displace_the_oldest_and_hold_from_then_on() {
    let slots = HandshakeSlots::new(HandshakeLimits { total: 3, per_source: 3 }, SlotMetrics::default());
    let held = [slots.enter(None), slots.enter(None), slots.enter(None)];
    slots.set_limits(HandshakeLimits { total: 1, per_source: 1 });
    assert_eq!(held.each_ref().map(HandshakeSlot::is_displaced), [true, true, false]);
    let newcomer = slots.enter(None);
    assert!(held[2].is_displaced() && !newcomer.is_displaced());
    assert_eq!((slots.in_flight(), slots.displaced()), (1, 3));
}
