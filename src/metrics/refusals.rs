//! Who was refused of late, and why: what the console shows. Bounded, whatever callers do.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// How many are remembered of those whose certificate a client CA has issued, of those with a certificate that anybody can make, and of
/// those without one: no stranger puts those out of sight that an operator has to do something about.
pub const REMEMBERED: usize = 100;
/// Longest part of a subject that is kept, in bytes; it is printable ASCII.
const LONGEST_SUBJECT: usize = 512;

/// A caller that was refused, once or several times for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCaller {
    /// When it was refused first.
    pub first: SystemTime,
    /// When it was refused last.
    pub last: SystemTime,
    /// How many times.
    pub times: u64,
    /// The environment that it wanted, once that was known.
    pub environment: Option<Arc<str>>,
    /// A stable name: the `reason` of `issuer_host_handshakes_total`.
    pub reason: &'static str,
    /// The subject of the certificate that it showed (RFC 4514, escaped, printable ASCII), where it could be read.
    pub subject: Option<String>,
    /// SHA-256 of that certificate.
    pub sha256: Option<[u8; 32]>,
    /// Where it came from the last time: of the socket, or from the PROXY header.
    pub address: IpAddr,
    /// Whether a client CA has issued its certificate, so that not anybody can be refused like that. Whether it holds the key is not known.
    pub of_client_ca: bool,
    /// Whether it had been admitted before, so that a connection of its was retired; else it was refused by the handshake.
    pub retired: bool,
}

/// What is known when a caller is refused.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    /// See [`RefusedCaller::environment`].
    pub environment: Option<&'a Arc<str>>,
    /// See [`RefusedCaller::reason`].
    pub reason: &'static str,
    /// Subject and SHA-256 of the certificate that it showed.
    pub certificate: Option<(&'a str, &'a [u8; 32])>,
    /// See [`RefusedCaller::address`].
    pub address: IpAddr,
    /// See [`RefusedCaller::of_client_ca`].
    pub of_client_ca: bool,
    /// See [`RefusedCaller::retired`].
    pub retired: bool,
}

/// The callers that were refused last. Cheap to clone; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    /// Newest last, all of them.
    of_client_ca: VecDeque<RefusedCaller>,
    with_certificate: VecDeque<RefusedCaller>,
    without: VecDeque<RefusedCaller>,
}

impl Refusals {
    /// A caller was refused at `now`. One that is known with the same reason, certificate and address is counted again; of those of a
    /// client CA whatever the address, since one certificate that somebody got hold of can be shown from a million.
    pub fn remember(&self, refused: &Refused<'_>, now: SystemTime) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Remembered { of_client_ca, with_certificate, without } = &mut *remembered;
        let ring = match refused.certificate {
            Some(_) if refused.of_client_ca => of_client_ca,
            Some(_) => with_certificate,
            None => without,
        };
        let known = ring.iter().position(|caller| refused.is_of(caller)).and_then(|place| ring.remove(place));
        let caller = match known {
            Some(caller) => {
                RefusedCaller { last: now, times: caller.times.saturating_add(1), address: refused.address, ..caller }
            }
            None => refused.begin(now),
        };
        ring.push_back(caller);
        if ring.len() > REMEMBERED {
            ring.pop_front();
        }
    }

    /// All that are remembered: those of a client CA, then the others; of either, the one that was refused last first.
    #[must_use]
    pub fn snapshot(&self) -> Vec<RefusedCaller> {
        let mut callers: Vec<_> = {
            let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Remembered { of_client_ca, with_certificate, without } = &*remembered;
            of_client_ca.iter().chain(with_certificate).chain(without).cloned().collect()
        };
        callers.sort_by_key(|caller| std::cmp::Reverse((caller.of_client_ca, caller.last)));
        callers
    }
}

