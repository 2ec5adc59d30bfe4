//! The client certificates that calls show, and how they are told of.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::report::printable;
use crate::caller::ClientCredential;
use crate::pki::CertificateFacts;

/// A client certificate that calls show.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) credential: ClientCredential,
    pub(super) leaf: Arc<Leaf>,
}

/// Which one it is.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Printable.
    file: String,
    /// `None` = it is of a kind that cannot be read here, which servers may be shown all the same.
    facts: Option<CertificateFacts>,
}

impl Shown {
    /// `path` = the file of its chain.
    pub(super) fn new(credential: ClientCredential, path: &Path) -> Self {
        let facts = credential.chain().first().and_then(|leaf| CertificateFacts::from_der(leaf).ok());
        let file = printable(&path.display().to_string());
        Self { credential, leaf: Arc::new(Leaf { file, facts }) }
    }
}

impl Leaf {
    pub(super) fn json(&self) -> Value {
        let facts = self.facts.as_ref();
        json!({
            "file": self.file,
            "subject": facts.map(|facts| &facts.subject),
            "serial": facts.map(|facts| &facts.serial),
            "sha256": facts.map(|facts| facts.sha256.to_string()),
        })
    }
}

/// The leaves of a rotation have one subject: what tells them apart is the serial number.
impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match &self.facts {
            Some(facts) => write!(f, ": {}, serial number {}", facts.subject, facts.serial),
            None => Ok(()),
        }
    }
}
