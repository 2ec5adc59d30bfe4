//! Arguments that are one of a few names: read with an error that helps, and known to help texts and shells.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};

use crate::thales::Product;

/// Reads one of a few names.
#[derive(Clone)]
pub(super) struct Names<T> {
    names: Vec<&'static str>,
    read: fn(&str) -> Result<T, String>,
}

impl<T> Names<T> {
    /// `read` takes these names, perhaps others as well, and says of everything else what was probably meant.
    pub(super) fn new(names: impl IntoIterator<Item = &'static str>, read: fn(&str) -> Result<T, String>) -> Self {
        Self { names: names.into_iter().collect(), read }
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Names<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        // As clap takes a function.
        let read = self.read;
        TypedValueParser::parse_ref(&move |name: &str| read(name), command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names.iter().map(|name| PossibleValue::new(*name))))
    }
}

/// The products, by the names that a configuration has for them.
pub(super) fn products() -> Names<Product> {
    Names::new(Product::ALL.map(Product::name), product)
}

/// Reads a product; of what is none it says which was probably meant.
pub(super) fn product(name: &str) -> Result<Product, String> {
    Product::from_name(name).map_err(|error| format!("{error}; {}", error.remedy()))
}
