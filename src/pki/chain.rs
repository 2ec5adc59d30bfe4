//! The server's CA chain as Thales is to have it (O8, O9), put together from certificates in any order.
//!
//! What is not there is named. It is never fetched, and never guessed: Thales pins what it is given.

use rustls_pki_types::{CertificateDer, UnixTime};

use super::CertificateFacts;
use super::pem::{located_certificates, private_key};
use super::public_roots::public_roots_of;
use super::server_path;
use super::signature::{Issuance, issuance};

mod problem;

pub use problem::{ChainError, ChainPlace, ChainWarning};

/// A leaf, where there is one, and the CA certificates above it, in their order.
#[derive(Clone, Debug)]
pub struct ServerChain {
    leaf: Option<ChainLink>,
    authorities: Vec<ChainLink>,
    missing_issuer: Option<String>,
    public_root: Option<String>,
    warnings: Vec<ChainWarning>,
}

/// One certificate of a chain.
#[derive(Clone, Debug)]
pub struct ChainLink {
    /// Where it stands.
    pub place: ChainPlace,
    /// What it says.
    pub facts: CertificateFacts,
    /// The certificate.
    pub der: CertificateDer<'static>,
}

/// One file of certificates.
#[derive(Clone, Copy, Debug)]
pub struct ChainFile<'a> {
    /// What it is called in messages.
    pub label: &'a str,
    /// PEM.
    pub bytes: &'a [u8],
}

impl ChainLink {
    fn issued_by(&self, issuer: &Self) -> Issuance {
        issuance(&self.der, &self.facts, &issuer.facts)
    }

    /// Signed by its own key, as far as can be told: an old root's SHA-1 signature verifies no more.
    fn is_self_signed(&self) -> bool {
        self.facts.self_issued && self.issued_by(self) != Issuance::BadSignature
    }

    fn may_sign_certificates(&self) -> bool {
        self.facts.is_ca && self.facts.key_usage.is_none_or(|usage| usage.key_cert_sign)
    }
}

