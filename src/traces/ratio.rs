//! Which part of all calls is recorded.

/// A part of all calls, from none to all of them, to a millionth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio(u32);

const WHOLE: u32 = 1_000_000;

impl Ratio {
    /// Every call.
    pub const ALL: Self = Self(WHOLE);

    /// A number from 0 to 1; `None` = it is none.
    #[must_use]
    pub fn new(part: f64) -> Option<Self> {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million, and rounded"
        )]
        (0.0..=1.0).contains(&part).then(|| Self((part * f64::from(WHOLE)).round() as u32))
    }

    /// Whether the call that drew this number is among them. Of the number's bits the upper 63 count, as in the samplers of
    /// OpenTelemetry (`TraceIdRatioBased`).
    pub(super) fn takes(self, drawn: u64) -> bool {
        u128::from(drawn >> 1) * u128::from(WHOLE) < u128::from(self.0) << 63
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_a_number_from_0_to_1() {
        for part in [-0.1, 1.000_001, f64::NAN, f64::INFINITY] {
            assert_eq!(Ratio::new(part), None, "{part}");
        }
        assert_eq!(Ratio::new(1.0), Some(Ratio::ALL));
    }

    #[test]
    fn so_many_are_taken() {
        let (none, tenth) = (Ratio::new(0.0).unwrap(), Ratio::new(0.1).unwrap());
        for drawn in [0, 1, u64::MAX / 3, u64::MAX] {
            assert!(Ratio::ALL.takes(drawn) && !none.takes(drawn), "{drawn}");
        }
        // Evenly spread numbers.
        let taken = (0..10_000_u64).filter(|step| tenth.takes((2 * step + 1) * (u64::MAX / 20_000))).count();
        assert_eq!(taken, 1000);
    }
}
