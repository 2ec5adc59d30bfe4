//! TLS of the admin listener: a chain of its own, and administrators who are known by certificates of a CA of their own.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::server::ServerConfig;
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::judge::{ClientRules, Judge};
use super::server_config;
use crate::pki::pem;
use crate::pki::trust_anchors::{Anchor, AnchorRules, TrustAnchors, TrustAnchorsError};
use crate::pki::{CertificateFacts, ClientIdentity, Revocation, ServerCredential};

/// What the admin listener shows, and whose certificates it takes. Nobody has to have one: probes come without.
#[derive(Clone)]
pub struct AdminTls {
    config: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
    /// When the first certificate of the chain ends.
    ends: UnixTime,
    administrators: Option<Administrators>,
}

/// Those who are known by their certificates.
#[derive(Clone)]
struct Administrators {
    judge: Arc<Judge>,
    /// A SHA-256 over the CAs that vouch for them.
    authorities: [u8; 32],
}

/// The PEM texts that it is made of.
#[derive(Clone, Copy)]
pub struct AdminTlsTexts<'a> {
    /// Leaf first.
    pub certificate_chain: &'a [u8],
    /// Of the leaf.
    pub private_key: &'a [u8],
    /// The CAs that vouch for administrators.
    pub client_ca: Option<&'a [u8]>,
}

/// A certificate that was shown in a handshake, and that one of the authorities vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminCertificate {
    /// Whose it is.
    identity: Arc<ClientIdentity>,
    /// Of the [`AdminTls`] that judged it.
    authorities: [u8; 32],
    /// The last second at which that holds.
    deadline: UnixTime,
}

impl AdminCertificate {
    /// Whose it is.
    #[must_use]
    pub fn identity(&self) -> &Arc<ClientIdentity> {
        &self.identity
    }
}

/// What is wrong with one of the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminTlsProblem {
    /// The chain.
    CertificateChain(String),
    /// The key.
    PrivateKey(String),
    /// The CAs that vouch for administrators.
    ClientCa(String),
}

impl AdminTls {
    /// From PEM, as it stands at `now`. A chain that has expired is taken: it stops administrators, and shall stop nobody else.
    ///
    /// # Errors
    /// All that is wrong with the texts.
    pub fn new(texts: AdminTlsTexts<'_>, now: UnixTime) -> Result<Self, Vec<AdminTlsProblem>> {
        let mut problems = Vec::new();
        let credential = credential(texts, now, &mut problems);
        let anchors = texts.client_ca.map(|pem| anchors(pem, now)).transpose().unwrap_or_else(|problem| {
            problems.push(AdminTlsProblem::ClientCa(problem));
            None
        });
        let Some(credential) = credential.filter(|_| problems.is_empty()) else { return Err(problems) };
        let administrators = anchors.map(Administrators::of);
        let judge = administrators.as_ref().map(|administrators| Arc::clone(&administrators.judge));
        let config = server_config::build_admin(&credential, judge)
            .map_err(|error| vec![AdminTlsProblem::CertificateChain(error.to_string())])?;
        let chain = credential.chain().to_vec();
        Ok(Self { config, ends: end_of(&chain), chain, administrators })
    }

    /// Whether a certificate can say that somebody is an administrator.
    #[must_use]
    pub fn knows_certificates(&self) -> bool {
        self.administrators.is_some()
    }

    /// When the first certificate of the chain ends.
    #[must_use]
    pub fn ends(&self) -> UnixTime {
        self.ends
    }

    /// Whether browsers and scrapers refuse the chain at `now` because it has expired.
    #[must_use]
    pub fn has_expired(&self, now: UnixTime) -> bool {
        now > self.ends
    }

    /// Whether `certificate` says that somebody is an administrator at `now`. One that other CAs vouched for says nothing any more.
    #[must_use]
    pub fn takes(&self, certificate: &AdminCertificate, now: UnixTime) -> bool {
        let same = |administrators: &Administrators| administrators.authorities == certificate.authorities;
        self.administrators.as_ref().is_some_and(same) && now <= certificate.deadline
    }