impl Refused<'_> {
    fn is_of(&self, caller: &RefusedCaller) -> bool {
        self.reason == caller.reason
            && (self.of_client_ca || self.address == caller.address)
            && self.of_client_ca == caller.of_client_ca
            && self.retired == caller.retired
            && self.environment == caller.environment.as_ref()
            && self.certificate.map(|(_, sha256)| sha256) == caller.sha256.as_ref()
    }

    fn begin(&self, now: SystemTime) -> RefusedCaller {
        // It is ASCII, so that it can be cut anywhere.
        let subject = |subject: &str| subject.get(..LONGEST_SUBJECT).unwrap_or(subject).to_owned();
        RefusedCaller {
            first: now,
            last: now,
            times: 1,
            environment: self.environment.cloned(),
            reason: self.reason,
            subject: self.certificate.map(|(text, _)| subject(text)),
            sha256: self.certificate.map(|(_, sha256)| *sha256),
            address: self.address,
            of_client_ca: self.of_client_ca,
            retired: self.retired,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn refused(certificate: Option<(&'static str, &'static [u8; 32])>, address: u32) -> Refused<'static> {
        Refused {
            environment: None,
            reason: "expired",
            certificate,
            address: IpAddr::V4(address.into()),
            of_client_ca: false,
            retired: false,
        }
    }

    const ONE: Option<(&str, &[u8; 32])> = Some(("CN=one", &[1; 32]));

    #[test]
    fn a_caller_that_comes_again_is_counted_and_moves_to_the_front() {
        let refusals = Refusals::default();
        refusals.remember(&refused(ONE, 1), at(1));
        refusals.remember(&refused(ONE, 2), at(2));
        refusals.remember(&Refused { reason: "revoked", ..refused(ONE, 1) }, at(3));
        refusals.remember(&refused(ONE, 1), at(4));
        let callers = refusals.snapshot();
        let told: Vec<_> =
            callers.iter().map(|caller| (caller.reason, caller.first, caller.last, caller.times)).collect();
        assert_eq!(told, [("expired", at(1), at(4), 2), ("revoked", at(3), at(3), 1), ("expired", at(2), at(2), 1)]);
        assert_eq!(callers[0].subject.as_deref(), Some("CN=one"));
    }

    #[test]
    fn strangers_without_a_certificate_do_not_displace_callers_with_one() {
        let refusals = Refusals::default();
        refusals.remember(&refused(ONE, 0), at(0));
        for address in 1..1000 {
            refusals.remember(&refused(None, address), at(address.into()));
        }
        let callers = refusals.snapshot();
        assert_eq!(callers.len(), REMEMBERED + 1);
        assert_eq!(callers.last().unwrap().sha256, Some([1; 32]));
        // Control: other callers with a certificate do.
        for address in 1..=100 {
            refusals.remember(&refused(ONE, address), at(2000));
        }
        assert!(refusals.snapshot().iter().all(|caller| caller.last != at(0)));
        assert_eq!(refusals.snapshot().len(), 2 * REMEMBERED);
    }

    #[test]
    fn strangers_with_certificates_of_their_own_do_not_displace_callers_of_the_client_ca() {
        let refusals = Refusals::default();
        let of_client_ca = |certificate, address| Refused { of_client_ca: true, ..refused(certificate, address) };
        refusals.remember(&of_client_ca(ONE, 0), at(0));
        refusals.remember(&refused(ONE, 0), at(0));
        for address in 1..=1000 {
            // The same reason, which anybody can have who makes his own certificate.
            refusals.remember(&refused(ONE, address), at(address.into()));
        }
        let callers = refusals.snapshot();
        assert_eq!(callers.len(), REMEMBERED + 1, "control: the first stranger is gone");
        assert_eq!((callers[0].of_client_ca, callers[0].last), (true, at(0)), "first, although it is the oldest");
        assert!(callers[1..].iter().all(|caller| !caller.of_client_ca));
    }

    #[test]
    fn one_certificate_of_the_client_ca_has_one_place_wherever_it_is_shown_from() {
        let refusals = Refusals::default();
        for address in 0..1000 {
            refusals.remember(&Refused { of_client_ca: true, ..refused(ONE, address) }, at(address.into()));
        }
        let callers = refusals.snapshot();
        let told: Vec<_> = callers.iter().map(|caller| (caller.times, caller.address)).collect();
        assert_eq!(told, [(1000, IpAddr::V4(999.into()))]);
        refusals.remember(&Refused { of_client_ca: true, ..refused(Some(("CN=two", &[2; 32])), 0) }, at(0));
        assert_eq!(refusals.snapshot().len(), 2, "control: another certificate");
    }

    #[test]
    fn a_subject_is_kept_as_far_as_it_is_not_too_long() {
        static LONG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "a".repeat(10_000));
        let refusals = Refusals::default();
        refusals.remember(&refused(Some((&LONG, &[1; 32])), 1), at(1));
        assert_eq!(refusals.snapshot()[0].subject.as_ref().map(String::len), Some(LONGEST_SUBJECT));
    }
}
