//! The TLS material of an environment: read together, checked together, good or not at all.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls_pki_types::UnixTime;

use crate::pki::revocation::CrlFile;
use crate::pki::{EndorsedChain, EndorsementProblem, Revocation, RevocationLists, ServerCredential, TrustAnchors};

mod bytes;
mod source;

pub use bytes::{MaterialBytes, MaterialDigest};
use bytes::{Piece, Snapshot};
pub use source::{MaterialSource, MaterialSources};

/// One consistent, checked snapshot.
#[derive(Debug)]
pub struct TlsMaterial {
    /// Whom clients have to chain to.
    pub anchors: TrustAnchors,
    /// Who of them was revoked, and how strictly that is asked.
    pub revocation: Revocation,
    /// What the server shows and signs with.
    pub credential: ServerCredential,
    /// The CA chain that Thales was given, where it is configured; the credential chains to it.
    pub endorsed: Option<EndorsedChain>,
    warnings: Vec<String>,
}

/// The piece of material that a problem is about; prints as its configuration key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaterialKind {
    /// `client_ca`
    ClientCa,
    /// `crl`
    Crl,
    /// `certificate_chain`
    CertificateChain,
    /// `private_key`
    PrivateKey,
    /// `endorsed_chain`
    EndorsedChain,
}

impl MaterialKind {
    /// What tells the kinds apart in a digest.
    fn tag(self) -> u8 {
        match self {
            Self::ClientCa => 1,
            Self::Crl => 2,
            Self::CertificateChain => 3,
            Self::PrivateKey => 4,
            Self::EndorsedChain => 5,
        }
    }
}

impl fmt::Display for MaterialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientCa => "client_ca",
            Self::Crl => "crl",
            Self::CertificateChain => "certificate_chain",
            Self::PrivateKey => "private_key",
            Self::EndorsedChain => "endorsed_chain",
        })
    }
}

/// What is wrong with one piece of material.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {}{problem}", in_file(file.as_deref()))]
pub struct MaterialProblem {
    /// The piece.
    pub kind: MaterialKind,
    /// The file that it is in; None for text given in place.
    pub file: Option<PathBuf>,
    /// What was found, and what to do.
    #[source]
    pub problem: Box<dyn std::error::Error + Send + Sync>,
}

impl MaterialProblem {
    /// The problem as a reload tells it, which leaves what is installed in its place.
    #[must_use]
    pub fn at_reload(&self) -> String {
        match self.problem.downcast_ref::<EndorsementProblem>() {
            Some(problem) => format!("{}: {}{}", self.kind, in_file(self.file.as_deref()), problem.at_reload()),
            None => self.to_string(),
        }
    }
}

/// Everything that is wrong with the material of an environment.
#[derive(Debug)]
pub struct MaterialError(pub Vec<MaterialProblem>);

impl fmt::Display for MaterialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for MaterialError {}

impl TlsMaterial {
    /// Reads and checks everything, and reports everything that is wrong, not the first thing alone. Blocks as
    /// [`MaterialSources::read`] does.
    ///
    /// # Errors
    /// All problems of all pieces.
    pub fn load(sources: &MaterialSources, now: UnixTime) -> Result<Self, MaterialError> {
        let Snapshot { pieces, unreadable: mut problems } = sources.snapshot()?;
        match Self::examine(&pieces, sources, now, &mut problems) {
            Some(material) if problems.is_empty() => Ok(material),
            _ => Err(MaterialError(problems)),
        }
    }

    /// Checks what was read from `sources`.
    ///
    /// # Errors
    /// All problems of all pieces.
    pub fn check(bytes: &MaterialBytes, sources: &MaterialSources, now: UnixTime) -> Result<Self, MaterialError> {
        let mut problems = Vec::new();
        match Self::examine(&bytes.pieces, sources, now, &mut problems) {
            Some(material) if problems.is_empty() => Ok(material),
            _ => Err(MaterialError(problems)),
        }
    }

