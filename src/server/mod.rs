//! server

pub mod http1_framing;
pub mod http1_guard;
pub mod limits;
pub mod proxy_protocol;
