//! What to do where no answer came.

use std::io::ErrorKind;

use rustls::{AlertDescription as Alert, CertificateError, Error};

use super::connections::Attempt;
use crate::caller::{Failure, Stage};

/// What to do about a call that got no answer.
pub(super) fn advice(failure: &Failure, attempt: &Attempt) -> String {
    match failure {
        Failure::Unreachable(error) if error.kind() == ErrorKind::ConnectionRefused => {
            "nobody listens there: start the server, or name its port in the URL".to_owned()
        }
        Failure::Unreachable(_) => "check the name, the port, and the firewalls on the way (O3, O4)".to_owned(),
        Failure::TimedOut { stage: Stage::Connecting, .. } => {
            "a firewall may drop the packets: Thales has no list of addresses to allow, the port has to be open (O4)"
                .to_owned()
        }
        Failure::TimedOut { stage: Stage::Handshake, .. } => {
            "what listens there may speak no TLS, or wait for a PROXY protocol header".to_owned()
        }
        Failure::TimedOut { stage: Stage::Exchange, .. } => {
            "the server, or the backend behind it, takes its time: see its log, or write a longer --timeout".to_owned()
        }
        Failure::Refused(alert) => alert_advice(*alert, attempt),
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

fn alert_advice(alert: Alert, attempt: &Attempt) -> String {
    const SHOW: &str = "show a client certificate: --client-certificate FILE --client-key FILE (O1)";
    match alert {
        Alert::CertificateRequired => SHOW.to_owned(),
        Alert::HandshakeFailure if !attempt.has_credential => SHOW.to_owned(),
        Alert::UnknownCA => {
            let mut text =
                "the CA of your client certificate is none that the server trusts (client_ca, O5)".to_owned();
            if !attempt.authorities.is_empty() {
                text.push_str("; it names ");
                text.push_str(&attempt.authorities.join(" and "));
            }
            text
        }
        Alert::BadCertificate => {
            "the server cannot follow your chain: the file has to hold the leaf first, then each intermediate"
                .to_owned()
        }
        Alert::CertificateExpired => "your client certificate has expired, or is not valid yet".to_owned(),
        Alert::CertificateRevoked => "your client certificate stands in the server's revocation list".to_owned(),
        Alert::UnsupportedCertificate => {
            "your client certificate is not made for clients, or its key is of a kind that the server does not take"
                .to_owned()
        }
        Alert::AccessDenied | Alert::CertificateUnknown => {
            "the CA is trusted, this certificate is not admitted: see client_subject of the server's configuration"
                .to_owned()
        }
        Alert::UnrecognisedName => "no environment of the server has this name: write --server-name".to_owned(),
        Alert::ProtocolVersion => "the server does not speak this version of TLS: write another --tls (O2)".to_owned(),
        Alert::NoApplicationProtocol => {
            "the server does not speak this version of HTTP: write another --http".to_owned()
        }
        _ => "see the server's log for this moment".to_owned(),
    }
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
