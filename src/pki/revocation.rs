//! Certificate revocation lists (RFC 5280 section 5), and whether they are consulted.
//!
//! webpki checks a list's signature only when a client is judged, and takes the first list that fits. So what can be told at
//! load is told at load: a list that would be of no use, or that would refuse everybody, is found before it is installed.

use std::collections::HashMap;

use rustls_pki_types::UnixTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::identity::Fingerprint;
use super::pem::{Label, PemError, blocks};
use super::trust_anchors::Anchor;

pub mod issuing;
mod list;
mod problem;

pub use list::{CrlNumber, ListPlace, ListScope, RevocationList};
pub use problem::{ListProblem, ListRefusal, ListRollback, ListWarning, RevocationListsError, RevocationRollback};

/// What certificates without a list are taken for, and whether lists are consulted at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RevocationMode {
    /// Lists are not consulted.
    #[default]
    Off,
    /// A certificate whose issuer has a list must not be on it, and the list must be current; others are taken as they are.
    IfCovered,
    /// Each certificate of a path needs a current list of its issuer.
    Require,
}

impl RevocationMode {
    /// Its name in settings and in the status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::IfCovered => "if-covered",
            Self::Require => "require",
        }
    }
}

/// Revocation as one epoch practises it.
#[derive(Clone, Debug, Default)]
pub struct Revocation {
    /// Whether, and how strictly, lists are consulted.
    pub mode: RevocationMode,
    /// The lists.
    pub lists: RevocationLists,
}

impl Revocation {
    /// Whether this may be installed in the place of `installed`. A list that is older than the installed one of the same
    /// issuer, key and distribution point would take revocations back.
    ///
    /// # Errors
    /// [`RevocationRollback`] with each list that is older.
    pub fn may_follow(&self, installed: &Self) -> Result<(), RevocationRollback> {
        let rollback = |list: &RevocationList| {
            let same = installed.lists.lists().iter().find(|installed| installed.is_of_same_series(list))?;
            list.is_older_than(same).then(|| ListRollback::new(list, same))
        };
        let rollbacks: Vec<ListRollback> = self.lists.lists().iter().filter_map(rollback).collect();
        if rollbacks.is_empty() { Ok(()) } else { Err(RevocationRollback(rollbacks)) }
    }
}

impl Revocation {
    /// The lists of `installed` that have no successor here, although whom they tell of may still be admitted. A file that was cut
    /// short between two lists looks like this. `before` and `after` are the anchors of both.
    ///
    /// A list counts no more once its signer, a root, is taken out of the anchors. That of an intermediate CA counts as long as it is
    /// configured, be it that the CA is or was an anchor itself: which paths lead through it is only known from what clients present.
    /// An expired list counts too: it refuses whom it covers. Whoever knows better takes the file out of the configuration.
    pub fn lost<'a>(
        &self,
        installed: &'a Self,
        before: &[Anchor],
        after: &[Anchor],
    ) -> impl Iterator<Item = &'a RevocationList> {
        let is_key_of = |signer, anchor: &&Anchor| Fingerprint::of(&anchor.facts.public_key_der) == signer;
        let was_root = move |signer| {
            let mut certified = before.iter().filter(|anchor| is_key_of(signer, anchor)).peekable();
            certified.peek().is_some() && certified.all(|anchor| anchor.facts.self_issued)
        };
        let still_counts = move |list: &&RevocationList| {
            list.signer()
                .is_none_or(|signer| !was_root(signer) || after.iter().any(|anchor| is_key_of(signer, &anchor)))
        };
        let installed = installed.lists.lists();
        let has_successor = move |list: &RevocationList| {
            let kinds = [ListScope::EndEntities, ListScope::Authorities];
            kinds
                .into_iter()
                .filter(|kind| list.tells_of(*kind))
                .all(|kind| self.lists.lists().iter().any(|own| own.succeeds(list, installed, kind)))
        };
        installed.iter().filter(move |list| still_counts(list) && !has_successor(list))
    }
}

/// One file of revocation lists.
#[derive(Clone, Copy, Debug)]
pub struct CrlFile<'a> {
    /// What it is called in messages.
    pub label: &'a str,
    /// PEM (`X509 CRL`, any number of blocks), or the DER of one list.
    pub bytes: &'a [u8],
}

/// The checked revocation lists of an environment, of each series the newest; perhaps none.
#[derive(Clone, Debug, Default)]
pub struct RevocationLists {
    lists: Vec<RevocationList>,
    warnings: Vec<ListWarning>,
}

