//! What a server does with sessions: whether it gives any out, takes them back, and takes early data.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Method;
use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;

use super::admission::{self, Outcome};
use super::{InspectionError, InspectionOptions};
use crate::caller::{Caller, Failure, TlsVersions};

/// What became of a session in one version of TLS, with the credential that was given.
#[derive(Debug)]
pub struct Resumed {
    /// The version.
    pub versions: TlsVersions,
    /// How many sessions the first connection was given.
    pub given: usize,
    /// Whether a session allows early data, which anybody can replay (RFC 8446 section 8).
    pub early_data: bool,
    /// Whether the second connection resumed one.
    pub resumed: bool,
    /// What became of the second connection.
    pub again: Outcome,
}

/// Two connections: one that is given sessions, and one that offers the newest.
pub(super) async fn ask(options: &InspectionOptions, versions: TlsVersions) -> Result<Resumed, InspectionError> {
    let sessions = Arc::new(Sessions::default());
    let mut caller = admission::caller(options, versions, options.credential.as_ref())?;
    Arc::make_mut(&mut caller.config).resumption =
        Resumption::store(Arc::clone(&sessions) as Arc<dyn ClientSessionStore>);
    // Of TLS 1.3 the tickets come after the handshake: with the answer they are there.
    let (_, first) = called(&caller, options).await?;
    let given = sessions.given.load(Ordering::Relaxed);
    let (resumed, again) = match first {
        Outcome::Answered(_) => called(&caller, options).await?,
        ended => (false, ended),
    };
    Ok(Resumed { versions, given, early_data: sessions.early_data.load(Ordering::Relaxed), resumed, again })
}

async fn called(caller: &Caller, options: &InspectionOptions) -> Result<(bool, Outcome), InspectionError> {
    match caller.connect().await {
        Ok(mut connection) => {
            let resumed = connection.seen().resumed;
            Ok((resumed, Outcome::of(admission::answer(&mut connection, options, Method::GET).await)))
        }
        Err(failure @ Failure::Unreachable(_)) => Err(failure.into()),
        Err(failure) => Ok((false, Outcome::of(Err(failure)))),
    }
}

/// Keeps sessions as rustls does, and counts them.
#[derive(Debug)]
struct Sessions {
    kept: ClientSessionMemoryCache,
    given: AtomicUsize,
    early_data: AtomicBool,
}

impl Default for Sessions {
    fn default() -> Self {
        // One server is called.
        const SERVERS: usize = 8;
        Self {
            kept: ClientSessionMemoryCache::new(SERVERS),
            given: AtomicUsize::new(0),
            early_data: AtomicBool::new(false),
        }
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.kept.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.kept.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.given.fetch_add(1, Ordering::Relaxed);
        self.kept.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.kept.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.kept.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.given.fetch_add(1, Ordering::Relaxed);
        if value.max_early_data_size() > 0 {
            self.early_data.store(true, Ordering::Relaxed);
        }
        self.kept.insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.kept.take_tls13_ticket(server_name)
    }
}
