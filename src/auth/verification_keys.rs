//! Public keys that access tokens are verified with. Which algorithm is used is the key's to say, never the token's.

use jsonwebtoken::{Algorithm, DecodingKey};

/// A set of keys that is replaced as a whole.
#[derive(Debug)]
pub(super) struct VerificationKeys {
    keys: Vec<VerificationKey>,
    /// Tells the sets of one origin apart: what was verified with one set is not taken for verified with another.
    pub(super) generation: u64,
    /// Whether a token may leave out which key it is, where there is but one.
    pub(super) may_be_unnamed: bool,
}

/// A key and the one algorithm that it is for.
#[derive(Debug)]
pub(super) struct VerificationKey {
    /// The `kid`.
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// No key has this id, or none was named and that was needed.
    Unknown,
    /// The key is for another algorithm.
    OtherAlgorithm,
}

impl VerificationKeys {
    pub(super) fn new(keys: Vec<VerificationKey>, generation: u64, may_be_unnamed: bool) -> Self {
        Self { keys, generation, may_be_unnamed }
    }

    /// The key for a token that names `id` and claims `algorithm`. Keys of different algorithms may share an id (RFC 7517
    /// section 4.5).
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&VerificationKey, NoKey> {
        let unnamed = match (id, self.keys.as_slice()) {
            (None, [only]) if self.may_be_unnamed => Some(only),
            (None, _) => return Err(NoKey::Unknown),
            (Some(_), _) => None,
        };
        let mut named =
            self.keys.iter().filter(|key| id.is_some() && key.id.as_deref() == id).chain(unnamed).peekable();
        if named.peek().is_none() {
            return Err(NoKey::Unknown);
        }
        named.find(|key| key.algorithm == algorithm).ok_or(NoKey::OtherAlgorithm)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.id.as_deref())
    }
}
