//! What `/metrics` tells: each metric after the thing that causes it, and nothing that a caller chose.

mod bounded;
mod caused;
