//! What `config/default.toml` says, piece by piece: every setting with its default, a line about it, and when it takes force.

use super::{DEFAULTS, key, restart};

/// A table, and the settings in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentedTable {
    /// As it stands in the file, with the names of the examples there: `environments.preprod.backend`; empty for the root.
    pub name: String,
    /// A few sentences; empty where the name says all.
    pub about: String,
    /// In the order in which they are written.
    pub settings: Vec<DocumentedSetting>,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentedSetting {
    /// Its name in its table.
    pub name: String,
    /// Its whole key: `environments.preprod.backend.url`.
    pub key: String,
    /// The variable that sets it.
    pub variable: String,
    /// A value, as TOML; what it is worth is told by `shown`.
    pub value: String,
    /// What `value` is.
    pub shown: ShownValue,
    /// What it does, and what holds without it.
    pub about: String,
    /// Whether a change needs a restart; all else takes force with a reload.
    pub restart: bool,
}

/// What the value of a [`DocumentedSetting`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownValue {
    /// What holds when nothing is written.
    Default,
    /// An example of what has to be written.
    Needed,
    /// An example of what can be written.
    Example,
}

/// A table all of whose values are an example.
const EXAMPLE: &str = "environments.*.operations.*";

/// What stands in front of the first table, and then every table, in the order of the file.
#[must_use]
pub fn documented() -> (String, Vec<DocumentedTable>) {
    let (mut preface, mut prose) = (String::new(), String::new());
    let mut table = DocumentedTable { name: String::new(), about: String::new(), settings: Vec::new() };
    let mut tables = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(sentence) = line.strip_prefix("# ") {
            prose = joined(&prose, sentence);
            continue;
        }
        if preface.is_empty() {
            preface = std::mem::take(&mut prose);
        }
        let (line, on) = line.strip_prefix('#').map_or((line, true), |line| (line, false));
        let (code, about) = line.split_once(" # ").map_or((line, ""), |(code, about)| (code.trim_end(), about.trim()));
        if let Some(name) = code.trim_end().strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            let about = joined(&std::mem::take(&mut prose), about);
            let next = DocumentedTable { name: name.to_owned(), about, settings: Vec::new() };
            tables.push(std::mem::replace(&mut table, next));
        } else if let Some((name, value)) = code.split_once(" = ") {
            table.settings.push(setting(&table.name, name, value, about, on));
        }
    }
    tables.push(table);
    (preface, tables)
}

fn joined(one: &str, other: &str) -> String {
    [one, other].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What is said of a setting beside that it is needed, which [`ShownValue`] says.
fn without_need(about: &str) -> &str {
    let said =
        about.strip_prefix("needed").and_then(|rest| rest.strip_prefix("; ").or_else(|| rest.strip_prefix(": ")));
    if about == "needed" { "" } else { said.unwrap_or(about) }
}

/// A setting that is written out (`on`), or stands behind a `#`.
fn setting(table: &str, name: &str, value: &str, about: &str, on: bool) -> DocumentedSetting {
    let key = key::join(table, name);
    let pattern = key::pattern(&key);
    let says_what_holds_else = ["default: ", "; default", "instead of "].iter().any(|words| about.contains(words));
    let in_examples = pattern.starts_with(EXAMPLE);
    // What is off has no default, except in tables that are off as a whole.
    let of_optional_table = table.contains('.');
    let shown = if on {
        ShownValue::Default
    } else if ["needed;", "needed:", "needed without "].iter().any(|words| about.starts_with(words))
        || about == "needed"
    {
        ShownValue::Needed
    } else if says_what_holds_else || in_examples || !of_optional_table {
        ShownValue::Example
    } else {
        ShownValue::Default
    };
    DocumentedSetting {
        name: name.to_owned(),
        variable: key::variable(&key),
        restart: restart::is_started_with(&pattern),
        value: value.trim().to_owned(),
        shown,
        about: without_need(about).to_owned(),
        key,
    }
}
