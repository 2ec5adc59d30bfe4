//! Methods that are not for an origin server.

use ::http::Method;
use ::http::request::Parts;

use super::stack::Connection;
use super::{Problem, ProblemKind};

/// Refuses CONNECT, extended CONNECT included (RFC 8441), and TRACE, which would echo the identity headers that we set.
pub(crate) fn refuse(parts: &mut Parts, _: &Connection) -> Result<(), Problem> {
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(ProblemKind::MethodRefused.into());
    }
    Ok(())
}
