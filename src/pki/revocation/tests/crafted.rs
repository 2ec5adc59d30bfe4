//! Lists written octet by octet.

use rcgen::{KeyPair, SigningKey as _};

use crate::pki::minting::Minted;

/// A list of kinds that certificate authorities' own tools make and rcgen does not.
pub(in crate::pki::revocation) struct Crafted {
    pub(in crate::pki::revocation) version: bool,
    pub(in crate::pki::revocation) next_update: bool,
    pub(in crate::pki::revocation) sha1: bool,
    pub(in crate::pki::revocation) entry_extensions: Vec<u8>,
    pub(in crate::pki::revocation) extensions: Vec<u8>,
}

impl Default for Crafted {
    fn default() -> Self {
        let extensions = extension(20, false, &[2, 1, 1]);
        Self { version: true, next_update: true, sha1: false, entry_extensions: Vec::new(), extensions }
    }
}

impl Crafted {
    /// `CertificateList` (RFC 5280 section 5.1), with an ECDSA key on P-256.
    pub(in crate::pki::revocation) fn signed_by(&self, issuer: &Minted) -> Vec<u8> {
        let sha256 = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
        let sha1 = [6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
        let algorithm = tlv(0x30, if self.sha1 { &sha1[..] } else { &sha256[..] });
        let time = |text: &str| tlv(0x17, text.as_bytes());
        let entry = [
            vec![2, 1, 5],
            time("300401000000Z"),
            if self.entry_extensions.is_empty() { Vec::new() } else { tlv(0x30, &self.entry_extensions) },
        ];
        let to_be_signed = [
            if self.version { vec![2, 1, 1] } else { Vec::new() },
            algorithm.clone(),
            issuer.facts().subject_der,
            time("300501000000Z"),
            if self.next_update { time("300701000000Z") } else { Vec::new() },
            tlv(0x30, &tlv(0x30, &entry.concat())),
            if self.extensions.is_empty() { Vec::new() } else { tlv(0xa0, &tlv(0x30, &self.extensions)) },
        ];
        let to_be_signed = tlv(0x30, &to_be_signed.concat());
        let signature = KeyPair::from_pem(&issuer.key_pem).unwrap().sign(&to_be_signed).unwrap();
        tlv(0x30, &[to_be_signed, algorithm, tlv(3, &[vec![0], signature].concat())].concat())
    }
}

/// An extension of the arc id-ce (2.5.29).
pub(in crate::pki::revocation) fn extension(number: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { vec![1, 1, 0xff] } else { Vec::new() };
    tlv(0x30, &[vec![6, 3, 0x55, 0x1d, number], critical, tlv(4, value)].concat())
}

pub(in crate::pki::revocation) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let header = match length {
        0..0x80 => vec![tag, u8::try_from(length).unwrap()],
        _ => [vec![tag, 0x82], length.to_be_bytes().to_vec()].concat(),
    };
    // DER wants the shortest form; 0x81 is for what lies between.
    let header = if (0x80..0x100).contains(&length) { vec![tag, 0x81, header[3]] } else { header };
    [header, content.to_vec()].concat()
}
