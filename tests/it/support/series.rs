//! What `/metrics` tells, read as strictly as it is documented.

use std::collections::{BTreeMap, BTreeSet};

use issuer_host::metrics::table::{ALL, Metric};

use super::Server;

/// A sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) series: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Sample {
    /// Its name and labels, without its value.
    pub(crate) fn identity(&self) -> String {
        format!("{}{:?}", self.series, self.labels)
    }

    fn parse(line: &str) -> Self {
        let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let (series, labels) = head.split_once('{').unwrap_or((head, "}"));
        let mut labels_of = BTreeMap::new();
        let mut rest = labels.strip_suffix('}').unwrap_or_else(|| panic!("labels do not end: {line}"));
        while !rest.is_empty() {
            let (name, value) = rest.split_once("=\"").unwrap();
            // No test has a quotation mark in a path or a name.
            let (value, behind) = value.split_once('"').unwrap();
            assert!(labels_of.insert(name.to_owned(), value.to_owned()).is_none(), "{name} twice: {line}");
            rest = behind.strip_prefix(',').unwrap_or(behind);
        }
        Self { series: series.to_owned(), labels: labels_of, value: value.parse().unwrap() }
    }

    /// The metric that it is of.
    pub(crate) fn row(&self) -> &'static Metric {
        let row = ALL.iter().find(|row| row.series_names().contains(&self.series));
        row.unwrap_or_else(|| panic!("{} is not in the table", self.series))
    }
}

/// Everything that the server tells. Fails where that is not what the table of metrics says.
pub(crate) async fn told(server: &Server) -> Vec<Sample> {
    try_told(server).await.unwrap_or_else(|| panic!("the admin listener does not answer:\n{}", server.log()))
}

/// The same, `None` when nobody answers.
pub(crate) async fn try_told(server: &Server) -> Option<Vec<Sample>> {
    let (status, text) = server.try_admin_fetch("/metrics").await?;
    assert_eq!(status, 200);
    assert!(text.ends_with("# EOF\n"), "{text}");
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).map(Sample::parse).collect();
    for sample in &samples {
        let row = sample.row();
        let labels: BTreeSet<_> = sample.labels.keys().map(String::as_str).filter(|name| *name != "le").collect();
        let documented: BTreeSet<_> = row.labels().iter().map(|label| label.name).collect();
        assert_eq!(labels, documented, "{sample:?}");
        for label in row.labels() {
            let value = &sample.labels[label.name];
            assert!(label.may_be(value), "{value} is not documented: {sample:?}");
        }
    }
    let identities: BTreeSet<_> = samples.iter().map(Sample::identity).collect();
    assert_eq!(identities.len(), samples.len(), "a series is told twice: {text}");
    Some(samples)
}

/// The names of the metrics of which there is a sample that is not 0.
pub(crate) fn counted(samples: &[Sample]) -> BTreeSet<&'static str> {
    samples.iter().filter(|sample| sample.value != 0.0).map(|sample| sample.row().name()).collect()
}
