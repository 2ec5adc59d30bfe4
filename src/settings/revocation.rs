//! `crl` and `revocation` of an environment: which revocation lists there are, and what becomes of a caller that they do not
//! cover.

use std::path::PathBuf;

use super::path::file;
use super::reader::Section;
use super::typed::{list, one_of};

/// What revocation lists decide about callers (RFC 5280 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationMode {
    /// They are not consulted.
    Off,
    /// A certificate whose issuer has a list must not be on it; others pass.
    IfCovered,
    /// Every certificate below the trust anchor must be covered by a list, and not be on it.
    Require,
}

const MODES: &[(&str, RevocationMode)] =
    &[("off", RevocationMode::Off), ("if-covered", RevocationMode::IfCovered), ("require", RevocationMode::Require)];

impl RevocationMode {
    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::IfCovered => "if-covered",
            Self::Require => "require",
        }
    }

    /// What is meant where nobody says it: lists that are named are enforced.
    pub(super) fn default_for(crl: &[PathBuf]) -> Self {
        if crl.is_empty() { Self::Off } else { Self::IfCovered }
    }
}

/// Reads the lists and how they are used; `None` for what is wrong.
pub(super) fn read(section: &mut Section<'_>) -> (Option<Vec<PathBuf>>, Option<RevocationMode>) {
    let crl = section.or("crl", Vec::new(), list(',', file));
    let written = section.optional("revocation", one_of(MODES));
    let mode = crl.as_deref().zip(written).and_then(|(crl, written)| match written {
        None => Some(RevocationMode::default_for(crl)),
        Some(mode) => consistent(section, crl, mode),
    });
    (crl, mode)
}

/// A mode that was written, as far as it makes sense with the lists.
fn consistent(section: &mut Section<'_>, crl: &[PathBuf], mode: RevocationMode) -> Option<RevocationMode> {
    let problem = match (mode, crl.is_empty()) {
        (RevocationMode::Require, true) => "Without a list in crl, \"require\" would refuse everybody.",
        (RevocationMode::IfCovered, true) => "Without a list in crl, \"if-covered\" would check nothing.",
        (RevocationMode::Off, false) => {
            let (crl, revocation) = (section.key("crl"), section.key("revocation"));
            section.warn(format!("{revocation} is \"off\": the lists of {crl} are not consulted."));
            return Some(mode);
        }
        _ => return Some(mode),
    };
    section.report(Some("revocation"), problem, "Name the files of the lists in crl, or take revocation out.");
    None
}
