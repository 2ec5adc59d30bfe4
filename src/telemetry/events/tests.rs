//! The table and the code say the same, and so does the page for readers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{Event, all};

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// The source files of the crate, without tests.
fn sources() -> Vec<(PathBuf, String)> {
    fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !name.ends_with("tests") {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !name.ends_with("tests") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    let without_tests = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        (path.strip_prefix(&root).unwrap().to_owned(), code)
    };
    files.into_iter().map(without_tests).collect()
}

/// The module right below the crate's root.
fn area(file: &Path) -> String {
    let first = file.components().next().unwrap().as_os_str().to_str().unwrap();
    first.strip_suffix(".rs").unwrap_or(first).to_owned()
}

/// Each call of a macro that logs: its level, and what stands between its brackets up to the end of its statement.
fn calls(code: &str) -> Vec<(&'static str, &str)> {
    let mut calls = Vec::new();
    for level in LEVELS {
        for (at, name) in code.match_indices(&format!("{level}!(")) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' {
                continue;
            }
            let inside = &code[at + name.len()..];
            let mut open = 1;
            let end = inside.find(|c| {
                open += i32::from(c == '(') - i32::from(c == ')');
                open == 0
            });
            calls.push((level, &inside[..end.unwrap_or(inside.len())]));
        }
    }
    calls
}

fn constant(event: &Event) -> String {
    event.name.to_uppercase()
}

#[test]
fn every_line_is_an_event_of_the_table_at_one_of_its_levels_and_from_where_it_says() {
    let mut used: BTreeMap<String, (BTreeSet<&str>, BTreeSet<String>)> = BTreeMap::new();
    for (file, code) in sources() {
        for (level, inside) in calls(&code) {
            let named = inside.split("event = events::").nth(1);
            let named = named.unwrap_or_else(|| {
                panic!("{}: `{level}!({inside})` says no `event = events::NAME`: add it to the table", file.display())
            });
            let name: String = named.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            let (levels, areas) = used.entry(name).or_default();
            levels.insert(level);
            areas.insert(area(&file));
        }
    }
    assert!(used.len() > 40, "the search finds nothing any more");
    for event in all() {
        let (levels, areas) = used.remove(&constant(event)).unwrap_or_default();
        assert_eq!(event.levels.iter().copied().collect::<BTreeSet<_>>(), levels, "levels of {}", event.name);
        assert!(event.from.iter().copied().eq(areas.iter().map(String::as_str)), "{} is told by {areas:?}", event.name);
    }
    assert!(used.is_empty(), "not in the table: {:?}", used.keys());
}

#[test]
fn what_is_listed_is_unique_and_says_what_it_means() {
    let names: BTreeSet<_> = all().iter().map(|event| event.name).collect();
    assert_eq!(names.len(), all().len());
    for event in all() {
        assert!(event.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", event.name);
        assert!(event.meaning.ends_with('.') && event.action.ends_with('.'), "{}", event.name);
        assert!(!event.meaning.contains('|') && !event.action.contains('|'), "{} breaks the table", event.name);
        let rank = |level: &&str| LEVELS.iter().position(|known| known == level).unwrap();
        assert!(event.levels.is_sorted_by_key(rank) && !event.levels.is_empty(), "{}", event.name);
    }
}

/// `docs/events.md`.
fn page() -> String {
    let mut page = String::from(
        "# Events of the log\n\n\
         Made from `src/telemetry/events/table.rs` by `ISSUER_HOST_WRITE_DOCS=1 cargo test --lib telemetry::events`; a test compares them. How lines \
         look, levels and sampling: [logs.md](logs.md).\n\n\
         Names stay as they are. A level stands for all lines of an event; where there are two, the line tells which. *From* is the module that tells of \
         it, the beginning of `target` in a JSON line.\n\n\
         | Event | Level | From | What it means | What to do |\n|---|---|---|---|---|\n",
    );
    for event in all() {
        let Event { name, levels, from, meaning, action } = event;
        let (levels, from) = (levels.join(", "), from.join(", "));
        writeln!(page, "| `{name}` | {levels} | {from} | {meaning} | {action} |").unwrap();
    }
    page
}

#[test]
fn the_page_for_readers_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md");
    if std::env::var_os("ISSUER_HOST_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page(),
        "run: ISSUER_HOST_WRITE_DOCS=1 cargo test --lib telemetry::events, and look at the difference"
    );
}
