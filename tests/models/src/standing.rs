//! Requests beside reloads: [`Marks`] is what the first layer of every request asks.

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::marks::Marks;

/// A connection: its marks, the number of the epoch in force, and the lock under which it is judged again.
struct Connection {
    marks: Marks,
    number: AtomicU64,
    judging: Mutex<()>,
}

/// Until when each epoch lets the client be, from the first; 0 = not at all.
type Deadlines = [u64; 4];

impl Connection {
    fn new(deadlines: Deadlines) -> Arc<Self> {
        let marks = Marks::new(deadlines[1], 1);
        Arc::new(Self { marks, number: AtomicU64::new(1), judging: Mutex::new(()) })
    }

    fn holds(&self, now: u64) -> bool {
        self.marks.hold(now, |epoch| self.number.load(Ordering::Acquire) == epoch)
    }

    fn judge(&self, deadlines: Deadlines) {
        let _one_at_a_time = self.judging.lock().unwrap();
        let epoch = self.number.load(Ordering::Acquire);
        match deadlines[usize::try_from(epoch).unwrap()] {
            0 => self.marks.end(),
            deadline => {
                let _ = self.marks.renew(deadline, epoch);
            }
        }
    }

    fn install(&self, number: u64, deadlines: Deadlines) {
        self.number.store(number, Ordering::Release);
        self.judge(deadlines);
    }

    /// As a request does.
    fn ask(&self, now: u64, deadlines: Deadlines) -> bool {
        self.holds(now) || {
            self.judge(deadlines);
            self.holds(now)
        }
    }
}

#[test]
fn a_request_that_begins_after_a_reload_never_passes_by_the_epoch_before() {
    loom::model(|| {
        let deadlines = [0, 100, 0, 0];
        let connection = Connection::new(deadlines);
        let reload = Arc::clone(&connection);
        let reload = thread::spawn(move || reload.number.store(2, Ordering::Release));
        let other = Arc::clone(&connection);
        // A request of before may still be at it, and judges as well.
        let other = thread::spawn(move || other.ask(50, deadlines));
        reload.join().unwrap();
        assert!(!connection.ask(50, deadlines), "the CA is gone");
        let _ = other.join().unwrap();
        assert!(!connection.ask(50, deadlines), "and stays so");
    });
}

#[test]
fn a_deadline_is_never_that_of_an_older_epoch_than_its_own() {
    loom::model(|| {
        // The second epoch brings a revocation list that is good until 10.
        let deadlines = [0, 100, 10, 0];
        let connection = Connection::new(deadlines);
        let reload = Arc::clone(&connection);
        let reload = thread::spawn(move || reload.install(2, deadlines));
        let in_force = std::cell::Cell::new(0);
        let holds = connection.marks.hold(50, |epoch| {
            in_force.set(connection.number.load(Ordering::Acquire));
            in_force.get() == epoch
        });
        assert!(!holds || in_force.get() == 1, "at 50 only the first epoch lets it pass");
        reload.join().unwrap();
        assert!(!connection.holds(50) && connection.holds(10));
    });
}

#[test]
fn of_two_judgements_the_newer_epoch_s_stays() {
    loom::model(|| {
        let deadlines = [0, 100, 200, 30];
        let connection = Connection::new(deadlines);
        let request = Arc::clone(&connection);
        let request = thread::spawn(move || request.ask(50, deadlines));
        connection.install(2, deadlines);
        connection.install(3, deadlines);
        let _ = request.join().unwrap();
        assert_eq!(connection.marks.good_through(), 30);
        assert!(connection.holds(30) && !connection.holds(31));
    });
}

#[test]
fn what_was_retired_stands_at_no_moment_again_though_it_is_judged_meanwhile() {
    loom::model(|| {
        let deadlines = [0, 100, 100, 0];
        let connection = Connection::new(deadlines);
        let reload = Arc::clone(&connection);
        let reload = thread::spawn(move || reload.install(2, deadlines));
        // By somebody who does not judge.
        connection.marks.end();
        assert!(!connection.holds(50), "as soon as that has returned");
        reload.join().unwrap();
        assert!(!connection.holds(50));
    });
}
