//! Serial numbers of certificates.

use std::fmt;

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::pki::der;
use crate::pki::facts::serial;

/// RFC 5280 section 4.1.2.2: at most 20 octets.
const LONGEST: usize = 20;
/// Of a serial number that nobody can foresee.
const RANDOM_OCTETS: usize = 16;

/// A serial number of at most 20 octets, as the content of its INTEGER; prints as lower-case hexadecimal digits, without zeros in front.
///
/// It is positive, unless a certificate has another one: whoever compares the octets of a certificate with those of a list's entry, as
/// servers do, finds it only where both are the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SerialNumber(Vec<u8>);

/// A text that is no serial number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no serial number: write 1 to 40 hexadecimal digits, with or without colons, such as 0a:1b:2c")]
pub struct SerialNumberError(String);

impl SerialNumber {
    /// That of a certificate (DER), octet by octet; None where it is none, or its serial number is zero or too long.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let content = certificate.raw_serial();
        Self::from_content(content)?;
        Some(Self(content.to_vec()))
    }

    /// 128 bits that nobody can foresee; None where the machine has no randomness.
    #[must_use]
    pub fn random() -> Option<Self> {
        let mut octets = [0; RANDOM_OCTETS];
        aws_lc_rs::rand::fill(&mut octets).ok()?;
        Self::from_content(&octets)
    }

    /// Reads hexadecimal digits, as `openssl x509 -serial` and our own commands print them; colons and `0x` are left out.
    ///
    /// # Errors
    /// [`SerialNumberError`]: other characters, zero, or more than 20 octets.
    pub fn from_hex(text: &str) -> Result<Self, SerialNumberError> {
        let refused = || SerialNumberError(text.chars().take(60).collect());
        let bare = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        let mut digits: Vec<u8> = Vec::new();
        for character in bare.chars().filter(|&character| character != ':') {
            let digit = character.to_digit(16).ok_or_else(refused)?;
            digits.push(u8::try_from(digit).map_err(|_| refused())?);
        }
        if digits.len() % 2 == 1 {
            digits.insert(0, 0);
        }
        let (pairs, _) = digits.as_chunks::<2>();
        let octets: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        Self::from_content(&octets).ok_or_else(refused)
    }

    /// The positive number with these digits: big-endian, with or without zeros in front. None for zero and for what is too long.
    #[must_use]
    pub fn from_content(octets: &[u8]) -> Option<Self> {
        let digits: Vec<u8> = octets.iter().copied().skip_while(|&byte| byte == 0).collect();
        (1..=LONGEST).contains(&digits.len()).then(|| Self(der::unsigned_content(&digits)))
    }

    /// The DER of its INTEGER.
    pub(crate) fn der(&self) -> Vec<u8> {
        der::element(der::INTEGER, &self.0)
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serial(&self.0))
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_read_as_every_tool_prints_them() {
        for text in ["0A1B2C", "a1b2c", "0a:1b:2c", "0x0a1b2c", "00:00:0a:1b:2c"] {
            assert_eq!(SerialNumber::from_hex(text).unwrap().to_string(), "0a1b2c", "{text}");
        }
        for text in ["", "0", "00:00", "xyz", "-5", "12 34", &"f".repeat(41)] {
            assert!(SerialNumber::from_hex(text).is_err(), "{text}");
        }
        assert!(SerialNumber::from_hex(&"f".repeat(40)).is_ok());
    }

    #[test]
    fn random_ones_differ_and_are_written_as_positive() {
        let [one, other] = [(); 2].map(|()| SerialNumber::random().unwrap());
        assert_ne!(one, other);
        let written = SerialNumber::from_content(&[0xff; 16]).unwrap().der();
        assert_eq!(written[..3], [2, 17, 0]);
    }
}
