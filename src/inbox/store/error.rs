//! What goes wrong with a store, whatever the engine.

/// Why a store did not do what it was asked for. The words hold nothing of any entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or the connection broke; what became of a transaction is not known.
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// It is there, and lets nobody in who comes like this, or has no database of that name.
    #[error("the store does not let us in: {0}")]
    Denied(String),
    /// There is no room: the disk is full, or the store has reached its limit.
    #[error("the store is full: {0}")]
    Full(String),
    /// It can be read, not written to.
    #[error("the store cannot be written to: {0}")]
    ReadOnly(String),
    /// Somebody else holds it, or too much is waiting for it.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// It is damaged, or holds what this version does not understand.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// Its tables are those of an older version, or there are none yet.
    #[error("the store is not up to date: {0}")]
    Outdated(String),
    /// Its tables are those of a newer version.
    #[error("the store is of a newer version: {0}")]
    Newer(String),
    /// It is something else: no database, or that of another program.
    #[error("this is no inbox: {0}")]
    Foreign(String),
    /// It does not take what it was given, although it works.
    #[error("the store refuses what it was given: {0}")]
    Rejected(String),
}

impl StoreError {
    /// In metrics and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Denied(_) => "denied",
            Self::Full(_) => "full",
            Self::ReadOnly(_) => "read-only",
            Self::Busy(_) => "busy",
            Self::Corrupt(_) => "corrupt",
            Self::Outdated(_) => "outdated",
            Self::Newer(_) => "newer",
            Self::Foreign(_) => "foreign",
            Self::Rejected(_) => "rejected",
        }
    }
}
