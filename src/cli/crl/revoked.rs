//! What is to be revoked: a certificate of the CA, or a serial number.

use std::path::PathBuf;

use rustls_pki_types::CertificateDer;

use crate::cli::Error;
use crate::cli::tls_files::read;
use crate::pki::CertificateFacts;
use crate::pki::issuing::{IssuingAuthority, SerialNumber};
use crate::pki::pem::located_certificates;
use crate::pki::revocation::ListScope;
use crate::pki::signature::{Issuance, issuance};

/// A certificate that is to be revoked.
pub(super) struct Revoked {
    pub(super) serial: SerialNumber,
    /// A leaf's or a CA's, where a certificate was given.
    pub(super) kind: Option<ListScope>,
    /// What it is called in messages.
    pub(super) shown: String,
}

impl Revoked {
    /// What `--revoke` names. A file goes before a serial number.
    ///
    /// # Errors
    /// When it is neither, or no certificate that the CA can revoke.
    pub(super) fn named(given: &str, authority: &IssuingAuthority) -> Result<Self, Error> {
        let path = PathBuf::from(given);
        if !path.exists() {
            let serial = SerialNumber::from_hex(given)
                .map_err(|error| format!("--revoke: there is no such file, and {error}"))?;
            if serial.to_string() == authority.facts().serial && authority.facts().self_issued {
                return Err(own_list(given));
            }
            return Ok(Self { serial, kind: None, shown: "the certificate".to_owned() });
        }
        let (der, facts, place) = of_file(given, &read(&path)?, authority)?;
        let serial = SerialNumber::of_certificate(&der).ok_or_else(|| {
            format!(
                "{given}: the serial number of {} is zero or has more than 20 octets; no list can hold it",
                facts.subject
            )
        })?;
        let kind = if facts.is_ca { ListScope::Authorities } else { ListScope::EndEntities };
        Ok(Self { serial, kind: Some(kind), shown: format!("{}{place}", facts.subject) })
    }
}

/// A certificate, what it says, and, where there are others beside it, which one it is.
type Chosen = (CertificateDer<'static>, CertificateFacts, String);

/// The certificate of a file; of several the one that the CA has issued, where only one is.
fn of_file(given: &str, pem: &[u8], authority: &IssuingAuthority) -> Result<Chosen, Error> {
    let told = |error: &dyn std::fmt::Display| format!("{given}: {error}");
    let mut all = Vec::new();
    for (line, der) in located_certificates(pem).map_err(|error| told(&error))? {
        let facts = CertificateFacts::from_der(&der).map_err(|error| told(&format_args!("line {line}: {error}")))?;
        all.push((line, der, facts));
    }
    let count = all.len();
    if count > 1 {
        all.retain(|(_, der, facts)| is_issued(der, facts, authority));
    }
    let ca = &authority.facts().subject;
    match <[_; 1]>::try_from(all) {
        Ok([(_, der, facts)]) if count == 1 => {
            of_authority(given, &der, &facts, authority)?;
            Ok((der, facts, String::new()))
        }
        Ok([(line, der, facts)]) => {
            Ok((der, facts, format!(" (line {line} of {given}, the one of its {count} that the CA has issued)")))
        }
        Err(_) if count == 0 => Err(format!("{given}: there is no certificate in it").into()),
        Err(none) if none.is_empty() => {
            Err(format!("{given}: none of the {count} certificates in it was issued by {ca}").into())
        }
        Err(several) => {
            let several: Vec<String> =
                several.iter().map(|(line, _, facts)| format!("{} (line {line})", facts.subject)).collect();
            Err(format!(
                "{given}: {} of the {count} certificates in it were issued by {ca}: {}; give each that is to be revoked a file of its own",
                several.len(),
                several.join(", ")
            )
            .into())
        }
    }
}

/// Whether the CA has issued it, and it is not the CA itself.
fn is_issued(der: &[u8], facts: &CertificateFacts, authority: &IssuingAuthority) -> bool {
    facts.public_key_der != authority.facts().public_key_der
        && issuance(der, facts, authority.facts()) == Issuance::Proven
}

/// Why the only certificate of a file is not the CA's to revoke, if it is not.
fn of_authority(given: &str, der: &[u8], facts: &CertificateFacts, authority: &IssuingAuthority) -> Result<(), Error> {
    if facts.public_key_der == authority.facts().public_key_der {
        return Err(own_list(given));
    }
    match issuance(der, facts, authority.facts()) {
        Issuance::Proven => Ok(()),
        Issuance::OtherIssuer => Err(format!(
            "{given}: {} was issued by {}, and not by {}, whose list tells of its own certificates alone",
            facts.subject,
            facts.issuer,
            authority.facts().subject
        )
        .into()),
        Issuance::BadSignature | Issuance::UnsupportedAlgorithm => Err(format!(
            "{given}: {} bears the name of {} as its issuer, but not the signature of its key",
            facts.subject,
            authority.facts().subject
        )
        .into()),
    }
}

fn own_list(given: &str) -> Error {
    format!("{given} is the CA itself, and no CA is revoked by its own list: take it out of client_ca").into()
}
