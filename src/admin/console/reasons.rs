//! What the reasons mean for which callers are refused, and what to do about each.

/// What a reason means, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) meaning: &'static str,
    pub(super) to_do: &'static str,
}

const fn reason(meaning: &'static str, to_do: &'static str) -> Reason {
    Reason { meaning, to_do }
}

/// Whoever calls has written the subject himself: it is no reason to trust whoever has issued it.
const CLIENT_CA: &str = "Nothing, as a rule: strangers are kept out, and any name can stand in a certificate of theirs. A new Client CA \
    comes from Thales' portal or contact, whose SHA-256 is compared with that of the file, and never from a connection.";
const OTHER_CERTIFICATE: &str = "Ask Thales whether a certificate with this SHA-256 is theirs: then another one is needed. The name alone proves nothing.";
const PROBE: &str =
    "Nothing, if it is a scanner. Has Thales called? Then look at what stands between Thales and this server.";

/// By the name of the reason in logs and metrics.
pub(super) fn of(name: &str) -> Reason {
    match name {
        "unknown_issuer" => reason("No CA in client_ca has issued the certificate.", CLIENT_CA),
        "no_certificate" => reason(
            "The caller showed no certificate.",
            "Was it Thales? Then ask that mutual TLS is switched on for this host. A browser shows none either.",
        ),
        "expired" => reason(
            "The certificate, or a CA above it, has expired.",
            "Ask the caller to renew it; look at the Client CA in the timeline, and at the clock of this machine.",
        ),
        "not_yet_valid" => reason(
            "The certificate, or a CA above it, is not valid yet.",
            "Compare the clock of this machine with the date at which the certificate begins.",
        ),
        "revoked" => reason(
            "The certificate, or a CA above it, has been revoked.",
            "The caller needs another certificate. Where that is a mistake, put a new list of the CA into crl.",
        ),
        "revocation_unknown" => reason(
            "No valid revocation list covers the certificate, and revocation = \"require\" asks for one.",
            "Put the list of each CA above the certificate into crl.",
        ),
        "crl_expired" => reason(
            "The revocation list that covers the certificate has expired.",
            "Put the CA's newest list into crl: until then all of that CA's clients are refused.",
        ),
        "subject_not_admitted" => reason(
            "Its CA is trusted, and client_subject does not admit this subject.",
            "If it should be let in, change client_subject: issuer-host check shows which patterns match.",
        ),
        "wrong_extended_key_usage" => {
            reason("The certificate is not made for clients: clientAuth is missing.", OTHER_CERTIFICATE)
        }
        "wrong_key_usage" => reason("The certificate may not make digital signatures.", OTHER_CERTIFICATE),
        "ca_as_leaf" => reason("A CA certificate was shown in the place of the caller's own.", OTHER_CERTIFICATE),
        "weak_or_unsupported" => reason("A key or signature is too weak, or of an unknown kind.", OTHER_CERTIFICATE),
        "name_constraint" => reason("A CA above the certificate may not issue for this name.", OTHER_CERTIFICATE),
        "unknown_critical_extension" => {
            reason("The certificate has a critical extension that is not understood.", OTHER_CERTIFICATE)
        }
        "malformed_certificate" => reason("The certificate cannot be read.", OTHER_CERTIFICATE),
        "issuer_not_ca" => reason("A certificate of the chain was issued by one that is no CA.", OTHER_CERTIFICATE),
        "path_too_long" => {
            reason("There are more CAs above the certificate than one of them allows.", OTHER_CERTIFICATE)
        }
        "chain_too_long" | "too_expensive" => reason(
            "The caller sent more certificates than an honest chain has.",
            "Was it Thales? Then ask for the leaf and its intermediates only.",
        ),
        "bad_signature" => reason(
            "A signature of the chain does not verify.",
            "A CA of the same name with another key may have issued it. Compare the SHA-256 of client_ca with what Thales' portal or contact \
             says; never take a CA from a connection.",
        ),
        "environment_closed" => reason(
            "The environment was taken out of the configuration.",
            "Nothing, if that was meant: callers connect again, to another environment or to none.",
        ),
        "server_name_missing" => reason("The caller did not say which host it wants.", PROBE),
        "server_name_unknown" => reason(
            "No environment has the host that the caller wants.",
            "Compare ISSUER_HOST as Thales has it with the hosts of the environments above.",
        ),
        "incompatible" => reason("Caller and server have no TLS version, cipher suite or group in common.", PROBE),
        "no_application_protocol" => reason("The caller speaks neither HTTP/2 nor HTTP/1.1.", PROBE),
        "alert_from_client" => reason(
            "The caller did not accept this server's certificate.",
            "Compare the server chain with what Thales was given: issuer-host chain shows it.",
        ),
        _ => reason("The certificate does not pass.", "Look for this time in the log: event client_refused."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Refusal;
    use crate::tls::handshake::HandshakeFailure;
    use crate::tls::hosts::HostRefusal;

    #[test]
    fn each_reason_to_refuse_a_certificate_has_words_of_its_own() {
        let refusals = [
            Refusal::ChainTooLong { max: 8 },
            Refusal::Malformed,
            Refusal::UnknownIssuer,
            Refusal::Expired,
            Refusal::NotYetValid,
            Refusal::WrongExtendedKeyUsage,
            Refusal::WrongKeyUsage,
            Refusal::CaAsLeaf,
            Refusal::IssuerNotCa,
            Refusal::PathTooLong,
            Refusal::NameConstraint,
            Refusal::BadSignature,
            Refusal::WeakOrUnsupported,
            Refusal::UnknownCriticalExtension,
            Refusal::SubjectNotAdmitted,
            Refusal::TooExpensive,
            Refusal::Revoked,
            Refusal::RevocationUnknown,
            Refusal::RevocationListExpired,
            Refusal::EnvironmentClosed,
        ];
        let other = of(Refusal::Other.reason());
        for refusal in refusals {
            assert_ne!(of(refusal.reason()), other, "{}", refusal.reason());
        }
    }

    #[test]
    fn nothing_invites_to_trust_the_authority_of_whoever_called() {
        for name in ["unknown_issuer", "bad_signature"] {
            let to_do = of(name).to_do;
            assert!(to_do.contains("from a connection") && to_do.contains("SHA-256"), "{name}: {to_do}");
            assert!(!to_do.contains("Was it Thales?"), "{name}: {to_do}");
        }
    }

    #[test]
    fn each_reason_for_which_an_honest_caller_may_have_none_has_words_too() {
        let text = String::new;
        let failures = [
            HandshakeFailure::NoCertificate,
            HandshakeFailure::Host(HostRefusal::NameMissing),
            HandshakeFailure::Host(HostRefusal::NameUnknown),
            HandshakeFailure::Incompatible(text()),
            HandshakeFailure::NoApplicationProtocol,
            HandshakeFailure::Alert(text()),
        ];
        let other = of(Refusal::Other.reason());
        for name in failures.iter().map(HandshakeFailure::reason) {
            assert_ne!(of(name), other, "{name}");
        }
    }
}
