//! W3C Trace Context: where a request stands in its trace, as `traceparent` says it.

use http::HeaderValue;

use crate::random;

/// Length of a `traceparent` of version 00, in bytes.
const LENGTH: usize = 55;

/// A place in a trace: `version "-" trace-id "-" parent-id "-" flags`. Of the flags only `sampled` is known (level 1, section 3.2.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) trace: [u8; 16],
    /// Whoever sends it: the parent of what follows.
    pub(crate) span: [u8; 8],
    /// Whether the sender records it.
    pub(crate) sampled: bool,
}

impl TraceContext {
    /// What a `traceparent` says; `None` where it is none. A later version may go on after another hyphen.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let mut parts = value.splitn(5, |byte| *byte == b'-');
        let [version] = bytes(parts.next()?)?;
        let (trace, span, [flags]) = (bytes(parts.next()?)?, bytes(parts.next()?)?, bytes(parts.next()?)?);
        let of_this_version = version != 0 || parts.next().is_none();
        let valid = version != 0xff && of_this_version && trace != [0; 16] && span != [0; 8];
        valid.then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }

    /// A place in a trace of its own. `None` where the system has no random numbers.
    pub(crate) fn new(sampled: bool) -> Option<Self> {
        Some(Self::drawn(&random::for_id()?, sampled))
    }

    /// The place that these random bytes are.
    pub(super) fn drawn(random: &[u8; 24], sampled: bool) -> Self {
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        let (first, second) = random.split_at(16);
        trace.copy_from_slice(first);
        span.copy_from_slice(second);
        // All-zero ids are invalid.
        trace[0] |= 1;
        span[0] |= 1;
        Self { trace, span, sampled }
    }

    /// The next place in the same trace, which is recorded if this one is.
    pub(super) fn next(self) -> Option<Self> {
        let mut span: [u8; 8] = random::for_id()?;
        span[0] |= 1;
        Some(Self { span, ..self })
    }

    /// The id of the trace, as `traceparent` writes it.
    pub(crate) fn trace_id(self) -> TraceId {
        let mut text = [b'0'; 32];
        put_hex(&mut text, self.trace);
        TraceId(text)
    }

    /// As the value of `traceparent`.
    pub(crate) fn text(self) -> String {
        str::from_utf8(&self.written()).unwrap_or_default().to_owned()
    }

    /// The same as a header.
    pub(crate) fn header(self) -> HeaderValue {
        // Hexadecimal digits and hyphens: always a header value.
        HeaderValue::from_bytes(&self.written()).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }

    fn written(self) -> [u8; LENGTH] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let [_, _, _, ids @ .., _, _, sampled] = &mut text;
        let (trace, span) = ids.split_at_mut(32);
        put_hex(trace, self.trace);
        put_hex(span.split_at_mut(1).1, self.span);
        *sampled = b'0' + u8::from(self.sampled);
        text
    }
}

/// The id of a trace, as `traceparent` writes it: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId([u8; 32]);

impl TraceId {
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// `N` bytes, written in lower-case hexadecimal.
fn bytes<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Writes bytes in lower-case hexadecimal, two digits each.
fn put_hex<const N: usize>(text: &mut [u8], bytes: [u8; N]) {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' - 10 + value };
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 0x0f)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_read_is_written_again() {
        for flags in ["00", "01"] {
            let text = format!("{}{flags}", VALID.strip_suffix("01").unwrap());
            let context = TraceContext::parse(text.as_bytes()).unwrap();
            assert_eq!((context.sampled, context.text()), (flags == "01", text));
        }
        assert_eq!(
            TraceContext::parse(b"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more").unwrap().text(),
            VALID
        );
    }

    #[test]
    fn what_is_no_traceparent_is_not_taken_for_one() {
        for value in [
            "",
            "00",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
        ] {
            assert_eq!(TraceContext::parse(value.as_bytes()), None, "{value}");
        }
        assert!(TraceContext::parse(VALID.as_bytes()).is_some(), "control");
    }

    #[test]
    fn a_new_place_is_valid_and_the_next_one_is_in_the_same_trace() {
        let context = TraceContext::new(true).unwrap();
        assert_eq!(TraceContext::parse(context.text().as_bytes()), Some(context));
        let next = context.next().unwrap();
        assert_eq!((next.trace, next.sampled), (context.trace, true));
        assert_ne!(next.span, context.span);
        let zeros = TraceContext::drawn(&[0; 24], false);
        assert_eq!(TraceContext::parse(zeros.text().as_bytes()), Some(zeros), "all-zero ids would be invalid");
    }
}
