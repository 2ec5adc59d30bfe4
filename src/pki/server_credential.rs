//! The server credential: the chain that Thales was given or will trust (O8, O9), and its private key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use zeroize::Zeroize as _;

use super::CertificateFacts;
use super::facts::PublicKey;
use super::pem::{located_certificates, private_key};
use super::server_path::{self, PathProblem};
use super::signature::{Issuance, issuance};
use super::trust_anchors::{Place, is_sample, joined};

mod problem;
mod served;

pub use problem::{CredentialProblem, CredentialWarning};
pub use served::ServedChain;

/// An operator is warned this long before a certificate expires.
const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A checked server certificate chain and its key.
#[derive(Clone)]
pub struct ServerCredential {
    certified_key: Arc<CertifiedKey>,
    facts: Vec<CertificateFacts>,
    warnings: Vec<CredentialWarning>,
}

impl fmt::Debug for ServerCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ServerCredential");
        shown.field("facts", &self.facts).field("warnings", &self.warnings).finish_non_exhaustive()
    }
}

/// All that is wrong with a credential; at least one problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", joined(.problems))]
pub struct ServerCredentialError {
    problems: Vec<CredentialProblem>,
}

impl CredentialProblem {
    /// Whether the key file is to be looked at, and not the chain.
    #[must_use]
    pub fn is_about_key(&self) -> bool {
        matches!(self, Self::Key(_) | Self::KeyUnreadable | Self::KeyMismatch { .. })
    }
}

impl ServerCredentialError {
    /// The problems: files, order and chain, then the leaf.
    #[must_use]
    pub fn problems(&self) -> &[CredentialProblem] {
        &self.problems
    }

    /// The problems themselves.
    #[must_use]
    pub fn into_problems(self) -> Vec<CredentialProblem> {
        self.problems
    }
}

impl ServerCredential {
    /// Checks a chain (PEM, leaf first) and its private key (PEM) as they stand at `now`, for `host`: a DNS name, an IP
    /// address, or `*.` and a DNS name for every name with one label in the place of `*`; None: any.
    ///
    /// # Errors
    /// [`ServerCredentialError`] with every problem that can be told at once.
    pub fn from_pem(
        chain_pem: &[u8],
        key_pem: &[u8],
        host: Option<&str>,
        now: UnixTime,
    ) -> Result<Self, ServerCredentialError> {
        let mut problems = Vec::new();
        let key = signing_key(key_pem).map_err(|problem| problems.push(problem)).ok();
        let links = links(chain_pem, &mut problems);
        let mut warnings = Vec::new();
        if let Some(leaf) = leaf_of(&links, key.as_deref()) {
            if key.as_deref().is_some_and(|key| !leaf.has_key(key)) {
                problems.push(CredentialProblem::KeyMismatch { leaf: leaf.place.clone() });
            }
            check_chain(leaf, &links, &mut problems, &mut warnings);
            check_validity(&links, now, &mut problems, &mut warnings);
            check_leaf(leaf, host, &mut problems);
            if is_sample(&leaf.facts) {
                warnings.push(CredentialWarning::Sample { place: leaf.place.clone() });
            }
        }
        let Some(key) = key.filter(|_| problems.is_empty()) else {
            return Err(ServerCredentialError { problems });
        };
        let (chain, facts) = links.into_iter().map(|link| (link.der, link.facts)).unzip();
        Ok(Self { certified_key: Arc::new(CertifiedKey::new(chain, key)), facts, warnings })
    }

    /// The chain, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified_key.cert
    }

    /// Chain and key in the form that rustls serves.
    #[must_use]
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified_key)
    }

    /// The CA of the chain that may not issue what is below it. Callers refuse the chain; it is served all the same.
    #[must_use]
    pub fn path_problem(&self, now: UnixTime) -> Option<(&CertificateFacts, PathProblem)> {
        let dates: Vec<_> = self.facts.iter().collect();
        let authorities: Vec<_> = self.chain().iter().zip(&self.facts).skip(1).collect();
        let (index, problem) = server_path::problem(self.chain().first(), &authorities, &dates, now)?;
        Some((self.facts.get(index + 1)?, problem))
    }

    /// What each certificate of the chain says, leaf first.
    #[must_use]
    pub fn facts(&self) -> &[CertificateFacts] {
        &self.facts
    }

    /// What an operator should know.
    #[must_use]
    pub fn warnings(&self) -> &[CredentialWarning] {
        &self.warnings
    }
}

/// One certificate of the file.
struct Link {
    place: Place,
    der: CertificateDer<'static>,
    facts: CertificateFacts,
}

impl Link {
    fn issued_by(&self, issuer: &Self) -> Issuance {
        issuance(&self.der, &self.facts, &issuer.facts)
    }

    /// Self-signed, as far as can be told: an old root's SHA-1 signature verifies no more.
    fn is_root(&self) -> bool {
        self.facts.self_issued && self.issued_by(self) != Issuance::BadSignature
    }

