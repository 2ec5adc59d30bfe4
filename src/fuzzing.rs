//! What the fuzz targets (`fuzz/`) need beyond what an embedder sees. It exists in their builds alone.

use std::ffi::OsString;
use std::path::Path;

use rustls::crypto::WebPkiSupportedAlgorithms;

pub use crate::inbox::fuzzing::{EventHeaders, RawRow, event_headers, row, sealing};
pub use crate::server::fuzzing::{Spoken, Talk};
use crate::settings::{self, Report, Settings};

/// The algorithms that clients' signatures are verified by.
#[must_use]
pub fn algorithms() -> WebPkiSupportedAlgorithms {
    crate::tls::provider().signature_verification_algorithms
}

/// The configuration that `text` would be as the file `path`, with these environment variables.
///
/// # Errors
/// The report.
pub fn settings(path: &Path, text: &str, environment: &[(OsString, OsString)]) -> Result<Settings, Report> {
    settings::load_text(path, text, environment)
}
