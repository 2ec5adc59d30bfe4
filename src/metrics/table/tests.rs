use std::collections::BTreeSet;

use super::*;

#[test]
fn names_are_unique_and_as_prometheus_wants_them() {
    let names: BTreeSet<_> = ALL.iter().map(|row| row.name()).collect();
    assert_eq!(names.len(), ALL.len());
    for row in ALL {
        let name = row.name();
        assert!(name.starts_with("issuer_host_") || name.starts_with("process_"), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!(!["_total", "_info", "_bucket", "_count", "_sum"].iter().any(|end| name.ends_with(end)), "{name}");
        assert!(!row.help().ends_with('.') && row.advice().ends_with('.'), "{name}");
    }
}

#[test]
fn the_unit_is_the_end_of_the_name() {
    assert_eq!((REQUEST_DURATION.unit(), INBOX_SIZE.unit(), REQUESTS.unit()), ("seconds", "bytes", ""));
    assert_eq!(REQUESTS.series_names(), ["issuer_host_requests_total"]);
    assert_eq!(BUILD.series_names(), ["issuer_host_build_info"]);
}

#[test]
fn a_closed_list_is_closed() {
    let labels = || ALL.iter().flat_map(|row| row.labels());
    for label in labels() {
        if let Values::Closed(values) = label.values {
            assert!(!values.is_empty() && !label.may_be("4000000000000002"), "{}", label.name);
            assert_eq!(
                values.iter().collect::<BTreeSet<_>>().len(),
                values.len(),
                "{} says one thing twice",
                label.name
            );
        }
    }
    let open: BTreeSet<_> = labels().filter(|label| label.may_be("anything")).map(|label| label.name).collect();
    let configured = ["backend", "environment", "file", "name", "operation", "version"];
    assert_eq!(open, configured.into(), "control: names that somebody chose");
}
