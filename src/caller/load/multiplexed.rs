//! Lanes that share HTTP/2 connections.

use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::http2::{self, Http2, Unanswered, of_tls};
use super::lanes::{Answer, Lane, OPENING_AT_ONCE};
use super::request::Stream;
use crate::caller::overheard::Overheard;
use crate::caller::{Failure, Stage};

/// How often a call is made again that the server has not looked at, since it was closing the connection.
const AGAIN: usize = 3;

/// A connection that lanes share, and its successors.
struct Common {
    lane: Lane,
    current: Mutex<Current>,
}

struct Current {
    /// Counts the connections.
    generation: u64,
    connection: Option<Http2>,
}

/// What a lane sends through, of which generation that is, and what its connection was ended with: the lane that hears of the end first
/// takes the connection away from the others.
type Sender = (u64, http2::Sender, Overheard);

/// HTTP/2 connections that are kept, each with as many lanes as the plan has streams.
pub(super) async fn run(lane: Lane, connections: usize) {
    let open = async || {
        let current = Mutex::new(Current { generation: 0, connection: None });
        let common = Arc::new(Common { lane: lane.clone(), current });
        // What cannot be opened now is tried again, and counted, with the first call.
        let sender = common.sender().await.ok();
        (common, sender)
    };
    let opened: Vec<_> =
        stream::iter((0..connections).map(|_| open())).buffer_unordered(OPENING_AT_ONCE).collect().await;
    lane.shared.begin().await;
    let mut lanes = JoinSet::new();
    let streams = lane.shared.plan.streams.get();
    for (common, sender) in &opened {
        for _ in 0..streams {
            lanes.spawn(stream_of_calls(Arc::clone(common), sender.clone()));
        }
    }
    lanes.join_all().await;
    for (common, sender) in opened {
        drop(sender);
        if let Some(connection) = common.current.lock().await.connection.take() {
            connection.close(lane.shared.plan.answer_timeout).await;
        }
    }
}

async fn stream_of_calls(common: Arc<Common>, mut sender: Option<Sender>) {
    let lane = &common.lane;
    let mut request = lane.shared.plan.request.stream();
    while let Some(due) = lane.shared.schedule.next().await {
        let outcome = common.call(&mut request, &mut sender).await;
        if !lane.count(due, outcome, false) {
            lane.shared.schedule.recover().await;
        }
    }
}

impl Common {
    async fn call(&self, request: &mut Stream, sender: &mut Option<Sender>) -> Result<Answer, Failure> {
        let within = self.lane.shared.plan.answer_timeout;
        for _ in 0..AGAIN {
            let (generation, open, overheard) = match sender.take() {
                Some(sender) => sender,
                None => self.sender().await?,
            };
            let begun = Instant::now();
            match http2::exchange(open.clone(), request, within).await {
                Ok(answered) => {
                    *sender = Some((generation, open, overheard));
                    return Ok(Answer::of(answered, begun));
                }
                Err(Unanswered::Alone(failure)) => {
                    *sender = Some((generation, open, overheard));
                    return Err(failure);
                }
                Err(Unanswered::Gone(failure)) => {
                    let why = self.why(generation, failure).await;
                    return Err(of_tls(&overheard).unwrap_or(why));
                }
                Err(Unanswered::Untouched) => self.leave(generation).await,
            }
        }
        Err(Failure::Closed(Stage::Exchange))
    }

    /// The connection that is open, or a new one.
    async fn sender(&self) -> Result<Sender, Failure> {
        let mut current = self.current.lock().await;
        if let Some(connection) = &current.connection {
            return Ok((current.generation, connection.sender(), connection.overheard()));
        }
        let plan = &self.lane.shared.plan;
        let opened = self.lane.open(&[]).await?;
        let connection = Http2::new(opened.stream, plan.answer_timeout, plan.judge.is_some()).await;
        let connection = connection.map_err(|failure| self.lane.late(failure))?;
        let (sender, overheard) = (connection.sender(), connection.overheard());
        current.generation += 1;
        current.connection = Some(connection);
        Ok((current.generation, sender, overheard))
    }

    /// Connection `generation` has failed: why, as far as is known.
    async fn why(&self, generation: u64, own: Failure) -> Failure {
        let mut current = self.current.lock().await;
        if current.generation != generation {
            return own;
        }
        match current.connection.take() {
            Some(mut connection) => self.lane.late(connection.why(own).await),
            None => own,
        }
    }

    /// The server is closing connection `generation`: it is left to end with the calls that are under way.
    async fn leave(&self, generation: u64) {
        let mut current = self.current.lock().await;
        if current.generation == generation
            && let Some(connection) = current.connection.take()
        {
            if let Some(failure) = of_tls(&connection.overheard()) {
                self.lane.late(failure);
            }
            connection.let_end();
        }
    }
}
