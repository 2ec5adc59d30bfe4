//! Who calls: lanes, in each of which one call follows the other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};
use http::StatusCode;
use tokio::task::JoinSet;

use super::Mode;
use super::connecting::{Connecting, Opened};
use super::exchange::{Answered, Http1};
use super::http2::{self, Http2};
use super::judge::Heard;
use super::measure::Cause;
use super::running::{Figures, Shared};
use crate::caller::Failure;

/// Connections that are opened at once before the first call; below any server's limits on unfinished handshakes.
pub(super) const OPENING_AT_ONCE: usize = 8;

/// What a lane calls with. Clones share everything.
#[derive(Clone)]
pub(super) struct Lane {
    pub(super) shared: Arc<Shared>,
    pub(super) figures: Arc<Mutex<Figures>>,
    pub(super) connecting: Connecting,
}

/// A call that has been answered, and how long that took.
pub(super) struct Answer {
    answered: Answered,
    begun: Instant,
    ended: Instant,
}

impl Answer {
    pub(super) fn of(answered: Answered, begun: Instant) -> Self {
        Self { answered, begun, ended: Instant::now() }
    }
}

impl Lane {
    /// A connection is open, with what has been sent of a request.
    pub(super) async fn open(&self, request: &[u8]) -> Result<Opened, Failure> {
        let opened = self.connecting.open(request).await?;
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let measures = &mut figures.measures;
        measures.connect.record(opened.connecting);
        measures.handshake.record(opened.handshake);
        if opened.resumed {
            measures.resumed += 1;
        } else {
            measures.full += 1;
        }
        Ok(opened)
    }

    /// Counts what became of a call that was due at `due`, and whether it was good. `not_resumed` = it should have been.
    pub(super) fn count(&self, due: tokio::time::Instant, outcome: Result<Answer, Failure>, not_resumed: bool) -> bool {
        let heard =
            outcome.as_ref().ok().and_then(|answer| Some((answer.answered.status, answer.answered.heard.as_ref()?)));
        let judge = self.shared.plan.judge.as_ref();
        let problem = judge.zip(heard).and_then(|(judge, (status, heard))| judge.problem(status, heard));
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let Figures { measures, recent } = &mut *figures;
        let Answer { answered, begun, ended } = match outcome {
            Ok(answer) => answer,
            Err(failure) => {
                measures.fail(&failure.kind(), || (failure.to_string(), Cause::Unanswered(Arc::new(failure))));
                return false;
            }
        };
        let call = ended.saturating_duration_since(due.into_std());
        measures.exchange.record(ended.saturating_duration_since(begun));
        measures.call.record(call);
        recent.record(call);
        measures.sent += answered.sent;
        measures.received += answered.received;
        let status = answered.status;
        *measures.statuses.entry(status).or_default() += 1;
        let expected = self.shared.plan.expected;
        if expected.map_or((200..300).contains(&status), |expected| status == expected) {
            if not_resumed {
                let words = "the server made a full handshake of what was to be resumed";
                measures.fail("not_resumed", || (words.to_owned(), Cause::NotResumed));
                return false;
            }
            if let Some(problem) = problem {
                measures.fail("wrong_answer", || (problem, cause(answered)));
                return false;
            }
            measures.succeeded += 1;
            return true;
        }
        measures.fail(&format!("status_{status}"), || {
            let words = match expected {
                Some(expected) => format!("answered with status {status} where {expected} is right"),
                None => format!("answered with status {status}"),
            };
            (words, cause(answered))
        });
        false
    }

    /// An open connection has failed: of a client that TLS 1.3 lets believe that it is admitted this is where it learns that it is not.
    pub(super) fn late(&self, failure: Failure) -> Failure {
        if matches!(failure, Failure::Refused(_)) {
            self.figures.lock().unwrap_or_else(PoisonError::into_inner).measures.refused_after += 1;
        }
        failure
    }
}

fn cause(answered: Answered) -> Cause {
    match (StatusCode::from_u16(answered.status), answered.heard) {
        (Ok(status), Some(heard)) => Cause::Answered(heard.into_answer(status)),
        (Ok(status), None) => Cause::Answered(Heard::default().into_answer(status)),
        (Err(_), _) => Cause::Other,
    }
}

