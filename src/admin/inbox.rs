//! `/inbox`: what is in the inbox, and decisions about it. What was sent is never told.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Serialize;

use super::audit::{Action, Who};
use crate::inbox::entry::{EntryId, State as EntryState};
use crate::inbox::report::EntryReport;
use crate::inbox::store::{Decided, Decision, Filter, Store, StoreError};

/// Entries of a page, where nothing else is asked for, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 500;

/// The inbox that administrators look at.
pub type InboxSource = Arc<dyn Store>;

type Inbox = Option<InboxSource>;

/// The routes.
pub(super) fn routes(inbox: Inbox) -> Router {
    Router::new()
        .route("/inbox", get(list))
        .route("/inbox/{id}", get(find))
        .route("/inbox/{id}/replay", post(replay))
        .route("/inbox/{id}/discard", post(discard))
        .with_state(inbox)
}

/// A page of entries, oldest first.
#[derive(Serialize)]
struct Page {
    entries: Vec<EntryReport>,
    /// What to ask for as `after` to get the next page; `null` = there is none.
    next: Option<i64>,
}

/// Why there is no answer.
enum Refused {
    NoInbox,
    Parameter(&'static str),
    Unknown,
    State(EntryState),
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::NoInbox => (StatusCode::NOT_FOUND, "there is no inbox: set [inbox] url\n").into_response(),
            Self::Parameter(problem) => (StatusCode::BAD_REQUEST, problem).into_response(),
            Self::Unknown => (StatusCode::NOT_FOUND, "there is no such entry\n").into_response(),
            Self::State(state) => (StatusCode::CONFLICT, format!("the entry is {state}\n")).into_response(),
            Self::Store(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
        }
    }
}

async fn list(State(inbox): State<Inbox>, RawQuery(query): RawQuery) -> Result<axum::Json<Page>, Refused> {
    let inbox = inbox.ok_or(Refused::NoInbox)?;
    let Asked { filter, after, limit } = asked(query.as_deref().unwrap_or_default()).map_err(Refused::Parameter)?;
    // One more than is wanted tells whether there is a next page.
    let wanted = limit + 1;
    let (mut entries, mut last) = (Vec::<EntryReport>::new(), after);
    while entries.len() < wanted {
        // Where bodies are large, the store hands them out by fewer.
        let rows = inbox.list(filter.clone(), last, wanted - entries.len()).await?;
        let Some(row) = rows.last() else { break };
        last = row.sequence;
        entries.extend(rows.iter().map(EntryReport::from));
    }
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.sequence);
    Ok(axum::Json(Page { entries, next }))
}

async fn find(State(inbox): State<Inbox>, Path(id): Path<String>) -> Result<axum::Json<EntryReport>, Refused> {
    let inbox = inbox.ok_or(Refused::NoInbox)?;
    let row = inbox.find(entry_id(&id)?).await?.ok_or(Refused::Unknown)?;
    Ok(axum::Json(EntryReport::from(&row)))
}

async fn replay(
    State(inbox): State<Inbox>,
    Path(id): Path<String>,
    Extension(who): Extension<Who>,
) -> Result<Response, Refused> {
    decide(inbox, &id, Decision::Replay, &who).await
}

async fn discard(
    State(inbox): State<Inbox>,
    Path(id): Path<String>,
    Extension(who): Extension<Who>,
) -> Result<Response, Refused> {
    decide(inbox, &id, Decision::Discard, &who).await
}

async fn decide(inbox: Inbox, id: &str, decision: Decision, who: &Who) -> Result<Response, Refused> {
    let inbox = inbox.ok_or(Refused::NoInbox)?;
    let id = entry_id(id)?;
    let (state, action) = match decision {
        Decision::Replay => (EntryState::Pending, Action::Replay(id)),
        Decision::Discard => (EntryState::Discarded, Action::Discard(id)),
    };
    who.does(action);
    match inbox.decide(id, decision).await? {
        Decided::Done => {
            let told = serde_json::json!({"id": id.to_string(), "state": state.name()});
            Ok(axum::Json(told).into_response())
        }
        Decided::Unknown => Err(Refused::Unknown),
        Decided::Refused(state) => Err(Refused::State(state)),
    }
}

/// What is no id is no entry's.
fn entry_id(text: &str) -> Result<EntryId, Refused> {
    text.parse().map_err(|_| Refused::Unknown)
}

/// What a query asks for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    filter: Filter,
    after: i64,
    limit: usize,
}

fn asked(query: &str) -> Result<Asked, &'static str> {
    let mut asked = Asked { filter: Filter::default(), after: 0, limit: PAGE };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "environment" => asked.filter.environment = Some(value.into_owned()),
            "operation" => asked.filter.operation = Some(value.into_owned()),
            "correlation_id" => asked.filter.correlation_id = Some(value.into_owned()),
            "state" => {
                let state = EntryState::of_name(&value);
                asked.filter.state = Some(state.ok_or("state is pending, delivered, dead or discarded\n")?);
            }
            "after" => asked.after = value.parse().map_err(|_| "after is the `next` of the page before\n")?,
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LARGEST_PAGE).contains(limit));
                asked.limit = limit.ok_or("limit is a number from 1 to 500\n")?;
            }
            _ => return Err("known are state, environment, operation, correlation_id, after and limit\n"),
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests;
