//! The TLS material of an environment: read together, checked together, good or not at all.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::UnixTime;
use zeroize::Zeroizing;

use crate::pki::trust_anchors::AnchorRules;
use crate::pki::{ServerCredential, TrustAnchors};

/// Where a piece of material comes from.
#[derive(Clone)]
pub enum MaterialSource {
    /// A PEM file.
    File(PathBuf),
    /// PEM text given in place.
    Inline(Arc<Zeroizing<Vec<u8>>>),
}

impl MaterialSource {
    /// PEM text given in place.
    pub fn inline(pem: impl Into<Vec<u8>>) -> Self {
        Self::Inline(Arc::new(Zeroizing::new(pem.into())))
    }

    /// Reads the whole of it. Blocking: called at start-up and on reload, off the paths of connections.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn read(&self) -> std::io::Result<Arc<Zeroizing<Vec<u8>>>> {
        match self {
            Self::File(path) => std::fs::read(path).map(|bytes| Arc::new(Zeroizing::new(bytes))),
            Self::Inline(bytes) => Ok(Arc::clone(bytes)),
        }
    }
}

impl fmt::Debug for MaterialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Inline(_) => f.write_str("Inline([not shown])"),
        }
    }
}

/// All sources of an environment's material, and the rules that they are checked by.
#[derive(Clone, Debug)]
pub struct MaterialSources {
    /// The client CA bundle (O5).
    pub client_ca: MaterialSource,
    /// The server's chain, leaf first (O8).
    pub certificate_chain: MaterialSource,
    /// The server's private key.
    pub private_key: MaterialSource,
    /// The name that the server certificate has to cover.
    pub host: Option<String>,
    /// What may be a trust anchor.
    pub anchor_rules: AnchorRules,
}

/// One consistent, checked snapshot.
#[derive(Debug)]
pub struct TlsMaterial {
    /// Whom clients have to chain to.
    pub anchors: TrustAnchors,
    /// What the server shows and signs with.
    pub credential: ServerCredential,
}

/// The piece of material that a problem is about; prints as its configuration key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaterialKind {
    /// `client_ca`
    ClientCa,
    /// `certificate_chain`
    CertificateChain,
    /// `private_key`
    PrivateKey,
}

impl fmt::Display for MaterialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientCa => "client_ca",
            Self::CertificateChain => "certificate_chain",
            Self::PrivateKey => "private_key",
        })
    }
}

/// What is wrong with one piece of material.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {problem}")]
pub struct MaterialProblem {
    /// The piece.
    pub kind: MaterialKind,
    /// What was found, and what to do.
    #[source]
    pub problem: Box<dyn std::error::Error + Send + Sync>,
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
    /// Reads and checks everything, and reports everything that is wrong, not the first thing alone.
    ///
    /// # Errors
    /// All problems of all pieces.
    pub fn load(sources: &MaterialSources, now: UnixTime) -> Result<Self, MaterialError> {
        let mut problems = Vec::new();
        let mut read = |source: &MaterialSource, kind| match source.read() {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                problems.push(MaterialProblem { kind, problem: unreadable(source, &error).into() });
                None
            }
        };
        let client_ca = read(&sources.client_ca, MaterialKind::ClientCa);
        let chain = read(&sources.certificate_chain, MaterialKind::CertificateChain);
        let key = read(&sources.private_key, MaterialKind::PrivateKey);

        let anchors = client_ca.and_then(|pem| {
            TrustAnchors::from_pem(&pem, &sources.anchor_rules, now)
                .map_err(|error| problems.push(MaterialProblem { kind: MaterialKind::ClientCa, problem: error.into() }))
                .ok()
        });
        let credential = chain.zip(key).and_then(|(chain, key)| {
            ServerCredential::from_pem(&chain, &key, sources.host.as_deref(), now)
                .map_err(|error| {
                    problems.extend(error.into_problems().into_iter().map(|problem| {
                        let about_key = problem.is_about_key();
                        let kind = if about_key { MaterialKind::PrivateKey } else { MaterialKind::CertificateChain };
                        MaterialProblem { kind, problem: problem.into() }
                    }));
                })
                .ok()
        });
        match anchors.zip(credential) {
            Some((anchors, credential)) if problems.is_empty() => Ok(Self { anchors, credential }),
            _ => Err(MaterialError(problems)),
        }
    }
}

impl TlsMaterial {
    /// What is allowed but deserves a look, in words.
    pub fn warnings(&self) -> Vec<String> {
        let anchors = self.anchors.warnings().iter().map(|warning| format!("client_ca: {warning}"));
        let credential = self.credential.warnings().iter().map(|warning| format!("certificate_chain: {warning}"));
        anchors.chain(credential).collect()
    }
}

fn unreadable(source: &MaterialSource, error: &std::io::Error) -> String {
    match source {
        MaterialSource::File(path) => format!("{} cannot be read: {error}", path.display()),
        MaterialSource::Inline(_) => format!("the text cannot be read: {error}"),
    }
}
