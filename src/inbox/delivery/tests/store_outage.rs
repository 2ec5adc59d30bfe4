//! A store that is down for a while.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_asked_now_and_then_and_delivered_from_when_it_is_up() {
    let inbox = Inbox::new(|_| Reply::Take);
    inbox.receive("a", 0).await;
    inbox.is_down(true);
    let deliveries = inbox.deliver(DeliveryOptions::default());
    let end = Instant::now() + Duration::from_secs(600);
    while Instant::now() < end {
        // Whoever wakes it does not make it ask more often.
        deliveries.wake(&of());
        sleep(Duration::from_millis(10)).await;
    }
    let questions = inbox.store.questions.load(Ordering::Relaxed);
    assert!((100..140).contains(&questions), "{questions}");
    inbox.is_down(false);
    let up = Instant::now();
    inbox.settled().await;
    assert!(up.elapsed() < Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_while_the_store_was_down_is_not_delivered_again() {
    for outage in [5, 29, 31, 300, 7200].map(Duration::from_secs) {
        let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(1)));
        for lane in ["a", "b", "c"] {
            inbox.receive_all(lane, 0..2).await;
        }
        let _deliveries = inbox.deliver(DeliveryOptions::default());
        sleep(Duration::from_millis(500)).await;
        inbox.is_down(true);
        sleep(outage).await;
        assert_eq!(inbox.destination.seen().len(), 3, "nothing more is begun");
        inbox.is_down(false);
        inbox.settled().await;
        for lane in ["a", "b", "c"] {
            assert_eq!(inbox.destination.numbers(lane), [0, 1], "{outage:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_could_not_be_written_down_counts_afterwards() {
    let inbox = Inbox::new(|delivery| match delivery.attempt {
        1 => Reply::FailUntil(Duration::from_secs(60)),
        _ => Reply::Take,
    });
    inbox.receive("a", 0).await;
    inbox.destination.follow(|delivery| if delivery.attempt == 1 { Reply::Hang } else { Reply::Take });
    let options = DeliveryOptions { attempt_timeout: Duration::from_secs(2), ..DeliveryOptions::default() };
    let _deliveries = inbox.deliver(options);
    sleep(Duration::from_secs(1)).await;
    inbox.is_down(true);
    sleep(Duration::from_secs(15)).await;
    assert_eq!(inbox.store.rows()[0].attempts, 0);
    inbox.is_down(false);
    inbox.settled().await;
    let attempts: Vec<_> = inbox.destination.seen().into_iter().map(|seen| seen.attempt).collect();
    assert_eq!(attempts, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_commits_and_does_not_say_so_loses_nothing() {
    let inbox = Inbox::new(|_| Reply::TakeAfter(Duration::from_secs(1)));
    for lane in 0..20 {
        inbox.receive_all(&lane.to_string(), 0..3).await;
    }
    let _deliveries = inbox.deliver(DeliveryOptions { max_in_flight: 8, ..DeliveryOptions::default() });
    for _ in 0..5 {
        sleep(Duration::from_millis(1300)).await;
        inbox.store.loses_answers.store(true, Ordering::Relaxed);
        sleep(Duration::from_millis(900)).await;
        inbox.store.loses_answers.store(false, Ordering::Relaxed);
    }
    inbox.settled().await;
    for lane in 0..20 {
        assert_eq!(inbox.destination.numbers(&lane.to_string()), [0, 1, 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn lanes_that_somebody_is_busy_with_are_asked_for_at_a_pace() {
    let inbox = Inbox::new(|_| Reply::Take);
    inbox.store.lanes_are_busy.store(true, Ordering::Relaxed);
    inbox.receive("a", 0).await;
    let _deliveries = inbox.deliver(DeliveryOptions::default());
    // Whoever asks without a pause does so for as long as the clock stands, and somebody else is ready to go on.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    let questions = inbox.store.questions.load(Ordering::Relaxed);
    assert!(questions < 10, "{questions}");
    sleep(Duration::from_secs(10)).await;
    let questions = inbox.store.questions.load(Ordering::Relaxed);
    assert!((200..500).contains(&questions), "two for each time: {questions}");
    inbox.store.lanes_are_busy.store(false, Ordering::Relaxed);
    let free = Instant::now();
    inbox.settled().await;
    assert!(free.elapsed() < Duration::from_secs(1));
}
