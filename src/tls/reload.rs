//! Reload: material that is good takes the place of material that was good; anything else changes nothing.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::environment::TlsEnvironment;
use super::epoch::{Epoch, EpochOptions};
use super::material::{MaterialError, MaterialProblem, MaterialSources, TlsMaterial};
use crate::pki::identity::Fingerprint;
use crate::pki::revocation::RevocationRollback;
use crate::pki::{Anchor, TrustAnchors};

/// What a reload did to an environment.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ReloadReport {
    /// The material is, byte for byte, that of the epoch in force.
    Unchanged,
    /// A new epoch is in force.
    Installed {
        /// The epoch before.
        from: u64,
        /// The epoch in force.
        to: u64,
        /// Trust anchors that the epoch before did not have.
        anchors_added: Vec<AnchorName>,
        /// Trust anchors of the epoch before that are gone.
        anchors_removed: Vec<AnchorName>,
        /// Whether the server shows another certificate.
        leaf_changed: bool,
        /// Live connections whose client does not pass any more.
        connections_retired: usize,
        /// What is allowed but deserves a look.
        warnings: Vec<String>,
    },
    /// What was found is not good: the epoch in force stays.
    Kept {
        /// What is wrong with it, and what to do.
        problem: ReloadProblem,
    },
}

/// A trust anchor in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnchorName {
    /// RFC 4514.
    pub subject: String,
    /// SHA-256 over the DER, hexadecimal.
    pub sha256: String,
}

impl From<&Anchor> for AnchorName {
    fn from(anchor: &Anchor) -> Self {
        Self { subject: anchor.facts.subject.clone(), sha256: anchor.facts.sha256.to_string() }
    }
}

/// Why the epoch in force stays.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReloadProblem {
    /// The material does not pass its checks.
    Material(MaterialError),
    /// A revocation list is older than the one in force: it would take back revocations.
    Rollback(RevocationRollback),
    /// A revocation list is gone although its files are still configured: its revocations would go with it.
    ListGone {
        /// Its issuer, RFC 4514.
        issuer: String,
    },
    /// Another reload was faster; the next one sees what it left.
    Overtaken,
    /// The files have not been read in time, or those before are still being read: a disk, or a network, hangs.
    StillReading,
    /// Reading or checking them panicked.
    Defect,
    /// rustls does not take material that passed our checks.
    Tls(rustls::Error),
    /// The environment is gone, and stays so.
    Closed,
}

impl fmt::Display for ReloadProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Material(MaterialError(problems)) => {
                let problems: Vec<_> = problems.iter().map(MaterialProblem::at_reload).collect();
                f.write_str(&problems.join("; "))
            }
            Self::Rollback(problem) => problem.fmt(f),
            Self::ListGone { issuer } => write!(
                f,
                "crl: the revocation list of {issuer} is in none of the files any more, and what it revokes would be let in again: \
                 put it back, or take its file out of the configuration"
            ),
            Self::Overtaken => f.write_str("another reload was faster; ask again"),
            Self::StillReading => f.write_str(
                "its files cannot be read in time: look at the disk or the network file system that they lie on",
            ),
            Self::Defect => f.write_str("reading it panicked, which is a defect of this program: please report it"),
            Self::Tls(error) => error.fmt(f),
            Self::Closed => {
                f.write_str("the environment is no longer configured, and nothing brings it back; add it anew")
            }
        }
    }
}

impl std::error::Error for ReloadProblem {}

impl Serialize for ReloadProblem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Material that has been checked and built, and is not in force yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    before: Arc<Epoch>,
    /// `None`: the files hold what is in force.
    next: Option<Epoch>,
    warnings: Vec<String>,
}

impl TlsEnvironment {
    /// Loads everything, checks everything, builds, and installs once; or keeps the epoch in force. `changed` says that the options,
    /// or what the sources are checked by, are not those of the epoch in force, so that the same bytes make a new one.
    ///
    /// Blocking: reads files, and judges every live connection.
    pub fn reload(&self, sources: &MaterialSources, options: &EpochOptions, changed: bool) -> ReloadReport {
        match self.prepare(sources, options, changed) {
            Ok(prepared) => self.commit(prepared),
            Err(problem) => ReloadReport::Kept { problem },
        }
    }

    /// The first part of a reload, which changes nothing.
    ///
    /// # Errors
    /// Why the epoch in force has to stay.
    pub(crate) fn prepare(
        &self,
        sources: &MaterialSources,
        options: &EpochOptions,
        changed: bool,
    ) -> Result<Prepared, ReloadProblem> {
        let before = self.current();
        let bytes = sources.read().map_err(ReloadProblem::Material)?;
        if !changed && bytes.digest() == before.digest() {
            return Ok(Prepared { before, next: None, warnings: Vec::new() });
        }
        let material = TlsMaterial::check(&bytes, sources, super::now()).map_err(ReloadProblem::Material)?;
        material.revocation.may_follow(before.judge().revocation()).map_err(ReloadProblem::Rollback)?;
        // Whoever takes a file out of the configuration means it; a file that is still there may have been cut short.
        let anchors = before.judge().anchors().anchors();
        let mut lost = material.revocation.lost(before.judge().revocation(), anchors, material.anchors.anchors());
        if let Some(list) = lost.find(|list| sources.has_list_file(&list.place.file)) {
            return Err(ReloadProblem::ListGone { issuer: list.issuer.clone() });
        }
        drop(lost);
        let warnings = material.warnings();
        let number = before.number() + 1;
        let next = Epoch::build(number, material, bytes.digest(), options).map_err(ReloadProblem::Tls)?;
        Ok(Prepared { before, next: Some(next), warnings })
    }

    /// The second part, which cannot fail but for another reload that was faster.
    pub(crate) fn commit(&self, Prepared { before, next, warnings }: Prepared) -> ReloadReport {
        let _one_at_a_time = self.begin_reload();
        if self.is_closed() {
            return ReloadReport::Kept { problem: ReloadProblem::Closed };
        }
        if self.current().number() != before.number() {
            return ReloadReport::Kept { problem: ReloadProblem::Overtaken };
        }
        let Some(epoch) = next else { return ReloadReport::Unchanged };
        let (from, to) = (before.number(), epoch.number());
        let (old, new) = (before.judge().anchors(), epoch.judge().anchors());
        let (anchors_added, anchors_removed) = (without(new, old), without(old, new));
        let leaf_changed = leaf(&before) != leaf(&epoch);
        let connections_retired = self.install(epoch);
        ReloadReport::Installed {
            from,
            to,
            anchors_added,
            anchors_removed,
            leaf_changed,
            connections_retired,
            warnings,
        }
    }
}

/// The anchors of `these` that `those` do not have.
fn without(these: &TrustAnchors, those: &TrustAnchors) -> Vec<AnchorName> {
    let known = |anchor: &&Anchor| !those.anchors().iter().any(|other| other.facts.sha256 == anchor.facts.sha256);
    these.anchors().iter().filter(known).map(AnchorName::from).collect()
}

fn leaf(epoch: &Epoch) -> Option<Fingerprint> {
    epoch.credential().facts().first().map(|facts| facts.sha256)
}
