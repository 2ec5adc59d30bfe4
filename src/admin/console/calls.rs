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
    /// Of the newest calls; empty where there are none.
    pub(super) p99: String,
    pub(super) highest: String,
    pub(super) sparkline: Sparkline,
}

/// A line of what took how long.
#[derive(Debug)]
pub(super) struct Sparkline {
    /// Pieces of the line, each the `points` of an SVG polyline: time without calls leaves a gap.
    pub(super) lines: Vec<String>,
    /// Pieces of a single point.
    pub(super) dots: Vec<(String, String)>,
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
    let CallsSeen { environment, product, operation, slots } = calls;
    let named = |name: &str, nameless: &str| if name.is_empty() { nameless.to_owned() } else { name.to_owned() };
    CallsView {
        id: format!("calls-{environment}-{product}-{operation}"),
        environment: environment.clone(),
        product: named(product, "no product"),
        operation: named(operation, "unknown operations"),
        succeeded: sum(|slot| slot.succeeded),
        refused: sum(|slot| slot.refused),
        failed: sum(|slot| slot.failed),
        abandoned: sum(|slot| slot.abandoned),
        p99: slots.iter().rev().find_map(|slot| slot.p99).map(in_words).unwrap_or_default(),
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
fn sparkline(slots: &[SlotSeen]) -> Sparkline {
    let highest =
        slots.iter().filter_map(|slot| slot.p99).max().unwrap_or_default().as_secs_f64().max(f64::MIN_POSITIVE);
    let step = WIDTH / slots.len().saturating_sub(1).max(1) as f64;
    let place = |(at, slot): (usize, &SlotSeen)| {
        let height = slot.p99?.as_secs_f64() / highest;
        // A line of some width must not be cut at the edges.
        Some((at as f64 * step, 2.0 + (1.0 - height) * (HEIGHT - 4.0)))
    };
    let places: Vec<Option<(f64, f64)>> = slots.iter().enumerate().map(place).collect();
    let mut sparkline = Sparkline { lines: Vec::new(), dots: Vec::new() };
    for piece in places.split(Option::is_none) {
        match piece {
            [] => {}
            [only] => sparkline.dots.extend(only.map(|(x, y)| (format!("{x:.1}"), format!("{y:.1}")))),
            piece => sparkline.lines.push(piece.iter().flatten().fold(String::new(), |mut points, (x, y)| {
                // Writing to a String cannot fail.
                let _ = write!(points, "{x:.1},{y:.1} ");
                points
            })),
        }
    }
    sparkline
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
    fn time_without_calls_is_a_gap_in_the_line() {
        let slots = [Some(10), Some(5), None, Some(10), None].map(slot);
        let Sparkline { lines, dots } = sparkline(&slots);
        assert_eq!(lines, ["0.0,2.0 30.0,12.0 "]);
        assert_eq!(dots, [("90.0".to_owned(), "2.0".to_owned())]);
    }

    #[test]
    fn an_operation_that_was_not_called_of_late_draws_nothing() {
        for slots in [vec![], vec![slot(None)], vec![slot(None); 5]] {
            let Sparkline { lines, dots } = sparkline(&slots);
            assert!(lines.is_empty() && dots.is_empty());
        }
    }

    #[test]
    fn a_duration_is_told_to_the_digit_that_matters() {
        for (micros, words) in [(400, "< 1 ms"), (12_300, "12 ms"), (1_250_000, "1.2 s")] {
            assert_eq!(in_words(Duration::from_micros(micros)), words);
        }
    }
}
