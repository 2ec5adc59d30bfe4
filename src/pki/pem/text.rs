//! PEM as it is written here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One block, such as `encoded("CERTIFICATE", der)`, its body in lines of 64 characters. Wiped when it goes: it may be a key.
#[must_use]
pub fn encoded(label: &str, der: &[u8]) -> Zeroizing<String> {
    /// Characters of a line (RFC 7468 section 2).
    const LINE: usize = 64;
    let body = Zeroizing::new(STANDARD.encode(der));
    // Room for all of it at once: a text that grows leaves copies of a key behind.
    let room = body.len() + body.len().div_ceil(LINE) + 2 * label.len() + 40;
    let mut text = Zeroizing::new(String::with_capacity(room));
    for piece in ["-----BEGIN ", label, "-----\n"] {
        text.push_str(piece);
    }
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    for piece in ["-----END ", label, "-----\n"] {
        text.push_str(piece);
    }
    text
}

/// Certificates (DER), one block after the other.
pub fn certificates_text<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> String {
    certificates.into_iter().map(|der| encoded("CERTIFICATE", der).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::pem::{Label, blocks};

    #[test]
    fn what_is_written_is_read_again() {
        for length in [1, 47, 48, 49, 500] {
            let der = vec![0x30; length];
            let text = encoded("X509 CRL", &der);
            assert!(text.lines().all(|line| line.len() <= 64), "{}", text.as_str());
            let blocks = blocks(text.as_bytes()).unwrap();
            assert_eq!((blocks[0].label, blocks[0].der()), (Label::RevocationList, &der[..]));
        }
    }
}
