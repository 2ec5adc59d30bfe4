//! The middle of a few figures.

/// The middle value, or the mean of the two; NaN of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 {
        return upper;
    }
    values.get((values.len() / 2).wrapping_sub(1)).map_or(f64::NAN, |lower| f64::midpoint(*lower, upper))
}
