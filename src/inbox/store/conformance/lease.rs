//! Leases: who has a lane, and for how long.

use super::super::Renewal;
use super::*;

pub(in crate::inbox) async fn a_lane_is_leased_to_one(subject: &Subject) {
    subject.receive(&[entry(1), entry(1)]).await;
    let mut under_way = Vec::new();
    for number in 0..8 {
        let store = Arc::clone(if number % 2 == 0 { &subject.store } else { &subject.other });
        under_way.push(tokio::spawn(async move { claim(store.as_ref(), LONG, 10).await }));
    }
    let mut leases = Vec::new();
    for claimed in under_way {
        leases.extend(claimed.await.unwrap());
    }
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].lane, [1; 32]);
}

pub(in crate::inbox) async fn a_lease_that_ends_without_a_word_is_due_again(subject: &Subject) {
    let row = entry(1);
    subject.receive([&row]).await;
    let lost = subject.claim_one(SHORT).await;
    subject.pass(SHORT).await;
    let lease = subject.claim_one(LONG).await;
    assert!(lease.fence > lost.fence);
    assert!(!subject.settle(lost, vec![(row.facts.id, failed())], at_once()).await, "it is somebody else's");
    assert_eq!(subject.claim(LONG).await, [], "and stays his");
    assert!(subject.settle(lease, Vec::new(), Then::Keep).await);
}

pub(in crate::inbox) async fn a_renewed_lease_goes_on_and_a_lost_one_is_named(subject: &Subject) {
    subject.receive(&[entry(1), entry(2)]).await;
    let leases = subject.claim(SHORT).await;
    assert_eq!(leases.len(), 2);
    assert_eq!(renew(subject, vec![leases[0]]).await, []);
    subject.pass(SHORT).await;
    let taken = subject.claim_one(LONG).await;
    assert_eq!(taken.lane, leases[1].lane, "the other was renewed");
    assert_eq!(renew(subject, leases.clone()).await, [leases[1]]);
    subject.settle(taken, Vec::new(), at_once()).await;
    assert_eq!(renew(subject, vec![taken]).await, [taken], "released");
}

async fn renew(subject: &Subject, leases: Vec<Lease>) -> Vec<Lease> {
    let renew = vec![Renewal { leases, lease: LONG }];
    subject.store.write(Batch { renew, ..Batch::default() }).await.unwrap().lost.remove(0)
}

pub(in crate::inbox) async fn a_lane_that_comes_back_does_not_honour_old_leases(subject: &Subject) {
    let (first, second) = (entry(1), entry(1));
    subject.receive([&first]).await;
    let old = subject.claim_one(SHORT).await;
    subject.pass(SHORT).await;
    let lease = subject.claim_one(LONG).await;
    assert!(subject.settle(lease, vec![(first.facts.id, Ending::Delivered)], at_once()).await);
    assert_eq!(subject.next_due().await, None, "the lane is gone");
    subject.receive([&second]).await;
    let lease = subject.claim_one(LONG).await;
    for stale in [old, Lease { fence: 0, ..lease }] {
        assert!(!subject.settle(stale, vec![(second.facts.id, dead())], Then::Block).await);
    }
    assert_eq!(subject.find(&second).await.state, State::Pending);
    assert!(subject.settle(lease, Vec::new(), at_once()).await);
}

pub(in crate::inbox) async fn a_claim_takes_no_more_than_it_asks_for_and_only_its_own(subject: &Subject) {
    let (mut elsewhere, mut abroad) = (entry(4), entry(5));
    elsewhere.facts.destination = String::new();
    abroad.facts.environment = "production".into();
    subject.receive(&[entry(1), entry(2), entry(3), elsewhere, abroad]).await;
    assert_eq!(claim(subject.store.as_ref(), LONG, 2).await.len(), 2);
    assert_eq!(claim(subject.store.as_ref(), LONG, 2).await.len(), 1);
    let own = DestinationKey { destination: String::new(), ..destination() };
    let batch = Batch { claim: vec![Claim { destination: own, lease: LONG, most: 9 }], ..Batch::default() };
    assert_eq!(subject.store.write(batch).await.unwrap().claimed[0][0].lane, [4; 32]);
}

pub(in crate::inbox) async fn lanes_due_for_longest_are_leased_first(subject: &Subject) {
    for lane in [3, 1, 2] {
        subject.receive([&entry(lane)]).await;
        subject.pass(Duration::from_millis(10)).await;
    }
    for lane in [3, 1, 2] {
        assert_eq!(claim(subject.store.as_ref(), LONG, 1).await[0].lane, [lane; 32]);
    }
}

pub(in crate::inbox) async fn next_due_says_when_a_lane_is_due(subject: &Subject) {
    assert_eq!(subject.next_due().await, None);
    subject.receive(&[entry(1), entry(2)]).await;
    assert_eq!(subject.next_due().await, Some(Duration::ZERO));
    let leases = subject.claim(LONG).await;
    let until = subject.next_due().await.unwrap();
    assert!(until > LONG / 2 && until <= LONG, "{until:?}: the end of the leases");
    subject.settle(leases[0], Vec::new(), Then::Release { after: LONG / 10 }).await;
    assert!(subject.next_due().await.unwrap() <= LONG / 10);
}
