//! Strict PEM (RFC 7468): whatever is odd about a file is said, with its line and what to do, and never skipped.
//!
//! Accepted around blocks: explanatory text, CRLF line ends, a UTF-8 byte order mark, white space at the ends of lines.
//! No error holds a byte of a block's body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use zeroize::Zeroizing;

use super::encrypted_key::EncryptedKey;

mod problem;
mod text;

pub use problem::PemError;
pub use text::{certificates_text, encoded};

/// Labels longer than this are not printed; the longest known one has 21 characters.
const LONGEST_LABEL: usize = 40;

/// One block of a PEM file. Its bytes are wiped when it goes.
pub struct Block {
    /// What the block says it holds.
    pub label: Label,
    /// The line of its BEGIN, counted from 1.
    pub line: usize,
    der: Zeroizing<Vec<u8>>,
}

impl Block {
    /// The decoded body.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block").field("label", &self.label).field("line", &self.line).finish_non_exhaustive()
    }
}

/// The labels that this product has a use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// `CERTIFICATE`
    Certificate,
    /// `X509 CRL`
    RevocationList,
    /// `CERTIFICATE REQUEST`, or `NEW CERTIFICATE REQUEST` as some tools write
    CertificateRequest,
    /// `PRIVATE KEY`: PKCS#8
    Pkcs8Key,
    /// `EC PRIVATE KEY`: SEC1
    Sec1Key,
    /// `RSA PRIVATE KEY`: PKCS#1
    Pkcs1Key,
    /// `ENCRYPTED PRIVATE KEY`: PKCS#8, encrypted with a passphrase
    EncryptedKey,
    /// `EC PARAMETERS`: what `openssl ecparam -genkey` writes in front of a SEC1 key
    EcParameters,
}

impl Label {
    fn parse(label: &str) -> Option<Self> {
        Some(match label {
            "CERTIFICATE" => Self::Certificate,
            "X509 CRL" => Self::RevocationList,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::CertificateRequest,
            "PRIVATE KEY" => Self::Pkcs8Key,
            "EC PRIVATE KEY" => Self::Sec1Key,
            "RSA PRIVATE KEY" => Self::Pkcs1Key,
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            "EC PARAMETERS" => Self::EcParameters,
            _ => return None,
        })
    }

    fn is_private_key(self) -> bool {
        matches!(self, Self::Pkcs8Key | Self::Sec1Key | Self::Pkcs1Key | Self::EncryptedKey)
    }

    /// The label and an article, for messages.
    #[must_use]
    pub fn described(self) -> &'static str {
        match self {
            Self::Certificate => "a certificate",
            Self::RevocationList => "a certificate revocation list",
            Self::CertificateRequest => "a certificate request (CSR)",
            Self::Pkcs8Key | Self::Sec1Key | Self::Pkcs1Key => "a private key",
            Self::EncryptedKey => "an encrypted private key",
            Self::EcParameters => "EC parameters",
        }
    }
}

/// The certificates of a PEM file, in their order. Each of them parses as X.509.
///
/// # Errors
/// [`PemError`] for the first thing that is wrong; a private key among certificates is one.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    Ok(located_certificates(pem)?.into_iter().map(|(_, certificate)| certificate).collect())
}

/// As [`certificates`], each with the line of its BEGIN, counted from 1.
///
/// # Errors
/// As [`certificates`].
pub fn located_certificates(pem: &[u8]) -> Result<Vec<(usize, CertificateDer<'static>)>, PemError> {
    match blocks(pem) {
        Ok(blocks) => blocks.into_iter().map(certificate).collect(),
        // A key has no place here, in whatever way it is encrypted.
        Err(PemError::TraditionalKey { line }) => Err(not_certificate(line, Label::EncryptedKey)),
        Err(error) => Err(error),
    }
}

/// The private key of a PEM file: PKCS#8, SEC1 or PKCS#1. The caller wipes it after use.
///
/// # Errors
/// [`PemError`] when there is anything but exactly one unencrypted private key (and its EC parameters).
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    match stored_key(pem) {
        Ok(StoredKey::Plain(key)) => Ok(key),
        Ok(StoredKey::Encrypted(key)) => Err(PemError::EncryptedKey { line: key.line() }),
        // Who takes no passphrase takes none for the old way either.
        Err(PemError::TraditionalKey { line }) => Err(PemError::EncryptedKey { line }),
        Err(error) => Err(error),
    }
}

