//! Walks the merged tree, table by table, and records every problem on the way.

use std::collections::BTreeSet;
use std::path::Path;

use config::{Map, Value, ValueKind};

use super::key;
use super::origin::{Origin, Origins};
use super::report::Finding;
use super::suggestion;
use super::typed::{self, Parsed, Raw};

/// What was found out while reading: problems, warnings and the names of all keys that were asked for.
#[derive(Debug)]
pub(super) struct Reader {
    origins: Origins,
    findings: Vec<Finding>,
    warnings: Vec<String>,
    /// Keys that were asked for, with `*` for names that an operator chose.
    known: BTreeSet<String>,
    unknown: Vec<String>,
}

/// One table while it is read. Typed reads answer `None` after a problem, which is recorded; what nobody asked for is
/// recorded as unknown when the table is left.
pub(super) struct Section<'a> {
    reader: &'a mut Reader,
    path: String,
    entries: Map<String, Value>,
    missing: Vec<String>,
}

impl Reader {
    pub(super) fn new(origins: Origins, findings: Vec<Finding>) -> Self {
        Self { origins, findings, warnings: Vec::new(), known: BTreeSet::new(), unknown: Vec::new() }
    }

    /// Reads the outermost table.
    pub(super) fn read<T>(&mut self, entries: Map<String, Value>, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        self.section(String::new(), entries, read).0
    }

