//! Runs of octets: eight at a time where a run may be long.

const LOWEST: u64 = 0x0101_0101_0101_0101;
const HIGHEST: u64 = 0x8080_8080_8080_8080;
const DEL: u8 = 0x7f;

/// The length of the run of octets at the start of `bytes` that may stand in a field value, HTAB excepted: 0x20 to 0x7e
/// and 0x80 to 0xff (RFC 9110 section 5.5).
pub(super) fn value_run(bytes: &[u8]) -> usize {
    run(bytes, |word| below::<0x20>(word) | equal::<DEL>(word), |byte| byte >= 0x20 && byte != DEL)
}

/// The length of the run of octets at the start of `bytes` that may stand in a request target: 0x21 to 0x7e.
pub(super) fn target_run(bytes: &[u8]) -> usize {
    run(bytes, |word| below::<0x21>(word) | equal::<DEL>(word) | (word & HIGHEST), |byte| byte.is_ascii_graphic())
}

/// The length of the token (RFC 9110 section 5.6.2) at the start of `bytes`.
pub(super) fn token_run(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !TOKEN.get(usize::from(*byte)).is_some_and(|token| *token)).unwrap_or(bytes.len())
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which would refuse an index out of bounds")]
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < DEL {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            );
        byte += 1;
    }
    table
};

/// `stops` marks the highest bit of each octet of a little-endian word that ends the run. Only the lowest mark is exact,
/// and only the lowest is used.
fn run(bytes: &[u8], stops: impl Fn(u64) -> u64, goes_on: impl Fn(u8) -> bool) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let stops = stops(u64::from_le_bytes(*word));
        if stops != 0 {
            return length + (stops.trailing_zeros() / u8::BITS) as usize;
        }
        length += word.len();
    }
    length + tail.iter().position(|byte| !goes_on(*byte)).unwrap_or(tail.len())
}

/// Marks octets below `N`, for `N` up to 0x80.
fn below<const N: u8>(word: u64) -> u64 {
    word.wrapping_sub(LOWEST * u64::from(N)) & !word & HIGHEST
}

/// Marks octets that equal `N`, for `N` below 0x80.
fn equal<const N: u8>(word: u64) -> u64 {
    let difference = word ^ (LOWEST * u64::from(N));
    difference.wrapping_sub(LOWEST) & !difference & HIGHEST
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_octet_is_judged_alike_at_every_place_of_a_word() {
        for byte in 0..=u8::MAX {
            for place in 0..20 {
                let mut bytes = [b'a'; 20];
                bytes[place] = byte;
                let stop = |goes_on: bool| if goes_on { 20 } else { place };
                assert_eq!(value_run(&bytes), stop(byte >= 0x20 && byte != DEL), "{byte:#x} at {place}");
                assert_eq!(target_run(&bytes), stop((0x21..=0x7e).contains(&byte)), "{byte:#x} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn runs_end_where_a_plain_loop_ends(bytes in any::<Vec<u8>>()) {
            let plain = |goes_on: fn(u8) -> bool| bytes.iter().take_while(|byte| goes_on(**byte)).count();
            prop_assert_eq!(value_run(&bytes), plain(|byte| byte >= 0x20 && byte != DEL));
            prop_assert_eq!(target_run(&bytes), plain(|byte| (0x21..=0x7e).contains(&byte)));
        }
    }
}