    fn may_sign_certificates(&self) -> bool {
        self.facts.is_ca && self.facts.key_usage.is_none_or(|usage| usage.key_cert_sign)
    }

    fn has_key(&self, key: &dyn SigningKey) -> bool {
        key.public_key().is_some_and(|public| *public == *self.facts.public_key_der)
    }
}

fn signing_key(key_pem: &[u8]) -> Result<Arc<dyn SigningKey>, CredentialProblem> {
    let mut der = private_key(key_pem).map_err(CredentialProblem::Key)?;
    let key = any_supported_type(&der).map_err(|_| CredentialProblem::KeyUnreadable);
    der.zeroize();
    key
}

fn links(chain_pem: &[u8], problems: &mut Vec<CredentialProblem>) -> Vec<Link> {
    match located_certificates(chain_pem) {
        Ok(located) => links_of(located, problems),
        Err(error) => {
            problems.push(CredentialProblem::Chain(error));
            Vec::new()
        }
    }
}

/// The certificates with the line that each begins in.
fn links_of(
    located: impl IntoIterator<Item = (usize, CertificateDer<'static>)>,
    problems: &mut Vec<CredentialProblem>,
) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for (index, (line, der)) in located.into_iter().enumerate() {
        let mut place = Place { number: index + 1, line, subject: String::new() };
        match CertificateFacts::from_der(&der) {
            Err(error) => problems.push(CredentialProblem::Unreadable { place, error }),
            Ok(facts) => {
                place.subject.clone_from(&facts.subject);
                match links.iter().find(|link| link.der == der) {
                    Some(same) => {
                        problems.push(CredentialProblem::Duplicate { place, first: same.place.number });
                    }
                    None => links.push(Link { place, der, facts }),
                }
            }
        }
    }
    // A chain with a hole says nothing about the order of the rest.
    if problems.iter().any(|problem| matches!(problem, CredentialProblem::Unreadable { .. })) {
        Vec::new()
    } else {
        links
    }
}

/// The server's own certificate: normally the first, but where the order is wrong the rest can be judged all the same.
fn leaf_of<'a>(links: &'a [Link], key: Option<&dyn SigningKey>) -> Option<&'a Link> {
    let end_entities = || links.iter().filter(|link| !link.facts.is_ca);
    let with_key = key.and_then(|key| end_entities().find(|link| link.has_key(key)));
    with_key.or_else(|| end_entities().next()).or_else(|| links.first())
}

/// Order, signatures and completeness.
fn check_chain(
    leaf: &Link,
    links: &[Link],
    problems: &mut Vec<CredentialProblem>,
    warnings: &mut Vec<CredentialWarning>,
) {
    let (path, last) = path_from(leaf, links);
    let strangers: Vec<&Link> = links.iter().filter(|link| !is_on(&path, link)).collect();
    let right: Vec<usize> = path.iter().map(|link| link.place.number).collect();
    if strangers.is_empty() && !right.is_sorted() {
        problems.push(CredentialProblem::WrongOrder { right });
    }
    for issuer in path.iter().skip(1).filter(|issuer| !issuer.may_sign_certificates()) {
        problems.push(CredentialProblem::IssuerNotCa { place: issuer.place.clone() });
    }
    let (place, issuer) = (last.place.clone(), last.facts.issuer.clone());
    if last.is_root() {
        problems.extend(strangers.iter().map(|link| CredentialProblem::Stranger { place: link.place.clone() }));
        match path.len() {
            1 => warnings.push(CredentialWarning::SelfSigned { place }),
            // Leaf and root: without the root, the leaf would stand alone.
            2 => {}
            _ => warnings.push(CredentialWarning::RootIncluded { place }),
        }
    } else if let Some(problem) = broken_link(last, links) {
        problems.push(problem);
    } else if !strangers.is_empty() {
        let others = strangers.iter().map(|link| link.place.clone()).collect();
        problems.push(CredentialProblem::Gap { place, issuer, others });
    } else if path.len() == 1 {
        warnings.push(CredentialWarning::LeafAlone { place, issuer });
    }
}

/// From `leaf` upwards as far as the file goes, and the last of these. Of several issuers that fit (a cross-signed CA),
/// one further down in the file is preferred.
fn path_from<'a>(leaf: &'a Link, links: &'a [Link]) -> (Vec<&'a Link>, &'a Link) {
    let (mut path, mut last) = (vec![leaf], leaf);
    while !last.is_root() {
        let (after, before): (Vec<&Link>, Vec<&Link>) =
            links.iter().partition(|link| link.place.number > last.place.number);
        let is_next = |link: &&Link| !is_on(&path, link) && last.issued_by(link) == Issuance::Proven;
        let Some(next) = after.into_iter().chain(before).find(is_next) else { break };
        path.push(next);
        last = next;
    }
    (path, last)
}

