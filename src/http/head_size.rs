//! The size of a head, for requests that no framing of ours has bounded: those of HTTP/2.

use ::http::Version;
use ::http::request::Parts;

use super::stack::Connection;
use super::{Problem, ProblemKind};

/// What RFC 9113 section 6.5.2 counts for each field beside name and value, in bytes.
const PER_FIELD: usize = 32;

/// Refuses a head beyond the limit.
pub(crate) fn refuse_large(parts: &mut Parts, connection: &Connection) -> Result<(), Problem> {
    let limit = usize::try_from(connection.max_header_size()).unwrap_or(usize::MAX);
    if parts.version == Version::HTTP_2 && size(parts) > limit { Err(ProblemKind::HeadTooLarge.into()) } else { Ok(()) }
}

/// As the decoded header list has it; scheme and method are short, and left out.
fn size(parts: &Parts) -> usize {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let fields = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + PER_FIELD);
    fields.sum::<usize>() + target
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing;

    #[test]
    fn a_head_of_http2_is_bounded_by_what_its_fields_take() {
        let connection = testing::connection(None);
        let refused = |version, length: usize| {
            let request = ::http::Request::get("/").version(version).header("x-long", "x".repeat(length));
            refuse_large(&mut request.body(()).unwrap().into_parts().0, &connection).is_err()
        };
        // The limit is 4096; the field takes 38 bytes beside its value, the target one.
        assert!(!refused(Version::HTTP_2, 4096 - 39));
        assert!(refused(Version::HTTP_2, 4096 - 38));
        assert!(!refused(Version::HTTP_11, 4096), "those of HTTP/1.1 are bounded elsewhere");
    }
}
