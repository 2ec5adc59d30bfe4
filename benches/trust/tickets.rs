//! What keeps sessions: our session keys, beside what rustls brings.

use std::hint::black_box;
use std::time::Duration;

use issuer_host::tls::session::{MAX_LIFETIME, SessionKeys};
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};
use rustls_pki_types::UnixTime;

use crate::Error;
use crate::cpu::{micros_each, time_of};
use crate::report::row;

/// A session with a chain of two certificates of the larger kind, in bytes.
const SESSION_BYTES: usize = 2560;
/// Sessions that a store holds: an hour of callers that resume little.
const STORED: u32 = 20_000;

const LABEL: &str = "session-2.5kB";

/// Measures a ticket sealed and opened, a session put and taken.
pub(crate) fn measure(rounds: u32, calls: u32) -> Result<(), Error> {
    let session = vec![7; SESSION_BYTES];
    let deadline = UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()) + MAX_LIFETIME);
    let ours = SessionKeys::new(MAX_LIFETIME);
    let theirs = Ticketer::new()?;
    let store = ServerSessionMemoryCache::new(STORED as usize);
    for number in 0..STORED {
        store.put(key(number), session.clone());
    }
    let mut next = STORED;

    let (mut sealed, mut ticketed, mut stored) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        sealed.push(micros_each(time_of(|| with_ours(&ours, &session, deadline, calls))?, calls));
        ticketed.push(micros_each(time_of(|| with_theirs(theirs.as_ref(), &session, calls))?, calls));
        stored.push(micros_each(time_of(|| with_store(store.as_ref(), &session, next, calls))?, calls));
        next += calls;
    }
    let first = Some(("ours", sealed.as_slice()));
    row(LABEL, "ours", "us/session", &sealed, None);
    row(LABEL, "rustls Ticketer", "us/session", &ticketed, first);
    row(LABEL, "rustls store of 20000", "us/session", &stored, first);
    Ok(())
}

fn with_ours(keys: &SessionKeys, session: &[u8], deadline: UnixTime, calls: u32) -> Result<(), Error> {
    for _ in 0..calls {
        let ticket = keys.seal(session, deadline).ok_or("no ticket")?;
        black_box(keys.open(&ticket).ok_or("no session")?);
    }
    Ok(())
}

fn with_theirs(ticketer: &dyn ProducesTickets, session: &[u8], calls: u32) -> Result<(), Error> {
    for _ in 0..calls {
        let ticket = ticketer.encrypt(session).ok_or("no ticket")?;
        black_box(ticketer.decrypt(&ticket).ok_or("no session")?);
    }
    Ok(())
}

/// A full store: each call puts a session and takes one from its middle.
fn with_store(store: &dyn StoresServerSessions, session: &[u8], next: u32, calls: u32) -> Result<(), Error> {
    for number in next..next + calls {
        store.put(key(number), session.to_vec());
        black_box(store.take(&key(number - STORED / 2)).ok_or("no session")?);
    }
    Ok(())
}

fn key(number: u32) -> Vec<u8> {
    [[0; 28].as_slice(), &number.to_be_bytes()].concat()
}