/// A new connection for each call.
pub(super) async fn short(lane: Lane, connections: usize, http2: bool) {
    lane.shared.begin().await;
    let mut lanes = JoinSet::new();
    for _ in 0..connections {
        let mut lane = lane.clone();
        if lane.shared.plan.mode == Mode::Resume {
            lane.connecting = lane.connecting.resuming();
        }
        lanes.spawn(async move { if http2 { short_http2(lane).await } else { short_http1(lane).await } });
    }
    lanes.join_all().await;
}

async fn short_http1(lane: Lane) {
    let plan = &lane.shared.plan;
    let mut wire = plan.request.wire();
    let mut has_session = false;
    while let Some(due) = lane.shared.schedule.next().await {
        let mut not_resumed = false;
        let outcome = async {
            let request = wire.next();
            let opened = lane.open(request).await?;
            not_resumed = has_session && !opened.resumed;
            let begun = Instant::now();
            let mut connection = Http1::new(opened.stream, plan.judge.is_some());
            let answered = connection.exchange(request, opened.sent, plan.answer_timeout).await;
            let answered = answered.map_err(|failure| lane.late(failure))?;
            let answer = Answer::of(answered, begun);
            connection.close().await;
            Ok(answer)
        }
        .await;
        has_session = plan.mode == Mode::Resume && outcome.is_ok();
        if !lane.count(due, outcome, not_resumed) {
            lane.shared.schedule.recover().await;
        }
    }
}

async fn short_http2(lane: Lane) {
    let plan = &lane.shared.plan;
    let mut request = plan.request.stream();
    let mut has_session = false;
    while let Some(due) = lane.shared.schedule.next().await {
        let mut not_resumed = false;
        let outcome = async {
            let opened = lane.open(&[]).await?;
            not_resumed = has_session && !opened.resumed;
            let begun = Instant::now();
            let connection = Http2::new(opened.stream, plan.answer_timeout, plan.judge.is_some()).await;
            let mut connection = connection.map_err(|failure| lane.late(failure))?;
            match http2::exchange(connection.sender(), &mut request, plan.answer_timeout).await {
                Ok(answered) => {
                    let answer = Answer::of(answered, begun);
                    connection.close(plan.answer_timeout).await;
                    Ok(answer)
                }
                Err(unanswered) => Err(lane.late(connection.why(unanswered.into_failure()).await)),
            }
        }
        .await;
        has_session = plan.mode == Mode::Resume && outcome.is_ok();
        if !lane.count(due, outcome, not_resumed) {
            lane.shared.schedule.recover().await;
        }
    }
}

/// HTTP/1.1 connections that are kept, each with a lane.
pub(super) async fn kept(lane: Lane, connections: usize) {
    // What cannot be opened now is tried again, and counted, with the first call.
    let judged = lane.shared.plan.judge.is_some();
    let open = async || lane.open(&[]).await.ok().map(|opened| Http1::new(opened.stream, judged));
    let opened: Vec<_> =
        stream::iter((0..connections).map(|_| open())).buffer_unordered(OPENING_AT_ONCE).collect().await;
    lane.shared.begin().await;
    let mut lanes = JoinSet::new();
    for connection in opened {
        lanes.spawn(kept_http1(lane.clone(), connection));
    }
    lanes.join_all().await;
}

async fn kept_http1(lane: Lane, mut connection: Option<Http1>) {
    let mut wire = lane.shared.plan.request.wire();
    while let Some(due) = lane.shared.schedule.next().await {
        let outcome = call(&lane, wire.next(), &mut connection).await;
        if !lane.count(due, outcome, false) {
            lane.shared.schedule.recover().await;
        }
    }
    if let Some(connection) = connection {
        connection.close().await;
    }
}

/// One call over `connection`, or over a new one where it is gone.
async fn call(lane: &Lane, request: &[u8], connection: &mut Option<Http1>) -> Result<Answer, Failure> {
    let mut kept = connection.take();
    if let Some(open) = &mut kept
        && let Some(failure) = open.end().await
    {
        lane.late(failure);
        kept = None;
    }
    let (mut open, sent) = if let Some(open) = kept {
        (open, 0)
    } else {
        let opened = lane.open(request).await?;
        (Http1::new(opened.stream, lane.shared.plan.judge.is_some()), opened.sent)
    };
    let begun = Instant::now();
    let answered = open.exchange(request, sent, lane.shared.plan.answer_timeout).await;
    let answered = answered.map_err(|failure| lane.late(failure))?;
    let stays = answered.stays;
    let answer = Answer::of(answered, begun);
    if stays {
        *connection = Some(open);
    } else {
        open.close().await;
    }
    Ok(answer)
}
