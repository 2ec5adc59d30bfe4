//! Reload: material that is good takes the place of material that was good; anything else changes nothing.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use super::environment::TlsEnvironment;
use super::epoch::{Epoch, EpochOptions};
use super::material::{MaterialError, MaterialKind, MaterialProblem, MaterialSources, TlsMaterial};
use crate::files::KEEPS_CHANGING;
use crate::pki::identity::Fingerprint;
use crate::pki::revocation::RevocationRollback;
use crate::pki::{Anchor, TrustAnchors};

/// How long a bundle that lacks an anchor of the one before has to be left alone before it counts. One that is written in place and
/// slowly is, between two certificates, a good one, and would retire honest clients. A change that is told late has rested meanwhile,
/// so that a removal is in force within a second of it all the same.
const REST: Duration = Duration::from_millis(100);

/// How often it is waited for at most; whoever goes on writing is told of by the next trigger.
const MAX_RESTS: usize = 3;

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
        self.prepare_rested(sources, options, changed, |file| std::thread::sleep(still_to_rest(file)))
    }

    /// `rest` returns once a file has been left alone for [`REST`], for all that can be told before it is read again.
    fn prepare_rested(
        &self,
        sources: &MaterialSources,
        options: &EpochOptions,
        changed: bool,
        mut rest: impl FnMut(&Path),
    ) -> Result<Prepared, ReloadProblem> {
        let before = self.current();
        let mut bytes = sources.read().map_err(ReloadProblem::Material)?;
        let mut material;
        let mut round = 1;
        loop {
            if !changed && bytes.digest() == before.digest() {
                return Ok(Prepared { before, next: None, warnings: Vec::new() });
            }
            material = TlsMaterial::check(&bytes, sources, super::now()).map_err(ReloadProblem::Material)?;
            let Some(file) = sources.client_ca.file() else { break };
            if without(before.judge().anchors(), &material.anchors).is_empty() {
                break;
            }
            rest(file);
            let again = sources.read().map_err(ReloadProblem::Material)?;
            if again.digest() == bytes.digest() {
                break;
            }
            if round == MAX_RESTS {
                let problem = MaterialProblem {
                    kind: MaterialKind::ClientCa,
                    file: Some(file.to_owned()),
                    problem: KEEPS_CHANGING.into(),
                };
                return Err(ReloadProblem::Material(MaterialError(vec![problem])));
            }
            bytes = again;
            round += 1;
        }
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

/// What is left of [`REST`] to the file, by the time at which the system last saw the file change, which no writer can choose. All of it where
/// that cannot be told. Of several environments that lose an anchor at a time, the later ones have little left to wait for.
fn still_to_rest(file: &Path) -> Duration {
    left_of_rest(changed_at(file), SystemTime::now())
}

fn left_of_rest(changed: Option<SystemTime>, now: SystemTime) -> Duration {
    // A file of the future tells nothing.
    let rested = changed.and_then(|changed| now.duration_since(changed).ok());
    REST.saturating_sub(rested.unwrap_or_default())
}

fn changed_at(file: &Path) -> Option<SystemTime> {
    let metadata = file.metadata().ok()?;
    let since_1970 = Duration::new(metadata.ctime().try_into().ok()?, metadata.ctime_nsec().try_into().ok()?);
    Some(SystemTime::UNIX_EPOCH + since_1970)
}

/// The anchors of `these` that `those` do not have.
fn without(these: &TrustAnchors, those: &TrustAnchors) -> Vec<AnchorName> {
    let known = |anchor: &&Anchor| !those.anchors().iter().any(|other| other.facts.sha256 == anchor.facts.sha256);
    these.anchors().iter().filter(known).map(AnchorName::from).collect()
}

fn leaf(epoch: &Epoch) -> Option<Fingerprint> {
    epoch.credential().facts().first().map(|facts| facts.sha256)
}

#[cfg(test)]
mod tests;
