//! Runs of octets: eight at a time where a run may be long.

const LOWEST: u64 = 0x0101_0101_0101_0101;
const HIGHEST: u64 = 0x8080_8080_8080_8080;
const DEL: u8 = 0x7f;

/// The length of the run of octets at the start of `bytes` that may stand in a field value, HTAB excepted: 0x20 to 0x7e
/// and 0x80 to 0xff (RFC 9110 section 5.5).
pub(super) fn value_run(bytes: &[u8]) -> usize {
    run(bytes, |word| below::<0x20>(word) | equal::<DEL>(word), |byte| byte >= 0x20 && byte != DEL)
}

/// The length of the run of octets at the start of `bytes` that may stand in a request target: 0x21 to 0x7e without those that no
/// URI holds and the parser behind refuses in words of its own, and without the fragment, which it cuts off (RFC 9112 section 3.2).
pub(super) fn target_run(bytes: &[u8]) -> usize {
    let stops = |word| {
        let out_of_range = below::<0x21>(word) | equal::<DEL>(word) | (word & HIGHEST);
        let in_no_uri = equal::<b'"'>(word) | equal::<b'<'>(word) | equal::<b'>'>(word) | equal::<b'`'>(word);
        out_of_range | in_no_uri | equal::<b'#'>(word)
    };
    run(bytes, stops, is_target)
}

fn is_target(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'`')
}

/// The length of the token (RFC 9110 section 5.6.2) at the start of `bytes`.
pub(super) fn token_run(bytes: &[u8]) -> usize {
    // Nearly all names are letters and hyphens: those by words, and whatever ends their run by the table.
    let mut length = 0;
    for word in bytes.as_chunks::<8>().0 {
        let stops = !letters_and_hyphens(u64::from_le_bytes(*word)) & HIGHEST;
        length += (stops.trailing_zeros() / u8::BITS) as usize;
        if stops != 0 {
            break;
        }
    }
    let rest = bytes.get(length..).unwrap_or_default();
    length + rest.iter().position(|byte| !is_token(*byte)).unwrap_or(rest.len())
}

fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).is_some_and(|token| *token)
}

/// Marks letters and hyphens, all of them exactly.
fn letters_and_hyphens(word: u64) -> u64 {
    // Without their highest bits octets do not carry into their neighbours.
    let low = word & !HIGHEST;
    let lower_case = low | (LOWEST * 0x20);
    let from_a = lower_case + LOWEST * (0x80 - u64::from(b'a'));
    let beyond_z = lower_case + LOWEST * (0x7f - u64::from(b'z'));
    let no_hyphen = (low ^ (LOWEST * u64::from(b'-'))) + LOWEST * 0x7f;
    ((from_a & !beyond_z) | !no_hyphen) & !word & HIGHEST
}

static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < DEL {
        let (_, rest) = table.split_at_mut(byte as usize);
        let Some(entry) = rest.first_mut() else { break };
        *entry = byte.is_ascii_alphanumeric()
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
                let target = (0x21..=0x7e).contains(&byte) && !b"\"#<>`".contains(&byte);
                assert_eq!(target_run(&bytes), stop(target), "{byte:#x} at {place}");
                let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
                assert_eq!(token_run(&bytes), stop(token), "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn a_target_that_is_taken_here_is_taken_by_the_parser_behind_as_a_whole() {
        for byte in (0..=u8::MAX).filter(|byte| is_target(*byte)) {
            let byte = char::from(byte);
            let target = format!("/a{byte}b?c{byte}d");
            assert_eq!(target.parse::<http::Uri>().unwrap().to_string(), target);
        }
    }

    proptest! {
        #[test]
        fn runs_end_where_a_plain_loop_ends(bytes in any::<Vec<u8>>()) {
            let plain = |goes_on: fn(u8) -> bool| bytes.iter().take_while(|byte| goes_on(**byte)).count();
            prop_assert_eq!(value_run(&bytes), plain(|byte| byte >= 0x20 && byte != DEL));
            prop_assert_eq!(target_run(&bytes), plain(is_target));
            prop_assert_eq!(token_run(&bytes), plain(is_token));
        }
    }
}
