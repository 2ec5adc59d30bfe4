//! `GET /events`: the regions of the page that have changed, as server-sent events.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::look::Looks;
use super::page::Regions;
use crate::admin::guard::Standing;

/// Streams at once: pages that are open.
const MOST: usize = 8;
/// Between two looks.
const PACE: Duration = Duration::from_secs(2);
/// Age at which a stream ends; the browser begins another.
const AGE: Duration = Duration::from_secs(120);

/// What streams share. Cheap to clone.
#[derive(Clone)]
pub(super) struct Streams {
    looks: Looks,
    places: Arc<Semaphore>,
}

impl Streams {
    pub(super) fn new(looks: Looks) -> Self {
        Self { looks, places: Arc::new(Semaphore::new(MOST)) }
    }
}

/// A stream: where it is, and its place among all.
struct Watching {
    looks: Looks,
    standing: Standing,
    sent: Regions,
    began: Instant,
    first: bool,
    _place: OwnedSemaphorePermit,
}

/// 503 when as many pages are open as may be. A stream ends with the standing of who watches: a logout, another token or CA.
pub(super) async fn stream_events(
    State(streams): State<Streams>,
    Extension(standing): Extension<Standing>,
) -> Response {
    let Ok(place) = Arc::clone(&streams.places).try_acquire_owned() else {
        let full = "as many pages watch as may: close one, or refresh this one now and then\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "30")], full).into_response();
    };
    let sent = Regions::default();
    let (looks, began) = (streams.looks, Instant::now());
    let watching = Watching { looks, standing, sent, began, first: true, _place: place };
    Sse::new(events(watching)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}

fn events(watching: Watching) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(watching, async |mut watching| {
        while watching.began.elapsed() < AGE {
            if !std::mem::take(&mut watching.first) {
                tokio::time::sleep(PACE).await;
                if !watching.standing.holds() {
                    return None;
                }
            }
            let Ok(regions) = Regions::render(&*watching.looks.shared().await) else { return None };
            let event = regions.event(&watching.sent);
            watching.sent = regions;
            if let Some(event) = event {
                return Some((Ok(event), watching));
            }
        }
        None
    })
}

impl Regions {
    /// What tells of the changes since `sent`, where there are any. In JSON: no text of a certificate can end the event and begin
    /// another.
    fn event(&self, sent: &Self) -> Option<Event> {
        let changed = self.changed(sent);
        if changed.is_empty() { None } else { Event::default().event("regions").json_data(&changed).ok() }
    }

    /// Those that differ from what was sent.
    fn changed<'a>(&'a self, sent: &Self) -> BTreeMap<&'static str, &'a str> {
        [
            ("overview", &self.overview, &sent.overview),
            ("problems", &self.problems, &sent.problems),
            ("environments", &self.environments, &sent.environments),
            ("calls", &self.calls, &sent.calls),
            ("refusals", &self.refusals, &sent.refusals),
            ("inbox", &self.inbox, &sent.inbox),
        ]
        .into_iter()
        .filter(|(_, now, before)| now != before)
        .map(|(name, now, _)| (name, now.as_str()))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, BodyDataStream};
    use axum::http::Request;
    use futures_util::StreamExt as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::admin::console::testing::{quiet, refusal, sources};

    async fn opened(console: &Router) -> (StatusCode, BodyDataStream) {
        let request = Request::get("/events").extension(Standing::new(|| true)).body(Body::empty()).unwrap();
        let response = console.clone().oneshot(request).await.unwrap();
        (response.status(), response.into_body().into_data_stream())
    }

    async fn next(stream: &mut BodyDataStream) -> String {
        String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_is_sent_and_nothing_else() {
        let seen = Arc::new(std::sync::Mutex::new(quiet()));
        let console = crate::admin::console::routes(sources(&seen));
        let (status, mut stream) = opened(&console).await;
        assert_eq!(status, StatusCode::OK);
        let first = next(&mut stream).await;
        assert!(first.starts_with("event: regions\ndata: {") && first.ends_with("}\n\n"), "{first}");
        assert!(first.contains(r#""overview":"#) && first.contains(r#""inbox":"#), "{first}");
        seen.lock().unwrap().refusals = vec![refusal(0, "CN=a\r\n\r\nevent: forged\r\ndata: x")];
        let second = next(&mut stream).await;
        assert!(second.contains(r#""refusals":"#) && !second.contains(r#""inbox":"#), "{second}");
        assert_eq!(second.trim_end().lines().count(), 2, "no subject begins an event: {second}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_after_two_minutes_whoever_watches() {
        let seen = Arc::new(std::sync::Mutex::new(quiet()));
        let (_, stream) = opened(&crate::admin::console::routes(sources(&seen))).await;
        let began = Instant::now();
        let sent = stream.count().await;
        assert!((AGE..AGE + 2 * PACE).contains(&began.elapsed()), "{:?}", began.elapsed());
        assert!(sent > 5, "control: it was alive meanwhile: {sent}");
    }

    #[tokio::test]
    async fn no_more_watch_than_may_and_who_leaves_makes_room() {
        let seen = Arc::new(std::sync::Mutex::new(quiet()));
        let console = crate::admin::console::routes(sources(&seen));
        let mut streams = Vec::new();
        for _ in 0..MOST {
            let (status, stream) = opened(&console).await;
            assert_eq!(status, StatusCode::OK);
            streams.push(stream);
        }
        assert_eq!(opened(&console).await.0, StatusCode::SERVICE_UNAVAILABLE);
        streams.pop();
        assert_eq!(opened(&console).await.0, StatusCode::OK);
    }
}
