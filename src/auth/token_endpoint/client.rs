//! Who asks for a token: the secret is compared with all of the client's, and wrong ones are slowed down.

use std::time::SystemTime;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::answer::{Failure, Refused};
use super::options::{Client, GuessLimit};
use super::request::Credentials;
use crate::auth::Throttle;
use crate::auth::secret::{Finding, LiveSecret, Shown, find, sha256};

/// All clients of an endpoint.
pub(super) struct Clients {
    known: Vec<Known>,
    /// Stands for every id that nobody has: as slow as one that somebody has.
    nobody: Known,
    throttle: Throttle,
}

struct Known {
    id_digest: [u8; 32],
    client: Client,
}

impl Known {
    fn is_somebody(&self) -> bool {
        !self.client.id.is_empty()
    }
}

/// A client and the secret that it showed.
pub(super) struct Identified<'c> {
    pub(super) client: &'c Client,
    pub(super) secret: &'c LiveSecret,
}

impl Clients {
    pub(super) fn new(clients: Vec<Client>, guesses: GuessLimit) -> Self {
        let known = |client: Client| Known { id_digest: sha256(client.id.as_bytes()), client };
        let most = clients.iter().map(|client| client.secrets.len()).max().unwrap_or(1);
        let nothing = LiveSecret { name: String::new(), username: None, digest: [0; 32], expires: None };
        let nobody = Client { id: String::new(), secrets: vec![nothing; most], scopes: Vec::new() };
        Self {
            known: clients.into_iter().map(known).collect(),
            nobody: known(nobody),
            throttle: Throttle::new(guesses),
        }
    }

    /// Their secrets: the client's id, the secret's name, and from when on it is good no more.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&str, &str, Option<SystemTime>)> {
        self.known.iter().flat_map(|Known { client, .. }| {
            client.secrets.iter().map(|secret| (client.id.as_str(), secret.name.as_str(), secret.expires))
        })
    }

    /// The client that `shown` belongs to. While the `caller`, told by the SHA-256 of its certificate, is slowed down at it, the secret is
    /// not even looked at.
    pub(super) fn identify(
        &self,
        shown: &Credentials,
        caller: &[u8; 32],
        now: SystemTime,
    ) -> Result<Identified<'_>, Failure> {
        let mut ids: Vec<_> = shown.ways.iter().map(|(id, _)| sha256(id.as_bytes())).collect();
        ids.dedup();
        let named = ids.iter().map(|id| self.named(id));
        let known = named.reduce(|one, other| if one.is_somebody() { one } else { other }).unwrap_or(&self.nobody);
        let client = &known.client;
        let secrets: Vec<Shown> = shown.ways.iter().map(|(_, secret)| Shown::new(secret)).collect();
        // One guess, in however many ways it can be understood. It counts for each id that it can name, so that no way to write one
        // has an allowance of its own.
        let attempt = self.throttle.attempt(caller, &ids, now, || {
            match find(&client.secrets, now, |live| secrets.iter().fold(false, |is, shown| is | shown.is(live))) {
                // Whatever is shown for an id that nobody has is wrong.
                Finding::Live(secret) if known.is_somebody() => Ok(secret),
                Finding::Expired(secret) => Err(Some(secret)),
                Finding::Live(_) | Finding::None => Err(None),
            }
        });
        match attempt {
            Ok(Ok(secret)) => Ok(Identified { client, secret }),
            Ok(Err(expired)) => Err(Failure::of(Refused::InvalidClient).by(&client.id).with_expired(expired)),
            Err(wait) => Err(Failure::of(Refused::SlowDown(wait)).by(&client.id)),
        }
    }

    /// Compares with every id, whichever it is.
    fn named(&self, digest: &[u8; 32]) -> &Known {
        let mut named = &self.nobody;
        for known in &self.known {
            if verify_slices_are_equal(&known.id_digest, digest).is_ok() {
                named = known;
            }
        }
        named
    }
}

impl Client {
    /// The scopes that it gets when it asks for `requested`: these, or all of its own.
    pub(super) fn granted(&self, requested: Option<&str>) -> Result<String, Refused> {
        let Some(requested) = requested else { return Ok(self.scopes.join(" ")) };
        let mut granted: Vec<&str> = Vec::new();
        for scope in requested.split(' ').filter(|scope| !scope.is_empty()) {
            if !self.scopes.iter().any(|own| own == scope) {
                return Err(Refused::InvalidScope);
            }
            if !granted.contains(&scope) {
                granted.push(scope);
            }
        }
        if granted.is_empty() { Err(Refused::InvalidScope) } else { Ok(granted.join(" ")) }
    }
}
