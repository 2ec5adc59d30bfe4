//! Stopping, and other destinations at run time.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_stop_lets_attempts_end_and_gives_lanes_back_at_once() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_millis(500)));
    inbox.receive_all("a", 0..3).await;
    let stops = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_millis(250)).await;
    assert_eq!((inbox.destination.under_way(), inbox.store.leased()), (1, 1));
    stops.stop(Duration::from_secs(10)).await;
    assert!((500..510).contains(&inbox.begin.elapsed().as_millis()));
    assert_eq!(inbox.store.states(), [State::Delivered, State::Pending, State::Pending]);
    assert_eq!(inbox.store.leased(), 0);
    stops.wake(&of());
    stops.reconfigure(inbox.destinations(), DeliveryOptions::default());
    sleep(Duration::from_secs(100)).await;
    assert_eq!(inbox.destination.numbers("a"), [0], "nothing is begun after a stop");

    let begin = Instant::now();
    let _goes_on = inbox.deliver(DeliveryOptions::default());
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("a"), [0, 1, 2]);
    assert!((1000..1100).contains(&begin.elapsed().as_millis()));
}

#[tokio::test(start_paused = true)]
async fn attempts_that_do_not_end_in_time_are_dropped_and_their_lanes_given_back() {
    let inbox = Inbox::new(|_| Reply::Hang);
    for lane in 0..5 {
        inbox.receive(&lane.to_string(), 0).await;
    }
    let deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_secs(1)).await;
    assert_eq!((inbox.destination.under_way(), inbox.store.leased()), (5, 5));
    deliveries.stop(Duration::from_secs(5)).await;
    assert_eq!(inbox.begin.elapsed().as_secs(), 6);
    assert_eq!((inbox.destination.under_way(), inbox.store.leased()), (0, 0));
    assert!(inbox.store.rows().iter().all(|row| row.attempts == 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_comes_to_an_end_without_the_store() {
    let inbox = Inbox::new(|_| Reply::Take);
    inbox.receive("a", 0).await;
    let deliveries = inbox.deliver(DeliveryOptions::default());
    inbox.destination.follow(|_| Reply::TakeAfter(Duration::from_secs(1)));
    sleep(Duration::from_millis(500)).await;
    inbox.is_down(true);
    deliveries.stop(Duration::from_secs(5)).await;
    assert!(inbox.begin.elapsed() < Duration::from_secs(8));
    let questions = inbox.store.questions.load(Ordering::Relaxed);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(inbox.store.questions.load(Ordering::Relaxed), questions, "nothing is left that asks");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_dropped_ends_at_once_and_leaves_its_leases() {
    let inbox = Inbox::new(|_| Reply::Hang);
    inbox.receive("a", 0).await;
    let deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_secs(1)).await;
    drop(deliveries);
    sleep(Duration::from_millis(1)).await;
    assert_eq!((inbox.destination.under_way(), inbox.store.leased()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_gone_ends_what_is_under_way_and_gets_nothing_more() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(2)));
    inbox.receive_all("a", 0..3).await;
    let deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_secs(1)).await;
    deliveries.reconfigure(BTreeMap::new(), DeliveryOptions::default());
    assert_eq!(deliveries.snapshot(), []);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(inbox.store.states(), [State::Delivered, State::Pending, State::Pending]);
    assert_eq!(inbox.store.leased(), 0);
    deliveries.reconfigure(inbox.destinations(), DeliveryOptions::default());
    inbox.settled().await;
    assert_eq!(inbox.destination.numbers("a"), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_destinations_that_are_gone_too() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(20)));
    inbox.receive("a", 0).await;
    let deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_secs(1)).await;
    deliveries.reconfigure(BTreeMap::new(), DeliveryOptions::default());
    deliveries.stop(Duration::from_secs(60)).await;
    assert_eq!(inbox.begin.elapsed().as_secs(), 20);
    assert_eq!(inbox.store.states(), [State::Delivered]);
}

#[tokio::test(start_paused = true)]
async fn the_next_attempt_goes_to_the_new_destination_by_the_new_options() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(2)));
    inbox.receive_all("a", 0..3).await;
    for lane in 0..9 {
        inbox.receive(&lane.to_string(), 0).await;
    }
    let deliveries = inbox.deliver(DeliveryOptions { max_in_flight: 1, ..DeliveryOptions::default() });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(deliveries.snapshot()[0].in_flight, 1);
    let new = Scripted::new(&inbox.store, |_| Reply::TakeAfter(Duration::from_secs(2)));
    let destinations = BTreeMap::from([(of(), Arc::clone(&new) as Arc<dyn Destination>)]);
    deliveries.reconfigure(destinations, DeliveryOptions { max_in_flight: 4, ..DeliveryOptions::default() });
    inbox.settled().await;
    assert_eq!(inbox.destination.seen().len(), 1);
    assert_eq!((new.seen().len(), new.most()), (11, 4));
    assert_eq!([inbox.destination.faults(), new.faults()].concat(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_new_gets_what_has_been_waiting_for_it() {
    let inbox = Inbox::new(|_| Reply::Take);
    let mut row = new_row("a", 0);
    row.facts.destination = "cards".into();
    inbox.writer.receive(row).await.unwrap();
    let deliveries = inbox.deliver(DeliveryOptions::default());
    sleep(Duration::from_secs(100)).await;
    assert_eq!(inbox.store.states(), [State::Pending], "it is nobody's");
    let mut destinations = inbox.destinations();
    let key = DestinationKey { destination: "cards".into(), ..of() };
    destinations.insert(key.clone(), Arc::clone(&inbox.destination) as Arc<dyn Destination>);
    deliveries.reconfigure(destinations, DeliveryOptions::default());
    inbox.settled().await;
    let shown: Vec<_> = deliveries.snapshot().into_iter().map(|status| (status.key, status.name)).collect();
    assert_eq!(shown, [of(), key].map(|key| (key, "https://backend.example".to_owned())));
}
