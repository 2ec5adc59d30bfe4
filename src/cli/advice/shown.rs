//! What is known of the client certificate when a server refuses.

use rustls_pki_types::UnixTime;

use crate::caller::ClientCredential;
use crate::pki::CertificateFacts;
use crate::pki::facts::minute;

/// What a client had to show, and what the server wanted to see.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Shown {
    /// Leaf first, as far as they can be read; empty = there is no client certificate.
    chain: Vec<CertificateFacts>,
    /// The CAs whose certificates the server asked for, none where it did not say; `None` = it has not asked for a certificate.
    wanted: Option<Vec<String>>,
    now: UnixTime,
}

/// That a certificate is not valid now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OutOfTime {
    /// Whether it is the client's own, and not one of a CA above it.
    pub(super) is_leaf: bool,
    pub(super) has_expired: bool,
    /// `the client certificate has expired (2026-01-31 23:59 UTC)`
    pub(super) words: String,
}

impl Shown {
    /// `wanted` as a caller has it: [`Wanted::authorities`](crate::caller::Wanted::authorities).
    pub(in crate::cli) fn new(
        credential: Option<&ClientCredential>,
        wanted: Option<Vec<String>>,
        now: UnixTime,
    ) -> Self {
        let chain = credential.map(ClientCredential::chain).unwrap_or_default();
        Self { chain: chain.iter().filter_map(|der| CertificateFacts::from_der(der).ok()).collect(), wanted, now }
    }

    /// Neither anything to show nor anything that was asked for.
    pub(in crate::cli) fn nothing(now: UnixTime) -> Self {
        Self { chain: Vec::new(), wanted: None, now }
    }

    /// Whether a certificate that the server asked for is not valid now, or one of the chain above it.
    pub(in crate::cli) fn is_out_of_time(&self) -> bool {
        self.out_of_time().is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chain.is_empty()
    }

    pub(super) fn was_asked_for(&self) -> bool {
        self.wanted.is_some()
    }

    /// `CN=One CA and CN=Another CA`; empty where the server names none.
    pub(super) fn wanted_names(&self) -> String {
        /// More names than these are counted.
        const SHOWN: usize = 3;
        let names = self.wanted.as_deref().unwrap_or_default();
        let mut shown: Vec<String> = names.iter().take(SHOWN).cloned().collect();
        if names.len() > SHOWN {
            shown.push(format!("{} more", names.len() - SHOWN));
        }
        shown.join(" and ")
    }

    /// The first certificate of the chain that is not valid now; none where the server has seen none of them.
    pub(super) fn out_of_time(&self) -> Option<OutOfTime> {
        if !self.was_asked_for() {
            return None;
        }
        self.chain.iter().enumerate().find_map(|(index, facts)| {
            let has_expired = self.now > facts.not_after;
            let how = if has_expired {
                format!("has expired ({})", minute(facts.not_after))
            } else if self.now < facts.not_before {
                format!("is not valid yet (before {})", minute(facts.not_before))
            } else {
                return None;
            };
            let is_leaf = index == 0;
            let who = if is_leaf {
                "the client certificate".to_owned()
            } else {
                format!("the CA {} above the client certificate", facts.subject)
            };
            Some(OutOfTime { is_leaf, has_expired, words: format!("{who} {how}") })
        })
    }

    #[cfg(test)]
    pub(super) fn of(chain: Vec<CertificateFacts>, wanted: Option<Vec<String>>, now: UnixTime) -> Self {
        Self { chain, wanted, now }
    }

    /// The same at a server that has asked for none.
    #[cfg(test)]
    pub(super) fn unasked(self) -> Self {
        Self { wanted: None, ..self }
    }
}