    fn section<T>(
        &mut self,
        path: String,
        entries: Map<String, Value>,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> (T, Vec<String>) {
        let mut section = Section { reader: self, path, entries, missing: Vec::new() };
        let outcome = read(&mut section);
        (outcome, section.leave())
    }

    pub(super) fn report(&mut self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        let origin = self.origins.of(key);
        self.findings.push(Finding { key: key.to_owned(), origin, problem: problem.into(), remedy: remedy.into() });
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    pub(super) fn origins(&self) -> &Origins {
        &self.origins
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    /// Judges the keys that nobody asked for, now that all known keys are known, and hands everything over.
    pub(super) fn finish(mut self) -> (Origins, Vec<Finding>, Vec<String>) {
        let mut unknown = std::mem::take(&mut self.unknown);
        unknown.sort();
        for key in unknown {
            let (problem, remedy) = self.judge_unknown(&key);
            self.report(&key, problem, remedy);
        }
        (self.origins, self.findings, self.warnings)
    }

    fn table(&mut self, key: &str, value: Value) -> Option<Map<String, Value>> {
        match value.kind {
            ValueKind::Table(entries) => Some(entries),
            ValueKind::Nil => None,
            other => {
                let problem = format!("It is {}, but a table is expected.", typed::what(&other));
                let remedy = match self.origins.of(key) {
                    Origin::Variable(_) => format!("Set the settings in it, as in {}__NAME.", key::variable(key)),
                    _ => format!("Write [{key}] on a line of its own, with its settings below."),
                };
                self.report(key, problem, remedy);
                None
            }
        }
    }

    fn judge_unknown(&self, key: &str) -> (String, String) {
        let variable = matches!(self.origins.of(key), Origin::Variable(_));
        let remedy = match suggestion::nearest_key(key, &self.known) {
            Some(nearest) if variable => format!("Did you mean {}?", key::variable(&nearest)),
            Some(nearest) => format!("Did you mean {nearest}?"),
            None => "Take it out. config/default.toml lists every setting.".to_owned(),
        };
        ("There is no such setting.".to_owned(), remedy)
    }
}

impl Section<'_> {
    /// The key of `name` in this table.
    pub(super) fn key(&self, name: &str) -> String {
        key::join(&self.path, name)
    }

    /// A value that may be absent: `Some(None)` when it is, `None` after a problem.
    #[allow(clippy::option_option, reason = "absent and wrong are different outcomes")]
    pub(super) fn optional<T>(&mut self, name: &str, parse: impl Fn(&Raw<'_>) -> Parsed<T>) -> Option<Option<T>> {
        let Some(value) = self.take(name) else { return Some(None) };
        let key = self.key(name);
        let origin = self.reader.origins.of(&key);
        let base = match &origin {
            Origin::File { path, .. } => path.parent().unwrap_or(Path::new("")),
            _ => Path::new(""),
        };
        let raw = Raw { kind: &value.kind, from_variable: matches!(origin, Origin::Variable(_)), base };
        match parse(&raw) {
            Ok(value) => Some(Some(value)),
            Err(wrongs) => {
                for wrong in wrongs {
                    let key = wrong.at.map_or_else(|| key.clone(), |at| format!("{key}[{at}]"));
                    self.reader.report(&key, wrong.problem, wrong.remedy);
                }
                None
            }
        }
    }

    /// A value with a default.
    pub(super) fn or<T>(&mut self, name: &str, default: T, parse: impl Fn(&Raw<'_>) -> Parsed<T>) -> Option<T> {
        self.optional(name, parse).map(|value| value.unwrap_or(default))
    }

    /// A value that must be there; its absence is remembered for [`take_missing`](Self::take_missing).
    pub(super) fn required<T>(&mut self, name: &str, parse: impl Fn(&Raw<'_>) -> Parsed<T>) -> Option<T> {
        let value = self.optional(name, parse)?;
        if value.is_none() {
            self.miss(name);
        }
        value
    }

    /// Remembers that `name` is required and absent.
    pub(super) fn miss(&mut self, name: &str) {
        self.missing.push(name.to_owned());
    }

    /// Those of `names` that are set and were not read yet.
    pub(super) fn written(&self, names: &[&str]) -> Vec<String> {
        names.iter().filter(|name| self.entries.contains_key(**name)).map(|name| (*name).to_owned()).collect()
    }

    /// All names that are set and were not read yet, in alphabetical order: for tables in which an operator chooses them.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.entries.keys().cloned().collect();
        names.sort();
        names
    }

    /// Reads the table `name`, an empty one when it is absent. What is missing in it is missing here.
    pub(super) fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let entries = self.take_table(name);
        let (outcome, missing) = self.reader.section(self.key(name), entries, read);
        self.missing.extend(missing.iter().map(|missing| format!("{name}.{missing}")));
        outcome
    }

    /// Reads the table `name` where there is one.
    pub(super) fn within_if_written<T>(&mut self, name: &str, read: impl FnOnce(&mut Section<'_>) -> T) -> Option<T> {
        let key = self.key(name);
        let entries = self.take(name).and_then(|value| self.reader.table(&key, value))?;
        Some(self.reader.section(key, entries, read).0)
    }

    /// Reads each table in the table `name`, in the order of their names.
    pub(super) fn each_within<T>(&mut self, name: &str, mut read: impl FnMut(&str, &mut Section<'_>) -> T) -> Vec<T> {
        let tables = self.take_table(name);
        let path = self.key(name);
        self.reader.known.insert(format!("{}.*", key::pattern(&path)));
        let mut tables: Vec<(String, Value)> = tables.into_iter().collect();
        tables.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut outcomes = Vec::new();
        for (name, value) in tables {
            let path = key::join(&path, &name);
            if let Some(entries) = self.reader.table(&path, value) {
                outcomes.push(self.reader.section(path, entries, |section| read(&name, section)).0);
            }
        }
        outcomes
    }

    /// Names of what was required and is absent, with dots where it belongs to a table below.
    pub(super) fn take_missing(&mut self) -> Vec<String> {
        std::mem::take(&mut self.missing)
    }

    /// Records a problem of this table, or of `name` in it.
    pub(super) fn report(&mut self, name: Option<&str>, problem: impl Into<String>, remedy: impl Into<String>) {
        let key = name.map_or_else(|| self.path.clone(), |name| self.key(name));
        self.reader.report(&key, problem, remedy);
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.reader.warn(warning);
    }

    /// The key of this table.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Where this table was first written.
    pub(super) fn origin(&self) -> Origin {
        self.reader.origins.of(&self.path)
    }

    /// Where `name` of this table was written.
    pub(super) fn origin_of(&self, name: &str) -> Origin {
        self.reader.origins.of(&self.key(name))
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.reader.known.insert(key::pattern(&self.key(name)));
        self.entries.remove(name)
    }

    fn take_table(&mut self, name: &str) -> Map<String, Value> {
        let key = self.key(name);
        self.take(name).and_then(|value| self.reader.table(&key, value)).unwrap_or_default()
    }

    fn leave(mut self) -> Vec<String> {
        let left: Vec<String> = self.entries.keys().map(|name| key::join(&self.path, name)).collect();
        self.reader.unknown.extend(left);
        self.take_missing()
    }
}
