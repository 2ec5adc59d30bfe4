//! The inbox: a notification is durable before it is acknowledged, and delivered afterwards, at least once and in order.
//!
//! ```text
//! handler::receive ── inbox::keys          lane and deduplication key, out of the call
//!                  ── inbox::seal          encoded, and sealed where there is a master key
//!                  ── inbox::writer        group commit: one fsync for all who wait
//!                  ── inbox::store         SQLite | PostgreSQL: stored, or known as a repeat
//!                  ── the acknowledgement
//!
//! inbox::delivery  ── a lane is leased     by lane: its head is never overtaken
//!                  ── inbox::destination   HTTP (CloudEvents) | NATS JetStream
//!                  ── settled              delivered, tried again later, or a dead letter
//! ```

pub mod contents;
pub mod delivery;
pub mod destination;
pub mod entry;
mod envelope;
mod index_key;
pub mod keys;
pub mod master_keys;
pub mod notification;
mod open;
pub mod rekey;
pub mod seal;
pub mod sqlite;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
mod writer;

pub use master_keys::MasterKeys;
pub use notification::Notification;
pub use open::{Open, OpenError};
pub use seal::Sealing;
pub use writer::Writer;
