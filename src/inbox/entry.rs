//! What the inbox keeps of a notification.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use crate::thales::operation::Role;
use crate::thales::{Kind, Operation};

/// Milliseconds since 1970-01-01 00:00 UTC.
pub type Millis = i64;

/// The id of an entry, a UUID of version 7 (RFC 9562 section 5.7): what a consumer knows repeats by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(Uuid);

impl EntryId {
    /// One that no other entry has.
    #[must_use]
    pub fn new() -> Self {
        Self(crate::new_uuid::new_uuid())
    }

    /// The 16 bytes, most significant first.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From its 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl Default for EntryId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EntryId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// An operation whose calls may be kept: a notification that carries no secret in clear. There is no other way to an entry, so that
/// what is secret cannot become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storable(Arc<Operation>);

impl Storable {
    /// `None` when calls of `operation` must not be kept.
    #[must_use]
    pub fn of(operation: &Arc<Operation>) -> Option<Self> {
        let storable =
            operation.kind == Kind::Notification && operation.role == Role::Business && !operation.is_sensitive();
        storable.then(|| Self(Arc::clone(operation)))
    }

    /// The operation.
    #[must_use]
    pub fn operation(&self) -> &Arc<Operation> {
        &self.0
    }
}

/// What is known of an entry in clear, sealed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its id.
    pub id: EntryId,
    /// The environment that received it.
    pub environment: String,
    /// The product's name.
    pub product: String,
    /// The operation's name.
    pub operation: String,
    /// Where it is delivered to: the name of a backend, or empty for the environment's own.
    pub destination: String,
    /// When the request was there.
    pub received_at: Millis,
    /// RFC 4514 subject of the verified client.
    pub client_subject: String,
    /// SHA-256 of its certificate, hexadecimal.
    pub client_sha256: String,
    /// The id by which Thales relates its calls.
    pub correlation_id: Option<String>,
    /// W3C trace context of the call.
    pub traceparent: Option<String>,
    /// The verb.
    pub method: String,
}

/// What Thales sent, which may be sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Contents {
    /// The path that was called, byte for byte.
    pub path: String,
    /// The query, without the question mark.
    pub query: Option<String>,
    /// What the notification is about: the card, the token. What its lane is made of, where that was found.
    pub subject: Option<String>,
    /// End-to-end headers, in order, without `authorization` and cookies.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents")
            .field("headers", &self.headers.len())
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// How far an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It has to be delivered.
    Pending,
    /// Its destination has it.
    Delivered,
    /// It will not be delivered unless somebody asks for it.
    Dead,
    /// Somebody decided that it shall not be delivered.
    Discarded,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Dead, Self::Discarded];

    /// The name in stores, commands and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thales::Catalogue;

    #[test]
    fn only_notifications_without_a_secret_in_clear_can_be_kept() {
        let (mut kept, mut sensitive) = (0, 0);
        for operation in Catalogue::built_in().operations() {
            let notification = Operation { kind: Kind::Notification, ..operation.clone() };
            // A kind that an operator changed does not make a secret storable.
            assert_eq!(
                Storable::of(&Arc::new(notification)).is_some(),
                !operation.is_sensitive() && operation.role == Role::Business,
                "{}",
                operation.name
            );
            let storable = Storable::of(&Arc::new(operation.clone()));
            assert_eq!(storable.is_some(), operation.kind == Kind::Notification, "{}", operation.name);
            kept += usize::from(storable.is_some());
            sensitive += usize::from(operation.is_sensitive());
        }
        assert!(kept > 10 && sensitive > 2, "control: {kept} {sensitive}");
    }
}
