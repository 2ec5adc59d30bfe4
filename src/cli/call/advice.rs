//! What to do where no answer came.

use rustls::{CertificateError, Error};

use super::connections::Attempt;
use crate::caller::{Failure, Stage};
use crate::cli::advice::{Advice, Shown, Whom, connecting, handshake, refusal};
use crate::tls::now;

/// What to do about a call that got no answer.
pub(super) fn advice(failure: &Failure, attempt: &Attempt) -> String {
    let shown = Shown::new(attempt.credential.as_ref(), attempt.wanted.clone(), now());
    match failure {
        Failure::Unreachable(_) | Failure::TimedOut { stage: Stage::Connecting, .. } => {
            told(connecting(failure, Whom::IssuerHost))
        }
        Failure::Refused(alert) => told(refusal(Some(*alert), Whom::IssuerHost, &shown)),
        Failure::Closed(_) if shown.is_out_of_time() => told(refusal(None, Whom::IssuerHost, &shown)),
        Failure::TimedOut { stage: Stage::Handshake, .. }
        | Failure::Closed(Stage::Handshake)
        | Failure::ServerRefused(Error::InvalidMessage(_) | Error::PeerIncompatible(_)) => {
            told(handshake(failure, Whom::IssuerHost, &shown))
        }
        Failure::TimedOut { stage: Stage::Exchange, .. } => {
            "the server, or the backend behind it, takes its time: see its log, or write a longer --timeout".to_owned()
        }
        Failure::ServerRefused(error) => server_advice(error).to_owned(),
        Failure::Closed(_) => {
            "the server, or a load balancer before it, has ended it: see their logs for this moment".to_owned()
        }
        Failure::AnswerTooLong { .. } => {
            "is this the right host and path? What Thales expects is a few kilobytes long at most".to_owned()
        }
        Failure::Broken { .. } => "see the server's log for this moment".to_owned(),
    }
}

fn told(advice: Advice) -> String {
    let Advice { requirement, meaning, to_do } = advice;
    let about = requirement.map(|requirement| format!(" ({requirement})")).unwrap_or_default();
    format!("{meaning}; {to_do}{about}")
}

fn server_advice(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "name the CA of the server's certificate with --server-ca; Thales needs it as well where Mozilla does not trust it (O9)"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the certificate is for another name: correct it, or write --server-name",
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired: renew it, and tell Thales before its CA changes (O10)"
        }
        _ => "Thales would refuse this server as well: see `issuer-host check` on the server's side",
    }
}
