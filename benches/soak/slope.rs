//! A straight line through samples, by least squares.

/// How fast something grows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slope {
    /// Units in an hour.
    pub(crate) per_hour: f64,
    /// The standard error of that, as if samples knew nothing of each other; since what is resident now was so a second ago, it is too
    /// small by some factor, and the bounds do not lean on it alone.
    pub(crate) error: f64,
}

impl Slope {
    /// Of samples that were taken `(seconds, value)`; `None` where there are too few.
    #[allow(clippy::cast_precision_loss, reason = "counts of samples")]
    pub(crate) fn of(samples: &[(f64, f64)]) -> Option<Self> {
        let count = samples.len() as f64;
        if samples.len() < 3 {
            return None;
        }
        let mean = |value: fn(&(f64, f64)) -> f64| samples.iter().map(value).sum::<f64>() / count;
        let (x, y) = (mean(|sample| sample.0), mean(|sample| sample.1));
        let sxx: f64 = samples.iter().map(|sample| (sample.0 - x).powi(2)).sum();
        let sxy: f64 = samples.iter().map(|sample| (sample.0 - x) * (sample.1 - y)).sum();
        let slope = sxy / sxx;
        let rest: f64 = samples.iter().map(|sample| (sample.1 - y - slope * (sample.0 - x)).powi(2)).sum();
        let error = (rest / (count - 2.0) / sxx).sqrt();
        Some(Self { per_hour: slope * 3600.0, error: error * 3600.0 })
    }

    /// Whether it is above `bound` for certain: by two standard errors.
    pub(crate) fn exceeds(self, bound: f64) -> bool {
        self.per_hour - 2.0 * self.error > bound
    }
}
