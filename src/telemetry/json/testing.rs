//! A place that log lines can be written to, and read from again.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// Keeps what is written.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Kept {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Kept {
    /// What was written, line by line, without their ends.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
        text.lines().map(str::to_owned).collect()
    }

    /// The same lines, read by a library.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let read = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.texts().iter().map(read).collect()
    }

    /// Forgets what was written.
    pub(crate) fn take(&self) {
        self.0.lock().unwrap().clear();
    }
}

/// A line that is put together by hand, without its end, read by a library.
pub(crate) fn put_together(
    level: tracing::Level,
    target: &'static str,
    write: impl FnOnce(&mut super::Members),
) -> serde_json::Map<String, Value> {
    let mut text = String::new();
    super::with_line(level, target, write, |line| text.push_str(line));
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
