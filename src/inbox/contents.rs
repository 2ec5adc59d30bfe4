//! Contents as bytes, as they stand in a store.
//!
//! ```text
//! version (1 byte) | path | query | subject | number of headers | (name | value)... | body
//! ```
//!
//! Texts and bytes are led by their length, numbers are 32 bits, most significant byte first. What may be absent is led by a byte,
//! 0 = it is. Nothing follows the body.

use bytes::{Buf as _, BufMut as _, Bytes};

use super::entry::Contents;

/// The only encoding so far.
const VERSION: u8 = 1;

/// Why bytes are no contents. Says what is wrong, never which bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// A later version of this program wrote it, or it never was an entry.
    #[error("its contents are of a version that this program does not know")]
    Version,
    /// Something is missing at the end.
    #[error("its contents end too early")]
    TooShort,
    /// Something follows the end.
    #[error("its contents go on behind their end")]
    TooLong,
    /// A text is none.
    #[error("its contents hold a text that is not UTF-8")]
    NotUtf8,
    /// A mark is neither "there" nor "absent".
    #[error("its contents hold a mark that means nothing")]
    Mark,
}

impl Contents {
    /// The bytes that stand for it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        let texts =
            self.path.len() + [&self.query, &self.subject].into_iter().flatten().map(String::len).sum::<usize>();
        let mut bytes = Vec::with_capacity(32 + texts + headers + self.body.len());
        bytes.put_u8(VERSION);
        put(&mut bytes, self.path.as_bytes());
        put_optional(&mut bytes, self.query.as_deref());
        put_optional(&mut bytes, self.subject.as_deref());
        bytes.put_u32(length(self.headers.len()));
        for (name, value) in &self.headers {
            put(&mut bytes, name.as_bytes());
            put(&mut bytes, value);
        }
        put(&mut bytes, &self.body);
        bytes
    }

    /// What `bytes` stand for. The body stays where it is: nothing of it is copied.
    ///
    /// # Errors
    /// [`ContentsError`] when they are not exactly what [`encode`](Self::encode) makes.
    pub fn decode(mut bytes: Bytes) -> Result<Self, ContentsError> {
        if byte(&mut bytes)? != VERSION {
            return Err(ContentsError::Version);
        }
        let (path, query, subject) = (text(&mut bytes)?, optional_text(&mut bytes)?, optional_text(&mut bytes)?);
        // No room is made for what is only claimed to follow.
        let mut headers = Vec::new();
        for _ in 0..number(&mut bytes)? {
            headers.push((text(&mut bytes)?, piece(&mut bytes)?.to_vec()));
        }
        let body = piece(&mut bytes)?;
        if bytes.has_remaining() {
            Err(ContentsError::TooLong)
        } else {
            Ok(Self { path, query, subject, headers, body })
        }
    }
}

fn put(bytes: &mut Vec<u8>, piece: &[u8]) {
    bytes.put_u32(length(piece.len()));
    bytes.extend_from_slice(piece);
}

fn put_optional(bytes: &mut Vec<u8>, text: Option<&str>) {
    bytes.put_u8(text.is_some().into());
    if let Some(text) = text {
        put(bytes, text.as_bytes());
    }
}

/// Heads and bodies are bounded far below this by the stack.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn byte(bytes: &mut Bytes) -> Result<u8, ContentsError> {
    bytes.try_get_u8().map_err(|_| ContentsError::TooShort)
}

fn number(bytes: &mut Bytes) -> Result<u32, ContentsError> {
    bytes.try_get_u32().map_err(|_| ContentsError::TooShort)
}

fn piece(bytes: &mut Bytes) -> Result<Bytes, ContentsError> {
    let length = usize::try_from(number(bytes)?).map_err(|_| ContentsError::TooShort)?;
    if length > bytes.len() { Err(ContentsError::TooShort) } else { Ok(bytes.split_to(length)) }
}

fn text(bytes: &mut Bytes) -> Result<String, ContentsError> {
    String::from_utf8(piece(bytes)?.to_vec()).map_err(|_| ContentsError::NotUtf8)
}

fn optional_text(bytes: &mut Bytes) -> Result<Option<String>, ContentsError> {
    match byte(bytes)? {
        0 => Ok(None),
        1 => text(bytes).map(Some),
        _ => Err(ContentsError::Mark),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn contents() -> impl Strategy<Value = Contents> {
        let headers = vec(("[a-z-]{1,12}", vec(any::<u8>(), 0..20)), 0..5);
        (".{0,20}", option::of(".{0,20}"), option::of(".{0,20}"), headers, vec(any::<u8>(), 0..100)).prop_map(
            |(path, query, subject, headers, body)| Contents { path, query, subject, headers, body: body.into() },
        )
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded_as_it_was(contents in contents()) {
            prop_assert_eq!(Contents::decode(contents.encode().into()), Ok(contents));
        }

        #[test]
        fn no_piece_of_contents_passes_for_the_whole_and_nothing_more_either(contents in contents(), cut in any::<prop::sample::Index>()) {
            let whole = Bytes::from(contents.encode());
            let kept = cut.index(whole.len());
            prop_assert_eq!(Contents::decode(whole.slice(..kept)), Err(ContentsError::TooShort));
            let more = [whole.as_ref(), b"\0"].concat();
            prop_assert_eq!(Contents::decode(more.into()), Err(ContentsError::TooLong));
        }

        #[test]
        fn no_bytes_panic_and_what_they_decode_to_is_encoded_so(mut bytes in vec(any::<u8>(), 0..80), versioned in any::<bool>()) {
            if let (true, Some(first)) = (versioned, bytes.first_mut()) {
                *first = VERSION;
            }
            if let Ok(contents) = Contents::decode(bytes.clone().into()) {
                prop_assert_eq!(contents.encode(), bytes);
            }
        }

        #[test]
        fn a_byte_that_changed_never_panics(contents in contents(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = contents.encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(contents) = Contents::decode(bytes.clone().into()) {
                prop_assert_eq!(contents.encode(), bytes);
            }
        }
    }

    #[test]
    fn a_length_that_promises_gigabytes_takes_no_room() {
        let promised = [&[VERSION][..], &u32::MAX.to_be_bytes(), b"/"].concat();
        assert_eq!(Contents::decode(promised.into()), Err(ContentsError::TooShort));
        let headers = [&[VERSION][..], &[0; 4], &[0, 0], &u32::MAX.to_be_bytes()].concat();
        assert_eq!(Contents::decode(headers.into()), Err(ContentsError::TooShort));
    }

    #[test]
    fn another_version_is_said_to_be_one() {
        assert_eq!(Contents::decode(Bytes::from_static(&[2, 0])), Err(ContentsError::Version));
        assert_eq!(Contents::decode(Bytes::new()), Err(ContentsError::TooShort));
    }
}
