//! What Thales calls, and how it wants to be answered: products, their operations, and the dialect of each. Pure data and
//! matching; nothing here reads a file or a socket.

pub mod key_expression;
pub mod operation;
pub mod product;

pub use operation::{Acknowledgement, Evidence, Kind, Operation};
pub use product::Product;
