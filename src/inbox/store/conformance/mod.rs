//! What every engine has to do, as tests: one function per behaviour, for [`conformance_suite`] to run against an engine.

mod decide;
mod keep;
mod lease;
mod model;
mod read;
mod receive;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{
    Batch, Claim, Clock, DestinationKey, Digest, Ending, Filter, Lease, NewRow, Payload, Received, Row, Settlement,
    Store, Then, millis,
};
use crate::inbox::entry::{EntryId, Facts, Millis, State};

pub(in crate::inbox) use {decide::*, keep::*, lease::*, model::*, read::*, receive::*, settle::*};

/// How long a repeat is known as one, in every store that is tested.
pub(in crate::inbox) const WINDOW: Duration = Duration::from_secs(3600);
/// When entries of tests are received.
pub(in crate::inbox) const RECEIVED_AT: Millis = 1_800_000_000_000;
/// A lease that does not end during a test.
const LONG: Duration = Duration::from_secs(600);
/// A lease that does, when it is waited for.
const SHORT: Duration = Duration::from_millis(100);

/// Makes a test of every behaviour. `$open` makes a [`Subject`]; attributes are those of each test.
macro_rules! conformance_suite {
    ($open:path $(, #[$attribute:meta])*) => {
        $crate::inbox::store::conformance::conformance_suite!(@each $open, [$(#[$attribute])*]
            what_is_stored_is_found_as_it_was
            a_repeat_within_the_window_is_known
            a_repeat_within_one_batch_is_known
            a_repeat_at_another_store_is_known
            a_repeat_after_the_window_is_stored
            a_repeat_of_a_dead_letter_is_stored
            a_repeat_of_a_discarded_entry_is_stored
            without_a_key_everything_is_stored
            order_in_a_lane_is_the_order_of_commits
            order_in_a_lane_holds_between_two_stores
            a_batch_that_fails_leaves_nothing
            a_large_batch_is_stored_whole
            a_lane_is_leased_to_one
            a_lease_that_ends_without_a_word_is_due_again
            a_renewed_lease_goes_on_and_a_lost_one_is_named
            a_lane_that_comes_back_does_not_honour_old_leases
            a_claim_takes_no_more_than_it_asks_for_and_only_its_own
            lanes_due_for_longest_are_leased_first
            next_due_says_when_a_lane_is_due
            the_last_delivery_ends_the_lane
            a_failure_is_tried_again_after_its_time
            only_deliveries_and_attempts_count_without_a_lease
            what_was_delivered_after_all_is_known_although_another_gave_it_up
            a_lease_that_was_released_no_longer_holds
            what_was_discarded_meanwhile_stays_discarded
            a_dead_letter_does_not_stop_the_lane
            a_dead_letter_blocks_the_lane_where_it_shall
            a_replay_goes_back_to_its_place_and_unblocks
            discarding_a_dead_letter_unblocks
            a_replay_of_what_was_delivered_is_delivered_again
            a_replay_takes_its_key_back_unless_somebody_has_it
            a_replay_of_what_is_pending_makes_it_due_but_takes_no_lease_away
            what_cannot_be_decided_is_refused
            discarding_what_is_pending_leaves_no_lane
            purging_takes_what_is_settled_and_nothing_pending
            purging_leaves_what_blocks_a_lane
            keys_outlive_their_entries_until_they_are_forgotten
            payloads_are_resealed_only_from_the_key_that_was_read
            a_note_is_kept_once_or_replaced
            a_list_has_pages_and_filters
            a_page_ends_where_its_payloads_are_large
            heads_are_as_many_as_asked_for_but_large_ones_come_alone
            the_first_of_many_lanes_are_read_at_once
            who_is_waited_for_is_known
            entries_are_counted_by_kind
            a_store_grows_and_knows_its_size
            what_does_not_fit_together_is_found
            whatever_is_done_a_store_does_what_a_plain_model_of_it_does
        );
    };
    (@each $open:path, $attributes:tt $($behaviour:ident)*) => {
        $($crate::inbox::store::conformance::conformance_suite!(@one $open, $attributes $behaviour);)*
    };
    (@one $open:path, [$(#[$attribute:meta])*] $behaviour:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $(#[$attribute])*
        async fn $behaviour() {
            let subject = $open().await;
            $crate::inbox::store::conformance::$behaviour(&subject).await;
            subject.end().await;
        }
    };
}
pub(in crate::inbox) use conformance_suite;

/// A store under test, and a second one on the same tables.
pub(in crate::inbox) struct Subject {
    pub(in crate::inbox) store: Arc<dyn Store>,
    pub(in crate::inbox) other: Arc<dyn Store>,
    /// The clock of both, where it can be driven.
    pub(in crate::inbox) clock: Option<Clock>,
    /// Runs a statement, past the stores.
    pub(in crate::inbox) tamper: Box<dyn Fn(&'static str) -> BoxFuture<'static, ()> + Send + Sync>,
    /// Puts away what the stores stood on.
    pub(in crate::inbox) finish: BoxFuture<'static, ()>,
}

impl Subject {
    /// Whatever a test did, the tables fit together afterwards.
    pub(in crate::inbox) async fn end(self) {
        assert_eq!(self.store.verify().await.unwrap(), Vec::<String>::new());
        self.store.close().await;
        self.other.close().await;
        self.finish.await;
    }

    /// Lets the stores' clock go on: puts it forward, or waits until it has gone on by itself.
    async fn pass(&self, by: Duration) {
        if let Some(clock) = &self.clock {
            clock.advance(by);
            return;
        }
        let until = self.store.now().await.unwrap() + millis(by);
        while self.store.now().await.unwrap() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn receive(&self, rows: impl IntoIterator<Item = &NewRow>) -> Vec<Received> {
        receive(self.store.as_ref(), rows).await
    }

    async fn claim(&self, lease: Duration) -> Vec<Lease> {
        claim(self.store.as_ref(), lease, 100).await
    }

    /// Leases the only lane that is due.
    async fn claim_one(&self, lease: Duration) -> Lease {
        let leases = self.claim(lease).await;
        assert_eq!(leases.len(), 1);
        leases[0]
    }

    async fn settle(&self, lease: Lease, endings: Vec<(EntryId, Ending)>, then: Then) -> bool {
        let settle = vec![Settlement { lease, endings, then }];
        self.store.write(Batch { settle, ..Batch::default() }).await.unwrap().settled[0]
    }

    async fn find(&self, row: &NewRow) -> Row {
        self.store.find(row.facts.id).await.unwrap().unwrap()
    }

    async fn heads(&self, lane: u8) -> Vec<EntryId> {
        ids(&self.store.heads([lane; 32], 100).await.unwrap())
    }

    async fn next_due(&self) -> Option<Duration> {
        self.store.next_due(destination()).await.unwrap()
    }

    async fn everything(&self) -> Vec<Row> {
        self.store.list(Filter::default(), 0, 1_000).await.unwrap()
    }

    /// Receives `row`, and makes it a dead letter.
    async fn bury(&self, row: &NewRow, then: Then) {
        self.receive([row]).await;
        let lease = self.claim_one(LONG).await;
        assert!(self.settle(lease, vec![(row.facts.id, dead())], then).await);
    }
}

async fn receive(store: &dyn Store, rows: impl IntoIterator<Item = &NewRow>) -> Vec<Received> {
    let receive = rows.into_iter().cloned().collect();
    store.write(Batch { receive, ..Batch::default() }).await.unwrap().received
}

async fn claim(store: &dyn Store, lease: Duration, most: usize) -> Vec<Lease> {
    let claim = vec![Claim { destination: destination(), lease, most }];
    store.write(Batch { claim, ..Batch::default() }).await.unwrap().claimed.remove(0)
}

fn ids(rows: &[Row]) -> Vec<EntryId> {
    rows.iter().map(|row| row.facts.id).collect()
}

fn destination() -> DestinationKey {
    DestinationKey { environment: "preprod".into(), destination: "events".into() }
}

/// An entry of a lane, without a deduplication key.
pub(in crate::inbox) fn entry(lane: u8) -> NewRow {
    NewRow {
        facts: Facts {
            id: EntryId::new(),
            environment: "preprod".into(),
            product: "tsh".into(),
            operation: "notifyCardStateChange".into(),
            destination: "events".into(),
            received_at: RECEIVED_AT,
            client_subject: "CN=client".into(),
            client_sha256: "ab".repeat(32),
            correlation_id: None,
            traceparent: None,
            method: "POST".into(),
        },
        lane: [lane; 32],
        deduplication: None,
        payload: Payload { key_id: None, bytes: b"contents".to_vec() },
    }
}

/// An entry of a lane, known by a key.
fn keyed(lane: u8, key: u8) -> NewRow {
    NewRow { deduplication: Some(digest(key)), ..entry(lane) }
}

fn digest(of: u8) -> Digest {
    [of; 32]
}

fn failed() -> Ending {
    Ending::Failed { problem: "no answer".into() }
}

fn dead() -> Ending {
    Ending::Dead { problem: "422".into() }
}

fn at_once() -> Then {
    Then::Release { after: Duration::ZERO }
}

fn state_of(row: &Row) -> (State, u32) {
    (row.state, row.attempts)
}
