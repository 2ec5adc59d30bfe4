//! A TOML text as a layer, with the line of every key.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use config::{Map, Value, ValueKind};
use toml_edit::{Document, Item, Key, TableLike, TomlError};

use super::key;
use super::layers::Layers;
use super::origin::{Origin, Shape};

/// Whose text it is.
pub(super) enum Author {
    /// Ours: the compiled-in defaults.
    Default,
    /// The operator's: the file of this path.
    File(Arc<Path>),
}

/// Adds `text` as a layer. `false` after a syntax error, which is recorded and leaves nothing to say about the rest.
pub(super) fn add(layers: &mut Layers, text: &str, author: Author) -> bool {
    let place = Place { author, line_starts: line_starts(text), text };
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let (problem, remedy) = explain(&error, text);
            layers.refuse("", &place.of_error(&error), problem, remedy);
            return false;
        }
    };
    let entries = table(layers, &place, "", document.as_table());
    layers.add(entries);
    true
}

struct Place<'a> {
    author: Author,
    line_starts: Vec<usize>,
    text: &'a str,
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

impl Place<'_> {
    fn of(&self, span: Option<Range<usize>>) -> Origin {
        match &self.author {
            Author::Default => Origin::Default,
            Author::File(path) => {
                let line = span.map(|span| self.line(span.start));
                Origin::File { path: Arc::clone(path), line, column: None }
            }
        }
    }

    fn of_error(&self, error: &TomlError) -> Origin {
        match (&self.author, error.span()) {
            (Author::File(path), Some(span)) => {
                let line = self.line(span.start);
                let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
                let column = self.text.get(start..span.start).map(|before| before.chars().count() + 1);
                Origin::File { path: Arc::clone(path), line: Some(line), column }
            }
            (_, span) => self.of(span),
        }
    }

    fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }
}

/// A syntax error in words. The line itself is not printed: it may hold a key.
fn explain(error: &TomlError, text: &str) -> (String, String) {
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    let line = error.span().and_then(|span| {
        let start = text.get(..span.start)?.rfind('\n').map_or(0, |at| at + 1);
        text.get(start..)?.lines().next()
    });
    let value = line.and_then(|line| line.split_once('=')).map(|(_, value)| value.trim()).unwrap_or_default();
    let remedy = if value.len() > 1 && value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit()) {
        "Write it in quotes: a number with leading zeros is text.".to_owned()
    } else {
        "Correct the line. Text stands in quotes, lists in brackets, each table in a line [name].".to_owned()
    };
    (format!("This is not TOML: {message}."), remedy)
}

fn table(layers: &mut Layers, place: &Place<'_>, path: &str, entries: &dyn TableLike) -> Map<String, Value> {
    let mut read = Map::new();
    for (name, item) in entries.iter() {
        let key = key::join(path, name);
        let name_span = entries.key(name).and_then(Key::span);
        let header = match item {
            Item::Table(table) => table.span(),
            _ => None,
        };
        let origin = place.of(header.or(name_span).or_else(|| item.span()));
        if path.is_empty() && key.starts_with('"') {
            // Such a name would be read as a path when layers are merged.
            layers.refuse(key, &origin, "There is no such setting.", "Take it out.");
            continue;
        }
        if let Some(below) = item.as_table_like() {
            if layers.admit(&key, Shape::Table, &origin) {
                read.insert(name.to_owned(), Value::new(None, table(layers, place, &key, below)));
            }
        } else if layers.admit(&key, Shape::Value, &origin) {
            read.insert(name.to_owned(), Value::new(None, value(layers, place, &key, item)));
        }
    }
    read
}

fn value(layers: &mut Layers, place: &Place<'_>, key: &str, item: &Item) -> ValueKind {
    match item {
        Item::None => ValueKind::Nil,
        Item::Value(item) => plain(layers, place, key, item),
        Item::Table(below) => table(layers, place, key, below).into(),
        Item::ArrayOfTables(tables) => {
            let values = tables.iter().map(|below| Value::new(None, table(layers, place, key, below)));
            ValueKind::Array(values.collect())
        }
    }
}

fn plain(layers: &mut Layers, place: &Place<'_>, key: &str, value: &toml_edit::Value) -> ValueKind {
    use toml_edit::Value as Toml;
    match value {
        Toml::String(text) => text.value().as_str().into(),
        Toml::Integer(number) => (*number.value()).into(),
        Toml::Float(number) => (*number.value()).into(),
        Toml::Boolean(flag) => (*flag.value()).into(),
        Toml::Datetime(moment) => moment.value().to_string().into(),
        Toml::InlineTable(below) => table(layers, place, key, below).into(),
        Toml::Array(elements) => {
            let mut values = Vec::new();
            for (at, element) in elements.iter().enumerate() {
                let key = format!("{key}[{at}]");
                layers.origins.set(&key, Shape::Value, place.of(element.span()));
                values.push(Value::new(None, plain(layers, place, &key, element)));
            }
            ValueKind::Array(values)
        }
    }
}
