//! `deploy/grafana/issuer-host.json`: Grafana itself is not here to try it, so what it wants is looked at one by one.

use std::collections::{BTreeSet, HashSet};
use std::fs;

use serde_json::Value;

use super::promtool;
use super::rules::place;

/// Columns of a dashboard.
const WIDTH: u64 = 24;
const VARIABLES: [&str; 3] = ["datasource", "environment", "job"];

pub(super) fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(place("deploy/grafana/issuer-host.json")).unwrap()).unwrap()
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().unwrap()
}

/// Title and expression of every query, those of annotations too.
pub(super) fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let panels = panels(dashboard).iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
        targets.iter().map(|target| (panel["title"].clone(), target["expr"].clone()))
    });
    let annotations = dashboard["annotations"]["list"].as_array().unwrap().iter();
    panels
        .chain(annotations.map(|annotation| (annotation["name"].clone(), annotation["expr"].clone())))
        .map(|(title, expr)| (title.as_str().unwrap().to_owned(), expr.as_str().unwrap().to_owned()))
        .collect()
}

/// As Grafana sends it, with every environment chosen.
pub(super) fn sent(expr: &str) -> String {
    let sent =
        expr.replace("$__rate_interval", "1m").replace("$environment", "(preprod|prod)").replace("$job", "issuer-host");
    assert!(!sent.contains('$'), "a variable that nobody knows: {expr}");
    sent
}

#[test]
fn the_dashboard_is_one_that_grafana_can_draw() {
    let dashboard = dashboard();
    let names = dashboard["templating"]["list"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
    assert_eq!(names.collect::<BTreeSet<_>>(), BTreeSet::from(VARIABLES));
    assert_eq!(panels(&dashboard)[0]["title"], "Is anything wrong?");
    let (mut ids, mut taken) = (HashSet::new(), HashSet::new());
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is another's");
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        let (x, y, w, h) = (side("x"), side("y"), side("w"), side("h"));
        assert!(w > 0 && h > 0 && x + w <= WIDTH, "{title} is not within the dashboard");
        for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
            assert!(taken.insert(cell), "{title} lies upon another panel at {cell:?}");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(["stat", "timeseries", "table"].contains(&panel["type"].as_str().unwrap()), "{title}");
        let targets = panel["targets"].as_array().unwrap();
        let letters: HashSet<_> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert_eq!((letters.len(), targets.is_empty()), (targets.len(), false), "{title}");
        for source in targets.iter().chain([panel]) {
            assert_eq!(source["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}

#[test]
#[ignore = "needs promtool: scripts/test.sh installs it and runs it"]
fn promtool_understands_every_query_of_the_dashboard() {
    let queries = queries(&dashboard());
    assert!(queries.len() > 50, "{}", queries.len());
    let rule = |(position, (title, expr)): (usize, &(String, String))| {
        // A JSON text is a YAML text too.
        format!("  # {title}\n  - record: dashboard:query{position}\n    expr: {}\n", Value::from(sent(expr)))
    };
    let rules: String = queries.iter().enumerate().map(rule).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    fs::write(path, format!("groups:\n- name: dashboard\n  rules:\n{rules}")).unwrap();
    let said = promtool::succeeds(&["check", "rules", path]);
    assert!(said.contains(&format!("{} rules found", queries.len())), "{said}");
}
