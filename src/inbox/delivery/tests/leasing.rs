//! Leases: kept while a lane is worked on, and gone with the process that had them.

use super::*;

fn short_leases() -> DeliveryOptions {
    DeliveryOptions { lease: Duration::from_secs(3), ..DeliveryOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_kept_for_as_long_as_an_attempt_takes() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(20)));
    inbox.receive_all("a", 0..2).await;
    let _one = inbox.deliver(short_leases());
    let _other = inbox.deliver(short_leases());
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("a"), [0, 1]);
    assert_eq!(inbox.destination.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn lanes_of_a_process_that_died_move_on_when_their_lease_has_run_out() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(20)));
    inbox.receive("a", 0).await;
    let dies = inbox.deliver(short_leases());
    sleep(Duration::from_millis(500)).await;
    let _goes_on = inbox.deliver(short_leases());
    sleep(Duration::from_secs(5)).await;
    drop(dies);
    inbox.settled().await;
    let begun = inbox.destination.begun_at(inbox.begin);
    assert_eq!(begun.len(), 2);
    // It was renewed last at five seconds, and the other looks once a second.
    assert!((7_900..9_100).contains(&begun[1]), "{begun:?}");
    assert_eq!(inbox.destination.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_was_lost_ends_before_its_next_attempt() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_millis(500)));
    inbox.receive_all("a", 0..3).await;
    let _deliveries = inbox.deliver(short_leases());
    sleep(Duration::from_millis(100)).await;
    inbox.store.steal(Duration::from_secs(60));
    sleep(Duration::from_secs(50)).await;
    assert_eq!(inbox.destination.numbers("a"), [0]);
    assert_eq!(inbox.store.states(), [State::Delivered, State::Pending, State::Pending], "what is delivered is a fact");
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("a"), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn what_failed_under_a_lease_that_was_lost_is_for_the_next_to_decide() {
    let inbox = Inbox::new(|_| Reply::Hang);
    inbox.receive("a", 0).await;
    let options = DeliveryOptions { attempt_timeout: Duration::from_millis(500), ..short_leases() };
    let _deliveries = inbox.deliver(options);
    sleep(Duration::from_millis(100)).await;
    inbox.store.steal(Duration::from_secs(60));
    sleep(Duration::from_secs(30)).await;
    let row = inbox.store.rows().remove(0);
    assert_eq!((row.state, row.attempts, row.last_problem), (State::Pending, 0, None));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_cut_when_its_lease_is_lost() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(20)));
    inbox.receive_all("a", 0..2).await;
    let _deliveries = inbox.deliver(short_leases());
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(inbox.destination.under_way(), 1);
    inbox.store.steal(Duration::from_secs(60));
    inbox.until(|| inbox.destination.under_way() == 0).await;
    let noticed = inbox.begin.elapsed();
    assert!(noticed < Duration::from_millis(2100), "at the next renewal: {noticed:?}");
    sleep(Duration::from_secs(50)).await;
    assert_eq!(inbox.destination.numbers("a"), [0]);
    assert_eq!(inbox.store.states(), [State::Pending; 2], "nothing is known of what was cut");
    assert_eq!(inbox.store.rows()[0].attempts, 0);
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("a"), [0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_cut_when_its_lease_runs_out_and_the_store_is_away() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(20)));
    inbox.receive_all("a", 0..2).await;
    let deliveries = inbox.deliver(short_leases());
    sleep(Duration::from_millis(500)).await;
    let claimed_until = Duration::from_secs(3);
    inbox.is_down(true);
    while inbox.begin.elapsed() < claimed_until - Duration::from_millis(50) {
        assert_eq!(inbox.destination.under_way(), 1, "there is time left");
        sleep(Duration::from_millis(10)).await;
    }
    inbox.until(|| inbox.destination.under_way() == 0).await;
    assert!(inbox.begin.elapsed() <= claimed_until + Duration::from_millis(60), "{:?}", inbox.begin.elapsed());
    assert_eq!(deliveries.snapshot()[0].in_flight, 0);
    inbox.is_down(false);
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("a"), [0, 0, 1]);
    assert_eq!(inbox.destination.faults(), [""; 0]);
}
