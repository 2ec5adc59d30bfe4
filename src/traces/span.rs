//! A span: a piece of work, from its beginning to its end.

use std::borrow::Cow;
use std::time::{Duration, Instant, SystemTime};

use super::context::TraceContext;
use super::tracer::Tracer;

/// What a span is to those before and behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call that came in.
    Server,
    /// A call that went out.
    Client,
    /// A notification that was stored, to be delivered later.
    Producer,
    /// An attempt to deliver it.
    Consumer,
}

/// The value of an attribute: a name of ours, of the configuration or of a closed list, or a number. Never anything that a caller chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Cow<'static, str>),
    Number(i64),
}

/// What is told of a span that has ended.
#[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "the wire reads it"))]
#[derive(Debug)]
pub(super) struct Record {
    pub(super) context: TraceContext,
    pub(super) parent: Option<[u8; 8]>,
    pub(super) kind: Kind,
    pub(super) name: Cow<'static, str>,
    pub(super) began_at: SystemTime,
    pub(super) took: Duration,
    pub(super) attributes: Vec<(&'static str, Value)>,
    /// What went wrong, in a word of a closed list.
    pub(super) error: Option<Cow<'static, str>>,
    /// By the clock that is never set back.
    began: Instant,
}

/// Room for the attributes of any span of this server.
const ATTRIBUTES: usize = 10;

impl Record {
    pub(super) fn new(context: TraceContext, parent: Option<[u8; 8]>, kind: Kind) -> Box<Self> {
        Box::new(Self {
            context,
            parent,
            kind,
            name: Cow::Borrowed(""),
            began_at: SystemTime::now(),
            took: Duration::ZERO,
            attributes: Vec::with_capacity(ATTRIBUTES),
            error: None,
            began: Instant::now(),
        })
    }
}

/// A span that has not ended. It ends, and is told of, when it is dropped, so that work that is given up is told of too.
#[derive(Debug)]
pub(crate) struct Span {
    tracer: Tracer,
    context: TraceContext,
    record: Option<Box<Record>>,
}

impl Span {
    pub(super) fn new(tracer: Tracer, record: Box<Record>) -> Self {
        Self { tracer, context: record.context, record: Some(record) }
    }

    /// What those behind are told to be their parent.
    pub(crate) const fn context(&self) -> TraceContext {
        self.context
    }

    /// What kind of work it is: few names for many spans.
    pub(crate) fn name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(record) = &mut self.record {
            record.name = name.into();
        }
    }

    /// Adds an attribute.
    pub(crate) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(record) = &mut self.record {
            record.attributes.push((key, value.into()));
        }
    }

    /// It went wrong; why, in a word of a closed list.
    pub(crate) fn fail(&mut self, error: impl Into<Cow<'static, str>>) {
        if let Some(record) = &mut self.record {
            record.error = Some(error.into());
        }
    }

    /// It went well, whatever was said before.
    pub(crate) fn succeed(&mut self) {
        if let Some(record) = &mut self.record {
            record.error = None;
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.took = record.began.elapsed();
            self.tracer.take(*record);
        }
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}
