//! The token that administrators show (RFC 6750 section 2.1), where more is asked for than how the server is.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::auth::LiveSecret;

/// Longer texts are no token, and are not even digested. Bytes.
const LONGEST: usize = 4096;

/// What administrators have to show, which a reload may change; none = nobody gets through. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct AdminToken(Arc<ArcSwapOption<LiveSecret>>);

impl AdminToken {
    /// This one, from now on.
    #[must_use]
    pub fn new(token: Option<LiveSecret>) -> Self {
        Self(Arc::new(ArcSwapOption::from_pointee(token)))
    }

    /// Another one takes its place.
    pub fn change(&self, token: Option<LiveSecret>) {
        self.0.store(token.map(Arc::new));
    }
}

/// Lets nobody through who does not show the token; where there is none, nobody at all.
pub(super) async fn demand(State(token): State<AdminToken>, request: Request, next: Next) -> Response {
    const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer");
    let Some(token) = token.0.load_full() else {
        return (StatusCode::FORBIDDEN, "nobody may see the inbox here: set [admin] token_file\n").into_response();
    };
    let shown = shown(request.headers());
    if !shown.is_some_and(|shown| token.is(shown) && token.is_live(SystemTime::now())) {
        let challenge = [(header::WWW_AUTHENTICATE, CHALLENGE)];
        return (StatusCode::UNAUTHORIZED, challenge, "show the token of [admin] token_file\n").into_response();
    }
    next.run(request).await
}

/// What stands behind `Bearer` in the only `authorization` header.
fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let only = values.next().filter(|_| values.next().is_none())?.as_bytes().trim_ascii();
    let (scheme, token) = only.split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && (1..=LONGEST).contains(&token.len())).then_some(token)
}
