//! What holds for a while, so that it can be said whether it held from the beginning of a call to its end.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value that changes now and then.
#[derive(Debug)]
pub(crate) struct Era<T>(Mutex<(u64, T)>);

/// What held at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Moment<T> {
    number: u64,
    pub(crate) value: T,
}

impl<T: Clone> Era<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new((0, value)))
    }

    pub(crate) fn set(&self, value: T) {
        let mut current = self.lock();
        *current = (current.0 + 1, value);
    }

    pub(crate) fn now(&self) -> Moment<T> {
        let current = self.lock();
        Moment { number: current.0, value: current.1.clone() }
    }

    /// The value that has held ever since `moment`; `None` where it changed.
    pub(crate) fn since(&self, moment: &Moment<T>) -> Option<T> {
        let current = self.lock();
        (current.0 == moment.number).then(|| current.1.clone())
    }

    fn lock(&self) -> MutexGuard<'_, (u64, T)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