    /// What is allowed but deserves a look, in words.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// Looks at all pieces that there are. None where one of them is missing or wrong; what is wrong is then among the
    /// problems.
    fn examine(
        pieces: &[Piece],
        sources: &MaterialSources,
        now: UnixTime,
        problems: &mut Vec<MaterialProblem>,
    ) -> Option<Self> {
        let mut findings = Findings { problems, warnings: Vec::new() };
        let of_kind = |kind| pieces.iter().find(move |piece| piece.kind == kind);
        let anchors = of_kind(MaterialKind::ClientCa).and_then(|piece| {
            let anchors = TrustAnchors::from_pem(&piece.bytes, &sources.anchor_rules, now);
            let anchors = anchors.map_err(|error| findings.refuse(piece, error)).ok()?;
            findings.warn(piece, anchors.warnings());
            Some(anchors)
        });
        let lists = findings.lists(pieces, anchors.as_ref(), now);
        let (chain, key) = (of_kind(MaterialKind::CertificateChain), of_kind(MaterialKind::PrivateKey));
        let credential = chain.zip(key).and_then(|(chain, key)| {
            let credential = ServerCredential::from_pem(&chain.bytes, &key.bytes, sources.host.as_deref(), now);
            let refuse = |error: crate::pki::ServerCredentialError| {
                for problem in error.into_problems() {
                    let piece = if problem.is_about_key() { key } else { chain };
                    findings.refuse(piece, problem);
                }
            };
            let credential = credential.map_err(refuse).ok()?;
            findings.warn(chain, credential.warnings());
            Some(credential)
        });
        let endorsed = of_kind(MaterialKind::EndorsedChain).and_then(|piece| {
            let endorsed = EndorsedChain::from_pem(&piece.bytes, now);
            let endorsed = endorsed.map_err(|error| findings.refuse(piece, error)).ok()?;
            findings.warn(piece, endorsed.warnings());
            Some(endorsed)
        });
        if let (Some(endorsed), Some(credential), Some(chain)) = (&endorsed, &credential, chain)
            && let Err(problem) = endorsed.endorses(credential, now)
        {
            findings.refuse(chain, problem);
        }
        let warnings = findings.warnings;
        let revocation = Revocation { mode: sources.revocation, lists: lists? };
        Some(Self { anchors: anchors?, revocation, credential: credential?, endorsed, warnings })
    }
}

/// What came out while pieces were looked at.
struct Findings<'a> {
    problems: &'a mut Vec<MaterialProblem>,
    warnings: Vec<String>,
}

impl Findings<'_> {
    fn refuse(&mut self, piece: &Piece, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        self.problems.push(MaterialProblem { kind: piece.kind, file: piece.file.clone(), problem: error.into() });
    }

    fn warn<T: fmt::Display>(&mut self, piece: &Piece, warnings: &[T]) {
        let told = |warning| format!("{}: {}{warning}", piece.kind, in_file(piece.file.as_deref()));
        self.warnings.extend(warnings.iter().map(told));
    }

    /// All lists together: of several of one issuer the newest counts, whatever file it is in. Without anchors, what is wrong
    /// with the lists themselves comes out all the same.
    fn lists(&mut self, pieces: &[Piece], anchors: Option<&TrustAnchors>, now: UnixTime) -> Option<RevocationLists> {
        let pieces: Vec<&Piece> = pieces.iter().filter(|piece| piece.kind == MaterialKind::Crl).collect();
        let label =
            |piece: &Piece| piece.file.as_ref().map_or("the text".to_owned(), |file| file.display().to_string());
        let labels: Vec<String> = pieces.iter().map(|piece| label(piece)).collect();
        let files = pieces.iter().zip(&labels).map(|(piece, label)| CrlFile { label, bytes: &piece.bytes });
        let files: Vec<CrlFile<'_>> = files.collect();
        let labelled =
            |file: &str| pieces.iter().zip(&labels).find(|(_, label)| *label == file).map(|(piece, _)| *piece);
        match RevocationLists::from_bytes(&files, anchors.map_or(&[], TrustAnchors::anchors), now) {
            Ok(lists) => {
                for warning in lists.warnings() {
                    if let Some(piece) = labelled(&warning.place().file) {
                        self.warn(piece, std::slice::from_ref(warning));
                    }
                }
                Some(lists)
            }
            Err(error) => {
                for problem in error.0 {
                    if let Some(piece) = labelled(&problem.place.file) {
                        self.refuse(piece, problem);
                    }
                }
                None
            }
        }
    }
}

/// The beginning of what is told about a file.
fn in_file(file: Option<&Path>) -> String {
    file.map(|file| format!("{}: ", file.display())).unwrap_or_default()
}

#[cfg(test)]
mod tests;
