//! Something wrong in what was written of an operation.

use super::key_expression::KeyExpressionError;
use super::template::TemplateError;

/// What is wrong, in which field, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The key of the catalogue and of an override; `None` = the row as a whole.
    pub(crate) field: Option<&'static str>,
    /// One sentence, without its full stop.
    pub(crate) problem: String,
    /// The same.
    pub(crate) remedy: String,
}

impl Finding {
    pub(crate) fn new(field: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: Some(field), problem: problem.into(), remedy: remedy.into() }
    }

    pub(crate) fn of_row(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: None, problem: problem.into(), remedy: remedy.into() }
    }

    pub(crate) fn of_template(field: &'static str, error: &TemplateError) -> Self {
        Self::new(field, error.to_string(), error.remedy())
    }

    pub(crate) fn of_key(field: &'static str, error: &KeyExpressionError) -> Self {
        Self::new(field, error.to_string(), error.remedy())
    }
}
