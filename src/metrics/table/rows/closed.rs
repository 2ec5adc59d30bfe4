//! The closed lists of label values.

/// Products, as the catalogue names them; empty where that is not known.
pub(super) const PRODUCTS: &[&str] = &["", "tsh", "tsh-auxiliary", "tsp", "d1", "d1-ecom", "cof", "transit"];

/// Classes of the status of an answer.
pub(super) const STATUS_CLASSES: &[&str] = &["2xx", "3xx", "4xx", "5xx", "none"];

/// Why a handshake failed; empty where it did not.
pub(super) const HANDSHAKE_REASONS: &[&str] = &[
    "",
    // The client's chain.
    "bad_signature",
    "ca_as_leaf",
    "chain_too_long",
    "crl_expired",
    "environment_closed",
    "expired",
    "issuer_not_ca",
    "malformed_certificate",
    "name_constraint",
    "not_yet_valid",
    "other_refusal",
    "path_too_long",
    "revocation_unknown",
    "revoked",
    "subject_not_admitted",
    "too_expensive",
    "unknown_critical_extension",
    "unknown_issuer",
    "weak_or_unsupported",
    "wrong_extended_key_usage",
    "wrong_key_usage",
    // What else a client did or left out.
    "alert_from_client",
    "incompatible",
    "io",
    "no_application_protocol",
    "no_certificate",
    "not_tls",
    "peer_closed",
    "protocol",
    "proxy_protocol",
    "server_name_missing",
    "server_name_unknown",
    // What we did.
    "displaced",
    "draining",
    "timeout",
];

/// Why a call of a verified client was refused.
pub(crate) const SECOND_KEY_REASONS: &[&str] = &[
    "algorithm",
    "audience",
    "environment",
    "expired",
    "issuer",
    "issuer_id_missing",
    "issuer_id_twice",
    "issuer_id_unknown",
    "malformed",
    "missing",
    "no_keys",
    "not_yet_valid",
    "scope",
    "several",
    "signature",
    "too_long",
    "unknown_key",
    "wrong",
];

/// Why there was no access token; empty where there was one.
pub(crate) const TOKEN_REASONS: &[&str] = &[
    "",
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "secret_expired",
    "server_error",
    "temporarily_unavailable",
    "unsupported_grant_type",
];

/// What came of a request for what is for administrators.
pub(super) const ADMIN_OUTCOMES: &[&str] =
    &["allowed", "failed", "forbidden", "forged", "throttled", "unauthenticated", "unknown_host", "wrong_token"];

/// What was wrong with the inbox' store.
pub(super) const STORE_ERRORS: &[&str] =
    &["busy", "corrupt", "denied", "foreign", "full", "newer", "outdated", "read-only", "rejected", "unavailable"];
