//! The server behind `ISSUER_HOST`: the host name at which Thales' payment platforms (TSH, D1, merchant tokenization) call an
//! issuer, TSP, merchant gateway or merchant.
//!
//! It terminates TLS 1.2 and 1.3, admits only callers whose certificate chains to the Thales Client CA, pins no leaf, and hands
//! each authenticated request to a backend, or to your own axum handlers. The way of a request, which is also the way to read
//! this crate:
//!
//! ```text
//! socket ── server::accept      permit, accept, spawn; nothing that a peer controls runs here
//!        ── server::connection  PROXY header, one deadline over everything up to the verified client
//!        ── tls::handshake      SNI -> environment -> current epoch -> tls::judge -> VerifiedClient
//!        ── server::watch       deadlines, retirement and drain of a live connection
//!        ── http::exchange      verdict asked first; thales::routes: which operation of which product it is
//!        ── http::stack         limits, path, host, identity headers: one ordered list
//!        ── http::second_key    API key, bearer token, issuer id (auth)
//!        ── handler             forward (to a backend) | token endpoint | embed (an axum::Router)
//!        ── http::settle        acknowledgement, or problem in the dialect of the product (thales::dialect)
//!        ── http::access        one event, when the answer has ended
//! ```
//!
//! And the way of new certificates:
//!
//! ```text
//! tls::trigger (watch, poll) | SIGHUP | POST /reload | Reloader::reload
//!        ── app::reload         one queue, one report
//!        ── tls::material       read until two reads agree, check everything
//!        ── tls::epoch          built from nothing: judge, session keys, rustls configuration
//!        ── tls::environment    installed once; every live connection is judged again, and retired when it does not pass
//! ```
//!
//! [`App`] puts it together, from settings or from options:
//!
//! ```no_run
//! use axum::{Router, routing::post};
//! use issuer_host::handler::Handler;
//! use issuer_host::tls::{MaterialSource, VerifiedClient};
//! use issuer_host::{App, AppOptions, EnvironmentOptions};
//!
//! # async fn embed() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::new()
//!     .route("/whoami", post(|client: VerifiedClient| async move { client.identity().subject.clone() }));
//! let environment = EnvironmentOptions::new(
//!     "preprod",
//!     MaterialSource::File("tls/thales-client-ca.pem".into()),
//!     MaterialSource::File("tls/server-chain.pem".into()),
//!     MaterialSource::File("tls/server-key.pem".into()),
//!     Handler::from(router),
//! );
//! let app = App::bind(AppOptions { environments: vec![environment], ..AppOptions::default() }).await?;
//! app.run(async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await;
//! # Ok(())
//! # }
//! ```
//!
//! What the toolkit's commands call servers with is in [`caller`]; no part of a server uses it.
//!
//! Modules import downwards only: `app` -> `server`, `handler`, `admin` -> `http` -> `auth`, `thales`, `tls` -> `pki`. `settings` is seen by `app`
//! and `cli` alone; every other module takes options of its own, so that an embedder needs no file.

pub mod admin;
pub mod app;
pub mod auth;
pub mod caller;
#[doc(hidden)]
pub mod cli;
mod files;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod handler;
pub mod http;
pub mod inbox;
pub mod metrics;
mod nearest;
mod new_uuid;
mod outgoing;
mod pinned;
pub mod pki;
mod random;
pub mod server;
pub mod settings;
pub mod telemetry;
pub mod thales;
pub mod tls;
pub mod traces;

pub use app::{App, AppOptions, EnvironmentOptions, Reloader, ServerOptions};
