//! The rows of the table.

mod closed;

use super::{Kind, Label, Metric};
use closed as of;
pub(crate) use closed::{SECOND_KEY_REASONS, TOKEN_REASONS};

const ENVIRONMENT: Label = Label::configured("environment", "an environment of the configuration");
const KNOWN_ENVIRONMENT: Label = Label::configured(
    "environment",
    "an environment of the configuration; empty where the caller was gone before it named one",
);
const PRODUCT: Label = Label::closed("product", of::PRODUCTS);
const OPERATION: Label = Label::configured(
    "operation",
    "an operation of the catalogue or the configuration; `unknown` for calls of none, empty where calls are not told apart",
);
const FILE: Label =
    Label::configured("file", "the path as it is configured; empty where the text stands in the configuration");
const BACKEND: Label = Label::configured("backend", "a backend of the configuration; empty for the environment's own");

macro_rules! metrics {
    ($($(#[$section:meta])* $constant:ident = $name:literal, $kind:ident [$($label:expr),*] $help:literal => $advice:literal;)*) => {
        $(
            #[doc = $help]
            pub(crate) const $constant: &Metric = &Metric {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
                advice: $advice,
            };
        )*

        /// All metrics, in the order in which they are told.
        pub const ALL: &[&Metric] = &[$($constant),*];
    };
}

metrics! {
    BUILD = "issuer_host_build", Info [Label::configured("version", "the version of the release")]
        "The version that runs"
        => "Join it to other series, or watch that all replicas run the same version.";
    READY = "issuer_host_ready", Gauge []
        "Whether callers should be sent here: 1, or 0 while starting and draining"
        => "0 for longer than a start or a drain takes: see the log.";

    HANDSHAKES = "issuer_host_handshakes", Counter [
            KNOWN_ENVIRONMENT,
            Label::closed("outcome", &["accepted", "failed"]),
            Label::closed("reason", of::HANDSHAKE_REASONS),
            Label::closed("tls_version", &["", "TLSv1.2", "TLSv1.3"]),
            Label::closed("session", &["", "full", "remembered", "resumed"])
        ]
        "Handshakes: accepted, with a chain that was judged anew (full), one that was accepted before (remembered) or a session that was resumed; or failed for a reason"
        => "Failures with the reason of a certificate are callers that cannot get in: the log and the console name them.";
    HANDSHAKES_IN_FLIGHT = "issuer_host_handshakes_in_flight", Gauge []
        "Handshakes that have not ended"
        => "Near its limit for long: callers that are slow or hostile, or too little CPU.";
    HANDSHAKES_LIMIT = "issuer_host_handshakes_limit", Gauge []
        "Handshakes that may be unfinished at once"
        => "It is `server.max_handshakes`.";
    HANDSHAKES_DISPLACED = "issuer_host_handshakes_displaced", Counter []
        "Unfinished handshakes that gave way to newer ones"
        => "It grows in a flood of connections; honest callers get in meanwhile. Look at where they come from.";
    CONNECTIONS = "issuer_host_connections", Gauge [ENVIRONMENT]
        "Connections of verified clients"
        => "Zero where Thales calls all the time: nobody gets here, or in.";
    RETIRED_CONNECTIONS = "issuer_host_retired_connections", Counter [ENVIRONMENT]
        "Connections that ended because the verdict on their client held no longer"
        => "It grows after a CA was removed or a certificate was revoked or ended; otherwise look at who it was.";
    PERMITS_IN_USE = "issuer_host_connection_permits_in_use", Gauge []
        "Connections in whatever state, on all listeners"
        => "Compare it with its limit.";
    PERMITS_LIMIT = "issuer_host_connection_permits_limit", Gauge []
        "Connections that there may be at once"
        => "It is `server.max_connections`.";
    PERMITS_EXHAUSTED = "issuer_host_connection_permits_exhausted", Counter []
        "Times that no connection could be accepted before another ended"
        => "Callers wait in the kernel's queue meanwhile: raise `server.max_connections`, or add a replica.";
    ACCEPT_ERRORS = "issuer_host_accept_errors", Counter []
        "Connections that could not be accepted for want of something of ours, such as file descriptors"
        => "The log says of what; most often the limit of open files is too low.";
    ADMIN_CONNECTIONS_DISPLACED = "issuer_host_admin_connections_displaced", Counter []
        "Connections to the admin listener that gave way to newer ones while no administrator waited for an answer on them"
        => "It grows in a flood of connections; probes get in meanwhile. Look at who can reach the admin listener.";

    CERTIFICATE_EXPIRY = "issuer_host_certificate_expiry_timestamp_seconds", Gauge [
            ENVIRONMENT,
            Label::closed("kind", &["backend_client", "client_ca", "endorsed_chain", "server_chain"]),
            FILE
        ]
        "notAfter of the certificate of a file that ends first, in seconds since 1970"
        => "Replace it in time: callers are refused when the client CA has ended, and refuse us when the server chain has; so does a backend when what it is shown has.";
    CRL_NEXT_UPDATE = "issuer_host_crl_next_update_timestamp_seconds", Gauge [ENVIRONMENT, FILE]
        "nextUpdate of the revocation list of a file that ends first, in seconds since 1970; past it the clients that it covers are refused"
        => "Fetch the next list before.";
    SECOND_KEY_EXPIRY = "issuer_host_second_key_expiry_timestamp_seconds", Gauge [
            ENVIRONMENT,
            Label::closed("kind", &["api_key", "client_secret"]),
            Label::configured("name", "the name of the key, or the id of the client and the name of the secret")
        ]
        "When an API key or a client secret is good no more, in seconds since 1970; those that do not expire have no series"
        => "Have Thales use the next one before.";
    EPOCH = "issuer_host_epoch", Gauge [ENVIRONMENT]
        "Number of the TLS material in force, from 1"
        => "It grows with each change of certificates that was installed.";
    RELOADS = "issuer_host_reloads", Counter [ENVIRONMENT, Label::closed("outcome", &["unchanged", "installed", "kept"])]
        "Reloads by outcome: unchanged, installed, or kept because what was found is not good"
        => "`kept` grows for as long as files are not good; the log says why.";
    RELOAD_LAST_SUCCESS = "issuer_host_reload_last_success_timestamp_seconds", Gauge [ENVIRONMENT]
        "When everything of the environment was found to be good last, in seconds since 1970"
        => "Older than the pause between polls: nobody looks any more, or what is found is not good.";
    RELOAD_FAILING = "issuer_host_reload_failing", Gauge [ENVIRONMENT]
        "Whether the last look found something that is not good, so that what was in force before stays: 1, or 0"
        => "Mend the files that the log names; the next poll takes them up.";
    CONFIGURATION_REFUSED = "issuer_host_configuration_refused", Gauge []
        "Whether the configuration that was read last is not good, so that the one before stays, or a part of it: 1, or 0"
        => "Mend it: the next start would fail. `issuer-host check` says what is wrong.";
    CONFIGURATION_NEEDS_RESTART = "issuer_host_configuration_needs_restart", Gauge []
        "Whether settings were changed that count from the next start on: 1, or 0"
        => "Restart when it suits; the log names the keys.";

    REQUESTS = "issuer_host_requests", Counter [
            ENVIRONMENT,
            PRODUCT,
            OPERATION,
            Label::closed("status_class", of::STATUS_CLASSES),
            Label::closed("retryable", &["", "false", "true"])
        ]
        "Requests by product, operation, class of the answer's status (none: the caller went before), and whether a failure is worth a retry"
        => "5xx are failures here or behind; 4xx with `retryable=\"false\"` are calls that Thales gives up. 2xx and 5xx of the operations that there are begin at 0.";
    REQUEST_DURATION = "issuer_host_request_duration_seconds", Histogram [ENVIRONMENT, PRODUCT, OPERATION]
        "From the head of a request to the head of its answer"
        => "Take quantiles of it with `histogram_quantile`; nearly all of it is the backend's time.";
    REQUESTS_IN_FLIGHT = "issuer_host_requests_in_flight", Gauge [ENVIRONMENT]
        "Requests without an answer yet"
        => "It grows when the backend is slow.";
    SECOND_KEY_REFUSALS = "issuer_host_second_key_refusals", Counter [
            ENVIRONMENT,
            PRODUCT,
            Label::closed("reason", SECOND_KEY_REASONS)
        ]
        "Calls of verified clients without the API key, token or issuer id that their product demands"
        => "A rotation that is half done, or a caller that should not be there.";

    BACKEND_CONNECTIONS = "issuer_host_backend_connections", Gauge [ENVIRONMENT, BACKEND]
        "Connections to a backend that are open, idle ones included"
        => "Compare it with `max_idle_connections`.";
    BACKEND_CONNECTS = "issuer_host_backend_connects", Counter [
            ENVIRONMENT,
            BACKEND,
            Label::closed("outcome", &["connected", "failed", "timeout"])
        ]
        "Attempts to connect to a backend: name, TCP and TLS together"
        => "Many that succeed: the backend closes idle connections sooner than `idle_timeout`, or more are needed at once than are kept.";
    BACKEND_REQUESTS = "issuer_host_backend_requests", Counter [ENVIRONMENT, BACKEND]
        "Requests that were passed on to a backend, or were to be"
        => "Compare its failures with it.";
    BACKEND_REQUESTS_IN_FLIGHT = "issuer_host_backend_requests_in_flight", Gauge [ENVIRONMENT, BACKEND]
        "Requests that a backend has not answered to their end"
        => "It grows when the backend is slow.";
    BACKEND_FAILURES = "issuer_host_backend_failures", Counter [
            ENVIRONMENT,
            BACKEND,
            Label::closed("reason", &["broken", "body", "timeout", "unavailable"])
        ]
        "Requests that a backend did not answer: it could not be reached (unavailable), took too long (timeout), broke off before the head of its answer (broken) or in the body (body)"
        => "See whether the backend is up; the log has the cause.";

    TOKEN_REQUESTS = "issuer_host_token_requests", Counter [
            ENVIRONMENT,
            Label::closed("outcome", &["issued", "refused"]),
            Label::closed("reason", TOKEN_REASONS)
        ]
        "Requests for access tokens of our own; refused with the error that the caller was told, or because the secret has expired"
        => "`invalid_client` is a wrong secret: a rotation that is half done, or somebody who guesses.";
    JWKS_REFRESHES = "issuer_host_jwks_refreshes", Counter [ENVIRONMENT, Label::closed("outcome", &["failed", "fetched"])]
        "Fetches of an identity provider's keys"
        => "See the cause of failures in the log: while there are no keys, tokens are refused.";
    JWKS_LAST_SUCCESS = "issuer_host_jwks_last_success_timestamp_seconds", Gauge [ENVIRONMENT]
        "When an identity provider's keys were fetched last, in seconds since 1970"
        => "Keys are used for a day or so without a fetch; mend the way to the provider before.";

    ADMIN_REQUESTS = "issuer_host_admin_requests", Counter [Label::closed("outcome", of::ADMIN_OUTCOMES)]
        "Requests for what is for administrators alone, and attempts to sign in: allowed, or refused; `unauthenticated` shows no credential, `wrong_token` and `throttled` show one that is wrong"
        => "Wrong tokens that go on: a script with an old token, or somebody who guesses; `admin_refused` in the log says where from.";

    INBOX_RECEIVED = "issuer_host_inbox_received", Counter [ENVIRONMENT, PRODUCT, OPERATION]
        "Notifications that were stored, durably, before they were acknowledged"
        => "What Thales sent; compare it with what was delivered.";
    INBOX_DEDUPLICATED = "issuer_host_inbox_deduplicated", Counter [ENVIRONMENT, PRODUCT, OPERATION]
        "Notifications that were known as repeats, and acknowledged alike"
        => "Repeats are normal after failures; many of them mean that acknowledgements do not arrive.";
    INBOX_DELIVERED = "issuer_host_inbox_delivered", Counter [ENVIRONMENT, PRODUCT, OPERATION]
        "Entries that a destination has taken"
        => "Falls behind what is received: see what is pending.";
    INBOX_RETRIED = "issuer_host_inbox_retried", Counter [ENVIRONMENT, PRODUCT, OPERATION]
        "Attempts to deliver that have to be made again"
        => "The destination is down or says no for now; the log has the cause.";
    INBOX_DEAD = "issuer_host_inbox_dead", Counter [ENVIRONMENT, PRODUCT, OPERATION]
        "Entries that became dead letters"
        => "Each needs a decision: `issuer-host inbox list --state dead`.";
    INBOX_PENDING = "issuer_host_inbox_pending", Gauge [ENVIRONMENT, PRODUCT, OPERATION]
        "Entries that have to be delivered"
        => "It grows while a destination is down.";
    INBOX_DEAD_LETTERS = "issuer_host_inbox_dead_letters", Gauge [ENVIRONMENT, PRODUCT, OPERATION]
        "Dead letters that wait for a decision"
        => "Replay or discard them: what is behind them in their lanes waits.";
    INBOX_OLDEST_PENDING = "issuer_host_inbox_oldest_pending_timestamp_seconds", Gauge [ENVIRONMENT, PRODUCT, OPERATION]
        "When the entry was received that has been waiting for longest, in seconds since 1970"
        => "How late deliveries are: `time()` less this.";
    INBOX_FAILURES = "issuer_host_inbox_failures", Counter [Label::closed("error", of::STORE_ERRORS)]
        "Transactions and looks at the store that failed, and notifications that were refused since it is full or too much waits, by what was wrong"
        => "Nothing is acknowledged that was not stored; see to the disk or the database.";
    INBOX_COMMIT_DURATION = "issuer_host_inbox_commit_duration_seconds", Histogram []
        "What a durable transaction of the store takes"
        => "Every acknowledgement of a notification waits for one.";
    INBOX_COMMIT_ENTRIES = "issuer_host_inbox_commit_entries", Histogram []
        "Notifications that shared a transaction"
        => "More than one at a time is what keeps a slow disk usable.";
    INBOX_DESTINATION_UP = "issuer_host_inbox_destination_up", Gauge [ENVIRONMENT, BACKEND]
        "Whether a destination takes deliveries: 1, or 0 while it is left alone after failures in a row"
        => "Entries are kept meanwhile; see why it is down.";
    INBOX_FULL = "issuer_host_inbox_full", Gauge []
        "Whether the store takes more than `inbox.max_size`, so that notifications have to come again: 1, or 0"
        => "Get what is pending delivered, discard dead letters, or raise the limit.";
    INBOX_SIZE = "issuer_host_inbox_size_bytes", Gauge []
        "What the store's entries take, as far as it was weighed"
        => "Compare it with `inbox.max_size` and with the disk.";

    TRACE_SPANS = "issuer_host_trace_spans", Counter [Label::closed("outcome", &["lost", "sent"])]
        "Spans that the collector has (sent), or that it did not take or that there were too many of (lost); none without `traces.otlp_url`"
        => "`lost` grows while the collector is away or too slow; no call waits for it. Lower `traces.sample`, or mend the collector.";

    PROCESS_CPU = "process_cpu_seconds", Counter []
        "CPU time of the process, user and system"
        => "Its rate is the number of cores in use.";
    PROCESS_MEMORY = "process_resident_memory_bytes", Gauge []
        "Memory that the process has in RAM"
        => "Compare it with the limit of the container.";
    PROCESS_OPEN_FDS = "process_open_fds", Gauge []
        "Open file descriptors"
        => "Each connection takes one, and each forwarded call one more.";
    PROCESS_MAX_FDS = "process_max_fds", Gauge []
        "File descriptors that may be open"
        => "Should be twice `server.max_connections` and some.";
    PROCESS_START_TIME = "process_start_time_seconds", Gauge []
        "When the process was started, in seconds since 1970"
        => "It jumps with each restart.";
    PROCESS_THREADS = "process_threads", Gauge []
        "Threads of the process"
        => "One for each core, and some for work that blocks.";
}
