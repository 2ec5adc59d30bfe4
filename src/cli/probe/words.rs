//! What a failure means on the way to Thales, and what to do about it.

use crate::caller::resolution::ResolutionError;
use crate::caller::{Failure, Stage};
pub(super) use crate::cli::advice::seconds;

/// What to do about a name that came to nothing.
pub(super) fn resolution(error: &ResolutionError) -> &'static str {
    match error {
        ResolutionError::NoServer(_) => "name one with --dns ADDRESS, or in /etc/resolv.conf",
        ResolutionError::NotAName(_) => "write the name as Thales gives it",
        ResolutionError::NeverThere(_) => "this is no name of the internet's: write the name as Thales gives it",
        ResolutionError::NoSuchName => {
            "is it spelt as Thales gives it? An internal name server may know internal names alone: ask a public one with --dns to \
             compare. Names of the hosts file and of search domains do not count here"
        }
        ResolutionError::NoAddress => {
            "compare with another name server (--dns); where it knows no address either, tell Thales"
        }
        ResolutionError::ServerFailed => {
            "the name server cannot find out, or its DNSSEC check fails: ask another one (--dns), and tell whoever runs it"
        }
        ResolutionError::Refused => "it does not answer this machine: ask the one that your network provides (--dns)",
        ResolutionError::OtherCode(_) => "ask another name server (--dns), and tell whoever runs this one",
        ResolutionError::Silent(_) => {
            "is the address of the name server right, and may this machine send to it by UDP and TCP at port 53?"
        }
        ResolutionError::Unreachable(_) => "is the address of the name server right, and does it run?",
    }
}

/// Whether a failed exchange may be the server's way to refuse the client's certificate: in TLS 1.3 it does so after the handshake.
pub(super) fn may_be_refusal(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Refused(_) | Failure::Closed(_) | Failure::Broken { stage: Stage::Exchange | Stage::Handshake, .. }
    )
}