    /// The handshake. A certificate that no authority vouches for ends it.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn accept<IO>(&self, socket: IO) -> io::Result<(TlsStream<IO>, Option<AdminCertificate>)>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = TlsAcceptor::from(Arc::clone(&self.config)).accept(socket).await?;
        let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = self.administrators.as_ref().and_then(|administrators| administrators.know(shown));
        Ok((stream, certificate))
    }
}

impl Administrators {
    fn of(anchors: TrustAnchors) -> Self {
        let authorities = digest(anchors.anchors().iter().map(Anchor::der));
        let algorithms = server_config::provider().signature_verification_algorithms;
        let judge = Judge::new(anchors, Revocation::default(), ClientRules::default(), algorithms);
        Self { judge: Arc::new(judge), authorities }
    }

    /// Whom a chain is of; `None` for one that is empty. The handshake has judged it, so that this is remembered.
    fn know(&self, chain: &[CertificateDer<'_>]) -> Option<AdminCertificate> {
        let verdict = self.judge.judge(chain, super::now()).ok()?;
        Some(AdminCertificate {
            identity: Arc::clone(&verdict.identity),
            authorities: self.authorities,
            deadline: verdict.deadline,
        })
    }
}

/// Two are alike when they show the same chain and take the same certificates.
impl PartialEq for AdminTls {
    fn eq(&self, other: &Self) -> bool {
        let authorities = |tls: &Self| tls.administrators.as_ref().map(|administrators| administrators.authorities);
        self.chain == other.chain && authorities(self) == authorities(other)
    }
}

/// Without the key.
impl fmt::Debug for AdminTlsTexts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminTlsTexts").finish_non_exhaustive()
    }
}

impl fmt::Debug for AdminTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminTls").field("knows_certificates", &self.knows_certificates()).finish_non_exhaustive()
    }
}

fn credential(
    texts: AdminTlsTexts<'_>,
    now: UnixTime,
    problems: &mut Vec<AdminTlsProblem>,
) -> Option<ServerCredential> {
    let AdminTlsTexts { certificate_chain, private_key, .. } = texts;
    // Judged at its last moment where that has passed.
    let end = pem::certificates(certificate_chain).map_or(now, |chain| end_of(&chain));
    let error = match ServerCredential::from_pem(certificate_chain, private_key, None, now.min(end)) {
        Ok(credential) => return Some(credential),
        Err(error) => error,
    };
    problems.extend(error.into_problems().into_iter().map(|problem| {
        let text = problem.to_string();
        if problem.is_about_key() { AdminTlsProblem::PrivateKey(text) } else { AdminTlsProblem::CertificateChain(text) }
    }));
    None
}

/// The CAs that vouch for administrators: the rules are those for the callers' CAs, the words are not.
fn anchors(pem: &[u8], now: UnixTime) -> Result<TrustAnchors, String> {
    TrustAnchors::from_pem(pem, &AnchorRules::default(), now).map_err(|error| match error {
        TrustAnchorsError::Refused(problems) => {
            let places: Vec<_> = problems.iter().map(|problem| problem.place.to_string()).collect();
            format!(
                "{} cannot vouch for administrators: put CA certificates of your own here, which are neither public nor samples",
                places.join("; ")
            )
        }
        TrustAnchorsError::NoneValid(_) => "no certificate in it is valid now: put one here that is".to_owned(),
        error => error.to_string(),
    })
}

/// When the first of these certificates ends; one that cannot be read has ended already.
fn end_of(chain: &[CertificateDer<'_>]) -> UnixTime {
    let (never, already) = (UnixTime::since_unix_epoch(Duration::MAX), UnixTime::since_unix_epoch(Duration::ZERO));
    let end = |der: &CertificateDer<'_>| CertificateFacts::from_der(der).map_or(already, |facts| facts.not_after);
    chain.iter().map(end).min().unwrap_or(never)
}

fn digest<'a>(certificates: impl Iterator<Item = &'a CertificateDer<'static>>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for der in certificates {
        context.update(&u64::try_from(der.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(der);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
