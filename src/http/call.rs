//! A request as the interpreter understands it: which operation of which product it is. In the extensions of every request that
//! reaches a handler behind an interpreter.

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderValue, Method};

use super::interpreter::Interpreter;
use crate::thales::dialect::Dialect;
use crate::thales::operation::Role;
use crate::thales::routes::{Found, Matched};
use crate::thales::{Kind, Operation, Product};

/// What is said of a call that no operation knows, in logs and metrics.
pub(crate) const UNKNOWN: &str = "unknown";

/// A request as the interpreter understands it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Call {
    interpreter: Arc<Interpreter>,
    found: Found,
}

impl Call {
    pub(crate) fn new(interpreter: &Arc<Interpreter>, method: &Method, path: &str) -> Self {
        Self { interpreter: Arc::clone(interpreter), found: interpreter.routes().find(method, path) }
    }

    /// The operation that it is, where it is one.
    #[must_use]
    pub fn operation(&self) -> Option<&Arc<Operation>> {
        self.matched().map(|matched| &matched.operation)
    }

    /// Operation and parameters.
    #[must_use]
    pub fn matched(&self) -> Option<&Matched> {
        match &self.found {
            Found::Operation(matched) => Some(matched),
            Found::MethodNotAllowed { .. } | Found::Unknown { .. } => None,
        }
    }

    /// The product that it belongs to; `None` when several share the host and none of them claims its path.
    #[must_use]
    pub fn product(&self) -> Option<Product> {
        match &self.found {
            Found::Operation(matched) => Some(matched.operation.product),
            Found::MethodNotAllowed { product, .. } => Some(*product),
            Found::Unknown { product } => *product,
        }
    }

    /// Whether it is a call of `product`, or of nobody knows which product and that one is among them.
    pub(crate) fn may_be_of(&self, product: Product) -> bool {
        self.product().map_or_else(|| self.interpreter.routes().products().contains(&product), |own| own == product)
    }

    /// The operation's name, or `unknown`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.operation().map_or(UNKNOWN, |operation| &operation.name)
    }

    /// The operation, and what each line of the log says of it.
    pub(crate) fn in_words(&self) -> Option<(&Operation, &str)> {
        let operation = self.operation()?;
        Some((operation, self.interpreter.in_words(operation)?))
    }

    /// The operation's kind.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.operation().map(|operation| operation.kind)
    }

    /// Whether a success is an acknowledgement, rather than an answer.
    pub(crate) fn is_notification(&self) -> bool {
        let is_token_request = self.operation().is_some_and(|operation| operation.role != Role::Business);
        !is_token_request && (self.kind() == Some(Kind::Notification) || self.product() == Some(Product::Cof))
    }

    /// The methods that its path knows, where its own is none of them.
    pub(crate) fn allowed_methods(&self) -> Option<&HeaderValue> {
        match &self.found {
            Found::MethodNotAllowed { allow, .. } => Some(allow),
            Found::Operation(_) | Found::Unknown { .. } => None,
        }
    }

    pub(crate) fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }

    /// How its caller wants to be answered.
    pub(crate) fn dialect(&self) -> Option<Dialect> {
        match self.product() {
            Some(product) => Some(self.interpreter.dialect(product)),
            None => self.interpreter.careful_dialect(),
        }
    }

    /// Until the head of its answer; `None` = no deadline of its own.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.operation().map(|operation| self.interpreter.deadline(operation))
    }
}

/// Marks a request whose body holds a secret in clear: a one-time password, a PIN. Whoever finds it in the extensions of a request
/// must keep the body out of every store and every log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sensitive;
