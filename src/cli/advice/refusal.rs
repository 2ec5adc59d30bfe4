//! What a server's refusal means: by its alert (RFC 8446 section 6.2), and by what is known of the client certificate.
//!
//! Servers do not choose alerts alike: Java's say `certificate_unknown` of whatever is wrong, others close without a word. What the dates of
//! the certificate tell goes before what such an alert tells.

use rustls::AlertDescription as Alert;

use super::{Advice, Shown, Whom};
use crate::thales::Requirement;
use crate::thales::inbound::InboundProduct;

/// What to do where only the server can tell.
const LOG: &str = "see the server's log for this moment";

/// What it means that a server has refused with this alert; `None` = without one, by an end of the connection or in HTTP.
pub(in crate::cli) fn refusal(alert: Option<Alert>, whom: Whom, shown: &Shown) -> Advice {
    if let Some(advice) = alert.and_then(|alert| of_protocol(alert, whom, shown)) {
        return advice;
    }
    if !(shown.was_asked_for() || alert == Some(Alert::CertificateRequired)) {
        return unasked(whom);
    }
    if shown.is_empty() {
        let to_do = "show one: --client-certificate FILE --client-key FILE";
        return Advice::new("the server wants a client certificate, and there was none to show", to_do).on(by(
            whom,
            Requirement::O1,
            Requirement::I1,
        ));
    }
    let out_of_time = shown.out_of_time();
    let vague = matches!(
        alert,
        None | Some(
            Alert::CertificateExpired | Alert::BadCertificate | Alert::CertificateUnknown | Alert::HandshakeFailure
        )
    );
    if let Some(found) = out_of_time.as_ref().filter(|_| vague) {
        let to_do = match (whom, found.has_expired, found.is_leaf) {
            (_, false, _) => "show one that is valid now, or set this machine's clock if it is wrong",
            (Whom::IssuerHost, true, true) => "show its successor: the server is right to refuse this one",
            (Whom::Thales(_), true, true) => {
                "renew it: issuer-host csr, or issuer-host client-cert for merchant tokenization"
            }
            (_, true, false) => "put the CA's new certificate into the file of the chain",
        };
        return Advice::new(&found.words, to_do).on(by(whom, Requirement::O5, Requirement::I6));
    }
    let advice = match whom {
        Whom::IssuerHost => of_issuer_host(alert, shown),
        Whom::Thales(product) => of_thales(alert, product),
    };
    match out_of_time {
        Some(found) => Advice { meaning: format!("{}; besides, {}", advice.meaning, found.words), ..advice },
        None => advice,
    }
}

/// What ends before the server has asked for a client certificate: whatever is wrong, it is not that one.
fn unasked(whom: Whom) -> Advice {
    match whom {
        Whom::IssuerHost => Advice::new("the server does not go on, and has asked for no client certificate", LOG),
        Whom::Thales(_) => Advice::new("the server does not go on", super::way::OPEN),
    }
}

/// Alerts that no certificate of the client has to do with.
fn of_protocol(alert: Alert, whom: Whom, shown: &Shown) -> Option<Advice> {
    const THALES: &str = "Thales speaks TLS 1.2 and 1.3: is this Thales' server, and nothing in between?";
    Some(match (alert, whom) {
        (Alert::UnrecognisedName, Whom::IssuerHost) => {
            Advice::new("no environment of the server has this name", "name ISSUER_HOST: --server-name NAME")
                .on(Requirement::O11)
        }
        (Alert::UnrecognisedName, Whom::Thales(_)) => {
            Advice::new("the server knows no such name", "call the host by the name that Thales gives")
                .on(Requirement::I7)
        }
        (Alert::ProtocolVersion, Whom::IssuerHost) => {
            Advice::new("the server does not speak this version of TLS", "write another --tls").on(Requirement::O2)
        }
        (Alert::HandshakeFailure, Whom::IssuerHost) if !shown.was_asked_for() => {
            let to_do = "issuer-host check --live tells what the server takes";
            Advice::new("there is no version, cipher suite or group in common", to_do).on(Requirement::O2)
        }
        (Alert::ProtocolVersion, Whom::Thales(_)) => Advice::new("no version or cipher suite in common", THALES),
        (Alert::HandshakeFailure, Whom::Thales(_)) if !shown.was_asked_for() => {
            Advice::new("no version or cipher suite in common", THALES)
        }
        (Alert::NoApplicationProtocol, Whom::IssuerHost) => {
            Advice::new("the server does not speak this version of HTTP", "write another --http").on(Requirement::O14)
        }
        _ => return None,
    })
}

