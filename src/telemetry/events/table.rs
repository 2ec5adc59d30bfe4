//! The table.

use super::Event;

/// What nobody has to act on.
const NOTHING: &str = "Nothing.";

/// Makes a constant of each row, which is what code says `event = ` with, and [`ALL`] of all of them. A row that no code uses does
/// not pass the compiler.
macro_rules! events {
    ($($constant:ident = $name:literal, $levels:expr, $from:expr, $meaning:expr, $action:expr;)*) => {
        $(#[doc = concat!("`", $name, "`")] pub(crate) const $constant: &str = $name;)*
        pub(super) const ALL: &[Event] =
            &[$(Event { name: $name, levels: &$levels, from: &$from, meaning: $meaning, action: $action }),*];
    };
}

events! {
    // Start and end.
    STARTING = "starting", ["info"], ["cli"],
        "The configuration was read and is good: which `version` of the program starts, from which `file`, with how many `environments`.", NOTHING;
    CONFIGURATION_WARNING = "configuration_warning", ["warn"], ["cli"],
        "A setting is taken, and is probably not what was meant. The line says which and why.",
        "Change the setting.";
    ADMIN_LISTENING = "admin_listening", ["info"], ["app"], "The admin listener is open, at `address`.", NOTHING;
    ADMIN_CERTIFICATE_EXPIRED = "admin_certificate_expired", ["warn"], ["admin"],
        "The certificate of the admin listener has expired; it is shown all the same, and who verifies it refuses it.",
        "Put a new one into `[admin.tls] certificate_chain`.";
    LISTENING = "listening", ["info"], ["app"], "Callers are taken at `address`.", NOTHING;
    READY = "ready", ["info"], ["app"], "`/readyz` is true from now on.", NOTHING;
    START_FAILED = "start_failed", ["error"], ["cli"],
        "The server did not start, and the process ended.", "Do what the line says; the usual cause is an address in use.";
    START_ABANDONED = "start_abandoned", ["info"], ["cli"], "The server was told to end before it was ready, and ended.", NOTHING;
    ACCEPT_LOOP_SILENT = "accept_loop_silent", ["error"], ["cli"],
        "Nobody takes connections on some address; the service manager's watchdog is told no more, so that it restarts the server.",
        "Report it: it is a defect.";
    SERVICE_MANAGER_UNREACHED = "service_manager_unreached", ["warn"], ["cli"],
        "The service manager could not be told how the server is.", "See whether `NOTIFY_SOCKET` is reachable from where the server runs.";
    STOPPING = "stopping", ["info"], ["app"],
        "The server was told to end, and has a `drain_delay`: `/readyz` is false, and callers are served for another `drain_delay`.", NOTHING;
    DELAY_ENDED = "delay_ended", ["info"], ["app"], "The server was told again to end, and waits no longer.", NOTHING;
    DRAINING = "draining", ["info"], ["app"], "No connection is taken any more, and what is in flight is finished: so many `connections`, for `left_s` seconds at most. Told again to whoever asks again for the end.",
        "Where it takes long: `requests_in_flight`, and a backend that does not answer.";
    DRAINED = "drained", ["warn", "info"], ["app"],
        "All connections have ended. As a warning: `cut` of them were cut, since `drain_timeout` was over.",
        "Cut connections: raise `[server] drain_timeout`, or look for a backend that is slower than it.";
    INBOX_CLOSED = "inbox_closed", ["info"], ["app"], "Deliveries have stopped; what was not delivered is kept.", NOTHING;

    // Administrators.
    ADMIN_SESSION_OPENED = "admin_session_opened", ["info"], ["admin"],
        "Somebody at `peer` has signed in with the token. Lines of what it does name the `session`.", NOTHING;
    ADMIN_SESSION_CLOSED = "admin_session_closed", ["info"], ["admin"],
        "A session has ended, `why`: `logout`, `signed_in_again`, `too_many`, `out_of_time` (told when the next one is opened), `other_token`.", NOTHING;
    ADMIN_REFUSED = "admin_refused", ["info"], ["admin"],
        "A request to the admin listener was refused for the `reason`, the `outcome` of `issuer_host_admin_requests_total`.",
        "`wrong_token`, `throttled`: find out who is at `peer`. A browser that has not signed in yet is `unauthenticated`.";
    ADMIN_ACTION = "admin_action", ["warn"], ["admin"],
        "An administrator asked for the `action`: `reload`, `log_level`, `replay` or `discard`. Told before it is done, with `peer` and `by` what it was known: `loopback`, `token`, `session` or `certificate`.",
        "Where nobody knows of it: replace the token, or the CA of administrators, and see what was done.";

    // Callers.
    CLIENT_ADMITTED = "client_admitted", ["debug"], ["server"], "A handshake was completed.", NOTHING;
    CLIENT_REFUSED = "client_refused", ["info"], ["server"],
        "Somebody showed a client certificate that is not let in, for the `reason`.",
        "`of_client_ca` says whether a CA of `client_ca` has issued it. Else the subject is what a stranger wrote, whatever it says: a new Client CA comes from Thales' portal or contact, never from a connection.";
    CLIENT_RETIRED = "client_retired", ["info"], ["server"],
        "A connection was closed whose certificate passed when it began and passes no longer.",
        "After a change of `client_ca` or of a revocation list this is what was wanted.";
    HANDSHAKE_FAILED = "handshake_failed", ["debug"], ["server"],
        "A handshake ended before a certificate could be judged.", "Compare the `reason` with docs/security-model.md.";
    CONNECTION_REFUSED = "connection_refused", ["debug"], ["server"],
        "A connection was closed before TLS: it did not come from a load balancer, or without its PROXY header.",
        "Compare `[server.proxy_protocol] from` with the load balancer's addresses, and turn PROXY protocol on there.";
    CONNECTION_FAILED = "connection_failed", ["debug"], ["server"],
        "An admitted connection ended with an error; most often its caller went away.", NOTHING;
    ACCEPT_FAILED = "accept_failed", ["warn"], ["server"],
        "The system gives no connection, and is asked again.",
        "Raise the limit of open files (`ulimit -n`) above twice `max_connections`.";

    // Requests.
    REQUEST = "request", ["info"], ["http"],
        "A call has ended. With `sampled = N` the line stands for N of them.", "Where `status` is 400 or more: see `problem`.";
    REQUEST_REFUSED = "request_refused", ["debug"], ["http", "server"],
        "A request was refused before it reached a handler, for the `problem` or `reason`.", NOTHING;
    SECOND_KEY_REFUSED = "second_key_refused", ["warn"], ["http"],
        "A caller with a good certificate showed a wrong API key, access token or issuer id.",
        "Compare the key with what Thales was given; `reason` says what is wrong with it.";
    TOKEN_REFUSED = "token_refused", ["warn"], ["handler"],
        "A caller with a good certificate asked for an access token and got none.",
        "Compare the client's id and secret with what Thales was given; `expired_secret` names one past its time.";
    BACKEND_FAILED = "backend_failed", ["warn"], ["handler"],
        "A call could not be forwarded, and was answered with the `problem`.",
        "See whether the `backend` runs and answers in time; `cause` is what the connection died of.";
    HANDLER_PANICKED = "handler_panicked", ["error"], ["handler"],
        "A handler of an embedded router panicked, and the call was answered 500.", "Mend the handler; standard error has its words.";
    NOTIFICATION_NOT_STORED = "notification_not_stored", ["warn"], ["handler"],
        "A notification could not be kept and was answered 503; it comes again.", "See docs/inbox.md, for the `reason`.";

    // Certificates and configuration.
    RELOADED = "reloaded", ["info"], ["app"],
        "New certificates, keys or lists are in force: the epoch went from `from` to `to`.", NOTHING;
    RELOAD_REFUSED = "reload_refused", ["error"], ["app"],
        "What was found is not good, and what was in force stays.", "Do what the line says; the next look takes it by itself.";
    RELOAD_HEALED = "reload_healed", ["info"], ["app"], "What had been refused is good again.", NOTHING;
    RELOAD_ENDED = "reload_ended", ["info"], ["app"],
        "A reload that was asked for (SIGHUP, `POST /reload`, the embedding program) has ended: of the environments so many are `new`, `unchanged`, `kept`.",
        "Where `problem` is true: do what the lines before it say.";
    RELOAD_FAILED = "reload_failed", ["error"], ["app"],
        "A reload panicked. What was in force stays, and the next reload begins anew.", "Report it: it is a defect.";
    RELOAD_ABANDONED = "reload_abandoned", ["warn"], ["app"],
        "The server ended while a reload still waited for its files.", "Look at the file system that they are on.";
    RELOAD_UNANSWERED = "reload_unanswered", ["error"], ["cli"],
        "SIGHUP was heard, and its reload did not end.", "Report it where `reload_failed` stands before it.";
    CONFIGURATION_REFUSED = "configuration_refused", ["error"], ["app"],
        "The configuration was read again and is not good: the one in force stays, or a part of it.",
        "Do what the line says; `issuer-host check` says the same.";
    CONFIGURATION_GOOD = "configuration_good", ["info"], ["app"], "The configuration is in force, all of it.", NOTHING;
    RESTART_NEEDED = "restart_needed", ["warn"], ["app"],
        "Settings were changed that count from the next start on: `keys`.", "Restart when it suits, or put them back.";
    ENVIRONMENT_ADDED = "environment_added", ["info"], ["app"], "An environment has come with a reload.", NOTHING;
    ENVIRONMENT_REMOVED = "environment_removed", ["warn"], ["app"],
        "An environment went with a reload, and its connections were closed.", "Put it back where that was not meant.";
    INTERPRETER_RELOADED = "interpreter_reloaded", ["info"], ["app"],
        "Other operations or second keys are in force.", NOTHING;
    SECOND_KEY_GONE = "second_key_gone", ["warn"], ["app"],
        "Callers need no API key or token any more, since the table is gone from the configuration.",
        "Put the table back where that was not meant.";
    REVOCATION = "revocation", ["info"], ["app"], "What revocation lists mean in an environment.", NOTHING;
    MATERIAL_WARNING = "material_warning", ["warn"], ["app"],
        "A certificate, key or list is taken, and something about it will matter; most often it ends soon.",
        "Do what the line says.";
    WATCH_FAILED = "watch_failed", ["warn"], ["tls"],
        "Directories cannot be watched; files are compared at each poll instead.", "Raise the limit that the line names.";
    WATCH_RESTORED = "watch_restored", ["info"], ["tls"], "Directories are watched again.", NOTHING;
    JWKS_FAILED = "jwks_failed", ["warn"], ["auth"],
        "The identity provider's keys cannot be fetched. Those that are known stay in use for a while.",
        "See whether `host` can be reached from here, and whether its certificate is good (`jwks_ca`).";
    JWKS_RECOVERED = "jwks_recovered", ["info"], ["auth"], "They were fetched again.", NOTHING;

    // The inbox.
    INBOX_OPEN = "inbox_open", ["info"], ["app"], "Notifications are kept.", NOTHING;
    INBOX_WAITING = "inbox_waiting", ["warn"], ["app"],
        "The server starts, and the store of its inbox is away, full or in use: it is tried again and again, `/readyz` says `starting`, and nobody is served. Told again every five minutes.",
        "Bring the store back; the start goes on by itself. The line says what is wrong.";
    INBOX_DURABILITY = "inbox_durability", ["warn"], ["app"],
        "PostgreSQL has no synchronous standby.", "Add one, unless the primary's disk is durable enough.";
    INBOX_PLAINTEXT = "inbox_plaintext", ["warn"], ["inbox"],
        "What goes to PostgreSQL may cross the network in clear.", "Add `sslmode=verify-full` and `sslrootcert` to the url.";
    INBOX_SEALING = "inbox_sealing", ["warn", "info"], ["app"],
        "Other master keys are in force. As a warning: entries are there that they do not open, or that lie in clear.",
        "Do what the line says.";
    INBOX_SEALING_REFUSED = "inbox_sealing_refused", ["error"], ["app"],
        "New master keys do not open what is kept; those before stay in force.", "Put the missing key back into `key_file`.";
    INBOX_FORGOTTEN = "inbox_forgotten", ["warn"], ["app"],
        "Entries wait for an environment or a backend that is not configured.", "Configure it again, or discard them.";
    INBOX_FULL = "inbox_full", ["warn"], ["inbox"],
        "The store takes `max_size`; notifications are answered 503 and come again.",
        "Let deliveries go on, discard and purge dead letters, or raise `[inbox] max_size`.";
    INBOX_HAS_ROOM = "inbox_has_room", ["info"], ["inbox"], "Notifications are kept again.", NOTHING;
    INBOX_STORE_FAILED = "inbox_store_failed", ["warn"], ["inbox"],
        "Deliveries cannot be read from the store, or not settled in it; they wait.", "See docs/inbox.md, for the `problem`.";
    INBOX_UPKEEP_FAILED = "inbox_upkeep_failed", ["warn"], ["inbox"],
        "What was kept for long enough could not be deleted.", "See docs/inbox.md, for the `reason`.";
    INBOX_LOG_NOT_COPIED = "inbox_log_not_copied", ["warn"], ["inbox"],
        "SQLite's log could not be copied into its database, and grows.", "Look at the disk and the rights of the directory.";
    INBOX_DISORDER = "inbox_disorder", ["debug"], ["inbox"],
        "SQLite did not end a transaction or close a connection in order. It puts that right by itself.", NOTHING;
    DELIVERY_FAILED = "delivery_failed", ["warn"], ["inbox"],
        "A delivery failed, and is tried again.", "See what the destination says in `problem`.";
    DELIVERY_PANICKED = "delivery_panicked", ["error"], ["inbox"],
        "The work for a destination or a lane panicked, and begins anew.", "Report it: it is a defect.";
    DEAD_LETTER = "dead_letter", ["error"], ["inbox"],
        "An entry is not tried any more.", "Decide: `issuer-host inbox replay` or `discard`; see docs/inbox.md.";
    DESTINATION_DOWN = "destination_down", ["warn"], ["inbox"],
        "A destination takes nothing; it is probed now and then, and its entries wait.", "See whether it runs; `problem` is what it said last.";
    DESTINATION_UP = "destination_up", ["info"], ["inbox"], "It answers again.", NOTHING;

    // Traces.
    TRACES_LOST = "traces_lost", ["warn"], ["traces"],
        "Spans are lost from here on: the collector is away, does not take them, or takes too few of them. No call waits for it.",
        "See whether `collector` runs and what the line says of it; `issuer_host_trace_spans_total` counts them.";
    TRACES_RESUMED = "traces_resumed", ["info"], ["traces"], "The collector takes spans again; `lost` of them were lost.", NOTHING;

    // The log itself.
    LOG_LEVEL_CHANGED = "log_level_changed", ["warn"], ["telemetry"],
        "Somebody changed the level over the admin listener, for `for_s` seconds.", NOTHING;
    LOG_LEVEL_RESTORED = "log_level_restored", ["info"], ["telemetry"], "The level is the configured one again.", NOTHING;
    LOG_LINES_LOST = "log_lines_lost", ["error"], ["telemetry"],
        "So many `lines` of the log had to be left out, since whoever reads standard error was slow, or its disk is full. Calls do not wait for it.",
        "See what reads it: a full disk, a stalled collector. `[log] access_sample` makes fewer lines.";
}
