//! What a key of an operation is made of.

/// The parts of a key, in their text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyExpression(pub Vec<String>);
