//! Shapes that are no HTTP/1 request, and how each is answered.

/// A shape that the framing refuses. Which message it stands in, or what it smuggles, does not matter: the connection
/// ends there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// LF without CR (RFC 9112 section 2.2 leaves it open; two readers that choose differently see two requests).
    #[error("a line ends with a bare LF")]
    BareLf,
    /// CR without LF (RFC 9112 section 2.2).
    #[error("a CR is not followed by LF")]
    BareCr,
    /// NUL or another control character in a request line, a field or a chunk extension (RFC 9110 section 5.5).
    #[error("a control character")]
    ControlCharacter,
    /// More than one empty line before a request line (RFC 9112 section 2.2).
    #[error("several empty lines before a request")]
    EmptyLines,
    /// A request line other than method, space, target, space, version (RFC 9112 section 3).
    #[error("a malformed request line")]
    RequestLine,
    /// A request line without a version (HTTP/0.9).
    #[error("a request without a version")]
    NoVersion,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    #[error("an HTTP version that is not 1.0 or 1.1")]
    Version,
    /// The preface of HTTP/2, which ALPN did not choose.
    #[error("the preface of HTTP/2 on a connection for HTTP/1.1")]
    Http2Preface,
    /// A request line beyond the limit.
    #[error("the request line is too long")]
    RequestLineTooLong,
    /// A head beyond the limit.
    #[error("the head is too large")]
    HeadTooLarge,
    /// More fields than the limit.
    #[error("too many header fields")]
    TooManyFields,
    /// A field line that continues the one before, or starts with white space (RFC 9112 section 5.2).
    #[error("a folded field line")]
    FoldedField,
    /// White space between a field's name and its colon (RFC 9112 section 5.1).
    #[error("white space before a colon")]
    SpaceBeforeColon,
    /// A field without a name.
    #[error("a field without a name")]
    EmptyFieldName,
    /// A field name that is no token (RFC 9110 section 5.1).
    #[error("a field name that is no token")]
    FieldName,
    /// Transfer-Encoding together with Content-Length (RFC 9112 section 6.1).
    #[error("both Transfer-Encoding and Content-Length")]
    TransferEncodingAndContentLength,
    /// Content-Length more than once, be they equal (RFC 9112 section 6.3).
    #[error("several Content-Length fields")]
    SeveralContentLengths,
    /// Content-Length other than 1 to 19 digits, or beyond 2^63-1 bytes.
    #[error("a Content-Length that is no number")]
    ContentLength,
    /// A coding other than `chunked` (RFC 9112 section 6.1).
    #[error("a transfer coding other than chunked")]
    TransferCoding,
    /// Transfer-Encoding more than once.
    #[error("several Transfer-Encoding fields")]
    SeveralTransferEncodings,
    /// Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1).
    #[error("Transfer-Encoding in HTTP/1.0")]
    TransferEncodingInHttp10,
    /// HTTP/1.1 without Host (RFC 9112 section 3.2).
    #[error("no Host")]
    NoHost,
    /// Host more than once (RFC 9112 section 3.2).
    #[error("several Host fields")]
    SeveralHosts,
    /// A chunk size other than 1 to 16 hexadecimal digits, or beyond 2^63-1 bytes (RFC 9112 section 7.1).
    #[error("a malformed chunk size")]
    ChunkSize,
    /// More chunk extensions than the limit (RFC 9112 section 7.1.1).
    #[error("chunk extensions are too long")]
    ChunkExtensions,
    /// Chunk data longer than its size says.
    #[error("chunk data without CRLF at its end")]
    ChunkEnd,
    /// A trailer section beyond the limits.
    #[error("the trailer section is too large")]
    TrailersTooLarge,
    /// Host, Content-Length or Transfer-Encoding as a trailer (RFC 9110 section 6.5.1).
    #[error("a trailer field that belongs into the head")]
    ForbiddenTrailer,
}

impl FramingError {
    /// The status code with which the shape is refused.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::RequestLineTooLong => 414,
            Self::HeadTooLarge | Self::TooManyFields | Self::TrailersTooLarge => 431,
            Self::TransferCoding => 501,
            Self::Version | Self::Http2Preface => 505,
            _ => 400,
        }
    }

    /// What is said in the place of [`response_bytes`](Self::response_bytes) to a peer that takes any other refusal for the end of the
    /// matter, and drops what it had to tell.
    pub const TEMPORARY: &'static [u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";

    /// A whole HTTP/1.1 response that refuses the shape and closes; to be written only where no other response is under
    /// way.
    #[must_use]
    pub fn response_bytes(self) -> &'static [u8] {
        match self.status() {
            414 => b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            431 => b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            501 => b"HTTP/1.1 501 Not Implemented\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            505 => b"HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            _ => b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        }
    }
}
