//! What series are told apart by. No value comes from a peer.

/// A label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What it may say.
    pub values: Values,
}

/// What a label may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// One of these.
    Closed(&'static [&'static str]),
    /// A name that the operator chose, or that the catalogue of operations knows; this says which. There are as many as are
    /// configured.
    Configured(&'static str),
}

impl Label {
    pub(super) const fn closed(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values: Values::Closed(values) }
    }

    pub(super) const fn configured(name: &'static str, which: &'static str) -> Self {
        Self { name, values: Values::Configured(which) }
    }

    /// Whether it may say `value`, as far as that is known here.
    #[must_use]
    pub fn may_be(&self, value: &str) -> bool {
        match self.values {
            Values::Closed(values) => values.contains(&value),
            Values::Configured(_) => true,
        }
    }
}
