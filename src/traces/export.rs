//! The way of spans to a collector: in batches, by a task of its own.
//!
//! Nothing waits for it. While the collector is away, slow or refuses, spans are lost and counted; whoever reads the log is told when
//! that begins and when it is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderValue, Uri};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::span::Record;
use super::wire;
use crate::metrics::TraceMetrics;
use crate::outgoing::HttpsFetch;
use crate::telemetry::events;

/// Spans that wait for the collector, at the most: a megabyte or two.
pub(super) const WAITING: usize = 2048;
/// Spans in one request: a few hundred KiB, less than collectors take (4 MiB and more).
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const GATHERING: Duration = Duration::from_secs(1);
/// How long a collector may take for a batch: what OpenTelemetry gives it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a collector that did not take a batch is left alone, so that calls do not become attempts to reach it.
const REST: Duration = Duration::from_secs(1);
/// Longest answer that is read, in bytes: a number, and a sentence about it.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Takes spans to a collector.
#[derive(Debug)]
pub(super) struct Exporter {
    pub(super) collector: HttpsFetch,
    /// Where batches are posted to.
    pub(super) url: Uri,
    pub(super) service_name: String,
    pub(super) ended: mpsc::Receiver<Record>,
    pub(super) crowded_out: Arc<AtomicU64>,
    pub(super) metrics: TraceMetrics,
    pub(super) end: CancellationToken,
    /// Spans lost since somebody was told that some are; `None` = none are.
    pub(super) losing: Option<u64>,
}

impl Exporter {
    /// Works until `end`, and then until everything has gone out that is there.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::new();
        while self.gather(&mut batch).await {
            let spans = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            let lost_before = self.crowded_out.swap(0, Ordering::Relaxed);
            let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
            match self.send(spans).await {
                Ok(rejected) => {
                    let rejected = rejected.min(count);
                    self.metrics.sent(count - rejected);
                    self.metrics.lost(rejected);
                    let problem =
                        if rejected > 0 { "the collector rejected spans" } else { "more spans than it takes" };
                    self.tell(lost_before + rejected, problem);
                }
                Err(problem) => {
                    self.metrics.lost(count);
                    self.tell(lost_before + count, &problem);
                    tokio::select! {
                        () = sleep(REST) => {}
                        () = self.end.cancelled() => {}
                    }
                }
            }
        }
    }

    /// Waits for spans. Returns whether there are any, or will be.
    async fn gather(&mut self, batch: &mut Vec<Record>) -> bool {
        let first = tokio::select! {
            first = self.ended.recv_many(batch, BATCH) => first,
            () = self.end.cancelled() => {
                self.ended.close();
                self.ended.recv_many(batch, BATCH).await
            }
        };
        let enough = sleep(GATHERING);
        tokio::pin!(enough);
        while first > 0 && batch.len() < BATCH {
            let room = BATCH - batch.len();
            tokio::select! {
                biased;
                () = self.end.cancelled() => break,
                () = &mut enough => break,
                more = self.ended.recv_many(batch, room) => if more == 0 { break },
            }
        }
        first > 0
    }

    /// Posts a batch. Returns how many of it the collector did not want.
    async fn send(&self, spans: Vec<Record>) -> Result<u64, String> {
        const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
        let body = wire::request(&self.service_name, spans);
        let posting = self.collector.post(self.url.clone(), PROTOBUF, body, LONGEST_ANSWER);
        match timeout(PATIENCE, posting).await {
            Err(_) => Err(format!("no answer within {}", humantime::format_duration(PATIENCE))),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(answer)) if answer.status().is_success() => Ok(wire::rejected(answer.body())),
            Ok(Ok(answer)) => Err(format!("status {}", answer.status().as_u16())),
        }
    }

    /// Says when spans begin to be lost, and when that is over.
    fn tell(&mut self, lost: u64, problem: &str) {
        let collector = self.url.authority().map_or("", |authority| authority.as_str());
        match (&mut self.losing, lost) {
            (None, 0) => {}
            (None, lost) => {
                warn!(event = events::TRACES_LOST, collector, lost, "spans are lost from here on: {problem}");
                self.losing = Some(lost);
            }
            (Some(all), 0) => {
                info!(event = events::TRACES_RESUMED, collector, lost = *all, "spans are taken again");
                self.losing = None;
            }
            (Some(all), lost) => *all += lost,
        }
    }
}
