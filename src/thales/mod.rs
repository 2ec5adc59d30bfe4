//! What Thales calls, and how it wants to be answered: products, their operations, and the dialect of each. Pure data and
//! matching; nothing here reads a file or a socket.

mod acknowledgement;
pub mod catalogue;
pub mod client_identity;
pub mod dialect;
pub mod example;
mod finding;
pub mod inbound;
pub mod key_expression;
#[cfg(test)]
mod openapi;
pub mod operation;
pub mod product;
mod reading;
pub mod requirement;
pub mod retry;
pub mod routes;
pub mod template;
pub mod verdict;

pub use catalogue::Catalogue;
pub use dialect::Dialect;
pub use example::Example;
pub use operation::{Acknowledgement, Evidence, Kind, Operation};
pub use product::Product;
pub use requirement::Requirement;
pub use retry::{Backoff, RetryRule};
pub use routes::Routes;
pub use verdict::{Fate, Verdict};