fn of_issuer_host(alert: Option<Alert>, shown: &Shown) -> Advice {
    const CLIENT_CA: &str = "show a certificate of a CA in the server's client_ca: `issuer-host check` tells which these are. In production that is \
                             the Thales Client CA alone, and no other is added for a trial. Where its CA is among them, a revocation list \
                             is out of date, or an intermediate is missing in the file that was given";
    let advice = match alert {
        Some(Alert::UnknownCA) => {
            let names = shown.wanted_names();
            let names = if names.is_empty() { String::new() } else { format!("; it names {names}") };
            let meaning = format!("no CA that the server trusts has issued the client certificate{names}");
            Advice::new(meaning, CLIENT_CA)
        }
        Some(Alert::BadCertificate) => Advice::new(
            "the server cannot read the client certificate, or cannot follow its chain",
            "the file has to hold the leaf first, then each intermediate",
        ),
        Some(Alert::CertificateExpired) => Advice::new(
            "the server takes the client certificate for expired, which by this machine's clock it is not",
            "compare the clocks of both machines, and look at the dates of the CAs above it",
        ),
        Some(Alert::CertificateRevoked) => Advice::new(
            "the client certificate, or a CA above it, stands in the server's revocation list",
            "show another one; where that is a mistake, put a new list of its CA into crl",
        ),
        Some(Alert::UnsupportedCertificate) => Advice::new(
            "the client certificate is not made for clients, or its key is of a kind that the server does not take",
            "take one with clientAuth in its extendedKeyUsage, and with an RSA or EC P-256 key",
        ),
        Some(Alert::CertificateUnknown) => Advice::new(
            "the server does not take the client certificate, and does not say why",
            format!("{CLIENT_CA}; or client_subject keeps it out"),
        ),
        Some(Alert::AccessDenied) => Advice::new(
            "its CA is trusted, and this client certificate is not admitted",
            "see client_subject of the server's configuration",
        ),
        Some(Alert::CertificateRequired) => Advice::new(
            "the client certificate was not shown: the server takes no signature of its kind of key",
            "take one with an RSA or EC P-256 key",
        ),
        Some(Alert::DecryptError) => Advice::new(
            "the server could not verify a signature",
            "look whether each certificate of the file is signed by the next one; else something on the way opens TLS",
        ),
        None => Advice::new("the server does not say why", CLIENT_CA),
        Some(_) => return Advice::new("the server does not go on", LOG),
    };
    advice.on(Requirement::O5)
}

fn of_thales(alert: Option<Alert>, product: Option<InboundProduct>) -> Advice {
    let unknown = match product {
        Some(InboundProduct::Merchant) => {
            "have Thales endorse this certificate for this environment: through the portal, or by hand; the sandbox and \
             production do not know each other's"
        }
        Some(_) => {
            "show the certificate that the Thales CA of this environment signed, with the intermediates that came with it; \
             pre-production and production have a CA each"
        }
        None => {
            "xPay and D1 take what the Thales CA of the environment signed, merchant tokenization what was endorsed there"
        }
    };
    let (requirement, meaning, to_do) = match alert {
        Some(Alert::UnknownCA) => (
            Requirement::I1,
            "the server does not know who issued it: not endorsed yet, or the certificate of another environment",
            unknown,
        ),
        Some(Alert::CertificateUnknown) => {
            let to_do = format!("{unknown}; else compare the CN with what Thales gave (I4)");
            return Advice::new("the server does not take it, and does not say why", to_do).on(Requirement::I1);
        }
        Some(Alert::BadCertificate | Alert::AccessDenied) => (
            Requirement::I4,
            "it is known, and not taken: not endorsed yet, of another environment, or with another CN than Thales expects",
            "compare the CN with what Thales gave (I4), and ask Thales whether this certificate is endorsed for this environment",
        ),
        Some(Alert::CertificateExpired) => (
            Requirement::I6,
            "the server takes it for expired, which by this machine's clock it is not",
            "set this machine's clock if it is wrong; else look at the dates of the CAs above it, and tell Thales",
        ),
        Some(Alert::CertificateRevoked) => {
            (Requirement::I1, "it has been revoked", "ask Thales why, and for a new one with a new key")
        }
        Some(Alert::UnsupportedCertificate) => (
            Requirement::I2,
            "its key, its signature or its purpose is not taken",
            "look at the kind of the key (I2) and for clientAuth in its extendedKeyUsage",
        ),
        Some(Alert::CertificateRequired) => (
            Requirement::I2,
            "the server demands a certificate, and yours was not shown: it takes no signature of its kind of key",
            "look at the kind of the key (I2)",
        ),
        Some(Alert::HandshakeFailure) => (Requirement::I1, "the server does not take it", unknown),
        Some(Alert::DecryptError) => (
            Requirement::I1,
            "the server could not verify the signature made with the key",
            "a device that opens TLS on the way does this; have this host let through untouched",
        ),
        None => (Requirement::I1, "the server does not say why", unknown),
        Some(_) => (Requirement::I1, "the server does not go on", unknown),
    };
    Advice::new(meaning, to_do).on(requirement)
}

