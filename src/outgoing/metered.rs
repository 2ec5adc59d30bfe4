//! Connections that are counted: how attempts to connect end, and how many are open.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use pin_project_lite::pin_project;

use crate::metrics::{BackendMetrics, ConnectOutcome, Held};

/// Where the connections of one client are counted, once that is known: a client is made before anybody knows whose it is. Cheap to
/// clone; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<OnceLock<BackendMetrics>>);

impl Meter {
    /// Counts in `metrics` from now on; the first one stays.
    pub(crate) fn count_in(&self, metrics: BackendMetrics) {
        let _ = self.0.set(metrics);
    }

    /// Where it counts.
    pub(crate) fn metrics(&self) -> Option<&BackendMetrics> {
        self.0.get()
    }

    /// An attempt ended.
    pub(super) fn connect_ended(&self, outcome: ConnectOutcome) {
        if let Some(metrics) = self.metrics() {
            metrics.connect_ended(outcome);
        }
    }

    /// A connection that is counted until it is dropped.
    pub(super) fn opened<IO>(&self, inner: IO) -> Metered<IO> {
        Metered { inner, _open: self.metrics().map(BackendMetrics::connection_opened) }
    }
}

pin_project! {
    /// An open connection.
    #[derive(Debug)]
    pub(crate) struct Metered<IO> {
        #[pin]
        inner: IO,
        _open: Option<Held>,
    }
}

impl<IO: Read> Read for Metered<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<std::io::Result<()>> {
        self.project().inner.poll_read(cx, buffer)
    }
}

impl<IO: Write> Write for Metered<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.project().inner.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, pieces)
    }
}

impl<IO: Connection> Connection for Metered<IO> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}
