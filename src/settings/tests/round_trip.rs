//! However a configuration is written, its settings are the same; written from its settings, it is the same again.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::origin::Origins;
use super::super::{documented, key};
use super::printed::printed;
use super::written::{Value, Written, good, patterns};
use super::*;

/// What the settings are, apart from where they were written, and what is said about that.
fn bare(settings: Settings) -> Settings {
    Settings { origins: Origins::default(), warnings: Vec::new(), ..settings }
}

/// One line each, in this order.
fn lines<'a>(written: impl IntoIterator<Item = (&'a String, &'a (Value, bool))>) -> String {
    let line =
        |(key, (value, otherwise)): (&String, &(Value, bool))| format!("{key} = {}\n", value.in_file(*otherwise));
    written.into_iter().map(line).collect()
}

/// Tables, in the order in which they are met first.
fn tables(written: &[(String, (Value, bool))]) -> String {
    let mut tables: Vec<(&str, String)> = Vec::new();
    // What is of no table has to come first.
    for (key, (value, otherwise)) in written {
        let (table, name) = key::split(key);
        let line = format!("{name} = {}\n", value.in_file(!otherwise));
        match tables.iter_mut().find(|(other, _)| *other == table) {
            Some((_, lines)) => lines.push_str(&line),
            None if table.is_empty() => tables.insert(0, (table, line)),
            None => tables.push((table, line)),
        }
    }
    let written = |(table, lines): (&str, String)| match table {
        "" => lines,
        table => format!("[{table}]\n{lines}"),
    };
    tables.into_iter().map(written).collect()
}

fn variables(written: &[(String, (Value, bool))]) -> Vec<(String, String)> {
    let variable = |(key, (value, otherwise)): &(String, (Value, bool))| {
        (format!("ISSUER_HOST__{}", key.replace('.', "__").to_uppercase()), value.in_variable(key, *otherwise))
    };
    written.iter().map(variable).collect()
}

fn load_with(place: &Place, text: &str, written: &[(String, (Value, bool))]) -> Settings {
    let variables = variables(written);
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let outcome = if text.is_empty() { place.load_variables(&variables) } else { place.load_with(text, &variables) };
    bare(outcome.unwrap_or_else(|report| panic!("{report}\n{text}\n{variables:?}")))
}

/// Runs `property` with good configurations, and the place of their files.
fn for_good(property: impl Fn(&Place, Written, Vec<(String, (Value, bool))>, Index) -> Result<(), TestCaseError>) {
    let place = Place::new();
    let written = good(place.path().to_str().unwrap());
    let shuffled = written.prop_flat_map(|written| {
        let order = Just(written.clone().into_iter().collect::<Vec<_>>()).prop_shuffle();
        (Just(written), order, any::<Index>())
    });
    proptest!(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() },
        |((written, shuffled, at) in shuffled)| property(&place, written, shuffled, at)?);
}

#[test]
fn what_is_written_holds_and_settings_written_out_are_the_same_again() {
    for_good(|place, written, _, _| {
        let settings = bare(load(place, &lines(&written)));
        let out = printed(&settings);
        for (key, (value, _)) in &written {
            prop_assert_eq!(out.get(key), Some(value), "{}", key);
        }
        let again: Written = out.into_iter().map(|(key, value)| (key, (value, false))).collect();
        prop_assert_eq!(bare(load(place, &lines(&again))), settings);
        Ok(())
    });
}

#[test]
fn neither_order_nor_form_nor_where_it_is_written_matters() {
    for_good(|place, written, shuffled, at| {
        let settings = bare(load(place, &lines(&written)));
        let shuffled_lines = lines(shuffled.iter().map(|(key, value)| (key, value)));
        prop_assert_eq!(&bare(load(place, &shuffled_lines)), &settings, "in any order");
        prop_assert_eq!(&bare(load(place, &tables(&shuffled))), &settings, "in tables");
        prop_assert_eq!(&load_with(place, "", &shuffled), &settings, "in variables alone");
        let (in_file, in_variables) = shuffled.split_at(at.index(shuffled.len()) + 1);
        prop_assert_eq!(&load_with(place, &tables(in_file), in_variables), &settings, "in both");
        Ok(())
    });
}

#[test]
fn a_variable_wins_over_the_file() {
    for_good(|place, written, shuffled, at| {
        let (key, value) = &shuffled[at.index(shuffled.len())];
        let overridden = [(key.clone(), value.clone())];
        // The file alone says something else, if anything that can be read.
        let mut file = written.clone();
        file.insert("log.level".to_owned(), (Value::text("error"), false));
        let level = [("log.level".to_owned(), (Value::text("trace"), false))];
        let settings = load_with(place, &lines(&file), &level);
        prop_assert_eq!(settings.log.level.name(), "trace");
        prop_assert_eq!(load_with(place, &lines(&written), &overridden), bare(load(place, &lines(&written))));
        Ok(())
    });
}

#[test]
fn a_setting_that_there_is_not_is_named_wherever_it_stands() {
    for_good(|place, written, _, at| {
        // Tables in which an operator chooses no names.
        let tables: BTreeSet<_> = written.keys().map(|key| key::split(key).0).collect();
        let tables: Vec<_> = tables.into_iter().filter(|table| !table.ends_with("base_paths")).collect();
        let table: &&str = at.get(&tables);
        let unknown = key::join(table, "zzyzx");
        let text = format!("{}{unknown} = 1\n", lines(&written));
        let named = |report: Report| {
            report.findings().iter().map(|finding| (finding.key.clone(), finding.problem.clone())).collect::<Vec<_>>()
        };
        let expected = vec![(unknown.clone(), "There is no such setting.".to_owned())];
        prop_assert_eq!(named(place.load(&text).unwrap_err()), expected.clone());
        let variable = format!("ISSUER_HOST__{}", unknown.replace('.', "__").to_uppercase());
        let outcome = place.load_with(&lines(&written), &[(variable.as_str(), "1")]);
        prop_assert_eq!(named(outcome.unwrap_err()), expected);
        Ok(())
    });
}

#[test]
fn every_problem_is_told_at_once() {
    for_good(|place, mut written, shuffled, at| {
        let wrong: BTreeSet<String> = shuffled
            .into_iter()
            .filter(|(_, (value, _))| value.can_be_wrong())
            .map(|(key, _)| key)
            .take(at.index(12))
            .collect();
        for key in &wrong {
            written.insert(key.clone(), (Value::text("none of this"), false));
        }
        let text = lines(&written);
        let told: BTreeSet<String> = match place.load(&text) {
            Ok(_) => BTreeSet::new(),
            Err(report) => report.findings().iter().map(|finding| finding.key.clone()).collect(),
        };
        prop_assert_eq!(told, wrong);
        Ok(())
    });
}

#[test]
fn no_documented_setting_is_left_out_here() {
    // Instead of others, or of an identity provider instead of our own endpoint.
    let instead = ["events_subject", "events_credentials", "issuer", "jwks_url", "jwks_ca"];
    let (_, tables) = documented();
    let documented: BTreeSet<String> =
        tables.iter().flat_map(|table| &table.settings).map(|setting| key::pattern(&setting.key)).collect();
    let here: BTreeSet<String> = patterns().collect();
    let left_out: Vec<_> = documented.difference(&here).filter(|key| !instead.contains(&key::split(key).1)).collect();
    assert_eq!(left_out, [""; 0]);
    let further: Vec<_> = here.difference(&documented).filter(|key| !key.starts_with("backends.")).collect();
    assert_eq!(further, [""; 0], "control: those are no settings");
}