impl RevocationLists {
    /// Checks the lists of all files as they stand at `now`.
    ///
    /// A list that names one of `anchors` as its issuer has to be signed by it. That of another issuer, an intermediate CA,
    /// is kept: its signature is verified when a client presents that issuer. An expired list is kept too, with a warning:
    /// it refuses those whom it covers.
    ///
    /// # Errors
    /// [`RevocationListsError`] with every list that can't be used, and every file that holds none.
    pub fn from_bytes(files: &[CrlFile<'_>], anchors: &[Anchor], now: UnixTime) -> Result<Self, RevocationListsError> {
        let mut problems = Vec::new();
        let mut found = Vec::new();
        let mut warnings = Vec::new();
        for file in files {
            let encoded = match encoded_lists(file) {
                Ok(encoded) => encoded,
                Err(problem) => {
                    problems.push(*problem);
                    continue;
                }
            };
            for (place, der) in encoded {
                match RevocationList::check(place, &der, anchors, now, &mut warnings) {
                    Ok(list) => found.push(list),
                    Err(problem) => problems.push(*problem),
                }
            }
        }
        if !problems.is_empty() {
            return Err(RevocationListsError(problems));
        }
        let lists = newest(found, &mut warnings);
        warnings.extend(keys_without_list(&lists, anchors));
        Ok(Self { lists, warnings })
    }

    /// The lists; where one issuer has several, the one that is current for longest comes first.
    #[must_use]
    pub fn lists(&self) -> &[RevocationList] {
        &self.lists
    }

    /// What an operator should know.
    #[must_use]
    pub fn warnings(&self) -> &[ListWarning] {
        &self.warnings
    }
}

/// The DER of each list of a file, with its place; at least one.
fn encoded_lists(file: &CrlFile<'_>) -> Result<Vec<(ListPlace, Vec<u8>)>, Box<ListProblem>> {
    let place = |number, line| ListPlace { file: file.label.to_owned(), number, line, issuer: String::new() };
    let refused = |place, reason| Err(Box::new(ListProblem { place, reason }));
    let blocks = match blocks(file.bytes) {
        Ok(blocks) => blocks,
        Err(PemError::Der) if X509Certificate::from_der(file.bytes).is_ok() => {
            return refused(place(1, None), ListRefusal::Certificate);
        }
        Err(PemError::Der) => return Ok(vec![(place(1, None), file.bytes.to_vec())]),
        Err(PemError::Empty | PemError::NoBlock) => return refused(place(1, None), ListRefusal::NoList),
        Err(error) => return refused(place(1, None), ListRefusal::Pem(error)),
    };
    let mut lists = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let place = place(index + 1, Some(block.line));
        match block.label {
            Label::RevocationList => lists.push((place, block.der().to_vec())),
            Label::Certificate => return refused(place, ListRefusal::Certificate),
            found => return refused(place, ListRefusal::Misplaced(found)),
        }
    }
    Ok(lists)
}

/// Of each issuer, key and distribution point the newest list.
fn newest(found: Vec<RevocationList>, warnings: &mut Vec<ListWarning>) -> Vec<RevocationList> {
    let mut seen: HashMap<_, ListPlace> = HashMap::new();
    let mut kept: Vec<RevocationList> = Vec::new();
    for list in found {
        if let Some(first) = seen.get(&list.sha256) {
            warnings.push(ListWarning::Duplicate { place: list.place, first: first.clone() });
            continue;
        }
        seen.insert(list.sha256, list.place.clone());
        match kept.iter_mut().find(|other| other.is_of_same_series(&list)) {
            None => kept.push(list),
            Some(other) => {
                let older = if other.is_older_than(&list) { std::mem::replace(other, list) } else { list };
                warnings.push(ListWarning::Superseded { place: older.place, by: other.place.clone() });
            }
        }
    }
    kept.sort_by_key(|list| std::cmp::Reverse(list.next_update));
    kept
}

/// A renewed CA whose other key has no list: webpki goes by the name, and verifies the list that is there by that key.
fn keys_without_list(lists: &[RevocationList], anchors: &[Anchor]) -> Vec<ListWarning> {
    let has_list = |anchor: &Anchor| {
        let key = Fingerprint::of(&anchor.facts.public_key_der);
        lists.iter().any(|list| list.issuer_der == anchor.facts.subject_der && list.signer() == Some(key))
    };
    let without: Vec<&Anchor> = anchors.iter().filter(|anchor| !has_list(anchor)).collect();
    let is_named = |list: &&RevocationList| without.iter().any(|anchor| anchor.facts.subject_der == list.issuer_der);
    let named = lists.iter().filter(is_named);
    named.map(|list| ListWarning::OtherKeyWithoutList { place: list.place.clone() }).collect()
}

#[cfg(test)]
mod tests;
