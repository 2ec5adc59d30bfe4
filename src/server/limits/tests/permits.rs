//! Permits beside a plain model of them: waited for, given up at any point of the wait, taken, given back, while their number changes.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::task::noop_waker_ref;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// Somebody begins to wait, and is not looked at yet.
    Wait,
    /// One that waits is polled.
    Poll(Index),
    /// One that waits is dropped, be it that a permit is its own already and nobody has told it.
    GiveUp(Index),
    /// The connection is there.
    Take(Index),
    /// There is none after all.
    LetGo(Index),
    /// A connection ends.
    End(Index),
    Total(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        4 => Just(Step::Wait),
        8 => index().prop_map(Step::Poll),
        2 => index().prop_map(Step::GiveUp),
        4 => index().prop_map(Step::Take),
        1 => index().prop_map(Step::LetGo),
        3 => index().prop_map(Step::End),
        2 => (0..6_usize).prop_map(Step::Total),
    ]
}

type Waiting = Pin<Box<dyn Future<Output = Reserved>>>;

struct Model {
    permits: Permits,
    gauge: Gauge,
    total: usize,
    waiting: Vec<Waiting>,
    reserved: Vec<Reserved>,
    taken: Vec<Permit>,
}

/// Takes out one of `from`, if there is any.
fn one<T>(from: &mut Vec<T>, at: Index) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(at.index(from.len())))
}

impl Model {
    fn new(total: usize) -> Self {
        let gauge = Gauge::default();
        let permits = Permits::new(total, PermitMetrics { in_use: gauge.clone(), ..PermitMetrics::default() });
        Self { permits, gauge, total, waiting: Vec::new(), reserved: Vec::new(), taken: Vec::new() }
    }

    fn poll(&mut self, at: usize) -> bool {
        match self.waiting[at].as_mut().poll(&mut Context::from_waker(noop_waker_ref())) {
            Poll::Ready(reserved) => {
                drop(self.waiting.swap_remove(at));
                self.reserved.push(reserved);
                true
            }
            Poll::Pending => false,
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Wait => {
                let permits = self.permits.clone();
                self.waiting.push(Box::pin(async move { permits.reserve().await }));
            }
            Step::Poll(at) if !self.waiting.is_empty() => drop(self.poll(at.index(self.waiting.len()))),
            Step::Poll(_) => {}
            Step::GiveUp(at) => drop(one(&mut self.waiting, at)),
            Step::Take(at) => self.taken.extend(one(&mut self.reserved, at).map(Reserved::take)),
            Step::LetGo(at) => drop(one(&mut self.reserved, at)),
            Step::End(at) => drop(one(&mut self.taken, at)),
            Step::Total(total) => {
                self.permits.set_total(total);
                self.total = total.max(1);
            }
        }
    }

    /// What is free, out, and owed makes up the whole. Who waits may have a permit that nobody has told it of yet.
    fn adds_up(&self) {
        let (free, out) = (self.permits.0.free.available_permits(), self.reserved.len() + self.taken.len());
        let Size { total, surplus } = *self.permits.0.size();
        assert_eq!((total, self.permits.total()), (self.total, self.total));
        assert!(free + out <= total + surplus, "{free} free, {out} out, {surplus} too many of {total}: some were made");
        assert!(
            total + surplus <= free + out + self.waiting.len(),
            "{free} free, {out} out, of {total}: one has leaked"
        );
        assert_eq!(
            (self.permits.in_use(), self.gauge.get()),
            (self.taken.len(), i64::try_from(self.taken.len()).unwrap())
        );
    }

    /// Each that waits is looked at, as its waker asks for, until none gets on.
    fn all_are_looked_at(&mut self) {
        while (0..self.waiting.len()).any(|at| self.poll(at)) {}
    }
}

proptest! {
    #[test]
    fn no_permit_leaks_and_none_is_made_wherever_a_wait_is_given_up(
        steps in prop::collection::vec(step(), 0..120),
        total in 1..5_usize,
    ) {
        let mut model = Model::new(total);
        for step in &steps {
            model.take(step);
            model.adds_up();
        }
        // Whoever waits while there is one to have, has it.
        model.all_are_looked_at();
        model.adds_up();
        let out = model.reserved.len() + model.taken.len();
        prop_assert!(model.waiting.is_empty() || out >= model.total, "{} wait, {out} of {}", model.waiting.len(), model.total);
        let (limit, permits) = (model.total, model.permits.clone());
        drop(model);
        prop_assert_eq!(permits.0.free.available_permits(), limit, "all have come back");
        prop_assert_eq!((permits.0.size().surplus, permits.in_use()), (0, 0));
    }
}
