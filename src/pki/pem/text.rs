//! PEM as it is written here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// RFC 7468 section 2: each line but the last has exactly 64 characters.
const LINE: usize = 64;

/// One block, such as `encoded("CERTIFICATE", der)`; not for keys, of which it would leave copies in memory.
#[must_use]
pub fn encoded(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(LINE) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
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
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            let blocks = blocks(text.as_bytes()).unwrap();
            assert_eq!((blocks[0].label, blocks[0].der()), (Label::RevocationList, &der[..]));
        }
    }
}