/// What it is about at an ISSUER_HOST, and at Thales.
fn by(whom: Whom, issuer_host: Requirement, thales: Requirement) -> Requirement {
    match whom {
        Whom::IssuerHost => issuer_host,
        Whom::Thales(_) => thales,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::minting::{Minted, ca, client, now, valid};

    const BOTH: [Whom; 2] = [Whom::IssuerHost, Whom::Thales(None)];

    /// A leaf and its CA, each valid now or in these years, shown to a server that asked for a certificate.
    fn shown(leaf: Option<(i32, i32)>, issuing: Option<(i32, i32)>) -> Shown {
        let dated = |params, years: Option<(i32, i32)>| match years {
            Some((from, to)) => valid(params, from, to),
            None => params,
        };
        let issuing = Minted::self_signed(dated(ca("issuing"), issuing));
        let leaf = issuing.issue(dated(client("leaf"), leaf));
        Shown::of(vec![leaf.facts(), issuing.facts()], Some(vec!["CN=Wanted".to_owned()]), now())
    }

    #[test]
    fn the_dates_of_the_certificate_go_before_an_alert_that_may_mean_anything() {
        for (leaf, issuing, words) in [
            (Some((2021, 2022)), None, "the client certificate has expired (20"),
            (Some((2090, 2091)), None, "the client certificate is not valid yet (before 20"),
            (None, Some((2021, 2022)), "the CA CN=issuing,O=Test above the client certificate has expired (20"),
        ] {
            let shown = shown(leaf, issuing);
            for (alert, whom) in [None, Some(Alert::CertificateExpired), Some(Alert::CertificateUnknown)]
                .into_iter()
                .flat_map(|alert| BOTH.map(|whom| (alert, whom)))
            {
                let advice = refusal(alert, whom, &shown);
                assert!(advice.meaning.starts_with(words), "{alert:?} {whom:?}: {advice:?}");
                assert!(!advice.to_do.contains("client_ca"), "{advice:?}");
            }
            // This one says what it means; the dates come on top.
            let advice = refusal(Some(Alert::UnknownCA), Whom::IssuerHost, &shown);
            assert!(advice.to_do.contains("client_ca") && advice.meaning.contains(words), "{advice:?}");
        }
        let in_time = refusal(None, Whom::IssuerHost, &shown(None, None));
        assert!(in_time.to_do.contains("client_ca"), "control: {in_time:?}");
    }

    #[test]
    fn an_expiry_that_the_dates_do_not_bear_out_is_a_matter_of_clocks() {
        for whom in BOTH {
            let advice = refusal(Some(Alert::CertificateExpired), whom, &shown(None, None));
            assert!(advice.meaning.contains("which by this machine's clock it is not"), "{advice:?}");
        }
    }

    #[test]
    fn each_alert_about_a_certificate_has_words_of_its_own() {
        let alerts = [
            Alert::UnknownCA,
            Alert::CertificateExpired,
            Alert::CertificateRevoked,
            Alert::UnsupportedCertificate,
            Alert::AccessDenied,
            Alert::CertificateUnknown,
            Alert::CertificateRequired,
            Alert::DecryptError,
            Alert::InternalError,
        ];
        for whom in BOTH {
            let told: std::collections::HashSet<_> =
                alerts.map(|alert| refusal(Some(alert), whom, &shown(None, None)).meaning).into();
            assert_eq!(told.len(), alerts.len(), "{told:?}");
        }
        let revoked = refusal(Some(Alert::CertificateRevoked), Whom::IssuerHost, &shown(None, None));
        assert!(revoked.meaning.contains("revocation list") && !revoked.to_do.contains("client_ca"), "{revoked:?}");
        let unknown = refusal(Some(Alert::UnknownCA), Whom::IssuerHost, &shown(None, None));
        assert!(unknown.meaning.ends_with("it names CN=Wanted"), "{unknown:?}");
    }

    /// Java's servers say `certificate_unknown` of whatever is wrong.
    #[test]
    fn an_alert_that_says_nothing_is_no_proof_of_trust() {
        let told = |alert, whom| refusal(Some(alert), whom, &shown(None, None));
        let unknown = told(Alert::CertificateUnknown, Whom::IssuerHost);
        assert!(unknown.meaning.ends_with("does not say why"), "{unknown:?}");
        assert!(unknown.to_do.contains("client_ca") && unknown.to_do.contains("client_subject"), "{unknown:?}");
        let denied = told(Alert::AccessDenied, Whom::IssuerHost);
        assert!(denied.meaning.contains("is trusted") && !denied.to_do.contains("client_ca"), "control: {denied:?}");
        for (product, words) in [(InboundProduct::Merchant, "endorse"), (InboundProduct::XPay, "Thales CA of this")] {
            let unknown = told(Alert::CertificateUnknown, Whom::Thales(Some(product)));
            assert!(!unknown.meaning.contains("known,"), "{unknown:?}");
            assert!(unknown.to_do.contains(words) && unknown.to_do.contains("(I4)"), "{unknown:?}");
        }
    }

    #[test]
    fn who_has_no_certificate_is_not_told_what_is_wrong_with_it() {
        let nothing = Shown::of(Vec::new(), Some(Vec::new()), now());
        let alerts = [
            Alert::UnknownCA,
            Alert::BadCertificate,
            Alert::CertificateUnknown,
            Alert::CertificateExpired,
            Alert::UnsupportedCertificate,
            Alert::AccessDenied,
            Alert::CertificateRequired,
            Alert::InternalError,
        ];
        for whom in BOTH {
            for alert in alerts.map(Some).into_iter().chain([None]) {
                let advice = refusal(alert, whom, &nothing);
                assert!(advice.to_do.contains("--client-certificate FILE"), "{alert:?}: {advice:?}");
            }
            // Nobody sends this one without having asked.
            let advice = refusal(Some(Alert::CertificateRequired), whom, &Shown::nothing(now()));
            assert!(advice.to_do.contains("--client-certificate FILE"), "{advice:?}");
        }
    }

    #[test]
    fn a_certificate_that_nobody_asked_for_is_not_the_reason() {
        let expired = shown(Some((2021, 2022)), None);
        assert!(expired.is_out_of_time(), "control");
        let unasked = expired.unasked();
        assert!(!unasked.is_out_of_time());
        for whom in BOTH {
            for alert in [None, Some(Alert::CertificateUnknown), Some(Alert::InternalError)] {
                let Advice { requirement, meaning, to_do } = refusal(alert, whom, &unasked);
                assert!(meaning.starts_with("the server does not go on"), "{alert:?}: {meaning}");
                assert!(!to_do.contains("client_ca") && requirement.is_none(), "{alert:?}: {to_do}");
            }
        }
    }

    #[test]
    fn a_handshake_failure_is_about_the_certificate_only_where_one_was_asked_for() {
        let asked = |wanted| Shown::of(Vec::new(), wanted, now());
        for whom in BOTH {
            let before = refusal(Some(Alert::HandshakeFailure), whom, &asked(None));
            assert!(before.meaning.contains("in common"), "{before:?}");
            let after = refusal(Some(Alert::HandshakeFailure), whom, &asked(Some(Vec::new())));
            assert!(after.to_do.contains("--client-certificate FILE"), "{after:?}");
        }
    }
}
