//! Any [`axum::Router`] of the embedding program as the handler of an environment.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::routing::future::RouteFuture;
use futures_util::FutureExt;
use futures_util::future::CatchUnwind;
use http::{Request, Response, Version};
use tower::Service;

use crate::http::{Problem, ProblemKind};
use crate::telemetry::events;

/// Calls `router`; a panic of a handler becomes a problem. Its message may hold anything, so it is not logged by us.
///
/// axum's own default body limit is off: the stack bounds every body already. A limit that the router sets itself stays.
pub(crate) fn call(router: &mut Router, mut request: Request<Body>) -> EmbedFuture {
    let version = request.version();
    // Said of the request: a layer around the router would cost every request an allocation for each of its own.
    DefaultBodyLimit::disable().apply(&mut request);
    // A router is always ready.
    EmbedFuture { inner: AssertUnwindSafe(router.call(request)).catch_unwind(), version }
}

pin_project_lite::pin_project! {
    /// The future of [`Handler::Embed`](super::Handler::Embed).
    pub struct EmbedFuture {
        #[pin]
        inner: CatchUnwind<AssertUnwindSafe<RouteFuture<Infallible>>>,
        version: Version,
    }
}

impl std::fmt::Debug for EmbedFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbedFuture").finish_non_exhaustive()
    }
}

impl Future for EmbedFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(ready!(this.inner.poll(cx)).unwrap_or_else(|_| {
            tracing::error!(event = events::HANDLER_PANICKED, "a handler of the embedded router panicked");
            Ok(Problem::from(ProblemKind::HandlerFailed).response(*this.version))
        }))
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_problem_and_the_next_request_is_served() {
        async fn panics() -> &'static str {
            panic!("a message that may hold anything")
        }
        let works = || async { "works" };
        let mut router = Router::new().route("/panics", get(panics)).route("/works", get(works));
        let request = |path: &str| Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(call(&mut router, request("/panics")).await.unwrap().status(), 500);
        assert_eq!(call(&mut router, request("/works")).await.unwrap().status(), 200);
    }

    #[tokio::test]
    async fn the_body_limit_of_axum_gives_way_to_that_of_the_environment() {
        // Three mebibytes: axum's own limit is two.
        let request = || Request::post("/").body(Body::from(vec![0; 3 << 20])).unwrap();
        let mut router = Router::new().route("/", post(|body: Bytes| async move { body.len().to_string() }));
        assert_eq!(router.call(request()).await.unwrap().status(), 413, "control");
        assert_eq!(call(&mut router, request()).await.unwrap().status(), 200);
        let mut bounded = router.layer(DefaultBodyLimit::max(1 << 20));
        assert_eq!(call(&mut bounded, request()).await.unwrap().status(), 413, "its own limit stays");
    }
}
