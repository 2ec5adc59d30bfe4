//! `issuer-host explain settings`: every setting, its default, what it does, and whether a change of it needs a restart.

use serde_json::{Value, json};

use super::Format;
use super::layout::{Layout, Topic};
use crate::cli::wrapping::wrapped;
use crate::cli::{Error, say};
use crate::settings::{DEFAULTS, DocumentedSetting, DocumentedTable, ShownValue, documented};

pub(super) const EXAMPLES: &str = "\
Examples:
  issuer-host explain settings
  issuer-host explain settings --format toml > issuer-host.toml
  issuer-host explain settings --format json";

pub(super) fn run(format: Format) -> Result<(), Error> {
    let text = match format {
        Format::Toml => DEFAULTS.to_owned(),
        Format::Json => serde_json::to_string_pretty(&documented().1.iter().flat_map(json).collect::<Vec<_>>())?,
        Format::Markdown => page(),
        Format::Text => told(),
    };
    Ok(say(text.trim_end())?)
}

/// Every table for a terminal.
fn told() -> String {
    let (preface, tables) = documented();
    let tables = tables.iter().map(|table| {
        let row = |setting: &DocumentedSetting| {
            vec![setting.name.clone(), takes_force(setting).into(), value(setting, ""), setting.about.clone()]
        };
        Layout::Text.topic(&Topic {
            title: title(table),
            words: table.about.clone(),
            columns: vec!["setting", "change", "default", "meaning"],
            rows: table.settings.iter().map(row).collect(),
            wide_last: true,
        })
    });
    let last = "`issuer-host explain settings --format toml` prints the file that they come from.\n";
    format!("{}\n\n{}{last}", wrapped(&preface, 0), tables.collect::<String>())
}

/// `docs/configuration.md`.
fn page() -> String {
    let (preface, tables) = documented();
    let mut text = format!(
        "# Configuration\n\n\
         Made by `issuer-host explain settings --format markdown > docs/configuration.md` from `config/default.toml`, which is \
         compiled in; a test compares them.\n\n\
         {}\n\n\
         **Default.** Where it says \"such as\" there is none: the value is an example, and the meaning says what holds without it. \
         Names such as `preprod`, `main`, `thales` and `otp` in tables are yours to choose.\n\n\
         **Change.** `reload`: it takes force in a running server, when the file changes, on SIGHUP, and on `POST /reload` of the \
         admin listener. `restart`: the running server keeps what it has, and says so in the report of the reload and in `/status`. An \
         environment's `listen` needs a restart only where an address is to be opened or closed. Variables are read once, at the start.\n\n\
         **Variables.** Case does not matter; several values are separated by `,` where the meaning names no other sign. Tables that \
         need names of your own with other than small letters, digits and underscores cannot be reached by variables.\n\n",
        prose(&preface)
    );
    for table in &tables {
        let row = |setting: &DocumentedSetting| {
            vec![
                format!("`{}`", setting.name),
                value(setting, "`"),
                prose(&setting.about),
                takes_force(setting).to_owned(),
                format!("`{}`", setting.variable),
            ]
        };
        text.push_str(&Layout::Markdown.topic(&Topic {
            title: title(table),
            words: prose(&table.about),
            columns: vec!["setting", "default", "meaning", "change", "variable"],
            rows: table.settings.iter().map(row).collect(),
            wide_last: false,
        }));
    }
    text.replace("\n### ", "\n## ")
}

fn title(table: &DocumentedTable) -> String {
    if table.name.is_empty() { "In front of all tables".to_owned() } else { format!("[{}]", table.name) }
}

/// Words that Markdown leaves as they are.
fn prose(words: &str) -> String {
    words.replace('<', "\\<").replace('*', "\\*").replace('[', "\\[")
}

fn value(setting: &DocumentedSetting, quote: &str) -> String {
    let value = format!("{quote}{}{quote}", setting.value);
    match setting.shown {
        ShownValue::Default => value,
        ShownValue::Needed => format!("needed, such as {value}"),
        ShownValue::Example => format!("such as {value}"),
    }
}

fn takes_force(setting: &DocumentedSetting) -> &'static str {
    if setting.restart { "restart" } else { "reload" }
}

/// Stable names: `key`, `variable`, `default`, `example` (`null` where there is none), `needed`, `about`, `change`.
fn json(table: &DocumentedTable) -> Vec<Value> {
    let one = |setting: &DocumentedSetting| {
        let is_default = setting.shown == ShownValue::Default;
        json!({
            "key": setting.key,
            "variable": setting.variable,
            "default": is_default.then_some(&setting.value),
            "example": (!is_default).then_some(&setting.value),
            "needed": setting.shown == ShownValue::Needed,
            "about": setting.about,
            "change": takes_force(setting),
        })
    };
    table.settings.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_for_readers_is_what_the_code_yields() {
        let written = include_str!("../../../docs/configuration.md");
        assert!(
            written.trim_end() == page().trim_end(),
            "run: issuer-host explain settings --format markdown > docs/configuration.md"
        );
    }

    #[test]
    fn every_setting_is_told_in_every_form() {
        let (_, tables) = documented();
        let (page, told) = (page(), told());
        for setting in tables.iter().flat_map(|table| &table.settings) {
            assert!(page.contains(&format!("| `{}` |", setting.variable)), "{}", setting.key);
            assert!(told.contains(&format!("\n  {} ", setting.name)), "{}", setting.key);
        }
        let listed: Vec<_> = tables.iter().flat_map(json).collect();
        let listen = listed.iter().find(|one| one["key"] == "server.listen").unwrap();
        assert_eq!((&listen["default"], &listen["change"]), (&"[\"0.0.0.0:8443\"]".into(), &"restart".into()));
        let url = listed.iter().find(|one| one["key"] == "environments.preprod.backend.url").unwrap();
        assert_eq!((&url["needed"], &url["default"], &url["change"]), (&true.into(), &Value::Null, &"reload".into()));
    }
}
