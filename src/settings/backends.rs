//! `[backends.NAME]`: further backends, for operations that go elsewhere.

use super::backend::{self, BackendSettings};
use super::missing;
use super::name;
use super::reader::Section;

/// What was read of `[backends]`.
pub(super) struct Backends {
    /// Each by its name, in the order of names; `None` when one cannot be used.
    pub(super) settings: Option<Vec<(String, BackendSettings)>>,
    /// The names of all, those that cannot be used included.
    pub(super) names: Vec<String>,
}

pub(super) fn read(root: &mut Section<'_>) -> Backends {
    let mut names = Vec::new();
    let settings = root.each_within("backends", |name, section| {
        names.push(name.to_owned());
        let name = name::check(section, "a backend", name);
        let settings = backend::read(section);
        missing::report(section, "the backend", "reached", false);
        name.zip(settings)
    });
    Backends { settings: settings.into_iter().collect(), names }
}
