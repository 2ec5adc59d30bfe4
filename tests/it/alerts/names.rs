//! What rules and dashboard ask for is what the server tells.

use issuer_host::metrics::table::{ALL, Metric};

use super::{dashboard, rules};

/// Every query there is.
fn queries() -> Vec<String> {
    let rules = rules::all().into_iter().map(|rule| rule.expr);
    rules.chain(dashboard::queries(&dashboard::dashboard()).iter().map(|(_, expr)| dashboard::sent(expr))).collect()
}

/// The metric whose series have this name.
fn metric(series: &str) -> Option<&'static Metric> {
    ALL.iter().copied().find(|metric| metric.series_names().iter().any(|name| name == series))
}

/// What `query` asks for that the server never tells: metrics, labels of a metric, values of a label.
fn unknown(query: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    let mut rest = query;
    while let Some(start) = ["issuer_host_", "process_"].iter().filter_map(|prefix| rest.find(prefix)).min() {
        rest = &rest[start..];
        let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).unwrap_or(rest.len());
        let name;
        (name, rest) = rest.split_at(end);
        let Some(metric) = metric(name) else {
            unknown.push(name.to_owned());
            continue;
        };
        let matchers = rest.strip_prefix('{').map_or("", |rest| rest.split_once('}').unwrap().0);
        for matcher in matchers.split(',').map(str::trim).filter(|matcher| !matcher.is_empty()) {
            let (label, values) = matcher.split_once(['=', '!']).unwrap();
            // These are given to each series by whoever scrapes.
            if ["job", "instance"].contains(&label) {
                continue;
            }
            let Some(label) = metric.labels().iter().find(|known| known.name == label) else {
                unknown.push(format!("{name}{{{label}}}"));
                continue;
            };
            let values = values.trim_start_matches(['=', '~']).trim_matches('"').trim_matches(['(', ')']).split('|');
            let strange = values.filter(|value| !label.may_be(value));
            unknown.extend(strange.map(|value| format!("{name}{{{}={value}}}", label.name)));
        }
    }
    unknown
}

#[test]
fn rules_and_dashboard_ask_for_nothing_that_is_never_told() {
    let queries = queries();
    assert!(queries.len() > 85, "{}", queries.len());
    for query in queries {
        assert_eq!(unknown(&query), [""; 0], "{query}");
    }
}

/// Control of the test before.
#[test]
fn what_is_never_told_is_found() {
    for (query, found) in [
        ("issuer_host_raedy == 0", "issuer_host_raedy"),
        ("rate(issuer_host_requests[5m])", "issuer_host_requests"),
        ("up == 1 and issuer_host_ready{environment=\"prod\"}", "issuer_host_ready{environment}"),
        ("issuer_host_requests_total{job=\"a\", status_class=\"5XX\"}", "issuer_host_requests_total{status_class=5XX}"),
        ("issuer_host_handshakes_total{reason!~\"io|late\"}[5m]", "issuer_host_handshakes_total{reason=late}"),
    ] {
        assert_eq!(unknown(query), [found]);
    }
}
