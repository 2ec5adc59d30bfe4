//! The length of a body is said once. HTTP/1.1 requests that say it twice never get here; those of HTTP/2 do, and a backend that
//! is told twice may refuse what is good (RFC 9112 section 6.3).

use ::http::header::CONTENT_LENGTH;
use ::http::request::Parts;

use super::Problem;
use super::stack::Connection;

/// Refuses a request with several `content-length` fields, equal ones included.
pub(crate) fn refuse_several(parts: &mut Parts, _: &Connection) -> Result<(), Problem> {
    if parts.headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        return Err(Problem::bad_request("The request has several lengths."));
    }
    Ok(())
}
