//! Reading material: all of it, and all of one state.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::source::{MaterialSource, MaterialSources};
use super::{MaterialError, MaterialKind, MaterialProblem};
use crate::files::{self, KEEPS_CHANGING, Unreadable};

/// No file may be longer, in bytes. Revocation lists can be large; everything else is small.
const MAX_FILE_SIZE: u64 = 16 * 1024 * 1024;

/// What all sources of an environment held at one time; not checked yet.
#[derive(Clone)]
pub struct MaterialBytes {
    pub(super) pieces: Vec<Piece>,
}

/// SHA-256 over all pieces of material: equal where the material is the same, byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaterialDigest([u8; 32]);

/// What one source held.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) kind: MaterialKind,
    pub(super) file: Option<PathBuf>,
    pub(super) bytes: Arc<Zeroizing<Vec<u8>>>,
}

impl MaterialSources {
    /// Reads everything until two reads in a row agree. Blocks for 20 milliseconds and more where there are files: it is
    /// called at start-up and on reload, off the paths of connections.
    ///
    /// # Errors
    /// Everything that can't be read, or that keeps changing.
    pub fn read(&self) -> Result<MaterialBytes, MaterialError> {
        let Snapshot { pieces, unreadable } = self.snapshot()?;
        if unreadable.is_empty() { Ok(MaterialBytes { pieces }) } else { Err(MaterialError(unreadable)) }
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot, MaterialError> {
        let first = Snapshot::take(self);
        // What is given in place does not change.
        if self.files().is_empty() { Ok(first) } else { settled(first, || Snapshot::take(self)) }
    }
}

/// The first of a row of reads that agrees with the one before it.
fn settled(first: Snapshot, take: impl FnMut() -> Snapshot) -> Result<Snapshot, MaterialError> {
    let changed = |last: &Snapshot, next: &Snapshot| Some(next.changed_since(last)).filter(|it| !it.is_empty());
    files::settled(first, take, changed).map_err(MaterialError)
}

impl MaterialBytes {
    /// The digest of all pieces. Each is led by its kind and its length, so that no two sets share an encoding.
    #[must_use]
    pub fn digest(&self) -> MaterialDigest {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for Piece { kind, bytes, .. } in &self.pieces {
            context.update(&[kind.tag()]);
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        MaterialDigest(digest)
    }
}

impl std::fmt::Debug for MaterialBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pieces = self.pieces.iter().map(|piece| (piece.kind, &piece.file, piece.bytes.len()));
        f.debug_list().entries(pieces).finish()
    }
}

/// One read of all sources.
pub(super) struct Snapshot {
    pub(super) pieces: Vec<Piece>,
    pub(super) unreadable: Vec<MaterialProblem>,
}

impl Snapshot {
    fn take(sources: &MaterialSources) -> Self {
        let mut taken = Self { pieces: Vec::new(), unreadable: Vec::new() };
        for (kind, source) in sources.pieces() {
            let file = source.file().map(Path::to_path_buf);
            match read(source) {
                Ok(bytes) => taken.pieces.push(Piece { kind, file, bytes }),
                Err(error) => taken.unreadable.push(MaterialProblem { kind, file, problem: error.into() }),
            }
        }
        taken
    }

    /// What differs from an earlier read, told as problems.
    fn changed_since(&self, earlier: &Self) -> Vec<MaterialProblem> {
        let same = |piece: &Piece| {
            let is_it = |other: &&Piece| (other.kind, &other.file) == (piece.kind, &piece.file);
            earlier.pieces.iter().filter(is_it).any(|other| other.bytes == piece.bytes)
        };
        let was_unreadable = |problem: &MaterialProblem| {
            let is_it = |other: &&MaterialProblem| (other.kind, &other.file) == (problem.kind, &problem.file);
            earlier.unreadable.iter().any(|other| is_it(&other))
        };
        let changed = self.pieces.iter().filter(|piece| !same(piece)).map(|piece| (piece.kind, &piece.file));
        let lost = self.unreadable.iter().filter(|problem| !was_unreadable(problem));
        let lost = lost.map(|problem| (problem.kind, &problem.file));
        let told = |(kind, file): (MaterialKind, &Option<PathBuf>)| MaterialProblem {
            kind,
            file: file.clone(),
            problem: KEEPS_CHANGING.into(),
        };
        changed.chain(lost).map(told).collect()
    }
}

fn read(source: &MaterialSource) -> Result<Arc<Zeroizing<Vec<u8>>>, String> {
    match source {
        MaterialSource::Inline(bytes) => Ok(Arc::clone(bytes)),
        MaterialSource::File(path) => files::read(path, MAX_FILE_SIZE).map(Arc::new).map_err(|error| match error {
            Unreadable::TooLong(_) => error.to_string(),
            error => format!("it cannot be read: {error}"),
        }),
    }
}

#[cfg(test)]
mod tests;