fn is_on(path: &[&Link], link: &Link) -> bool {
    path.iter().any(|on_path| on_path.place == link.place)
}

/// What is wrong where a certificate bears its issuer's name but did not come from it.
fn broken_link(last: &Link, links: &[Link]) -> Option<CredentialProblem> {
    let place = || last.place.clone();
    links.iter().find_map(|link| match last.issued_by(link) {
        Issuance::BadSignature => {
            Some(CredentialProblem::OtherIssuerKey { place: place(), issuer: link.place.clone() })
        }
        Issuance::UnsupportedAlgorithm => Some(CredentialProblem::SignatureAlgorithm { place: place() }),
        Issuance::Proven | Issuance::OtherIssuer => None,
    })
}

/// Whether callers that go up to the topmost CA take the path.
fn check_path(leaf: &Link, links: &[Link], now: UnixTime, problems: &mut Vec<CredentialProblem>) {
    let (path, _) = path_from(leaf, links);
    let authorities: Vec<&&Link> = path.iter().skip(1).collect();
    // What is no CA at all has been told.
    if leaf.facts.is_ca || !authorities.iter().all(|link| link.may_sign_certificates()) {
        return;
    }
    let certificates: Vec<_> = authorities.iter().map(|link| (&link.der, &link.facts)).collect();
    let dates: Vec<_> = path.iter().map(|link| &link.facts).collect();
    let problem = server_path::problem(Some(&leaf.der), &certificates, &dates, now);
    problems.extend(problem.and_then(|(index, problem)| {
        Some(CredentialProblem::Path { place: authorities.get(index)?.place.clone(), problem })
    }));
}

fn check_validity(
    links: &[Link],
    now: UnixTime,
    problems: &mut Vec<CredentialProblem>,
    warnings: &mut Vec<CredentialWarning>,
) {
    let soon = now.as_secs().saturating_add(EXPIRY_WARNING.as_secs());
    for Link { place, facts, .. } in links {
        let (place, not_before, not_after) = (place.clone(), facts.not_before, facts.not_after);
        if now > not_after {
            problems.push(CredentialProblem::Expired { place, not_after });
        } else if now < not_before {
            problems.push(CredentialProblem::NotYetValid { place, not_before });
        } else if not_after.as_secs() < soon {
            warnings.push(CredentialWarning::ExpiresSoon { place, not_after });
        }
    }
}

fn check_leaf(leaf: &Link, host: Option<&str>, problems: &mut Vec<CredentialProblem>) {
    let place = || leaf.place.clone();
    let facts = &leaf.facts;
    if facts.is_ca {
        // What else is wrong with it matters to nobody.
        return problems.push(CredentialProblem::LeafIsCa { place: place() });
    }
    if facts.extended_key_usage.is_some_and(|usage| !usage.server_auth) {
        problems.push(CredentialProblem::NotForServers { place: place() });
    }
    if facts.key_usage.is_some_and(|usage| !usage.digital_signature) {
        problems.push(CredentialProblem::MayNotSign { place: place() });
    }
    if !matches!(facts.key, PublicKey::Rsa { bits: 2048..=4096 } | PublicKey::P256 | PublicKey::P384) {
        problems.push(CredentialProblem::KeyKind { place: place(), key: facts.key.clone() });
    }
    let end_entity = match webpki::EndEntityCert::try_from(&leaf.der) {
        Ok(end_entity) => end_entity,
        Err(error) => return problems.push(CredentialProblem::Unusable { place: place(), error }),
    };
    let Some(host) = host else { return };
    match covered_name(host) {
        Err(_) => problems.push(CredentialProblem::HostNotAName { host: host.to_owned() }),
        Ok(name) if end_entity.verify_is_valid_for_subject_name(&name).is_err() => {
            let names = facts.subject_alt_names.clone();
            problems.push(CredentialProblem::OtherHost { place: place(), host: host.to_owned(), names });
        }
        Ok(_) => {}
    }
}

/// The name that a certificate for `host` has to cover. A wildcard is covered by a wildcard alone (RFC 9525 section 6.3): a
/// label that no certificate lists stands for all of them.
fn covered_name(host: &str) -> Result<ServerName<'static>, InvalidDnsNameError> {
    const ANY_LABEL: &str = "stands-for-any-label";
    /// Of a DNS name in text form, in bytes (RFC 1035 section 2.3.4).
    const LONGEST_NAME: usize = 253;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    match bare.strip_prefix("*.") {
        None => ServerName::try_from(bare.to_owned()),
        Some(behind) => {
            // Behind a very long name there is room for a shorter label only.
            let label = ANY_LABEL.get(..LONGEST_NAME.saturating_sub(behind.len() + 1)).unwrap_or(ANY_LABEL);
            ServerName::try_from(format!("{label}.{behind}"))
        }
    }
}

#[cfg(test)]
mod tests;
