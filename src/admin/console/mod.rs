//! The console: one page for people, rendered here, live by server-sent events. Nothing of it comes from another host.

mod assets;
mod calls;
mod endings;
mod environments;
mod events;
mod health;
mod inbox;
mod look;
mod moment;
mod page;
mod problems;
mod reasons;
mod refusals;
mod seen;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

pub(super) use assets::routes as assets;
use seen::{CallsSeen, RefusalSeen};
use serde::Serialize;

use super::connection::Connection;
use super::{AdminSources, InboxSource, Readiness, StatusReport, StatusSource, session};
use health::Health;
use look::Looks;
use problems::{Problem, problems};

/// Scripts, styles, pictures and calls of this host alone, and nothing that stands in the page itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);

/// Tells of recent calls, at each call.
type CallsSource = Arc<dyn Fn() -> Vec<CallsSeen> + Send + Sync>;

/// Tells who was refused of late, newest first, at each call.
type RefusalsSource = Arc<dyn Fn() -> Vec<RefusalSeen> + Send + Sync>;

/// Tells what fails, at each call.
type HealthSource = Arc<dyn Fn(&StatusReport) -> Health + Send + Sync>;

/// What the console shows.
#[derive(Clone)]
pub(super) struct ConsoleSources {
    readiness: Readiness,
    status: StatusSource,
    calls: CallsSource,
    refusals: RefusalsSource,
    health: HealthSource,
    inbox: Option<InboxSource>,
}

impl From<&AdminSources> for ConsoleSources {
    fn from(sources: &AdminSources) -> Self {
        let (of_calls, of_refusals, of_health) =
            (sources.metrics.clone(), sources.metrics.clone(), sources.metrics.clone());
        Self {
            readiness: sources.readiness.clone(),
            status: Arc::clone(&sources.status),
            calls: Arc::new(move || of_calls.recent().into_iter().map(CallsSeen::from).collect()),
            refusals: Arc::new(move || of_refusals.refusals().snapshot().into_iter().map(RefusalSeen::from).collect()),
            health: Arc::new(move |status| Health::of(&of_health, status)),
            inbox: sources.inbox.clone(),
        }
    }
}

/// The page and its events. Whoever may not see what the server does must not get here.
pub(super) fn routes(sources: ConsoleSources) -> Router {
    let looks = Looks::new(sources);
    let streams = events::Streams::new(looks.clone());
    let page = Router::new().route("/", get(show)).route("/status", get(tell)).with_state(looks);
    Router::new().route("/events", get(events::stream_events)).with_state(streams).merge(page)
}

/// 401, and a form for the token.
pub(super) fn login_page() -> Response {
    document(StatusCode::UNAUTHORIZED, page::login())
}

async fn show(State(looks): State<Looks>, request: Request) -> Response {
    let signed_in = session::shown(request.headers(), Connection::of(request.extensions()).tls).next().is_some();
    document(StatusCode::OK, page::page(&*looks.anew().await, signed_in))
}

/// What `/status` tells.
#[derive(Serialize)]
struct Told<'a> {
    problems: Vec<Problem>,
    #[serde(flatten)]
    report: &'a StatusReport,
}

async fn tell(State(looks): State<Looks>) -> Response {
    let seen = looks.now().await;
    axum::Json(Told { problems: problems(&seen), report: &seen.status }).into_response()
}

fn document(status: StatusCode, rendered: Result<String, askama::Error>) -> Response {
    match rendered {
        Ok(page) => (status, [(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response(),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("the page cannot be rendered: {error}\n")).into_response()
        }
    }
}
