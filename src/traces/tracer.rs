//! Where spans begin, and where they go when they have ended: into a queue that nobody waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::context::TraceContext;
use super::ratio::Ratio;
use super::span::{Kind, Record, Span};
use crate::metrics::TraceMetrics;
use crate::random;

/// Opens spans. Cheap to clone; clones share the queue.
#[derive(Clone, Debug)]
pub struct Tracer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ended: mpsc::Sender<Record>,
    sample: Ratio,
    metrics: TraceMetrics,
    /// Spans that found no room, and that nobody has been told of.
    crowded_out: Arc<AtomicU64>,
}

/// Where a request stands in its trace, as those behind are told.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    context: TraceContext,
    /// Of a request that is recorded.
    tracer: Option<Tracer>,
}

impl Tracer {
    /// A tracer whose spans go to `ended`; what finds no room there is counted in `crowded_out`.
    pub(super) fn new(
        ended: mpsc::Sender<Record>,
        sample: Ratio,
        metrics: TraceMetrics,
        crowded_out: Arc<AtomicU64>,
    ) -> Self {
        Self(Arc::new(Inner { ended, sample, metrics, crowded_out }))
    }

    /// A request comes in, with `caller`'s place in its trace where it brought one. Whether it is recorded is decided here, for all that
    /// follows: by a number of our own, since a caller chooses the id of its trace and could choose one that is always recorded. For a
    /// trace that begins here that number is in its id, where others that sample by ratio look for it. A caller that does not record
    /// is not recorded here.
    ///
    /// `None` where the system has no random numbers.
    pub(crate) fn arrive(&self, caller: Option<TraceContext>) -> Option<(Hop, Option<Span>)> {
        let random: [u8; 24] = random::for_id()?;
        let number = random.get(8..16).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes)?;
        let sampled = caller.is_none_or(|caller| caller.sampled) && self.0.sample.takes(number);
        let fresh = TraceContext::drawn(&random, sampled);
        let context = TraceContext { trace: caller.map_or(fresh.trace, |caller| caller.trace), ..fresh };
        let tracer = sampled.then(|| self.clone());
        let span = tracer.clone().map(|tracer| {
            let parent = caller.map(|caller| caller.span);
            Span::new(tracer, Record::new(context, parent, Kind::Server))
        });
        Some((Hop { context, tracer }, span))
    }

    /// A span behind a place that was written down; `None` where that is not recorded.
    pub(crate) fn follow(&self, traceparent: &str, kind: Kind) -> Option<Span> {
        let before = TraceContext::parse(traceparent.as_bytes()).filter(|before| before.sampled)?;
        self.behind(before, kind)
    }

    fn behind(&self, before: TraceContext, kind: Kind) -> Option<Span> {
        Some(Span::new(self.clone(), Record::new(before.next()?, Some(before.span), kind)))
    }

    /// Has a span that has ended.
    pub(super) fn take(&self, record: Record) {
        if self.0.ended.try_send(record).is_err() {
            self.0.metrics.lost(1);
            self.0.crowded_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Hop {
    /// The place that those behind go on from.
    pub(crate) const fn context(&self) -> TraceContext {
        self.context
    }

    /// A span behind this request's own; `None` where that is not recorded.
    pub(crate) fn open(&self, kind: Kind) -> Option<Span> {
        self.tracer.as_ref()?.behind(self.context, kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn tracer(room: usize, sample: f64) -> (Tracer, mpsc::Receiver<Record>, TraceMetrics) {
        let (ended, queue) = mpsc::channel(room);
        let metrics = TraceMetrics::default();
        (Tracer::new(ended, Ratio::new(sample).unwrap(), metrics.clone(), Arc::default()), queue, metrics)
    }

    fn caller(flags: &str) -> Option<TraceContext> {
        TraceContext::parse(format!("{}{flags}", CALLER.strip_suffix("01").unwrap()).as_bytes())
    }

    #[test]
    fn a_request_goes_on_in_the_trace_of_its_caller_or_in_one_of_its_own() {
        let (tracer, mut queue, _) = tracer(4, 1.0);
        let (hop, span) = tracer.arrive(caller("01")).unwrap();
        let below = hop.open(Kind::Client).unwrap().context();
        drop(span);
        let (client, server) = (queue.try_recv().unwrap(), queue.try_recv().unwrap());
        assert_eq!(server.parent, Some(caller("01").unwrap().span));
        assert_eq!((client.parent, client.context), (Some(hop.context().span), below));
        assert_eq!((server.context, server.context.trace), (hop.context(), caller("01").unwrap().trace));
        let (hop, span) = tracer.arrive(None).unwrap();
        drop(span);
        assert_eq!(queue.try_recv().unwrap().parent, None);
        assert!(hop.context().sampled && hop.context().trace != caller("01").unwrap().trace);
    }

    #[test]
    fn whoever_does_not_record_is_not_recorded_and_those_behind_are_told() {
        let (tracer, mut queue, _) = tracer(4, 1.0);
        let (hop, span) = tracer.arrive(caller("00")).unwrap();
        assert!(span.is_none() && hop.open(Kind::Client).is_none() && !hop.context().sampled);
        assert_eq!(hop.context().trace, caller("00").unwrap().trace);
        let stored = hop.context().text();
        assert!(
            tracer.follow(&stored, Kind::Consumer).is_none() && tracer.follow("nonsense", Kind::Consumer).is_none()
        );
        assert!(queue.try_recv().is_err());
        assert!(tracer.follow(CALLER, Kind::Consumer).is_some(), "control");
    }

    #[test]
    fn no_caller_can_choose_to_be_recorded() {
        let (tracer, _queue, _) = tracer(4, 0.5);
        let one_trace = (0..1000).filter(|_| tracer.arrive(caller("01")).unwrap().0.context().sampled).count();
        assert!((400..600).contains(&one_trace), "{one_trace} of a thousand calls with the same id");
        let own = (0..1000).filter(|_| tracer.arrive(None).unwrap().0.context().sampled).count();
        assert!((400..600).contains(&own), "{own} of a thousand traces of our own");
    }

    #[test]
    fn a_trace_that_begins_here_is_recorded_as_its_id_says() {
        let (tracer, _queue, _) = tracer(4, 0.5);
        for _ in 0..100 {
            let context = tracer.arrive(None).unwrap().0.context();
            // What `TraceIdRatioBased` compares: the upper 63 of the lower 64 bits.
            let number = u64::from_be_bytes(context.trace[8..].try_into().unwrap()) >> 1;
            assert_eq!(context.sampled, number < 1 << 62);
        }
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let (tracer, mut queue, metrics) = tracer(2, 1.0);
        for _ in 0..5 {
            drop(tracer.arrive(None).unwrap().1);
        }
        assert_eq!((queue.len(), metrics.totals()), (2, (0, 3)));
        drop(queue.try_recv());
        drop(tracer.arrive(None).unwrap().1);
        assert_eq!((queue.len(), metrics.totals()), (2, (0, 3)), "there is room again");
    }
}
