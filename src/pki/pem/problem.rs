//! What can be wrong with a PEM file.

use super::Label;

/// What is wrong with a PEM file, at which line (counted from 1), and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// Nothing but white space.
    #[error("the file is empty; it must hold PEM text")]
    Empty,
    /// Text without any PEM block.
    #[error("no PEM block found: the file must hold lines such as -----BEGIN CERTIFICATE-----")]
    NoBlock,
    /// Binary DER, PKCS#12 included.
    #[error(
        "this file is DER; convert with `openssl x509 -inform der -in FILE -out FILE.pem` (a certificate), \
         `openssl pkey -inform der -in FILE -out FILE.pem` (a key) or `openssl pkcs12 -in FILE` (a PKCS#12 store)"
    )]
    Der,
    /// UTF-16, which some editors write.
    #[error("this file is UTF-16; save it as UTF-8 or ASCII")]
    Utf16,
    /// A BEGIN whose END is missing.
    #[error("line {line}: BEGIN {label} has no END {label}; the file is cut off or a line is missing, copy it again")]
    MissingEnd {
        /// Line of the BEGIN.
        line: usize,
        /// Its label.
        label: String,
    },
    /// An END without BEGIN.
    #[error("line {line}: END {label} without BEGIN {label}; the block's first lines are missing, copy it again")]
    MissingBegin {
        /// Line of the END.
        line: usize,
        /// Its label.
        label: String,
    },
    /// An END with another label than its BEGIN.
    #[error("line {line}: END {found} closes BEGIN {expected}; both must bear the same label, copy the file again")]
    OtherEnd {
        /// Line of the END.
        line: usize,
        /// Label of the BEGIN.
        expected: String,
        /// Label of the END.
        found: String,
    },
    /// A line that has a BEGIN or END in it but is not a boundary.
    #[error(
        "line {line}: a BEGIN or END must stand alone on its line, as in -----BEGIN CERTIFICATE-----, with five dashes \
         on both sides; line breaks were lost here, or two files were joined without one"
    )]
    Boundary {
        /// The line.
        line: usize,
    },
    /// A block that is neither certificate, CRL nor key.
    #[error("line {line}: a {label} block has no place here; {advice}")]
    UnknownLabel {
        /// Line of the BEGIN.
        line: usize,
        /// Its label.
        label: String,
        /// What to do.
        advice: &'static str,
    },
    /// A body that is not base64.
    #[error("line {line}: not base64 (RFC 4648); the file is damaged, copy it again")]
    Base64 {
        /// The offending line; where only the whole is wrong, the block's last one.
        line: usize,
    },
    /// Base64 that goes on after its padding.
    #[error("line {line}: data after the base64 padding; two blocks ran into each other, copy the file again")]
    AfterPadding {
        /// The offending line.
        line: usize,
    },
    /// A block without a body.
    #[error("line {line}: the block is empty; copy the file again")]
    EmptyBlock {
        /// Line of the BEGIN.
        line: usize,
    },
    /// Headers (RFC 1421) in a block.
    #[error(
        "line {line}: a header inside a PEM block; remove the headers, or convert with `openssl x509` or `openssl pkey`"
    )]
    Header {
        /// The header's line.
        line: usize,
    },
    /// An encrypted private key, where nobody can be asked for a passphrase.
    #[error(
        "line {line}: the private key is encrypted and a server has nobody to ask for the passphrase; decrypt it with \
         `openssl pkey -in FILE -out DECRYPTED` and protect the file by its permissions"
    )]
    EncryptedKey {
        /// The line that says so.
        line: usize,
    },
    /// A private key that is encrypted as was usual before PKCS#8 (RFC 1421), where a passphrase would be asked for.
    #[error(
        "line {line}: the private key is encrypted in the way of before PKCS#8 (Proc-Type: 4,ENCRYPTED), which is not read here; \
         convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out CONVERTED`, and name the new file"
    )]
    TraditionalKey {
        /// The line that says so.
        line: usize,
    },
    /// A block of a kind that this file must not hold.
    #[error("line {line}: {} in a file of {wanted}; {advice}", .found.described())]
    Misplaced {
        /// Line of the BEGIN, or of the header that tells what it is.
        line: usize,
        /// What was found.
        found: Label,
        /// What the file is for.
        wanted: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Several private keys.
    #[error(
        "line {second}: a second private key (the first is at line {first}); leave the one that belongs to the certificate"
    )]
    SeveralKeys {
        /// Line of the first key.
        first: usize,
        /// Line of the second key.
        second: usize,
    },
    /// `EC PARAMETERS` and nothing else.
    #[error("there are EC parameters but no private key; the file is cut off, copy it again")]
    NoKey,
    /// A CERTIFICATE block whose body is not an X.509 certificate.
    #[error("line {line}: this CERTIFICATE block is not an X.509 certificate; the file is damaged, copy it again")]
    NotX509 {
        /// Line of the BEGIN.
        line: usize,
    },
}
