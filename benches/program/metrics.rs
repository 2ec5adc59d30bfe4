//! What `/metrics` tells, as numbers.

use std::collections::BTreeMap;

/// Each sample by its name and labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect())
    }

    /// The sum of the samples of `name` that carry all of `labels`, each written as `name="value"`; 0 where there is none.
    pub(crate) fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        self.of(name)
            .filter(|(sample, _)| labels.iter().all(|label| sample.contains(label)))
            .map(|(_, value)| value)
            .sum()
    }

    /// By how much the samples of `name` have grown since `before`, summed up by the value of `label`, without those that have not.
    pub(crate) fn growth(&self, before: &Self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut growth = BTreeMap::new();
        for (sample, value) in self.of(name) {
            let more = value - before.0.get(sample).copied().unwrap_or_default();
            if more > 0.0 {
                *growth.entry(label_of(sample, label)).or_default() += more;
            }
        }
        growth
    }

    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let samples = self.0.iter().map(|(sample, value)| (sample.as_str(), *value));
        samples.filter(move |(sample, _)| {
            sample.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        })
    }
}

fn label_of(sample: &str, label: &str) -> String {
    let value = sample.split_once(&format!("{label}=\"")).and_then(|(_, rest)| rest.split_once('"'));
    value.map_or_else(String::new, |(value, _)| value.to_owned())
}
