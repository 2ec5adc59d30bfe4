//! The server as its callers meet it: the real binary, real sockets, and certificates made for each test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::match_wild_err_arm,
    clippy::format_collect,
    reason = "a test says what is wrong by failing, and builds short texts"
)]

mod support;

mod access_events;
mod activation;
mod admin;
mod admin_access;
mod admin_audit;
mod admin_tls;
mod alerts;
mod backend_failures;
mod broken_on_disk;
mod call;
mod chains_refused;
mod client;
mod embed;
mod endorsed_chain;
mod environments;
mod exhaustion;
mod h2_deadlines;
mod h2_hostility;
mod h2_strictness;
mod http_forwarding;
mod http_identity_headers;
mod http_limits;
mod http_smuggling;
mod http_timeouts;
mod identities_accepted;
mod identities_refused;
mod inbox;
mod interop;
mod interop_resumption;
mod isolation;
mod lifecycle;
mod live;
mod log_level;
mod metrics;
mod operations;
mod problems;
mod proxy_protocol;
mod reload;
mod reload_broken_files;
mod reload_configuration;
mod reload_membership;
mod reload_reading;
mod reload_second_keys;
mod reload_under_load;
mod resumption_matrix;
mod retirement;
mod revocation;
mod rolling;
mod rotation;
mod secrets;
mod service_manager;
mod soak_slope;
mod starvation;
mod status;
mod strangers;
mod subjects;
mod tls_garbage;
mod tls_names;
mod tls_resumption;
mod tls_versions;
mod tokens;
#[cfg(feature = "otlp")]
mod traces;
mod watch;
mod weak_keys;
