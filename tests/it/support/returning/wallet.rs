//! The sessions of a caller, offered to whomever it calls: names do not matter.

use std::fmt;
use std::sync::Mutex;

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls_pki_types::ServerName;

/// Sessions, newest last. A session of TLS 1.3 is offered once, as RFC 8446 (appendix C.4) wants it.
#[derive(Default)]
pub(super) struct Wallet(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    tls12: Option<Tls12ClientSessionValue>,
    tls13: Vec<Tls13ClientSessionValue>,
    aside12: Option<Tls12ClientSessionValue>,
    aside13: Option<Tls13ClientSessionValue>,
    offered: usize,
}

impl Wallet {
    /// How many sessions were offered so far.
    pub(super) fn offered(&self) -> usize {
        self.0.lock().unwrap().offered
    }

    pub(super) fn set_aside(&self) {
        let mut contents = self.0.lock().unwrap();
        contents.aside12 = contents.tls12.take();
        contents.aside13 = contents.tls13.pop();
        assert!(contents.aside12.is_some() || contents.aside13.is_some(), "there is no session to set aside");
    }

    pub(super) fn bring_back(&self) {
        let mut contents = self.0.lock().unwrap();
        let (aside12, aside13) = (contents.aside12.take(), contents.aside13.take());
        assert!(aside12.is_some() || aside13.is_some(), "no session was set aside");
        contents.tls12 = aside12.or_else(|| contents.tls12.take());
        contents.tls13.extend(aside13);
    }
}

impl ClientSessionStore for Wallet {
    fn set_kx_hint(&self, _name: ServerName<'static>, _group: NamedGroup) {}

    fn kx_hint(&self, _name: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.0.lock().unwrap().tls12 = Some(session);
    }

    fn tls12_session(&self, _name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let mut contents = self.0.lock().unwrap();
        let session = contents.tls12.clone();
        contents.offered += usize::from(session.is_some());
        session
    }

    fn remove_tls12_session(&self, _name: &ServerName<'static>) {
        self.0.lock().unwrap().tls12 = None;
    }

    fn insert_tls13_ticket(&self, _name: ServerName<'static>, session: Tls13ClientSessionValue) {
        self.0.lock().unwrap().tls13.push(session);
    }

    fn take_tls13_ticket(&self, _name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut contents = self.0.lock().unwrap();
        let session = contents.tls13.pop();
        contents.offered += usize::from(session.is_some());
        session
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Wallet({} offered)", self.offered())
    }
}
