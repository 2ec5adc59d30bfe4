//! Which certificates belong to the public web's PKI: a client CA among them would admit the public.

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

use super::distinguished_name::rfc4514;
use super::signature::{Issuance, issuance, signed_with};
use super::{CertificateFacts, der};

/// For each certificate (its DER and facts) the name of the root in Mozilla's list that it is or chains to by verified
/// signatures, directly or through other certificates of the slice; None for a private one.
///
/// A root is recognised by its name together with its key, so a cross-signed copy of it is one too. Validity is left
/// aside: an expired intermediate of a public root still says that a bundle was mixed up.
#[must_use]
pub fn public_roots_of(certificates: &[(&[u8], &CertificateFacts)]) -> Vec<Option<String>> {
    roots_of(certificates, webpki_roots::TLS_SERVER_ROOTS)
}

/// Whether a subject (RFC 4514) is that of a root in Mozilla's list. A name is no proof of anything; it is enough for a warning.
#[must_use]
pub fn is_name_of_public_root(subject: &str) -> bool {
    webpki_roots::TLS_SERVER_ROOTS.iter().any(|root| name(root) == subject)
}

/// The name of the root in Mozilla's list that a server's chain (leaf first) leads to by a path that holds at `now`; None where there is
/// no such path, and callers that know Mozilla's list alone refuse the chain (requirement O9).
#[must_use]
pub fn public_root_of_chain(chain: &[CertificateDer<'_>], now: UnixTime) -> Option<String> {
    root_of_chain(chain, webpki_roots::TLS_SERVER_ROOTS, now)
}

fn root_of_chain(chain: &[CertificateDer<'_>], roots: &[TrustAnchor<'_>], now: UnixTime) -> Option<String> {
    let (leaf, intermediates) = chain.split_first()?;
    let leaf = EndEntityCert::try_from(leaf).ok()?;
    let usage = KeyUsage::server_auth();
    let path = leaf.verify_for_usage(ALL_VERIFICATION_ALGS, roots, intermediates, now, usage, None, None).ok()?;
    Some(name(path.anchor()))
}

fn roots_of(certificates: &[(&[u8], &CertificateFacts)], roots: &[TrustAnchor<'_>]) -> Vec<Option<String>> {
    let mut found: Vec<Option<String>> =
        certificates.iter().map(|(der, facts)| direct_root(der, facts, roots)).collect();
    // What is issued by a member is a member; each round reaches one link further.
    loop {
        let next: Vec<Option<String>> = certificates
            .iter()
            .zip(&found)
            .map(|((der, facts), known)| {
                known.clone().or_else(|| {
                    let members = certificates.iter().zip(&found);
                    let issuer = |((_, issuer), _): &(&(&[u8], &CertificateFacts), &Option<String>)| {
                        issuance(der, facts, issuer) == Issuance::Proven
                    };
                    members.filter(|(_, root)| root.is_some()).find(issuer).and_then(|(_, root)| root.clone())
                })
            })
            .collect();
        if next == found {
            return found;
        }
        found = next;
    }
}

/// Its subject, RFC 4514. webpki keeps names and keys without the header of their SEQUENCE.
fn name(root: &TrustAnchor<'_>) -> String {
    rfc4514(&der::sequence(&[&root.subject]))
}

fn direct_root(der: &[u8], facts: &CertificateFacts, roots: &[TrustAnchor<'_>]) -> Option<String> {
    let subject = der::content(&facts.subject_der)?;
    let issuer = der::content(&facts.issuer_der)?;
    let key = der::content(&facts.public_key_der)?;
    let is_root = |root: &&TrustAnchor<'_>| *root.subject == *subject && *root.subject_public_key_info == *key;
    let signed = |root: &&TrustAnchor<'_>| {
        let public_key_der = || der::sequence(&[&root.subject_public_key_info]);
        *root.subject == *issuer && signed_with(der, &public_key_der()) == Issuance::Proven
    };
    let root = roots.iter().find(is_root).or_else(|| roots.iter().find(signed))?;
    Some(name(root))
}

#[cfg(test)]
mod tests;
