//! What to do where no answer came.

use rustls::{CertificateError, Error};

use super::connections::Attempt;
use crate::caller::ClientCredential;
use crate::caller::{Failure, Stage};
use crate::cli::advice::{Advice, Shown, Whom, connecting, handshake, refusal};
use crate::pki::CertificateFacts;
use crate::tls::now;

/// What is known of the two sides of a call that got no answer.
pub(super) struct Known {
    shown: Shown,
    /// The server's chain, leaf first, as far as it was seen.
    chain: Vec<CertificateFacts>,
    /// Whether --server-ca names whom the server has to come from.
    own_server_ca: bool,
}

impl Known {
    pub(super) fn of(attempt: &Attempt) -> Self {
        let chain = attempt.presented.iter().filter_map(|der| CertificateFacts::from_der(der).ok()).collect();
        Self {
            chain,
            ..Self::without_chain(attempt.credential.as_ref(), attempt.wanted.clone(), attempt.own_server_ca)
        }
    }

    pub(super) fn without_chain(
        credential: Option<&ClientCredential>,
        wanted: Option<Vec<String>>,
        own_server_ca: bool,
    ) -> Self {
        Self { shown: Shown::new(credential, wanted, now()), chain: Vec::new(), own_server_ca }
    }
}

/// What to do about a call that got no answer.
pub(super) fn advice(failure: &Failure, known: &Known) -> String {
    let shown = &known.shown;
    match failure {
        Failure::Unreachable(_) | Failure::TimedOut { stage: Stage::Connecting, .. } => {
            told(connecting(failure, Whom::IssuerHost))
        }
        Failure::Refused(alert) => told(refusal(Some(*alert), Whom::IssuerHost, shown)),
        Failure::Closed(_) if shown.is_out_of_time() => told(refusal(None, Whom::IssuerHost, shown)),
        Failure::TimedOut { stage: Stage::Handshake, .. }
        | Failure::Closed(Stage::Handshake)
        | Failure::ServerRefused(Error::PeerIncompatible(_)) => told(handshake(failure, Whom::IssuerHost, shown)),
        // What it means is what `problem` says.
        Failure::ServerRefused(Error::InvalidMessage(_)) => handshake(failure, Whom::IssuerHost, shown).to_do,
        Failure::TimedOut { stage: Stage::Exchange, .. } => {
            "the server, or the backend behind it, takes its time: see its log, or write a longer --timeout".to_owned()
        }
        Failure::ServerRefused(error) => server_advice(error, known),
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

/// What is wrong, without the words of the TLS library where people know others.
pub(super) fn problem(failure: &Failure) -> String {
    let Failure::ServerRefused(error) = failure else { return failure.to_string() };
    let meaning = match error {
        Error::InvalidMessage(_) => "what answers there speaks no TLS",
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate does not lead to a CA that is trusted here"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another name",
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "its certificate, or that of a CA above it, has expired"
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "its certificate, or that of a CA above it, is not valid yet"
        }
        _ => return failure.to_string(),
    };
    format!("the server was refused: {meaning}")
}

fn server_advice(error: &Error, known: &Known) -> String {
    let advice = match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => return unknown_issuer(known),
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the certificate is for another name: correct it, or write --server-name",
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired: renew it, and tell Thales before its CA changes (O10)"
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "is this machine's clock right? Else serve one that is valid now"
        }
        _ => "Thales would refuse this server as well: see `issuer-host check` on the server's side",
    };
    advice.to_owned()
}

/// The usual reason is that the server sends its own certificate alone.
fn unknown_issuer(known: &Known) -> String {
    const WHOLE_CHAIN: &str =
        "serve the whole chain: the server's own certificate first, each followed by its issuer (O8)";
    let named = if known.own_server_ca {
        "name the root above it with --server-ca: the file that is named now holds another CA"
    } else {
        "name the CA of the server's certificate with --server-ca; Thales needs it as well where Mozilla does not trust it (O9)"
    };
    match &known.chain[..] {
        [leaf] if !leaf.self_issued => format!(
            "the server's own certificate is all that is sent, and {}, which issued it, is not trusted here. Where that is an \
             intermediate, {WHOLE_CHAIN}; else {named}",
            leaf.issuer
        ),
        [.., top] => format!("what is sent ends at {}; {named}", top.issuer),
        [] => format!("{named}. Where the server sends its own certificate alone, {WHOLE_CHAIN}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::minting::{Minted, ca, client};

    #[test]
    fn a_server_that_is_not_trusted_is_told_of_by_what_it_sends_and_by_what_was_named() {
        let issuing = Minted::self_signed(ca("issuing"));
        let (leaf, issuing) = (issuing.issue(client("leaf")).facts(), issuing.facts());
        for (chain, own_server_ca, words) in [
            (vec![leaf.clone()], true, ["all that is sent", "serve the whole chain"]),
            (vec![leaf.clone()], false, ["all that is sent", "name the CA"]),
            (vec![leaf.clone(), issuing.clone()], true, ["ends at CN=issuing", "holds another CA"]),
            (vec![leaf, issuing], false, ["ends at CN=issuing", "name the CA"]),
            (Vec::new(), true, ["holds another CA", "serve the whole chain"]),
        ] {
            let known = Known { chain, ..Known::without_chain(None, None, own_server_ca) };
            let failure = Failure::ServerRefused(Error::InvalidCertificate(CertificateError::UnknownIssuer));
            let advice = advice(&failure, &known);
            assert!(words.iter().all(|word| advice.contains(word)), "{words:?}: {advice}");
            assert!(!problem(&failure).contains("UnknownIssuer"), "{}", problem(&failure));
        }
    }
}
