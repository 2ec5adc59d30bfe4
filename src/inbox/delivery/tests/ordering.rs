//! Order within a lane, and lanes side by side.

use super::*;

#[tokio::test(start_paused = true)]
async fn entries_of_a_lane_arrive_in_order_and_one_at_a_time() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_millis(10)));
    for number in 0..40 {
        inbox.receive("a", number).await;
        inbox.receive("b", number).await;
    }
    let _deliveries = inbox.deliver(DeliveryOptions::default());
    inbox.settled().await;
    let in_order: Vec<_> = (0..40).collect();
    assert_eq!(inbox.destination.numbers("a"), in_order);
    assert_eq!(inbox.destination.numbers("b"), in_order);
    assert_eq!(inbox.destination.most(), 2);
    assert_eq!(inbox.destination.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn lanes_run_side_by_side_up_to_the_limit() {
    for (max_in_flight, most, seconds) in [(4, 4, 3), (64, 10, 1)] {
        let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(1)));
        for lane in 0..10 {
            inbox.receive(&format!("lane {lane}"), 0).await;
        }
        let _deliveries = inbox.deliver(DeliveryOptions { max_in_flight, ..DeliveryOptions::default() });
        inbox.settled().await;
        assert_eq!(inbox.destination.most(), most);
        assert_eq!(inbox.begin.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_whose_head_fails_waits_behind_it_and_holds_up_no_other() {
    let inbox = Inbox::new(|delivery| match delivery.contents.subject.as_deref() {
        Some("bad") if number(&delivery.contents.body) == 0 && delivery.attempt < 4 => {
            Reply::DeclineUntil(Duration::from_secs(60))
        }
        _ => Reply::Take,
    });
    inbox.receive_all("bad", 0..2).await;
    inbox.receive_all("good", 0..2).await;
    let _deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_secs(30)).await;
    assert_eq!(inbox.destination.numbers("good"), [0, 1]);
    assert_eq!(inbox.destination.numbers("bad"), [0]);
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("bad"), [0, 0, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_long_lane_gives_way_to_others() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_millis(1)));
    inbox.receive_all("long", 0..100).await;
    inbox.receive("short", 0).await;
    let _deliveries = inbox.deliver(DeliveryOptions { max_in_flight: 1, ..DeliveryOptions::default() });
    inbox.settled().await;
    let place = inbox.destination.seen().iter().position(|seen| seen.lane == "short").unwrap();
    assert!(place <= 16, "{place}");
    assert_eq!(inbox.destination.numbers("long"), (0..100).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn who_is_woken_delivers_at_once_and_who_is_not_at_the_next_poll() {
    let inbox = Inbox::new(|_| Reply::Take);
    let deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_millis(3100)).await;
    inbox.receive("a", 0).await;
    deliveries.wake(&of());
    sleep(Duration::from_millis(300)).await;
    inbox.receive("b", 0).await;
    inbox.settled().await;
    let begun = inbox.destination.begun_at(inbox.begin);
    assert!(begun[0] <= 3101, "{begun:?}");
    assert!((3402..4200).contains(&begun[1]), "{begun:?}");
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_comes_while_its_lane_is_worked_on_is_delivered_next() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(5)));
    inbox.receive("a", 0).await;
    let deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_secs(2)).await;
    inbox.receive("a", 1).await;
    deliveries.wake(&of());
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("a"), [0, 1]);
    assert!(inbox.begin.elapsed() < Duration::from_millis(10_200));
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_discarded_while_its_lane_is_slow_is_not_delivered() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(5)));
    inbox.receive("a", 0).await;
    let discarded = inbox.receive("a", 1).await;
    inbox.receive("a", 2).await;
    let _deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_secs(2)).await;
    inbox.store.decide(discarded, crate::inbox::store::Decision::Discard).await.unwrap();
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("a"), [0, 2]);
}
