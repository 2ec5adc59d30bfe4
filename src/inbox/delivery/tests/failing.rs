//! Attempts that fail, in every way.

use super::*;
use crate::inbox::delivery::{BreakerState, OnDeadLetter};
use crate::inbox::store::Decision;

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test(start_paused = true)]
async fn pauses_between_attempts_are_random_and_bounded_by_powers_of_two() {
    let inbox = Inbox::new(|delivery| if delivery.attempt < 4 { Reply::Fail } else { Reply::Take });
    for lane in 0..4 {
        inbox.receive(&lane.to_string(), 0).await;
        let deliveries = inbox.deliver(DeliveryOptions::default());
        inbox.settled().await;
        drop(deliveries);
    }
    let mut all = Vec::new();
    for lane in 0..4 {
        let seen: Vec<_> = inbox.destination.seen().into_iter().filter(|seen| seen.lane == lane.to_string()).collect();
        assert_eq!(seen.iter().map(|seen| seen.attempt).collect::<Vec<_>>(), [1, 2, 3, 4]);
        for (longest, pair) in [1000, 2000, 4000].into_iter().zip(seen.windows(2)) {
            let pause = (pair[1].at - pair[0].at).as_millis();
            assert!(pause <= longest + 2, "{pause}");
            all.push(pause);
        }
    }
    all.dedup();
    assert!(all.len() > 1, "they are all alike: {all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_destination_is_not_asked_before_it_wants_to_be() {
    let inbox = Inbox::new(|delivery| match delivery.attempt {
        1 => Reply::FailUntil(Duration::from_secs(120)),
        2 => Reply::FailUntil(24 * HOUR),
        _ => Reply::Take,
    });
    inbox.receive("a", 0).await;
    let _deliveries = inbox.deliver(DeliveryOptions::default());
    inbox.settled().await;
    let begun = inbox.destination.begun_at(inbox.begin);
    assert!((120_000..120_010).contains(&begun[1]), "{begun:?}");
    assert!((3_720_000..3_720_010).contains(&begun[2]), "a day is cut to an hour: {begun:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_destination_asks_for_holds_for_every_lane_and_for_probes() {
    for (asked, granted) in [(Duration::from_secs(90), 90_u128), (24 * HOUR, 300)] {
        let inbox = Inbox::new(move |_| Reply::FailUntil(asked));
        let deliveries = inbox.deliver(DeliveryOptions::default());
        inbox.receive("first", 0).await;
        deliveries.wake(&of());
        inbox.until(|| inbox.destination.seen().len() == 1).await;
        for lane in 0..100 {
            inbox.receive(&lane.to_string(), 0).await;
            deliveries.wake(&of());
        }
        inbox.until(|| inbox.destination.seen().len() == 8).await;
        assert_ne!(deliveries.snapshot()[0].breaker, BreakerState::Closed, "the last ones were probes");
        let begun = inbox.destination.begun_at(inbox.begin);
        for pair in begun.windows(2) {
            let pause = pair[1] - pair[0];
            assert!((granted * 1000..granted * 1000 + 100).contains(&pause), "{begun:?}");
        }
        inbox.destination.follow(|_| Reply::Take);
        inbox.settled().await;
        assert_eq!(inbox.destination.faults(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_down_costs_a_probe_now_and_then_with_a_thousand_lanes_waiting() {
    let inbox = Inbox::new(|_| Reply::Fail);
    for lane in 0..1000 {
        inbox.receive(&lane.to_string(), 0).await;
    }
    let deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_millis(100)).await;
    assert_eq!(inbox.destination.seen().len(), 5, "lanes that were leased already are given back untried");
    sleep(Duration::from_secs(5 * 60)).await;
    assert!(inbox.destination.seen().len() <= 64 + 5 + 20, "{}", inbox.destination.seen().len());
    assert_ne!(deliveries.snapshot()[0].breaker, BreakerState::Closed);
    let (before, questions) = (inbox.destination.seen().len(), inbox.store.questions.load(Ordering::Relaxed));
    sleep(HOUR).await;
    let seen = inbox.destination.seen();
    let probes = seen.len() - before;
    assert!((120..=241).contains(&probes), "{probes}");
    assert!(seen[before..].windows(2).all(|pair| pair[1].at - pair[0].at >= Duration::from_secs(15)));
    let questions = inbox.store.questions.load(Ordering::Relaxed) - questions;
    assert!(questions < 8 * probes, "{questions} questions to the store for {probes} probes");
    inbox.destination.follow(|_| Reply::Take);
    let healed = Instant::now();
    inbox.settled().await;
    assert!(healed.elapsed() < 6 * Duration::from_secs(60), "{:?}", healed.elapsed());
    assert_eq!(deliveries.snapshot()[0].breaker, BreakerState::Closed);
    assert_eq!(inbox.destination.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_is_the_only_attempt() {
    let inbox = Inbox::new(|_| Reply::Hang);
    for lane in 0..100 {
        inbox.receive(&lane.to_string(), 0).await;
    }
    let deliveries = inbox.deliver(DeliveryOptions { max_in_flight: 8, ..DeliveryOptions::default() });
    inbox.until(|| deliveries.snapshot()[0].breaker == BreakerState::HalfOpen).await;
    let first = inbox.destination.seen().len();
    assert_eq!(first, 9, "eight at once, then the probe");
    let end = Instant::now() + HOUR;
    while Instant::now() < end {
        sleep(Duration::from_millis(500)).await;
        assert!(inbox.destination.under_way() <= 1);
    }
    assert!(inbox.destination.seen().len() > first);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_came_to_no_attempt_is_followed_by_another() {
    let inbox = Inbox::new(|_| Reply::Fail);
    for lane in 0..10 {
        inbox.receive(&lane.to_string(), 0).await;
    }
    let deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_millis(200)).await;
    inbox.key.is_lost.store(true, Ordering::Relaxed);
    inbox.destination.follow(|_| Reply::Take);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(inbox.destination.seen().len(), 5, "nothing was tried since it is down");
    assert_ne!(deliveries.snapshot()[0].breaker, BreakerState::Closed);
    inbox.key.is_lost.store(false, Ordering::Relaxed);
    inbox.settled().await;
    assert_eq!(deliveries.snapshot()[0].breaker, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_lets_its_lane_go_on_or_blocks_it_until_somebody_decides() {
    for decision in [Decision::Replay, Decision::Discard] {
        for on_dead_letter in [OnDeadLetter::Continue, OnDeadLetter::Block] {
            let inbox = Inbox::new(|delivery| match number(&delivery.contents.body) {
                0 if delivery.replays == 0 => Reply::Refuse,
                _ => Reply::Take,
            });
            let dead = inbox.receive("a", 0).await;
            inbox.receive_all("a", 1..3).await;
            let _deliveries = inbox.deliver(DeliveryOptions { on_dead_letter, ..DeliveryOptions::default() });
            sleep(HOUR).await;
            let rest: &[u32] = if on_dead_letter == OnDeadLetter::Continue { &[1, 2] } else { &[] };
            assert_eq!(inbox.destination.numbers("a"), [&[0], rest].concat());
            let row = inbox.store.rows().remove(0);
            assert_eq!((row.state, row.attempts, row.last_problem.as_deref()), (State::Dead, 1, Some("422")));

            inbox.store.decide(dead, decision).await.unwrap();
            inbox.settled().await;
            let seen = inbox.destination.seen();
            let again = seen.iter().filter(|seen| seen.id == dead && seen.replays == 1).count();
            assert_eq!(again, usize::from(decision == Decision::Replay));
            let mut after = inbox.destination.numbers("a").split_off(1);
            after.sort_unstable();
            assert_eq!(after, if again == 1 { vec![0, 1, 2] } else { vec![1, 2] });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_refuses_entries_is_up() {
    let inbox = Inbox::new(|_| Reply::Refuse);
    inbox.receive_all("a", 0..20).await;
    let deliveries = inbox.deliver(DeliveryOptions::default());
    inbox.settled().await;
    assert_eq!(inbox.store.states(), [State::Dead; 20]);
    assert_eq!(deliveries.snapshot()[0].breaker, BreakerState::Closed);
    assert_eq!(deliveries.snapshot()[0].last_problem.as_deref(), Some("422"));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_does_not_take_single_entries_for_now_is_up() {
    let inbox = Inbox::new(|delivery| match delivery.contents.subject.as_deref() {
        Some("taken") => Reply::Take,
        _ => Reply::DeclineUntil(Duration::ZERO),
    });
    for lane in 0..100 {
        inbox.receive(&lane.to_string(), 0).await;
    }
    let deliveries = inbox.deliver(DeliveryOptions::default());
    inbox.until(|| inbox.destination.seen().len() > 500).await;
    assert_eq!(deliveries.snapshot()[0].breaker, BreakerState::Closed);
    let received = Instant::now();
    inbox.receive("taken", 0).await;
    inbox.until(|| !inbox.destination.numbers("taken").is_empty()).await;
    assert!(received.elapsed() < Duration::from_secs(2), "{:?}", received.elapsed());
    // Control: what says that the destination is unwell opens it.
    inbox.destination.follow(|_| Reply::Fail);
    inbox.until(|| deliveries.snapshot()[0].breaker == BreakerState::Open).await;
    // And whoever answers is there again.
    inbox.destination.follow(|_| Reply::DeclineUntil(Duration::ZERO));
    inbox.until(|| deliveries.snapshot()[0].breaker == BreakerState::Closed).await;
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_fails_for_longer_than_max_age_is_a_dead_letter() {
    let inbox = Inbox::new(|delivery| match number(&delivery.contents.body) {
        0 => Reply::FailUntil(Duration::from_secs(25)),
        _ => Reply::Take,
    });
    inbox.receive_all("a", 0..2).await;
    let options = DeliveryOptions { max_age: Duration::from_secs(60), ..DeliveryOptions::default() };
    let _deliveries = inbox.deliver(options);
    inbox.settled().await;
    assert_eq!(inbox.store.states(), [State::Dead, State::Delivered]);
    assert_eq!(inbox.destination.numbers("a"), [0, 0, 0, 0, 1], "at 0, 25, 50 and 75 seconds");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_opened_waits_for_its_key_however_long_that_takes() {
    let inbox = Inbox::new(|_| Reply::Take);
    inbox.key.is_lost.store(true, Ordering::Relaxed);
    inbox.receive_all("a", 0..2).await;
    let options = DeliveryOptions { max_age: Duration::from_secs(60), ..DeliveryOptions::default() };
    let deliveries = inbox.deliver(options);
    sleep(2 * HOUR).await;
    let row = inbox.store.rows().remove(0);
    assert_eq!((row.state, row.attempts), (State::Pending, 24), "once in five minutes, the first at once");
    assert_eq!(row.last_problem.as_deref(), Some("it cannot be opened: there is no key \"2025\""));
    assert_eq!(inbox.destination.seen().len(), 0);
    let status = deliveries.snapshot().remove(0);
    assert_eq!((status.breaker, status.last_problem), (BreakerState::Closed, row.last_problem));
    inbox.key.is_lost.store(false, Ordering::Relaxed);
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("a"), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_never_answers_fails_after_the_time_an_attempt_may_take() {
    let inbox = Inbox::new(|delivery| if delivery.attempt == 1 { Reply::Hang } else { Reply::Take });
    inbox.receive("a", 0).await;
    let deliveries = inbox.deliver(DeliveryOptions::default());
    inbox.settled().await;
    let begun = inbox.destination.begun_at(inbox.begin);
    assert!((30_000..31_010).contains(&begun[1]), "{begun:?}");
    let problem = deliveries.snapshot().remove(0).last_problem;
    assert_eq!(problem.as_deref(), Some("there was no answer within 30s"));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_panics_has_failed() {
    let inbox = Inbox::new(|delivery| if delivery.attempt < 3 { Reply::Panic } else { Reply::Take });
    inbox.receive_all("a", 0..2).await;
    let deliveries = inbox.deliver(DeliveryOptions::default());
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("a"), [0, 0, 0, 1, 1, 1]);
    assert_eq!(deliveries.snapshot()[0].last_problem.as_deref(), Some("the delivery panicked"));
}

#[tokio::test(start_paused = true)]
async fn a_lane_whose_task_panics_goes_on_when_its_lease_has_run_out() {
    let inbox = Inbox::new(|_| Reply::Take);
    inbox.key.panics.store(true, Ordering::Relaxed);
    inbox.receive_all("a", 0..2).await;
    let _deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_secs(10)).await;
    inbox.key.panics.store(false, Ordering::Relaxed);
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("a"), [0, 1]);
    let begun = inbox.destination.begun_at(inbox.begin);
    assert!((30_000..31_010).contains(&begun[0]), "{begun:?}");
}

#[tokio::test(start_paused = true)]
async fn work_that_panics_is_begun_anew() {
    let inbox = Inbox::new(|_| Reply::Take);
    let deliveries = inbox.deliver(DeliveryOptions::default());
    inbox.store.panics.store(true, Ordering::Relaxed);
    inbox.until(|| !inbox.store.panics.load(Ordering::Relaxed)).await;
    inbox.receive_all("a", 0..3).await;
    let panicked = Instant::now();
    inbox.settled().await;
    assert!(panicked.elapsed() < Duration::from_secs(3));
    assert_eq!(inbox.destination.numbers("a"), [0, 1, 2]);
    deliveries.stop(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_was_not_begun_for_a_panic_is_made_afterwards() {
    let inbox = Inbox::new(|_| Reply::Fail);
    inbox.receive_all("a", 0..1).await;
    let deliveries = inbox.deliver(DeliveryOptions::default());
    inbox.until(|| deliveries.snapshot()[0].breaker == BreakerState::Open).await;
    inbox.store.panics.store(true, Ordering::Relaxed);
    inbox.destination.follow(|_| Reply::Take);
    inbox.until(|| !inbox.store.panics.load(Ordering::Relaxed)).await;
    inbox.settled().await;
    assert_eq!(deliveries.snapshot()[0].breaker, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_a_destination_says_is_stored_as_text_of_one_line() {
    for refused in [false, true] {
        let inbox = Inbox::new(move |_| Reply::Say { refused, problem: format!("a\0b\n{}", "c".repeat(1000)) });
        inbox.receive("a", 0).await;
        let deliveries = inbox.deliver(DeliveryOptions::default());
        inbox.until(|| inbox.store.rows()[0].last_problem.is_some()).await;
        let stored = inbox.store.rows()[0].last_problem.clone().unwrap();
        assert!(stored.starts_with("a�b�ccc") && stored.chars().count() == 500, "{stored}");
        assert_eq!(deliveries.snapshot()[0].last_problem, Some(stored));
    }
}
