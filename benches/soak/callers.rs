//! Who calls all the while, and whether each was treated as it should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::counts::Counts;
use crate::place::{Health, Keys, MERCHANT, Place, Trust};
use crate::program::client::{Call, Client, Connection, Http};
use crate::program::{Error, HOST};

/// Between two calls of one caller.
const PAUSE: Duration = Duration::from_millis(60);
/// Calls over a connection before the next one takes its place.
const CHURN: u32 = 400;
/// Cards that notifications are about: what is about one stays in order.
const CARDS: u64 = 50;

/// Whose certificate a caller shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Always trusted.
    Steady,
    /// Trusted as long as its CA is.
    Passing,
    /// Never trusted.
    Stranger,
    /// Trusted, with an API key that was taken away.
    OldKey,
}

/// How it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Over a connection that is kept for a while.
    Kept,
    /// Over a new one each time, with a full handshake.
    Anew,
    /// The same with sessions that are resumed where the program lets them.
    Returning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Query,
    Notification,
}

struct Caller {
    place: Arc<Place>,
    counts: Arc<Counts>,
    who: Who,
    how: How,
    host: &'static str,
    client: Client,
    connection: Option<Connection>,
    calls: u32,
}

/// Starts all of them; they end after `enough`.
pub(crate) fn start(
    place: &Arc<Place>,
    counts: &Arc<Counts>,
    enough: &CancellationToken,
) -> Result<Vec<JoinHandle<()>>, Error> {
    let mut tasks = Vec::new();
    for host in [HOST, MERCHANT] {
        for http in [Http::One, Http::Two] {
            for (who, how) in [
                (Who::Steady, How::Kept),
                (Who::Steady, How::Kept),
                (Who::Steady, How::Anew),
                (Who::Steady, How::Returning),
                (Who::Passing, How::Kept),
                (Who::Passing, How::Anew),
                (Who::Passing, How::Returning),
                (Who::Stranger, How::Anew),
                (Who::OldKey, How::Kept),
            ] {
                if who == Who::OldKey && host != MERCHANT {
                    continue;
                }
                let client = match who {
                    Who::Steady | Who::OldKey => place.steady(host, http)?,
                    Who::Passing => place.passing(host, http)?,
                    Who::Stranger => place.stranger(host, http)?,
                };
                let client = if how == How::Returning { client.returning() } else { client };
                let caller = Caller {
                    place: Arc::clone(place),
                    counts: Arc::clone(counts),
                    who,
                    how,
                    host,
                    client,
                    connection: None,
                    calls: 0,
                };
                tasks.push(tokio::spawn(caller.calls(enough.clone())));
            }
        }
    }
    Ok(tasks)
}

impl Caller {
    async fn calls(mut self, enough: CancellationToken) {
        // Those who may be refused need not be many.
        let pause = if matches!(self.who, Who::Stranger | Who::OldKey) { PAUSE * 5 } else { PAUSE };
        while !enough.is_cancelled() {
            self.call().await;
            sleep(pause).await;
        }
    }

    async fn call(&mut self) {
        let (trust, health, keys) = (self.place.trust.now(), self.place.health.now(), self.place.keys.now());
        let id = next();
        let what = if self.who == Who::OldKey || id.is_multiple_of(2) { What::Notification } else { What::Query };
        let Some((call, key)) = self.made(what, id, &keys.value) else { return };
        let answer = self.send(&call).await;
        if what == What::Notification && answer.as_ref().is_ok_and(StatusCode::is_success) {
            self.counts.acknowledged(&key);
        }
        let is_well = self.place.health.since(&health) == Some(Health::Well);
        match self.who {
            Who::Steady => self.has_to_be_served(what, is_well, &answer),
            Who::Stranger => self.has_to_be_refused(&answer),
            Who::Passing => match self.place.trust.since(&trust) {
                Some(Trust::Admitted) => self.has_to_be_served(what, is_well, &answer),
                Some(Trust::Removed) => self.has_to_be_refused(&answer),
                Some(Trust::Changing) | None => self.counts.count("calls while trust changed, not judged"),
            },
            Who::OldKey => {
                if self.place.keys.since(&keys).is_some() {
                    self.has_to_be_refused(&answer);
                }
            }
        }
    }

    /// A call and its key, by which a backend knows it; nothing where there is no such call.
    fn made(&self, what: What, id: u64, keys: &Keys) -> Option<(Call, String)> {
        let card = format!("card-{}", id % CARDS);
        let key = format!("{}-{id}", if what == What::Query { "query" } else { "event" });
        let issuer = if self.host == HOST { "ISSUER0001" } else { "MERCHANT01" };
        let shown = match self.who {
            Who::OldKey => keys.dead.clone()?,
            _ => keys.current.clone(),
        };
        let call = match what {
            What::Query if self.host == HOST => Call::query(),
            What::Query => Call {
                path: format!("/cms/api/v1/issuers/{issuer}/cards/credentials"),
                headers: Vec::new(),
                body: Bytes::from_static(b"{}"),
            },
            What::Notification if self.host == MERCHANT && (self.who == Who::OldKey || id.is_multiple_of(4)) => Call {
                path: "/tsh-cof/notify-token-update".to_owned(),
                headers: vec![("x-correlation-id", key.clone()), ("authorization", format!("APIKEY {shown}"))],
                body: Bytes::from(format!("{{\"tokenId\":\"{card}\",\"operationId\":\"{key}\"}}")),
            },
            What::Notification => Call::notification(issuer, &card, &key),
        };
        Some((call, key))
    }

    async fn send(&mut self, call: &Call) -> Result<StatusCode, Error> {
        if self.how != How::Kept {
            return self.client.visit(call).await;
        }
        self.calls += 1;
        if self.calls > CHURN || self.connection.as_ref().is_none_or(Connection::is_closed) {
            (self.calls, self.connection) = (0, None);
            self.connection = Some(self.client.connect().await?);
        }
        let connection = self.connection.as_mut().ok_or("no connection")?;
        let answer = connection.call(call).await;
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    fn has_to_be_served(&self, what: What, is_well: bool, answer: &Result<StatusCode, Error>) {
        match answer {
            Ok(status) if status.is_success() => self.counts.count(match what {
                What::Query => "questions answered",
                What::Notification => "notifications acknowledged",
            }),
            // Whoever asked has to ask again: there is nobody to answer.
            Ok(
                StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT,
            ) if what == What::Query && !is_well => {
                self.counts.count("questions told to come again, the backend being unwell");
            }
            Ok(status) => self.is_wrong("wrongly refused", what, status.as_str()),
            Err(error) => self.is_wrong("wrongly refused", what, &error.to_string()),
        }
    }

    fn has_to_be_refused(&self, answer: &Result<StatusCode, Error>) {
        match answer {
            Ok(status) if status.is_success() => self.is_wrong("wrongly admitted", What::Query, status.as_str()),
            Ok(_) | Err(_) => self.counts.count(match self.who {
                Who::Passing => "calls of the removed CA, refused",
                Who::OldKey => "calls with a removed API key, refused",
                Who::Steady | Who::Stranger => "calls of a stranger, refused",
            }),
        }
    }

    fn is_wrong(&self, how: &str, what: What, answer: &str) {
        let Self { who, how: came, host, .. } = self;
        self.counts.wrong(format!("{how}: {who:?}, {came:?}, {host}, {what:?}: {answer}"));
    }
}

/// The number of a call.
fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