/// A private key as a file holds it.
#[derive(Debug)]
pub enum StoredKey {
    /// PKCS#8, SEC1 or PKCS#1. Who takes it wipes it after use.
    Plain(PrivateKeyDer<'static>),
    /// PKCS#8, encrypted with a passphrase.
    Encrypted(EncryptedKey),
}

/// The private key of a PEM file, encrypted or not.
///
/// # Errors
/// [`PemError`] when there is anything but exactly one private key (and its EC parameters), or it is encrypted the way that was
/// usual before PKCS#8.
pub fn stored_key(pem: &[u8]) -> Result<StoredKey, PemError> {
    let mut key: Option<Block> = None;
    for block in blocks(pem)? {
        match (&key, block.label) {
            (None, Label::EcParameters) => {}
            (None, label) if label.is_private_key() => key = Some(block),
            (Some(first), label) if label.is_private_key() => {
                return Err(PemError::SeveralKeys { first: first.line, second: block.line });
            }
            (_, found) => {
                let advice = "leave only the private key in it; certificates have their own file";
                return Err(PemError::Misplaced { line: block.line, found, wanted: "a private key", advice });
            }
        }
    }
    let mut block = key.ok_or(PemError::NoKey)?;
    let der = std::mem::take(&mut *block.der);
    Ok(match block.label {
        Label::EncryptedKey => StoredKey::Encrypted(EncryptedKey::at_line(block.line, der)),
        Label::Sec1Key => StoredKey::Plain(PrivateSec1KeyDer::from(der).into()),
        Label::Pkcs1Key => StoredKey::Plain(PrivatePkcs1KeyDer::from(der).into()),
        _ => StoredKey::Plain(PrivatePkcs8KeyDer::from(der).into()),
    })
}

/// All blocks of a PEM file, in their order; at least one.
///
/// # Errors
/// [`PemError`] for the first thing that is wrong with the file's structure or encoding.
pub fn blocks(pem: &[u8]) -> Result<Vec<Block>, PemError> {
    let text = text_of(pem)?;
    let mut blocks = Vec::new();
    let mut open: Option<OpenBlock> = None;
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let (number, line) = (index + 1, line.trim_ascii());
        match (Line::read(line).ok_or(PemError::Boundary { line: number })?, open.take()) {
            (Line::Begin(label), None) => open = Some(OpenBlock::begin(label, number, text.len())?),
            (Line::Begin(_), Some(block)) => return Err(block.unclosed()),
            (Line::End(label), None) => return Err(PemError::MissingBegin { line: number, label: label.to_owned() }),
            (Line::End(label), Some(block)) => blocks.push(block.end(label, number)?),
            (Line::Other, None) => {}
            (Line::Other, Some(block)) => open = Some(block.push(line, number)?),
        }
    }
    match open {
        Some(block) => Err(block.unclosed()),
        None if blocks.is_empty() && is_short_der(pem) => Err(PemError::Der),
        None if blocks.is_empty() => Err(PemError::NoBlock),
        None => Ok(blocks),
    }
}

fn certificate(mut block: Block) -> Result<(usize, CertificateDer<'static>), PemError> {
    let line = block.line;
    if block.label != Label::Certificate {
        return Err(not_certificate(line, block.label));
    }
    match X509Certificate::from_der(&block.der) {
        Ok(([], _)) => Ok((line, CertificateDer::from(std::mem::take(&mut *block.der)))),
        _ => Err(PemError::NotX509 { line }),
    }
}

/// Something else in a file of certificates.
fn not_certificate(line: usize, found: Label) -> PemError {
    let advice = match found {
        label if label.is_private_key() => {
            "keys have a file of their own: remove it from here, and see who could read it"
        }
        Label::CertificateRequest => "put the certificate here that the CA made from it",
        _ => "remove it",
    };
    PemError::Misplaced { line, found, wanted: "certificates", advice }
}

/// The file without its byte order mark, unless it can't be PEM at all.
fn text_of(pem: &[u8]) -> Result<&[u8], PemError> {
    let text = pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem);
    match text {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(PemError::Utf16),
        // SEQUENCE with a length in its long form: nothing that ASCII text begins with.
        [0x30, 0x80..=0x84, ..] => Err(PemError::Der),
        _ if text.trim_ascii().is_empty() => Err(PemError::Empty),
        _ => Ok(text),
    }
}

/// A whole DER SEQUENCE below 128 bytes, such as a small EC key: it begins like text.
fn is_short_der(file: &[u8]) -> bool {
    matches!(file, [0x30, length, body @ ..] if usize::from(*length) == body.len())
}

