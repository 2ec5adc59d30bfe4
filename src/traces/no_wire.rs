//! In the place of the wire in a build without it. Nobody comes here: such a build refuses to start traces.

use bytes::Bytes;

use super::span::Record;

pub(super) fn request(_: &str, _: Vec<Record>) -> Bytes {
    Bytes::new()
}

pub(super) fn rejected(_: &[u8]) -> u64 {
    0
}
