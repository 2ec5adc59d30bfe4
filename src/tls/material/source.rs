//! Where the material of an environment comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::MaterialKind;
use crate::pki::RevocationMode;
use crate::pki::trust_anchors::AnchorRules;

/// Where a piece of material comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum MaterialSource {
    /// A file.
    File(PathBuf),
    /// PEM text given in place.
    Inline(Arc<Zeroizing<Vec<u8>>>),
}

impl MaterialSource {
    /// PEM text given in place.
    pub fn inline(pem: impl Into<Vec<u8>>) -> Self {
        Self::Inline(Arc::new(Zeroizing::new(pem.into())))
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Inline(_) => None,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaterialSources {
    /// The client CA bundle (O5).
    pub client_ca: MaterialSource,
    /// Certificate revocation lists, PEM or DER; none is fine.
    pub crl: Vec<MaterialSource>,
    /// What certificates without a list are taken for, and whether lists are consulted at all.
    pub revocation: RevocationMode,
    /// The server's chain, leaf first (O8).
    pub certificate_chain: MaterialSource,
    /// The server's private key.
    pub private_key: MaterialSource,
    /// The CA chain that Thales was given (O10); without it, any server credential will do.
    pub endorsed_chain: Option<MaterialSource>,
    /// The name that the server certificate has to cover.
    pub host: Option<String>,
    /// What may be a trust anchor.
    pub anchor_rules: AnchorRules,
}

impl MaterialSources {
    /// Every file that is read, for whoever watches them.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.pieces().filter_map(|(_, source)| source.file()).map(Path::to_path_buf).collect()
    }

    /// Whether `label`, which is what messages call a file, is that of a file of revocation lists.
    pub(in crate::tls) fn has_list_file(&self, label: &str) -> bool {
        self.crl.iter().filter_map(MaterialSource::file).any(|file| file.display().to_string() == label)
    }

    /// All sources with what they hold, in a fixed order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (MaterialKind, &MaterialSource)> {
        let single = [
            (MaterialKind::ClientCa, &self.client_ca),
            (MaterialKind::CertificateChain, &self.certificate_chain),
            (MaterialKind::PrivateKey, &self.private_key),
        ];
        let lists = self.crl.iter().map(|source| (MaterialKind::Crl, source));
        let endorsed = self.endorsed_chain.iter().map(|source| (MaterialKind::EndorsedChain, source));
        single.into_iter().chain(lists).chain(endorsed)
    }
}
