//! The server behind `ISSUER_HOST`.
pub mod admin;
pub mod handler;
pub mod http;
pub mod metrics;
pub mod pki;
pub mod server;
pub mod settings;
pub mod tls;
