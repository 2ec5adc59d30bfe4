//! From what is stored to what was sent.

use std::fmt;

use super::entry::{Contents, Facts};
use super::store::Payload;

/// Why a payload cannot be opened. The words hold nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub String);

/// Opens payloads: unseals them where they are sealed, and decodes them.
pub trait Open: fmt::Debug + Send + Sync + 'static {
    /// The contents of the entry that `facts` are of.
    ///
    /// # Errors
    /// [`OpenError`]: there is no such key, or the payload is damaged. An operator may bring the key back.
    fn open(&self, facts: &Facts, payload: &Payload) -> Result<Contents, OpenError>;
}
