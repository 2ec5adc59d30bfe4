//! Every operation that Thales is known to call: `config/products/*.toml`, compiled in, and what an operator adds.

mod file;
mod raw;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::LazyLock;

use file::CatalogueFile;

use super::{Kind, Operation, Product};

/// The files of the catalogue, in the order in which they are shown.
const BUILT_IN: [(&str, &str); 7] = [
    ("tsh.toml", include_str!("../../../config/products/tsh.toml")),
    ("tsh-auxiliary.toml", include_str!("../../../config/products/tsh-auxiliary.toml")),
    ("tsp.toml", include_str!("../../../config/products/tsp.toml")),
    ("d1.toml", include_str!("../../../config/products/d1.toml")),
    ("d1-ecom.toml", include_str!("../../../config/products/d1-ecom.toml")),
    ("cof.toml", include_str!("../../../config/products/cof.toml")),
    ("transit.toml", include_str!("../../../config/products/transit.toml")),
];

/// Operations by product, in the order of their files. A call may stand in two specifications of one product, and then has a row
/// for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    operations: Vec<Operation>,
    unresolved: Vec<Unresolved>,
}

impl Catalogue {
    /// What is compiled in.
    pub fn built_in() -> &'static Self {
        static BUILT_IN_CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
            let mut catalogue = Catalogue::default();
            // A test reads each of them, so that no file that is left out here is ever released.
            for read in BUILT_IN.iter().filter_map(|(name, text)| CatalogueFile::parse(name, text).ok()) {
                catalogue.operations.extend(read.operations.into_iter().map(|(_, operation)| operation));
                catalogue.unresolved.extend(read.unresolved);
            }
            catalogue
        });
        &BUILT_IN_CATALOGUE
    }

    /// What is compiled in, with the rows of an operator's files: the name of each for messages, and its TOML text. A row of
    /// the same product, name and api replaces ours; one that names no api replaces all of its product and name; any other is
    /// added. Names are compared without regard to case.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of the files.
    pub fn with_files(files: &[(String, String)]) -> Result<Self, Vec<CatalogueProblem>> {
        let mut catalogue = Self::built_in().clone();
        let mut problems = Vec::new();
        let mut added: Vec<(String, Operation)> = Vec::new();
        for (file, text) in files {
            let read = match CatalogueFile::parse(file, text) {
                Ok(read) => read,
                Err(wrong) => {
                    problems.extend(wrong);
                    continue;
                }
            };
            for (line, operation) in read.operations {
                match added.iter().find(|(_, other)| operation.is_row_of(other) && operation.api == other.api) {
                    Some((place, _)) => problems.push(CatalogueProblem {
                        file: file.clone(),
                        line: Some(line),
                        problem: format!("{}/{} stands in {place} already", operation.product, operation.name),
                        remedy: "keep one of them, or give each an api of its own".to_owned(),
                    }),
                    None => added.push((format!("line {line} of {file}"), operation)),
                }
            }
            catalogue.unresolved.extend(read.unresolved);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        for (_, operation) in added {
            catalogue.put(operation);
        }
        Ok(catalogue)
    }

    /// The operations.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operations that Thales names without a path that could be seen. Nothing is served for them until an operator says
    /// what they look like.
    #[must_use]
    pub fn unresolved(&self) -> &[Unresolved] {
        &self.unresolved
    }

    fn put(&mut self, operation: Operation) {
        self.unresolved.retain(|unresolved| {
            unresolved.product != operation.product || !unresolved.name.eq_ignore_ascii_case(&operation.name)
        });
        let (product, name, api) = (operation.product, operation.name.clone(), operation.api.clone());
        let replaced = |row: &Operation| {
            row.product == product && row.name.eq_ignore_ascii_case(&name) && (api.is_empty() || api == row.api)
        };
        // The first of the rows that go gives its place.
        let place = self.operations.iter().position(replaced).unwrap_or(self.operations.len());
        self.operations.retain(|row| !replaced(row));
        self.operations.insert(place, operation);
    }
}

impl Operation {
    /// Whether both have the same product and name.
    fn is_row_of(&self, other: &Self) -> bool {
        self.product == other.product && self.name.eq_ignore_ascii_case(&other.name)
    }
}

/// An operation that Thales names, without a path that could be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The family of calls that it belongs to.
    pub product: Product,
    /// What Thales calls it.
    pub name: String,
    /// The specification that it belongs to, with its version.
    pub api: String,
    /// Its kind, where that is known.
    pub kind: Option<Kind>,
    /// What else is known of it.
    pub known: String,
    /// What would have to be known to serve it.
    pub missing: String,
    /// The page that names it.
    pub source: Option<String>,
}

/// Something wrong with a file of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueProblem {
    /// The file, by the name that it was given with.
    pub file: String,
    /// The line, counted from one.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for CatalogueProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}", self.problem, self.remedy)
    }
}
