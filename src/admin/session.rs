//! Sessions of browsers: a token that was shown once stands behind a random id in a cookie, so that no page has to keep the token.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::time::Instant;

use crate::auth::sha256;

/// A session that nobody uses for so long ends.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// No session lasts longer, used or not.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// Sessions at once: more than a server has administrators. The one that was not used for longest gives way.
const MOST: usize = 64;
/// Bytes of an id.
const ID: usize = 32;

/// Behind TLS the name says that the cookie came from this very host over TLS (RFC 6265bis section 4.1.3.2).
const SECURE_NAME: &str = "__Host-issuer-host-session";
const PLAIN_NAME: &str = "issuer-host-session";

/// The sessions that live. Of an id its SHA-256 alone is kept, so that neither memory nor the time of a look tells one.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

#[derive(Clone, Copy, Debug)]
struct Session {
    opened: Instant,
    used: Instant,
}

impl Session {
    fn lives(self, now: Instant) -> bool {
        now.duration_since(self.used) < IDLE && now.duration_since(self.opened) < LONGEST
    }
}

impl Sessions {
    /// Opens one, and tells its id; `None` where the system has no random numbers.
    pub(super) fn open(&self, now: Instant) -> Option<String> {
        let mut id = [0; ID];
        aws_lc_rs::rand::fill(&mut id).ok()?;
        let id = URL_SAFE_NO_PAD.encode(id);
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.lives(now));
        if sessions.len() >= MOST {
            let stalest = sessions.iter().min_by_key(|(_, session)| session.used).map(|(digest, _)| *digest);
            stalest.and_then(|stalest| sessions.remove(&stalest));
        }
        sessions.insert(sha256(id.as_bytes()), Session { opened: now, used: now });
        Some(id)
    }

    /// Whether the session with this id lives. One that is `used` lives on from now.
    pub(super) fn lives(&self, id: &str, now: Instant, used: bool) -> bool {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = sessions.get_mut(&sha256(id.as_bytes())).filter(|session| session.lives(now)) else {
            return false;
        };
        if used {
            session.used = now;
        }
        true
    }

    /// Ends the session with this id, where there is one.
    pub(super) fn close(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&sha256(id.as_bytes()));
    }
}

/// The id in the cookie of a request.
pub(super) fn shown(headers: &HeaderMap, tls: bool) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == cookie_name(tls)).map(|(_, id)| id)
}

/// The cookie that has a browser show `id`, and show it to nobody else; without an id, the one that has it forget.
pub(super) fn cookie(id: Option<&str>, tls: bool) -> Option<HeaderValue> {
    let (name, secure) = (cookie_name(tls), if tls { "; Secure" } else { "" });
    let (id, age) = (id.unwrap_or_default(), if id.is_some() { "" } else { "; Max-Age=0" });
    let text = format!("{name}={id}; Path=/; HttpOnly; SameSite=Strict{secure}{age}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn cookie_name(tls: bool) -> &'static str {
    if tls { SECURE_NAME } else { PLAIN_NAME }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_session_ends_when_nobody_uses_it_and_after_half_a_day_all_the_same() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let (used, idle, watched) =
            (sessions.open(start).unwrap(), sessions.open(start).unwrap(), sessions.open(start).unwrap());
        assert!(used != idle && used.len() == 43);
        for minutes in (0..720).step_by(29) {
            assert!(sessions.lives(&used, start + minutes * MINUTE, true), "{minutes}");
            // A page that is left open is no use of it.
            assert_eq!(sessions.lives(&watched, start + minutes * MINUTE, false), minutes < 30, "{minutes}");
        }
        assert!(!sessions.lives(&idle, start + 30 * MINUTE, true));
        assert!(!sessions.lives(&used, start + 720 * MINUTE, true));
        for unknown in ["", "x", &used[1..]] {
            assert!(!sessions.lives(unknown, start, true), "{unknown}");
        }
    }

    #[test]
    fn a_session_that_was_closed_is_gone_and_others_are_not() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (one, other) = (sessions.open(now).unwrap(), sessions.open(now).unwrap());
        sessions.close(&one);
        assert!(!sessions.lives(&one, now, true) && sessions.lives(&other, now, true));
    }

    #[test]
    fn sessions_are_bounded_and_the_stalest_gives_way() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let ids: Vec<_> = (0..).zip(0..MOST).map(|(at, _)| sessions.open(start + at * MINUTE / 60).unwrap()).collect();
        let later = start + 2 * MINUTE;
        assert!(sessions.lives(&ids[0], later, true));
        sessions.open(later).unwrap();
        assert!(sessions.lives(&ids[0], later, true) && !sessions.lives(&ids[1], later, true));
        assert_eq!(sessions.0.lock().unwrap().len(), MOST);
    }

    #[test]
    fn what_is_kept_is_no_id() {
        let sessions = Sessions::default();
        let id = sessions.open(Instant::now()).unwrap();
        assert!(!format!("{sessions:?}").contains(&id));
    }

    #[test]
    fn a_cookie_is_for_this_host_alone_and_behind_tls_it_says_so() {
        let text = |id, tls| cookie(id, tls).unwrap().to_str().unwrap().to_owned();
        assert_eq!(text(Some("id"), false), "issuer-host-session=id; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(text(Some("id"), true), "__Host-issuer-host-session=id; Path=/; HttpOnly; SameSite=Strict; Secure");
        assert!(text(None, false).ends_with("; Max-Age=0"));
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_static("a=b; issuer-host-session=one"));
        headers.append("cookie", HeaderValue::from_static("__Host-issuer-host-session=two"));
        assert_eq!((shown(&headers, false), shown(&headers, true)), (Some("one"), Some("two")));
        assert_eq!(shown(&HeaderMap::new(), false), None);
    }
}
