//! What the admin listener answers to, and what each of it asks for.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::audit::{Action, Who};
use super::guard::{self, Demand, Guard, LoginPage};
use super::{AdminOpening, AdminSources, Readiness, ReloadSource, console, inbox, log_level, login};
use crate::metrics::Metrics;

/// Pages for people.
struct Pages {
    /// Those that tell something.
    protected: Router,
    /// What they are made with and tells nothing: styles, scripts.
    assets: Router,
    /// What asks for the token.
    login: LoginPage,
}

/// What a listener bound to `bound` answers to while the server starts: probes and metrics.
pub(super) fn while_starting(opening: AdminOpening, bound: SocketAddr) -> Router {
    let AdminOpening { readiness, metrics, access } = opening;
    let guard = Arc::new(Guard::new(access, bound, console::login_page, metrics.admin()));
    let demand = from_fn_with_state((guard, Demand::Metrics), guard::pass);
    Router::new()
        .merge(probes(readiness))
        .merge(metrics_of(metrics).layer(demand))
        .fallback(async || (StatusCode::SERVICE_UNAVAILABLE, "the server is starting: /livez /readyz /metrics\n"))
        .layer(map_response(guarded))
}

/// Everything that a listener bound to `bound` answers to.
pub(super) fn routes(sources: AdminSources, bound: SocketAddr) -> Router {
    let Pages { protected: pages, assets, login } = pages(&sources);
    let AdminSources { readiness, metrics, status: _, reload, log_level, inbox, access } = sources;
    let guard = Arc::new(Guard::new(access, bound, login, metrics.admin()));
    let demand = |demand| from_fn_with_state((Arc::clone(&guard), demand), guard::pass);

    let protected = pages.merge(reloading(reload)).merge(log_level::routes(log_level)).merge(inbox::routes(inbox));
    Router::new()
        .merge(probes(readiness))
        .merge(metrics_of(metrics).layer(demand(Demand::Metrics)))
        .merge(assets.merge(login::routes(Arc::clone(&guard))).layer(demand(Demand::Nothing)))
        .merge(protected.layer(demand(Demand::Administrator)))
        .fallback(async || {
            (StatusCode::NOT_FOUND, "not found: / /livez /readyz /metrics /status /reload /log-level /inbox\n")
        })
        .layer(map_response(guarded))
}

fn probes(readiness: Readiness) -> Router {
    Router::new().route("/livez", get(async || "ok\n")).route("/readyz", get(async move || readiness.answer()))
}

fn metrics_of(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(async move || openmetrics(&metrics)))
}

fn pages(sources: &AdminSources) -> Pages {
    Pages { protected: console::routes(sources.into()), assets: console::assets(), login: console::login_page }
}

fn reloading(reload: ReloadSource) -> Router {
    Router::new().route("/reload", post(async move |Extension(who): Extension<Who>| reloaded(&reload, &who).await))
}

/// 200 when all that was found is good; 422, with the same report, when something is not and what was before stays.
async fn reloaded(reload: &ReloadSource, who: &Who) -> Response {
    who.does(Action::Reload);
    match reload().await {
        Some((true, report)) => axum::Json(report).into_response(),
        Some((false, report)) => (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(report)).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the server is ending\n").into_response(),
    }
}

fn openmetrics(metrics: &Metrics) -> Response {
    const TYPE: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(header::CONTENT_TYPE, TYPE)], metrics.encode()).into_response()
}

/// What is told here is told once, is what it says it is, and is no part of another one's page.
async fn guarded(mut response: Response) -> Response {
    const RULES: [(HeaderName, &str); 4] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in RULES {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
