//! The layers of a configuration, merged by the `config` crate: built-in defaults, file, environment variables.
//!
//! Two things are done here and not by the crate, because it would do them silently: a key that one layer has as a table
//! and another as a value is a problem (the crate lets the later one erase the earlier), and the origin of every key is
//! kept, tables included.

use std::fmt;

use config::builder::DefaultState;
use config::{ConfigBuilder, ConfigError, Map, Source, Value};

use super::origin::{Origin, Origins, Shape};
use super::report::Finding;

/// Layers, lowest first, as they are stacked.
#[derive(Default)]
pub(super) struct Layers {
    builder: ConfigBuilder<DefaultState>,
    pub(super) origins: Origins,
    pub(super) findings: Vec<Finding>,
}

impl Layers {
    /// Puts a layer on top. Its keys went through [`admit`](Self::admit).
    pub(super) fn add(&mut self, entries: Map<String, Value>) {
        self.builder = std::mem::take(&mut self.builder).add_source(Layer(entries));
    }

    /// Notes where `key` comes from, unless that would erase settings of another shape: then it is a problem, and the
    /// key has to be left out.
    pub(super) fn admit(&mut self, key: &str, shape: Shape, origin: &Origin) -> bool {
        let (problem, remedy) = match (self.origins.shape(key), shape) {
            (Some(Shape::Table), Shape::Value) => (
                match self.origins.of(key) {
                    Origin::Default | Origin::Unset => "It holds further settings and cannot be a value.".to_owned(),
                    earlier => format!("It holds further settings ({earlier}) and cannot be a value as well."),
                },
                format!("Set the settings in {key} one by one, or take this away."),
            ),
            (Some(Shape::Value), Shape::Table) => (
                match self.origins.of(key) {
                    Origin::Default | Origin::Unset => "It is a value and cannot hold further settings.".to_owned(),
                    earlier => format!("It is a value ({earlier}) and cannot hold further settings as well."),
                },
                format!("Give {key} a plain value, or take this away."),
            ),
            // A table is where it was first written by an operator.
            (Some(Shape::Table), Shape::Table) if self.origins.of(key) != Origin::Default => return true,
            _ => {
                self.origins.set(key, shape, origin.clone());
                return true;
            }
        };
        self.refuse(key, origin, problem, remedy);
        false
    }

    /// Records a problem of the layer that is being added.
    pub(super) fn refuse(
        &mut self,
        key: impl Into<String>,
        origin: &Origin,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (key, problem, remedy) = (key.into(), problem.into(), remedy.into());
        self.findings.push(Finding { key, origin: origin.clone(), problem, remedy });
    }

    /// The merged tree.
    pub(super) fn merge(self) -> (Map<String, Value>, Origins, Vec<Finding>) {
        let Self { builder, origins, mut findings } = self;
        match builder.build().and_then(|config| config.cache.into_table()) {
            Ok(entries) => (entries, origins, findings),
            Err(error) => {
                findings.push(Finding {
                    key: String::new(),
                    origin: Origin::Unset,
                    problem: format!("The layers cannot be merged: {error}."),
                    remedy: String::new(),
                });
                (Map::new(), origins, findings)
            }
        }
    }
}

/// One layer, ready made. The crate reads the names at its top as paths (`a.b`, `a[9]`), so those are plain words here.
#[derive(Clone)]
struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// Values may be secrets.
impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layer([redacted])")
    }
}
