//! What the fuzz targets share: the sample PKI, a stack of HTTP layers with a handler that looks closely, and ways to cut an input up.
//!
//! A target asserts; it never repairs. What fails an assertion is a finding (README.md).

pub mod door;
pub mod input;
pub mod reference;
pub mod samples;