enum Line<'a> {
    Begin(&'a str),
    End(&'a str),
    Other,
}

impl<'a> Line<'a> {
    /// None: something that was meant as a boundary but is none. To take it for text would skip a block in silence.
    fn read(line: &'a [u8]) -> Option<Self> {
        // Without copies, since a line can be part of a key.
        let has = |part: &[u8]| line.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
        let dashed = has(b"-BEGIN ") || has(b"-END ") || (line.starts_with(b"--") && (has(b"BEGIN ") || has(b"END ")));
        // A word processor turns the dashes into other characters.
        if !(dashed || has(b"BEGIN CERTIFICATE") || has(b"END CERTIFICATE")) {
            return Some(Self::Other);
        }
        let inner = line.strip_prefix(b"-----")?.strip_suffix(b"-----")?;
        let label = |rest: &'a [u8]| {
            let printable = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" .#".contains(byte);
            let sound = !rest.is_empty() && rest.len() <= LONGEST_LABEL && rest.iter().all(printable);
            std::str::from_utf8(rest).ok().filter(|_| sound)
        };
        match (inner.strip_prefix(b"BEGIN "), inner.strip_prefix(b"END ")) {
            (Some(rest), _) => label(rest).map(Self::Begin),
            (_, Some(rest)) => label(rest).map(Self::End),
            _ => None,
        }
    }
}

/// A block whose END has not been seen.
struct OpenBlock {
    label: Label,
    name: String,
    line: usize,
    /// Base64 without line breaks; allocated once, so that growing leaves no copy of a key behind.
    body: Zeroizing<Vec<u8>>,
}

impl OpenBlock {
    fn begin(name: &str, line: usize, longest_body: usize) -> Result<Self, PemError> {
        let unknown = || PemError::UnknownLabel { line, label: name.to_owned(), advice: advice_on(name) };
        let label = Label::parse(name).ok_or_else(unknown)?;
        Ok(Self { label, name: name.to_owned(), line, body: Zeroizing::new(Vec::with_capacity(longest_body)) })
    }

    fn push(mut self, line: &[u8], number: usize) -> Result<Self, PemError> {
        if self.label.is_private_key() && line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED") {
            return Err(PemError::TraditionalKey { line: number });
        }
        if line.contains(&b':') {
            return Err(PemError::Header { line: number });
        }
        let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        if !line.iter().all(base64) {
            return Err(PemError::Base64 { line: number });
        }
        let data = line.trim_ascii_end();
        let padded_before = self.body.last() == Some(&b'=');
        let padded_inside = data.split(|&byte| byte == b'=').skip(1).any(|after| !after.is_empty());
        let only_padding = data.iter().all(|&byte| byte == b'=');
        if padded_inside || (padded_before && !only_padding) {
            return Err(PemError::AfterPadding { line: number });
        }
        self.body.extend_from_slice(data);
        Ok(self)
    }

    fn end(self, name: &str, number: usize) -> Result<Block, PemError> {
        if name != self.name {
            return Err(PemError::OtherEnd { line: number, expected: self.name, found: name.to_owned() });
        }
        if self.body.is_empty() {
            return Err(PemError::EmptyBlock { line: self.line });
        }
        let mut der = Zeroizing::new(Vec::with_capacity(self.body.len()));
        // The engine's error would quote a byte of the body.
        STANDARD.decode_vec(&*self.body, &mut der).map_err(|_| PemError::Base64 { line: number - 1 })?;
        Ok(Block { label: self.label, line: self.line, der })
    }

    fn unclosed(self) -> PemError {
        PemError::MissingEnd { line: self.line, label: self.name }
    }
}

fn advice_on(label: &str) -> &'static str {
    match label {
        "TRUSTED CERTIFICATE" => "convert it with `openssl x509 -in FILE -out FILE.pem`",
        "X509 CERTIFICATE" => {
            "convert it with `openssl x509 -in FILE -out FILE.pem`, or rename the label to CERTIFICATE"
        }
        "PKCS7" | "CMS" => "take the certificates out with `openssl pkcs7 -print_certs -in FILE`",
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {
            "a bare public key is of no use: put the certificate or the private key here"
        }
        "OPENSSH PRIVATE KEY" => "an OpenSSH key is not for TLS: use a PKCS#8 key",
        "DH PARAMETERS" => "remove it: only ECDHE is used",
        _ => "remove it",
    }
}

#[cfg(test)]
mod tests;
