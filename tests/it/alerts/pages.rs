//! `docs/runbook`: a page for each alert, and nothing that leads nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::rules::{self, place};

const HEADINGS: [&str; 5] = ["## Meaning", "## Impact", "## Check", "## Cure", "## When to ignore"];
const ADMIN: &str = "$URL";

/// Every page by its name, the index left out.
fn pages() -> BTreeMap<String, String> {
    let files = fs::read_dir(place("docs/runbook")).unwrap().map(|file| file.unwrap().path());
    let pages = files.map(|file| {
        let name = file.file_name().unwrap().to_str().unwrap().strip_suffix(".md").unwrap().to_owned();
        (name, fs::read_to_string(file).unwrap())
    });
    pages.filter(|(name, _)| name != "README").collect()
}

fn index() -> String {
    fs::read_to_string(place("docs/runbook/README.md")).unwrap()
}

#[test]
fn alerts_pages_and_their_index_are_the_same() {
    let alerts = rules::names();
    assert_eq!(alerts, pages().into_keys().collect::<BTreeSet<_>>());
    let mut severities = BTreeMap::<_, Vec<_>>::new();
    for rule in rules::all() {
        severities.entry(rule.alert).or_default().push(rule.severity);
    }
    let index = index();
    let rows: Vec<_> = index.lines().filter(|line| line.starts_with("| [Issuer")).collect();
    assert_eq!(rows.len(), alerts.len());
    for (alert, severities) in severities {
        let beginning = format!("| [{alert}]({alert}.md) | {} | ", severities.join(", "));
        assert!(rows.iter().any(|row| row.starts_with(&beginning)), "the index lacks {beginning}");
    }
}

#[test]
fn each_page_says_what_its_alert_means_and_what_to_do() {
    let rules = rules::all();
    for (name, page) in pages() {
        let mut lines = page.lines();
        assert_eq!(lines.next(), Some(format!("# {name}").as_str()));
        let headings: Vec<_> = page.lines().filter(|line| line.starts_with("##")).collect();
        assert_eq!(headings, HEADINGS, "{name}");
        let condition = page.split("\n\n").nth(1).unwrap().replace('\n', " ");
        for (severity, word) in [("page", "Page: "), ("ticket", "Ticket: ")] {
            let has = rules.iter().any(|rule| rule.alert == name && rule.severity == severity);
            assert_eq!(condition.contains(word), has, "{name}: {condition}");
        }
        assert!(page.contains("```sh\n"), "{name} has no command");
    }
}

#[test]
fn every_link_of_the_runbook_leads_somewhere() {
    let directory = place("docs/runbook");
    let mut links = 0;
    for (name, page) in pages().into_iter().chain([("README".to_owned(), index())]) {
        for link in page.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let text = fs::read_to_string(directory.join(file));
            let text = text.unwrap_or_else(|error| panic!("{name}: {link}: {error}"));
            let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
            let mut anchors =
                headings.map(|heading| heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"));
            assert!(anchor.is_empty() || anchors.any(|known| known == anchor), "{name}: {link}");
            links += 1;
        }
    }
    assert!(links > rules::names().len());
}

#[test]
fn the_admin_listener_is_asked_for_what_it_has_and_in_the_way_that_it_wants() {
    let mut asked = BTreeSet::new();
    for (name, page) in pages() {
        // The address is the reader's own, with or without TLS.
        assert!(!page.contains("127.0.0.1:9090/"), "{name}");
        for line in page.lines().filter(|line| line.starts_with("curl ") && line.contains(ADMIN)) {
            let path = line.split_once(ADMIN).unwrap().1.trim_start_matches('\'');
            let path: String = path.chars().take_while(|letter| !" '?".contains(*letter)).collect();
            let open = ["/livez", "/readyz", "/metrics"].contains(&path.as_str());
            assert!(open || ["/status", "/reload", "/log-level", "/inbox"].contains(&path.as_str()), "{name}: {line}");
            assert_eq!(line.contains("-H \"$A\""), !open, "{name}: {line}");
            let changes = line.contains("-X P");
            assert_eq!(line.contains("-H 'issuer-host-admin: 1'"), changes, "{name}: {line}");
            assert_eq!(["/reload", "/log-level"].contains(&path.as_str()), changes, "{name}: {line}");
            asked.insert(path);
        }
    }
    assert!(asked.contains("/reload") && asked.contains("/status"), "{asked:?}");
}
