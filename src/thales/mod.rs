//! What Thales calls, and how it wants to be answered: products, their operations, and the dialect of each. Pure data and
//! matching; nothing here reads a file or a socket.

mod acknowledgement;
pub mod catalogue;
pub mod dialect;
mod finding;
pub mod key_expression;
#[cfg(test)]
mod openapi;
pub mod operation;
pub mod product;
mod reading;
pub mod requirement;
pub mod routes;
pub mod template;

pub use catalogue::Catalogue;
pub use dialect::Dialect;
pub use operation::{Acknowledgement, Evidence, Kind, Operation};
pub use product::Product;
pub use requirement::Requirement;
pub use routes::Routes;
