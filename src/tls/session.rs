//! Session keys: what lets a client resume instead of proving itself again, for an hour at most.
//!
//! A resumed session runs no client verifier, so a ticket is worth a certificate. Four things keep it from outliving the trust that
//! it was issued under:
//!
//! * the key is random, belongs to one epoch of one environment of one process, and is erased at the epoch's end;
//! * it is erased an hour after its birth at the latest, without overlap: a client that resumes all the while gets a new ticket
//!   each time, but under the same key, and has to prove itself when that goes;
//! * a ticket carries the deadline of the verdict that it was issued under; past it, the handshake is a full one;
//! * the chain that a ticket restores is judged again, by the current epoch, before any HTTP (see [`handshake`](super::handshake)).
//!
//! Stateless, because nothing then grows with the number of clients (RFC 5077, RFC 8446 section 4.6.1). What cannot be opened
//! is no error: the handshake goes on as a full one.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;
use rustls_pki_types::UnixTime;
use zeroize::Zeroizing;

use super::findings;

/// The longest that a key may live, and what it lives by default.
pub const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Binds a ticket to this use of its key.
const CONTEXT: &[u8] = b"issuer-host session ticket 1";

/// Sessions that are larger get no ticket, in bytes. A session holds the client's chain; an honest one takes two to four kilobytes, and
/// a ticket travels with every ClientHello.
const MAX_SESSION: usize = 16 * 1024;

/// Seconds since 1970, behind the session in the sealed part of a ticket.
const DEADLINE_LEN: usize = size_of::<u64>();

/// The session keys of one epoch: one at a time, made when the first ticket is issued.
pub struct SessionKeys {
    lifetime: Duration,
    key: RwLock<Slot>,
}

enum Slot {
    Empty,
    Live(Key),
    /// The epoch is over: nothing is issued, nothing is opened.
    Ended,
}

struct Key {
    // aws-lc cleanses the key's memory when it is freed.
    aead: LessSafeKey,
    born: Birth,
}

/// On both clocks: the monotonic one stands still while the machine sleeps, and the other can be set.
#[derive(Clone, Copy)]
struct Birth {
    steady: Instant,
    wall: SystemTime,
}

impl Birth {
    fn now() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }

    /// What is left of `lifetime`, by the clock that says less; nothing when the wall clock was set back.
    fn left(self, lifetime: Duration, now: Self) -> Duration {
        let by_wall = now.wall.duration_since(self.wall).unwrap_or(Duration::MAX);
        lifetime.saturating_sub(now.steady.saturating_duration_since(self.steady).max(by_wall))
    }
}

impl SessionKeys {
    /// Keys that live for `lifetime`, an hour at the most.
    #[must_use]
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime: lifetime.min(MAX_LIFETIME), key: RwLock::new(Slot::Empty) }
    }

    /// Erases the key when its time is up. Returns how long the present key, if any, still has.
    pub fn erase_if_due(&self) -> Option<Duration> {
        let mut slot = self.key.write().unwrap_or_else(PoisonError::into_inner);
        let Slot::Live(key) = &*slot else { return None };
        let left = key.born.left(self.lifetime, Birth::now());
        if left.is_zero() {
            *slot = Slot::Empty;
            return None;
        }
        Some(left)
    }

    /// The end of the epoch: erases the key, and no other is made.
    pub fn end(&self) {
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = Slot::Ended;
    }

    /// Does `work` with the key while it lives.
    fn with_key<T>(&self, work: impl FnOnce(&Key) -> Option<T>) -> Option<T> {
        let slot = self.key.read().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Slot::Live(key) if !key.born.left(self.lifetime, Birth::now()).is_zero() => work(key),
            _ => None,
        }
    }

    fn has_key(&self) -> bool {
        self.with_key(|_| Some(())).is_some()
    }

    /// Puts a new key where there is none, or one whose time is up.
    fn ensure_key(&self) -> Option<()> {
        if self.has_key() {
            return Some(());
        }
        let mut slot = self.key.write().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Slot::Ended => return None,
            // Another handshake was faster.
            Slot::Live(key) if !key.born.left(self.lifetime, Birth::now()).is_zero() => return Some(()),
            Slot::Live(_) | Slot::Empty => {}
        }
        *slot = Slot::Empty;
        *slot = Slot::Live(Key::random()?);
        Some(())
    }

    /// A ticket for `session`, good through the second `deadline` at the longest; `None` once the epoch is over, or where the session is
    /// too large.
    pub fn seal(&self, session: &[u8], deadline: UnixTime) -> Option<Vec<u8>> {
        if session.len() > MAX_SESSION {
            return None;
        }
        self.ensure_key()?;
        self.with_key(|key| {
            let mut ticket = Vec::with_capacity(NONCE_LEN + session.len() + DEADLINE_LEN + AES_256_GCM.tag_len());
            // 2^32 random nonces under one key are safe (NIST SP 800-38D section 8.3): over a million handshakes a second.
            ticket.resize(NONCE_LEN, 0);
            SystemRandom::new().fill(&mut ticket).ok()?;
            let nonce = Nonce::try_assume_unique_for_key(&ticket).ok()?;
            ticket.extend_from_slice(session);
            ticket.extend_from_slice(&deadline.as_secs().to_be_bytes());
            let (_, sealed) = ticket.split_at_mut(NONCE_LEN);
            let tag = key.aead.seal_in_place_separate_tag(nonce, Aad::from(CONTEXT), sealed).ok()?;
            ticket.extend_from_slice(tag.as_ref());
            Some(ticket)
        })
    }

    /// The session of a ticket that these keys have sealed, and its deadline, which is the caller's to compare. `None` for anything else.
    pub fn open(&self, ticket: &[u8]) -> Option<(Vec<u8>, UnixTime)> {
        let (nonce, sealed) = ticket.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut session = sealed.to_vec();
        let length = self.with_key(|key| {
            key.aead.open_in_place(nonce, Aad::from(CONTEXT), &mut session).ok().map(|open| open.len())
        })?;
        session.truncate(length);
        let deadline = session.split_off(length.checked_sub(DEADLINE_LEN)?);
        let seconds = u64::from_be_bytes(deadline.try_into().ok()?);
        Some((session, UnixTime::since_unix_epoch(Duration::from_secs(seconds))))
    }
}

