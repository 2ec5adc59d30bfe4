//! Where a setting was written.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The place that a setting, or the table around it, was written in. Later layers win, so this is the place to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The compiled-in `config/default.toml`.
    Default,
    /// The configuration file.
    File {
        /// Path as it was given to the program.
        path: Arc<Path>,
        /// Line, counted from 1, where it is known.
        line: Option<usize>,
        /// Column in characters, counted from 1; only syntax errors have one.
        column: Option<usize>,
    },
    /// The environment variable of this name.
    Variable(Arc<str>),
    /// Nobody wrote it.
    Unset,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built-in default"),
            Self::File { path, line, column } => {
                write!(f, "{}", path.display())?;
                if let Some(line) = line {
                    write!(f, ", line {line}")?;
                }
                if let Some(column) = column {
                    write!(f, ", column {column}")?;
                }
                Ok(())
            }
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Unset => f.write_str("not set"),
        }
    }
}

/// Key to [`Origin`], for keys that are set and, by the table around them, for keys that are not. Keys are written with
/// dots, elements of lists as `server.listen[0]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<String, Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    origin: Origin,
    shape: Shape,
}

/// Whether a key holds further keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Table,
    Value,
}

impl Origins {
    /// The origin of `key`: its own, else that of its `_file` twin, else that of the nearest table (or list) around it.
    #[must_use]
    pub fn of(&self, key: &str) -> Origin {
        let mut key = key;
        loop {
            if let Some(entry) = self.0.get(key).or_else(|| self.0.get(&format!("{key}_file"))) {
                return entry.origin.clone();
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = key.get(..end).unwrap_or_default(),
                None => return Origin::Unset,
            }
        }
    }

    /// Whether a configuration file has said anything at all.
    #[must_use]
    pub fn name_a_file(&self) -> bool {
        self.0.values().any(|entry| matches!(entry.origin, Origin::File { .. }))
    }

    pub(super) fn shape(&self, key: &str) -> Option<Shape> {
        self.0.get(key).map(|entry| entry.shape)
    }

    /// Remembers a value or a table of a layer. What a lower layer said about the elements of a value is forgotten.
    pub(super) fn set(&mut self, key: &str, shape: Shape, origin: Origin) {
        if shape == Shape::Value {
            let elements = format!("{key}[");
            let above = self.0.range(elements.clone()..).map(|(key, _)| key);
            let stale: Vec<String> = above.take_while(|key| key.starts_with(&elements)).cloned().collect();
            for element in stale {
                self.0.remove(&element);
            }
        }
        self.0.insert(key.to_owned(), Entry { origin, shape });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Origin {
        Origin::Variable(name.into())
    }

    #[test]
    fn a_key_that_is_not_set_has_the_origin_of_the_table_around_it() {
        let mut origins = Origins::default();
        origins.set("environments.preprod", Shape::Table, variable("TABLE"));
        origins.set("environments.preprod.private_key_file", Shape::Value, variable("TWIN"));
        assert_eq!(origins.of("environments.preprod.backend.url"), variable("TABLE"));
        assert_eq!(origins.of("environments.preprod.private_key"), variable("TWIN"));
        assert_eq!(origins.of("elsewhere.x"), Origin::Unset);
    }

    #[test]
    fn a_list_of_a_higher_layer_makes_the_elements_of_the_lower_one_forgotten() {
        let mut origins = Origins::default();
        origins.set("server.listen", Shape::Value, Origin::Default);
        origins.set("server.listen[1]", Shape::Value, Origin::Default);
        origins.set("server.listen", Shape::Value, variable("LISTEN"));
        assert_eq!(origins.of("server.listen[1]"), variable("LISTEN"));
    }
}
