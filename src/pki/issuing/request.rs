//! A certificate signing request (PKCS#10, RFC 2986).

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::FromDer as _;

use super::is_fit_for_clients;
use super::problem::RequestError;
use crate::pki::distinguished_name::{attributes, printable, rfc4514};
use crate::pki::facts::{PublicKey, public_key};
use crate::pki::pem::{Label, PemError, blocks};
use crate::pki::signature::{Issuance, signed_with};

/// Octets of DER; an RSA key with 8192 bits and a long subject make 3,000.
const LONGEST_REQUEST: usize = 16 << 10;

/// A request whose sender has the key in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    subject: String,
    subject_der: Vec<u8>,
    key: PublicKey,
    public_key_der: Vec<u8>,
    requested_extensions: Vec<String>,
}

impl CertificateRequest {
    /// Reads one request, as PEM or DER. Its signature is verified with the key in it, which proves possession.
    ///
    /// # Errors
    /// [`RequestError`]: not exactly one request, a signature that does not verify, an empty subject, or a key other than RSA with 2048 to
    /// 8192 bits, EC on P-256 or P-384.
    pub fn from_bytes(file: &[u8]) -> Result<Self, RequestError> {
        let der = request_der(file)?;
        if der.len() > LONGEST_REQUEST {
            return Err(RequestError::TooLong(der.len()));
        }
        let Ok(([], request)) = X509CertificationRequest::from_der(&der) else { return Err(RequestError::Malformed) };
        let info = &request.certification_request_info;
        let subject_der = info.subject.as_raw().to_vec();
        let subject = rfc4514(&subject_der);
        if attributes(&subject_der).is_empty() {
            return Err(RequestError::NoSubject);
        }
        let public_key_der = info.subject_pki.raw.to_vec();
        let key = public_key(&info.subject_pki);
        if !is_fit_for_clients(&key) {
            return Err(RequestError::KeyKind { subject, key });
        }
        match signed_with(&der, &public_key_der) {
            Issuance::Proven => {}
            Issuance::UnsupportedAlgorithm => return Err(RequestError::WeakSignature(subject)),
            Issuance::BadSignature | Issuance::OtherIssuer => return Err(RequestError::NoPossession(subject)),
        }
        Ok(Self { subject, subject_der, key, public_key_der, requested_extensions: requested_extensions(&request) })
    }

    /// The subject, RFC 4514.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The DER of the subject, header included.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The DER of the `SubjectPublicKeyInfo`, header included.
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key_der
    }

    /// The names of the extensions that it asks for (RFC 2985 section 5.4.2); the dotted OID where there is none.
    #[must_use]
    pub fn requested_extensions(&self) -> &[String] {
        &self.requested_extensions
    }
}

/// The DER of the one request of a file.
fn request_der(file: &[u8]) -> Result<Vec<u8>, RequestError> {
    let blocks = match blocks(file) {
        Ok(blocks) => blocks,
        Err(PemError::Der) => return Ok(file.to_vec()),
        Err(error) => return Err(RequestError::Pem(error)),
    };
    let misplaced = blocks.iter().find(|block| block.label != Label::CertificateRequest);
    if let Some(block) = misplaced {
        let (found, line) = (block.label, block.line);
        let advice = "name the file of the request that Thales sent";
        return Err(RequestError::Pem(PemError::Misplaced { line, found, wanted: "a certificate request", advice }));
    }
    match blocks.as_slice() {
        [request] => Ok(request.der().to_vec()),
        [_, second, ..] => Err(RequestError::Several(second.line)),
        [] => Err(RequestError::Pem(PemError::NoBlock)),
    }
}

fn requested_extensions(request: &X509CertificationRequest<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for attribute in request.certification_request_info.iter_attributes() {
        if let ParsedCriAttribute::ExtensionRequest(requested) = attribute.parsed_attribute() {
            names.extend(requested.extensions.iter().map(|extension| {
                let known = oid2sn(&extension.oid, oid_registry()).map(str::to_owned);
                known.unwrap_or_else(|_| printable(extension.oid.to_id_string().as_bytes()))
            }));
        }
    }
    names
}
