//! Writing DER (X.690): what is made here is small, and has to hold names and algorithms that are encoded already.

/// SEQUENCE.
const SEQUENCE: u8 = 0x30;
/// SET.
const SET: u8 = 0x31;

/// One element: tag, length, content.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let digits: Vec<u8> = length.into_iter().skip_while(|&byte| byte == 0).collect();
    let mut element = Vec::with_capacity(content.len() + digits.len() + 2);
    element.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => element.push(short),
        _ => {
            // A length has at most eight digits.
            element.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
            element.extend(digits);
        }
    }
    element.extend_from_slice(content);
    element
}

/// SEQUENCE of elements.
pub(crate) fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &elements.concat())
}

/// SET of one element.
pub(crate) fn set_of_one(only: &[u8]) -> Vec<u8> {
    element(SET, only)
}

/// INTEGER of a big-endian number without sign.
pub(crate) fn unsigned_integer(number: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = number.iter().copied().skip_while(|&byte| byte == 0).collect();
    // The first bit is the sign, and zero has a digit too.
    if digits.first().is_none_or(|&first| first >= 0x80) {
        digits.insert(0, 0);
    }
    element(0x02, &digits)
}

/// BIT STRING of whole octets.
pub(crate) fn bit_string(octets: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], octets].concat())
}

/// OCTET STRING.
pub(crate) fn octet_string(octets: &[u8]) -> Vec<u8> {
    element(0x04, octets)
}

/// OBJECT IDENTIFIER, of its content.
pub(crate) fn object_identifier(content: &[u8]) -> Vec<u8> {
    element(0x06, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short_below_128_and_as_long_as_needed_from_there() {
        for (length, header) in [
            (0, vec![4, 0]),
            (127, vec![4, 0x7f]),
            (128, vec![4, 0x81, 0x80]),
            (255, vec![4, 0x81, 0xff]),
            (256, vec![4, 0x82, 1, 0]),
            (70_000, vec![4, 0x83, 1, 0x11, 0x70]),
        ] {
            let written = octet_string(&vec![7; length]);
            assert_eq!(written[..header.len()], header, "{length}");
            assert_eq!(written.len(), header.len() + length);
        }
    }

    #[test]
    fn integers_are_positive_and_have_no_zero_in_front_that_is_not_needed() {
        assert_eq!(unsigned_integer(&[]), [2, 1, 0]);
        assert_eq!(unsigned_integer(&[0, 0]), [2, 1, 0]);
        assert_eq!(unsigned_integer(&[0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(unsigned_integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned_integer(&600_000_u32.to_be_bytes()), [2, 3, 0x09, 0x27, 0xc0]);
    }
}
