//! What Thales calls, and how it wants to be answered: products, their operations, and the dialect of each. Pure data and
//! matching; nothing here reads a file or a socket.

mod acknowledgement;
pub mod catalogue;
mod finding;
pub mod key_expression;
pub mod operation;
pub mod product;
mod reading;
pub mod routes;
pub mod template;

pub use catalogue::Catalogue;
pub use operation::{Acknowledgement, Evidence, Kind, Operation};
pub use product::Product;
pub use routes::Routes;