impl ServerChain {
    /// Puts the certificates of all files into their order, as they stand at `now`: from the one end-entity upwards, or, where there is
    /// none, from the one CA that has issued no other.
    ///
    /// The same certificate again, and one that is no part of the chain, are left out with a warning. Where a CA has several certificates
    /// (it was renewed, or is cross-signed), a valid and self-signed one is taken.
    ///
    /// # Errors
    /// [`ChainError`]: a file that is not PEM or holds a private key, several servers' certificates, a link that is missing in the middle,
    /// or a CA that may not sign, is not valid now, or did not sign what bears its name.
    pub fn from_files(files: &[ChainFile<'_>], now: UnixTime) -> Result<Self, ChainError> {
        let mut warnings = Vec::new();
        let links = links(files, &mut warnings)?;
        let first = beginning(&links)?;
        let (path, last) = path_from(first, &links, now);
        let strangers: Vec<&ChainLink> = links.iter().filter(|link| !is_on(&path, link)).collect();
        let is_whole = last.is_self_signed();
        let public_root = public_root_of(last);
        if !is_whole {
            broken_link(last, &links)?;
        }
        let mut missing_issuer = (!is_whole).then(|| last.facts.issuer.clone());
        if let (Some(issuer), None) = (&missing_issuer, &public_root)
            && !strangers.is_empty()
        {
            let others = strangers.iter().map(|link| link.place.clone()).collect();
            return Err(ChainError::Gap { place: last.place.clone(), issuer: issuer.clone(), others });
        }
        if public_root.is_some() {
            missing_issuer = None;
        }
        check(&path, now, &mut warnings)?;
        check_path(&path, now)?;
        let left_out = |link: &&ChainLink| ChainWarning::Stranger { place: link.place.clone() };
        warnings.extend(strangers.iter().map(left_out));
        let begins_with_leaf = is_leaf(first);
        let mut path = path.into_iter().cloned();
        let leaf = if begins_with_leaf { path.next() } else { None };
        let authorities: Vec<ChainLink> = path.collect();
        match (&leaf, authorities.is_empty()) {
            (Some(leaf), true) if is_whole => {
                warnings.push(ChainWarning::SelfSigned { place: leaf.place.clone() });
            }
            (Some(leaf), true) => {
                let (place, issuer) = (leaf.place.clone(), leaf.facts.issuer.clone());
                return Err(ChainError::LeafAlone { place, issuer });
            }
            _ => {}
        }
        Ok(Self { leaf, authorities, missing_issuer, public_root, warnings })
    }

    /// The server's own certificate.
    #[must_use]
    pub fn leaf(&self) -> Option<&ChainLink> {
        self.leaf.as_ref()
    }

    /// The CA certificates, the issuer of the leaf first; none above a self-signed leaf.
    #[must_use]
    pub fn authorities(&self) -> &[ChainLink] {
        &self.authorities
    }

    /// The root, where it is among the certificates.
    #[must_use]
    pub fn root(&self) -> Option<&ChainLink> {
        self.authorities.last().filter(|last| last.is_self_signed())
    }

    /// The name of the CA above the topmost certificate, where neither the files nor Mozilla's list have it.
    #[must_use]
    pub fn missing_issuer(&self) -> Option<&str> {
        self.missing_issuer.as_deref()
    }

    /// The root in Mozilla's list that the chain ends at.
    #[must_use]
    pub fn public_root(&self) -> Option<&str> {
        self.public_root.as_deref()
    }

    /// What an operator should know.
    #[must_use]
    pub fn warnings(&self) -> &[ChainWarning] {
        &self.warnings
    }
}

/// The different certificates of all files.
fn links(files: &[ChainFile<'_>], warnings: &mut Vec<ChainWarning>) -> Result<Vec<ChainLink>, ChainError> {
    let mut links: Vec<ChainLink> = Vec::new();
    for file in files {
        let label = || file.label.to_owned();
        let located = located_certificates(file.bytes).map_err(|error| match private_key(file.bytes) {
            Ok(_) => ChainError::PrivateKey { file: label() },
            Err(_) => ChainError::Pem { file: label(), error },
        })?;
        for (index, (line, der)) in located.into_iter().enumerate() {
            let mut place = ChainPlace { file: label(), number: index + 1, line, subject: String::new() };
            let facts = CertificateFacts::from_der(&der)
                .map_err(|error| ChainError::Unreadable { place: place.clone(), error })?;
            place.subject.clone_from(&facts.subject);
            match links.iter().find(|link| link.facts.sha256 == facts.sha256) {
                Some(same) => warnings.push(ChainWarning::Duplicate { place, first: same.place.clone() }),
                None => links.push(ChainLink { place, facts, der }),
            }
        }
    }
    Ok(links)
}

fn is_leaf(link: &ChainLink) -> bool {
    !link.facts.is_ca
}

/// The certificate that the chain begins with.
fn beginning(links: &[ChainLink]) -> Result<&ChainLink, ChainError> {
    // A certificate of version 1 cannot say that it is a CA's; one that issued another is no leaf, and is told of further up.
    let has_issued = |link: &ChainLink| {
        links.iter().any(|other| other.place != link.place && other.issued_by(link) == Issuance::Proven)
    };
    let leaves: Vec<&ChainLink> = links.iter().filter(|link| is_leaf(link) && !has_issued(link)).collect();
    let candidates = if leaves.is_empty() {
        links.iter().filter(|link| !has_issued(link) || links.len() == 1).collect()
    } else {
        leaves
    };
    match candidates.as_slice() {
        [one] => Ok(one),
        [] => Err(ChainError::Circle),
        several => Err(ChainError::Several(several.iter().map(|link| link.place.clone()).collect())),
    }
}

/// From `first` upwards as far as the certificates go, and the last of these.
fn path_from<'a>(first: &'a ChainLink, links: &'a [ChainLink], now: UnixTime) -> (Vec<&'a ChainLink>, &'a ChainLink) {
    let (mut path, mut last) = (vec![first], first);
    while !last.is_self_signed() {
        let is_next = |link: &&ChainLink| !is_on(&path, link) && last.issued_by(link) == Issuance::Proven;
        let preference = |link: &&ChainLink| (link.facts.is_valid_at(now), link.is_self_signed(), link.facts.not_after);
        let Some(next) = links.iter().filter(is_next).max_by_key(preference) else { break };
        path.push(next);
        last = next;
    }
    (path, last)
}

fn is_on(path: &[&ChainLink], link: &ChainLink) -> bool {
    path.iter().any(|on_path| on_path.place == link.place)
}

/// What is wrong where a certificate bears its issuer's name but did not come from it.
fn broken_link(last: &ChainLink, links: &[ChainLink]) -> Result<(), ChainError> {
    let place = || last.place.clone();
    for link in links.iter().filter(|link| link.place != last.place) {
        match last.issued_by(link) {
            Issuance::BadSignature => {
                return Err(ChainError::OtherIssuerKey { place: place(), issuer: Box::new(link.place.clone()) });
            }
            Issuance::UnsupportedAlgorithm => return Err(ChainError::SignatureAlgorithm { place: place() }),
            Issuance::Proven | Issuance::OtherIssuer => {}
        }
    }
    Ok(())
}

fn public_root_of(last: &ChainLink) -> Option<String> {
    public_roots_of(&[(&last.der, &last.facts)]).into_iter().flatten().next()
}

/// Whether each CA of the path may be one, now. A leaf that has expired says nothing about its CAs.
fn check(path: &[&ChainLink], now: UnixTime, warnings: &mut Vec<ChainWarning>) -> Result<(), ChainError> {
    for (index, link) in path.iter().enumerate() {
        let (place, facts) = (link.place.clone(), &link.facts);
        if index > 0 && !link.may_sign_certificates() {
            return Err(ChainError::IssuerNotCa { place });
        }
        let (not_before, not_after) = (facts.not_before, facts.not_after);
        if !facts.is_valid_at(now) {
            if !is_leaf(link) {
                return Err(ChainError::NotValid { place, not_before, not_after });
            }
            warnings.push(ChainWarning::LeafNotValid { place, not_before, not_after });
        } else if ChainWarning::is_soon(not_after, now) {
            warnings.push(ChainWarning::ExpiresSoon { place, not_after });
        }
    }
    Ok(())
}

/// Whether callers that go up to the topmost CA take the path.
fn check_path(path: &[&ChainLink], now: UnixTime) -> Result<(), ChainError> {
    let leaf = path.first().filter(|link| is_leaf(link));
    let authorities: Vec<_> = path.iter().skip(usize::from(leaf.is_some())).collect();
    let certificates: Vec<_> = authorities.iter().map(|link| (&link.der, &link.facts)).collect();
    let dates: Vec<_> = path.iter().map(|link| &link.facts).collect();
    let problem = server_path::problem(leaf.map(|link| &link.der), &certificates, &dates, now);
    match problem.and_then(|(index, problem)| Some((authorities.get(index)?, problem))) {
        Some((link, problem)) => Err(ChainError::Path { place: link.place.clone(), problem }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
