//! What is wrong with an answer of the right status.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};

use crate::caller::Answer;

/// No answer that Thales expects comes near it.
const LONGEST_BODY: usize = 1024 * 1024;

type Problem = dyn Fn(StatusCode, &HeaderMap, &[u8]) -> Option<String> + Send + Sync;

/// Judges an answer by all that it holds. Clones share it.
#[derive(Clone)]
pub struct Judge(Arc<Problem>);

impl Judge {
    /// `problem` says what is wrong with an answer; `None` = nothing.
    #[must_use]
    pub fn new(problem: impl Fn(StatusCode, &HeaderMap, &[u8]) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(problem))
    }

    /// What is wrong with an answer of `status`.
    pub(super) fn problem(&self, status: u16, heard: &Heard) -> Option<String> {
        if heard.too_long {
            return Some(format!("its body is longer than {LONGEST_BODY} bytes, and is read no further"));
        }
        let status = StatusCode::from_u16(status).ok()?;
        (self.0)(status, &heard.headers, &heard.body)
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

/// Headers and body of an answer that is judged.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) headers: HeaderMap,
    body: Vec<u8>,
    too_long: bool,
}

impl Heard {
    /// All of it, as an answer of `status`.
    pub(super) fn into_answer(self, status: StatusCode) -> Answer {
        Answer { status, headers: self.headers, body: self.body.into() }
    }

    /// The next piece of the body.
    pub(super) fn hear(&mut self, piece: &[u8]) {
        if self.body.len() + piece.len() > LONGEST_BODY {
            self.too_long = true;
        } else {
            self.body.extend_from_slice(piece);
        }
    }
}

/// Answers may hold what is nobody's business.
impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heard").field("length", &self.body.len()).finish_non_exhaustive()
    }
}
