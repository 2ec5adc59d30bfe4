//! Calls by operation, with how long they took.

use std::fmt::Write as _;
use std::time::Duration;

use super::look::Seen;
use super::seen::{CallsSeen, SlotSeen};

/// The drawing's size, in its own units.
const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 24.0;

/// The calls of an operation.
#[derive(Debug)]
pub(super) struct CallsView {
    /// Tells this row from the others.
    pub(super) id: String,
    pub(super) environment: String,
    pub(super) product: String,
    pub(super) operation: String,
    pub(super) succeeded: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
    pub(super) abandoned: u64,
    /// Of all calls of the hour.
    pub(super) p99: String,
    pub(super) highest: String,
    /// The path of an SVG: a bar for each minute, as high as its p99 is long; none where nobody called.
    pub(super) sparkline: String,
}

/// Those that fail most first, then those that are called most.
pub(super) fn calls(seen: &Seen) -> Vec<CallsView> {
    let mut all: Vec<_> = seen.calls.iter().map(view).filter(|calls| calls.total() > 0).collect();
    all.sort_by(|one, other| (other.failed, other.total()).cmp(&(one.failed, one.total())).then(one.id.cmp(&other.id)));
    all
}

impl CallsView {
    fn total(&self) -> u64 {
        self.succeeded + self.refused + self.failed + self.abandoned
    }
}

fn view(calls: &CallsSeen) -> CallsView {
    let sum = |of: fn(&SlotSeen) -> u64| calls.slots.iter().map(of).sum();
    let CallsSeen { environment, product, operation, slots, p99, .. } = calls;
    let named = |name: &str, nameless: &str| if name.is_empty() { nameless.to_owned() } else { name.to_owned() };
    CallsView {
        id: format!("calls-{environment}-{product}-{operation}"),
        environment: environment.clone(),
        product: named(product, "no product"),
        operation: calls.name().to_owned(),
        succeeded: sum(|slot| slot.succeeded),
        refused: sum(|slot| slot.refused),
        failed: sum(|slot| slot.failed),
        abandoned: sum(|slot| slot.abandoned),
        p99: p99.map(in_words).unwrap_or_default(),
        highest: slots.iter().filter_map(|slot| slot.p99).max().map(in_words).unwrap_or_default(),
        sparkline: sparkline(slots),
    }
}

fn in_words(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1000.0;
    match millis {
        ..1.0 => "< 1 ms".to_owned(),
        ..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1000.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "places of a small drawing")]
fn sparkline(slots: &[SlotSeen]) -> String {
    let highest = slots.iter().filter_map(|slot| slot.p99).max().unwrap_or_default().as_secs_f64();
    let step = WIDTH / slots.len().max(1) as f64;
    let mut path = String::new();
    for (place, slot) in slots.iter().enumerate() {
        let Some(p99) = slot.p99.filter(|_| highest > 0.0) else { continue };
        // The middle of the minute. What took next to nothing is seen all the same.
        let (x, top) = ((place as f64 + 0.5) * step, HEIGHT - (p99.as_secs_f64() / highest * HEIGHT).max(1.0));
        // Writing to a String cannot fail.
        let _ = write!(path, "M{x:.1} {HEIGHT}V{top:.1}");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(millis: Option<u64>) -> SlotSeen {
        SlotSeen {
            succeeded: u64::from(millis.is_some()),
            p99: millis.map(Duration::from_millis),
            ..SlotSeen::default()
        }
    }

    #[test]
    fn each_minute_has_a_bar_and_time_without_calls_has_none() {
        let slots = [Some(10), Some(5), None, Some(0)].map(slot);
        assert_eq!(sparkline(&slots), "M15.0 24V0.0M45.0 24V12.0M105.0 24V23.0");
    }

    #[test]
    fn an_operation_that_was_not_called_of_late_draws_nothing() {
        for slots in [vec![], vec![slot(None)], vec![slot(None); 5]] {
            assert_eq!(sparkline(&slots), "");
        }
    }

    #[test]
    fn a_duration_is_told_to_the_digit_that_matters() {
        for (micros, words) in [(400, "< 1 ms"), (12_300, "12 ms"), (1_250_000, "1.2 s")] {
            assert_eq!(in_words(Duration::from_micros(micros)), words);
        }
    }
}
