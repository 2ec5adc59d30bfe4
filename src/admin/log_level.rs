//! `/log-level`: what is logged, and how to change it for a while without a restart.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};

use super::audit::{Action, Who};
use crate::telemetry::{DEFAULT_STAY, Level, LogLevel, MAX_STAY};

const USAGE: &str =
    "send a level (error, warn, info, debug, trace), or {\"level\": \"debug\", \"for\": \"10m\"} for at most 24h\n";

/// `GET` tells the level, `PUT` sets it for a while. `None`: the process' logger is not ours.
pub(super) fn routes(level: Option<LogLevel>) -> Router {
    let Some(level) = level else {
        let nobodys = async || (StatusCode::NOT_FOUND, "the log of this process is not this server's own\n");
        return Router::new().route("/log-level", get(nobodys).put(nobodys));
    };
    let asked = level.clone();
    Router::new().route(
        "/log-level",
        get(async move || Json(Shown::from(&asked)))
            .put(async move |Extension(who): Extension<Who>, body: Bytes| set(&level, &body, &who)),
    )
}

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    level: String,
    #[serde(rename = "for")]
    stay: Option<String>,
}

/// What is logged.
#[derive(Debug, Serialize)]
struct Shown {
    level: String,
    configured: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl From<&LogLevel> for Shown {
    fn from(level: &LogLevel) -> Self {
        let report = level.report();
        let until = report.until.map(|until| humantime::format_rfc3339_seconds(until).to_string());
        Self { level: report.level, configured: report.configured, until }
    }
}

fn set(level: &LogLevel, body: &[u8], who: &Who) -> Response {
    match parsed(body) {
        Some((wanted, stay)) => {
            who.does(Action::LogLevel(wanted));
            level.set(wanted, stay);
            Json(Shown::from(level)).into_response()
        }
        None => (StatusCode::BAD_REQUEST, USAGE).into_response(),
    }
}

/// A level as text, or a JSON object.
fn parsed(body: &[u8]) -> Option<(Level, Duration)> {
    let text = std::str::from_utf8(body).ok()?.trim();
    if !text.starts_with('{') {
        return Some((text.parse().ok()?, DEFAULT_STAY));
    }
    let Wanted { level, stay } = serde_json::from_str(text).ok()?;
    let stay = stay.map_or(Ok(DEFAULT_STAY), |stay| humantime::parse_duration(&stay)).ok()?;
    (!stay.is_zero() && stay <= MAX_STAY).then_some((level.parse().ok()?, stay))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_text_or_json_with_how_long_it_stays() {
        assert_eq!(parsed(b"debug"), Some((Level::Debug, DEFAULT_STAY)));
        assert_eq!(parsed(b" trace\n"), Some((Level::Trace, DEFAULT_STAY)));
        assert_eq!(parsed(br#"{"level": "warn"}"#), Some((Level::Warn, DEFAULT_STAY)));
        assert_eq!(parsed(br#"{"level": "warn", "for": "10m"}"#), Some((Level::Warn, Duration::from_secs(600))));
        for bad in [
            &b""[..],
            b"DEBUG",
            b"issuer_host=debug,hyper=trace",
            b"\xff",
            br#"{"level": "hyper=trace"}"#,
            br#"{"level": "debug", "for": "0s"}"#,
            br#"{"level": "debug", "for": "25h"}"#,
            br#"{"level": "debug", "for": "long"}"#,
            br#"{"level": "debug", "until": "10m"}"#,
            br#"{"for": "10m"}"#,
        ] {
            assert_eq!(parsed(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }
}
