//! Sessions of browsers: a token that was shown once stands behind a random id in a cookie, so that no page has to keep the token. The id
//! alone lets somebody look; whoever changes something shows the session's second secret, which is in no cookie.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
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
/// Bytes of an id, and of a secret.
const RANDOM: usize = 32;
/// How many cookies of the session's name are looked at.
const MAX_SHOWN: usize = 8;

/// Behind TLS the name says that the cookie came from this very host over TLS (RFC 6265bis section 4.1.3.2).
const SECURE_NAME: &str = "__Host-issuer-host-session";
const PLAIN_NAME: &str = "issuer-host-session";

type Digest = [u8; 32];

/// The sessions that live. Of ids and secrets their SHA-256 alone is kept, so that neither memory nor the time of a look tells one.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Digest, Session>>);

#[derive(Clone, Copy, Debug)]
struct Session {
    opened: Instant,
    used: Instant,
    secret: Digest,
}

impl Session {
    fn lives(self, now: Instant) -> bool {
        now.duration_since(self.used) < IDLE && now.duration_since(self.opened) < LONGEST
    }
}

/// What lines of the log call a session by: a part of its id's SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label([u8; 4]);

impl Label {
    fn of(digest: &Digest) -> Self {
        let [a, b, c, d, ..] = *digest;
        Self([a, b, c, d])
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// A session that was opened.
pub(super) struct Opened {
    /// What the cookie holds.
    pub(super) id: String,
    /// What a page of this very origin holds, and shows with each change.
    pub(super) secret: String,
    pub(super) label: Label,
    /// Those that are no more, since it was looked for them: out of time, or too many.
    pub(super) over: Vec<Label>,
    pub(super) displaced: Option<Label>,
}

/// A session that lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) label: Label,
    secret: Digest,
}

impl Found {
    /// Whether `shown` is its second secret, in a time that tells nothing of it.
    pub(super) fn is_meant(&self, shown: &[u8]) -> bool {
        verify_slices_are_equal(&sha256(shown), &self.secret).is_ok()
    }
}

impl Sessions {
    /// Opens one; `None` where the system has no random numbers.
    pub(super) fn open(&self, now: Instant) -> Option<Opened> {
        let (id, secret) = (random()?, random()?);
        let mut sessions = self.all();
        let over: Vec<_> = sessions.iter().filter(|(_, session)| !session.lives(now)).map(|(id, _)| *id).collect();
        for id in &over {
            sessions.remove(id);
        }
        let mut displaced = None;
        if sessions.len() >= MOST {
            displaced = sessions.iter().min_by_key(|(_, session)| session.used).map(|(digest, _)| *digest);
            displaced.and_then(|stalest| sessions.remove(&stalest));
        }
        let digest = sha256(id.as_bytes());
        sessions.insert(digest, Session { opened: now, used: now, secret: sha256(secret.as_bytes()) });
        let (over, displaced) = (over.iter().map(Label::of).collect(), displaced.as_ref().map(Label::of));
        Some(Opened { id, secret, label: Label::of(&digest), over, displaced })
    }

    /// The session with this id, where it lives. One that is `used` lives on from now.
    pub(super) fn find(&self, id: &str, now: Instant, used: bool) -> Option<Found> {
        let digest = sha256(id.as_bytes());
        let mut sessions = self.all();
        let session = sessions.get_mut(&digest).filter(|session| session.lives(now))?;
        if used {
            session.used = now;
        }
        Some(Found { label: Label::of(&digest), secret: session.secret })
    }

    /// Ends the session with this id, where there is one.
    pub(super) fn close(&self, id: &str) -> Option<Label> {
        let digest = sha256(id.as_bytes());
        self.all().remove(&digest).map(|_| Label::of(&digest))
    }

    /// Ends all of them.
    pub(super) fn close_all(&self) -> Vec<Label> {
        self.all().drain().map(|(digest, _)| Label::of(&digest)).collect()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random() -> Option<String> {
    let mut bytes = [0; RANDOM];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// The ids in the cookies of a request, the first few of them: each costs a digest. There can be several of one name: whatever else runs on this host may have the browser keep some,
/// and ours is none the less there.
pub(super) fn shown(headers: &HeaderMap, tls: bool) -> impl Iterator<Item = &str> {
    let wanted = cookie_name(headers, tls);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(name, _)| *name == wanted).map(|(_, id)| id).take(MAX_SHOWN)
}

/// The cookie that has the browser of a request show `id`, and show it to no other host; without an id, the one that has it forget.
pub(super) fn cookie(id: Option<&str>, headers: &HeaderMap, tls: bool) -> Option<HeaderValue> {
    let (name, secure) = (cookie_name(headers, tls), if tls { "; Secure" } else { "" });
    let (id, age) = (id.unwrap_or_default(), if id.is_some() { "" } else { "; Max-Age=0" });
    let text = format!("{name}={id}; Path=/; HttpOnly; SameSite=Strict{secure}{age}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Cookies know no port (RFC 6265 section 8.5), so that the name says by which port the browser calls: servers on one host, or forwarded
/// to it, have one each. It is the browser's port, which need not be the one that is bound here.
fn cookie_name(headers: &HeaderMap, tls: bool) -> String {
    let name = if tls { SECURE_NAME } else { PLAIN_NAME };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(port) => format!("{name}-{port}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