impl Key {
    fn random() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(bytes.as_mut()).ok()?;
        let aead = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes.as_ref()).ok()?);
        Some(Self { aead, born: Birth::now() })
    }
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionKeys").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// The lifetime of a ticket whose key has `left` to live, in whole seconds, and not less than one: 0 would say that the ticket is not
/// to be used at all (RFC 8446 section 4.6.1). It is the key that ends a ticket, not this.
fn hint(left: Duration) -> u32 {
    u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(1)
}

impl ProducesTickets for SessionKeys {
    fn enabled(&self) -> bool {
        true
    }

    /// What is left of the key's life: a hint to the client.
    fn lifetime(&self) -> u32 {
        self.with_key(|key| Some(hint(key.born.left(self.lifetime, Birth::now())))).unwrap_or_default()
    }

    /// A ticket for the session of the handshake that this is called in; none where nobody has been judged.
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain, findings::ticket_deadline()?)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let (session, deadline) = self.open(cipher)?;
        if super::now() > deadline {
            return None;
        }
        findings::ticket_opened(deadline);
        Some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUTURE: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(u32::MAX as u64));

    #[test]
    fn a_ticket_is_opened_by_the_keys_that_issued_it_and_by_no_others() {
        let (keys, others) = (SessionKeys::new(MAX_LIFETIME), SessionKeys::new(MAX_LIFETIME));
        let ticket = keys.seal(b"session", FUTURE).unwrap();
        assert_eq!(keys.open(&ticket), Some((b"session".to_vec(), FUTURE)), "control");
        others.seal(b"other", FUTURE).unwrap();
        assert_eq!(others.open(&ticket), None);
    }

    #[test]
    fn two_tickets_for_one_session_have_nothing_in_common() {
        let keys = SessionKeys::new(MAX_LIFETIME);
        let (one, other) = (keys.seal(b"session", FUTURE).unwrap(), keys.seal(b"session", FUTURE).unwrap());
        assert_ne!(one[..NONCE_LEN], other[..NONCE_LEN]);
        assert_ne!(one[NONCE_LEN..], other[NONCE_LEN..]);
    }

    #[test]
    fn a_ticket_with_any_bit_changed_is_not_opened_and_nothing_panics_on_what_is_none() {
        let keys = SessionKeys::new(MAX_LIFETIME);
        let ticket = keys.seal(b"session", FUTURE).unwrap();
        for bit in 0..ticket.len() * 8 {
            let mut tampered = ticket.clone();
            tampered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(keys.open(&tampered), None, "bit {bit}");
        }
        for length in 0..ticket.len() {
            assert_eq!(keys.open(&ticket[..length]), None, "{length} bytes");
        }
        assert!(keys.open(&ticket).is_some(), "control");
    }

    #[test]
    fn at_the_end_of_an_epoch_its_tickets_are_void_and_no_more_are_issued() {
        let keys = SessionKeys::new(MAX_LIFETIME);
        let ticket = keys.seal(b"session", FUTURE).unwrap();
        keys.end();
        assert_eq!(keys.open(&ticket), None);
        assert_eq!(keys.seal(b"session", FUTURE), None);
        assert_eq!(keys.erase_if_due(), None);
    }

    #[test]
    fn a_key_whose_time_is_up_opens_nothing_is_erased_and_gives_way_without_overlap() {
        let keys = SessionKeys::new(MAX_LIFETIME);
        let ticket = keys.seal(b"session", FUTURE).unwrap();
        assert!(keys.erase_if_due().is_some_and(|left| left <= MAX_LIFETIME), "control: it still has time");
        age(&keys, MAX_LIFETIME);
        assert_eq!(keys.open(&ticket), None, "before anybody has erased it");
        assert_eq!(keys.erase_if_due(), None);
        assert!(matches!(*keys.key.read().unwrap(), Slot::Empty));
        keys.seal(b"next", FUTURE).unwrap();
        assert_eq!(keys.open(&ticket), None, "the next key is another");
    }

    #[test]
    fn renewing_a_ticket_does_not_prolong_its_key() {
        let keys = SessionKeys::new(MAX_LIFETIME);
        let first = keys.seal(b"session", FUTURE).unwrap();
        age(&keys, MAX_LIFETIME - Duration::from_secs(1));
        let (session, deadline) = keys.open(&first).unwrap();
        let renewed = keys.seal(&session, deadline).unwrap();
        age(&keys, Duration::from_secs(1));
        assert_eq!(keys.open(&renewed), None);
    }

    #[test]
    fn a_clock_that_was_set_back_ends_a_key() {
        let now = Birth::now();
        let before = Birth { wall: now.wall - Duration::from_secs(1), ..now };
        assert_eq!(now.left(MAX_LIFETIME, before), Duration::ZERO);
        let asleep = Birth { wall: now.wall + MAX_LIFETIME, ..now };
        assert_eq!(now.left(MAX_LIFETIME, asleep), Duration::ZERO, "the machine slept");
        assert_eq!(now.left(MAX_LIFETIME, now), MAX_LIFETIME, "control");
    }

    #[test]
    fn an_oversized_session_gets_no_ticket() {
        let keys = SessionKeys::new(MAX_LIFETIME);
        assert!(keys.seal(&vec![0; MAX_SESSION], FUTURE).is_some(), "control");
        assert_eq!(keys.seal(&vec![0; MAX_SESSION + 1], FUTURE), None);
    }

    #[test]
    fn a_ticket_that_is_good_for_less_than_a_second_is_not_told_to_be_good_for_nothing() {
        assert_eq!(hint(Duration::from_nanos(999_999_999)), 1);
        assert_eq!(hint(Duration::from_millis(2_900)), 2, "control");
        assert_eq!(hint(MAX_LIFETIME), 3600, "control");
        let keys = SessionKeys::new(MAX_LIFETIME);
        assert_eq!(keys.lifetime(), 0, "control: there is no key");
        keys.seal(b"session", FUTURE).unwrap();
        age(&keys, MAX_LIFETIME - Duration::from_secs(600));
        assert!((1..=600).contains(&keys.lifetime()));
        keys.end();
        assert_eq!(keys.lifetime(), 0);
    }

    #[test]
    fn no_lifetime_is_longer_than_an_hour() {
        assert_eq!(SessionKeys::new(Duration::from_secs(86_400)).lifetime, MAX_LIFETIME);
    }

    #[tokio::test]
    async fn a_ticket_carries_the_deadline_of_its_verdict_and_is_void_past_it() {
        let keys = SessionKeys::new(MAX_LIFETIME);
        let past = UnixTime::since_unix_epoch(Duration::from_secs(1));
        let (live, dead) = (keys.seal(b"live", FUTURE).unwrap(), keys.seal(b"dead", past).unwrap());
        assert_eq!(keys.decrypt(&dead), None);
        let (renewed, _) = findings::observe(async {
            assert_eq!(keys.decrypt(&live).as_deref(), Some(b"live".as_slice()), "control");
            keys.encrypt(b"renewed").unwrap()
        })
        .await;
        assert_eq!(keys.open(&renewed), Some((b"renewed".to_vec(), FUTURE)), "a renewed one keeps it");
        assert_eq!(keys.encrypt(b"outside of any handshake"), None);
        let (unjudged, _) = findings::observe(async { keys.encrypt(b"nobody was judged") }).await;
        assert_eq!(unjudged, None);
    }

    /// Makes the key as old as if `time` had passed.
    fn age(keys: &SessionKeys, time: Duration) {
        if let Slot::Live(key) = &mut *keys.key.write().unwrap() {
            key.born = Birth { steady: key.born.steady - time, wall: key.born.wall - time };
        }
    }
}
