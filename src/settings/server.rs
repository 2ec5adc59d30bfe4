//! `[server]`: listeners, limits and deadlines, for all environments.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::quantity::{duration, size};
use super::reader::Section;
use super::typed::{address, integer, list, network};

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// Public addresses, used by each environment that has no `listen` of its own. Thales calls 443 or 8443 (O3).
    pub listen: Vec<SocketAddr>,
    /// Worker threads; 0 means one per core.
    pub workers: usize,
    /// Connections at once, over all listeners.
    pub max_connections: usize,
    /// Unfinished handshakes at once, over all listeners.
    pub max_handshakes: usize,
    /// Unfinished handshakes at once from one source address. Finished ones are not counted: Thales calls from few
    /// addresses.
    pub max_handshakes_per_source: usize,
    /// From accept to the end of the handshake, PROXY header and `ClientHello` included.
    pub handshake_timeout: Duration,
    /// From the first byte of a request's head to its end.
    pub header_timeout: Duration,
    /// From the end of the head to the end of the body.
    pub body_timeout: Duration,
    /// From the first byte of a request to the end of its response.
    pub request_timeout: Duration,
    /// How long a connection may lie idle between requests.
    pub keep_alive_idle: Duration,
    /// How old a connection may grow before it is closed gracefully; `None` for as old as it likes.
    pub max_connection_age: Option<Duration>,
    /// How long the server goes on serving, no longer ready, before it drains.
    pub drain_delay: Duration,
    /// How long requests in flight may take to finish when the server stops.
    pub drain_timeout: Duration,
    /// How long requests in flight may take to finish on a connection whose client no longer passes; zero cuts them off.
    pub retire_grace: Duration,
    /// Largest body in bytes; larger ones are answered 413.
    pub max_body_size: u64,
    /// Largest head of a request in bytes.
    pub max_header_size: usize,
    /// Most header fields of a request.
    pub max_headers: usize,
    /// Limits of HTTP/2.
    pub http2: Http2Settings,
    /// Who speaks the PROXY protocol to us.
    pub proxy_protocol: ProxyProtocolSettings,
}

/// `[server.http2]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2Settings {
    /// Requests at once on one connection.
    pub max_concurrent_streams: u32,
    /// Bytes that a caller may send ahead on one stream.
    pub initial_stream_window: u32,
    /// Bytes that a caller may send ahead on one connection.
    pub initial_connection_window: u32,
}

/// `[server.proxy_protocol]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyProtocolSettings {
    /// Load balancers: from these networks the PROXY header is demanded, connections from all others are closed. Empty
    /// when the protocol is not spoken.
    pub from: Vec<IpNet>,
}

/// Deadlines: short enough to mean something, long enough for any backend.
const DEADLINE: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60 * 60);
/// Timers that may be off (0s) or long.
const TIMER: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(7 * 24 * 60 * 60);
/// What a client that no longer passes may still get is short, or nothing.
const GRACE: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(60);
/// HTTP/2 windows: from the protocol's initial value to its largest (RFC 9113 section 6.9).
const WINDOW: std::ops::RangeInclusive<u64> = 65_535..=0x7fff_ffff;

/// What was read of `[server]`. The listeners are known even where something else is wrong.
pub(super) struct Server {
    pub(super) settings: Option<ServerSettings>,
    pub(super) listen: Vec<SocketAddr>,
}

pub(super) fn read(section: &mut Section<'_>) -> Server {
    let listen = section.required("listen", list(',', address));
    if listen.as_ref().is_some_and(Vec::is_empty) {
        section.report(Some("listen"), "The list is empty.", "Give it at least one address, such as \"0.0.0.0:8443\".");
    }
    Server { listen: listen.clone().unwrap_or_default(), settings: read_with(section, listen) }
}

fn read_with(section: &mut Section<'_>, listen: Option<Vec<SocketAddr>>) -> Option<ServerSettings> {
    let workers = count(section, "workers", 0..=1024);
    let max_connections = count(section, "max_connections", 1..=1_000_000);
    let max_handshakes = count(section, "max_handshakes", 1..=1_000_000);
    let max_handshakes_per_source = count(section, "max_handshakes_per_source", 1..=1_000_000);
    let handshake_timeout = section.required("handshake_timeout", duration(DEADLINE));
    let header_timeout = section.required("header_timeout", duration(DEADLINE));
    let body_timeout = section.required("body_timeout", duration(DEADLINE));
    let request_timeout = section.required("request_timeout", duration(DEADLINE));
    let keep_alive_idle = section.required("keep_alive_idle", duration(DEADLINE));
    let max_connection_age = section.required("max_connection_age", duration(TIMER));
    let drain_delay = section.required("drain_delay", duration(Duration::ZERO..=*DEADLINE.end()));
    let drain_timeout = section.required("drain_timeout", duration(Duration::ZERO..=*DEADLINE.end()));
    let retire_grace = section.required("retire_grace", duration(GRACE));
    let max_body_size = section.required("max_body_size", size(1..=1 << 30));
    // hyper's HTTP/1.1 buffer does not go below 8 KiB.
    let max_header_size = section.required("max_header_size", size(8 << 10..=1 << 20));
    let max_headers = count(section, "max_headers", 16..=1000);
    let http2 = section.within("http2", read_http2);
    let proxy_protocol = section.within("proxy_protocol", read_proxy_protocol);
    at_least(section, ("request_timeout", request_timeout), ("body_timeout", body_timeout));
    at_least(section, ("request_timeout", request_timeout), ("header_timeout", header_timeout));
    Some(ServerSettings {
        listen: listen?,
        workers: workers?,
        max_connections: max_connections?,
        max_handshakes: max_handshakes?,
        max_handshakes_per_source: max_handshakes_per_source?,
        handshake_timeout: handshake_timeout?,
        header_timeout: header_timeout?,
        body_timeout: body_timeout?,
        request_timeout: request_timeout?,
        keep_alive_idle: keep_alive_idle?,
        max_connection_age: max_connection_age.map(|age| (!age.is_zero()).then_some(age))?,
        drain_delay: drain_delay?,
        drain_timeout: drain_timeout?,
        retire_grace: retire_grace?,
        max_body_size: max_body_size?,
        max_header_size: usize::try_from(max_header_size?).ok()?,
        max_headers: max_headers?,
        http2: http2?,
        proxy_protocol: proxy_protocol?,
    })
}

fn read_http2(section: &mut Section<'_>) -> Option<Http2Settings> {
    let max_concurrent_streams = section.required("max_concurrent_streams", integer(1..=10_000));
    let initial_stream_window = section.required("initial_stream_window", size(WINDOW));
    let initial_connection_window = section.required("initial_connection_window", size(WINDOW));
    Some(Http2Settings {
        max_concurrent_streams: max_concurrent_streams?,
        initial_stream_window: u32::try_from(initial_stream_window?).ok()?,
        initial_connection_window: u32::try_from(initial_connection_window?).ok()?,
    })
}

fn read_proxy_protocol(section: &mut Section<'_>) -> Option<ProxyProtocolSettings> {
    let from = section.required("from", list(',', network))?;
    if from.iter().any(|network| network.prefix_len() == 0) {
        section.warn(format!(
            "{} names every address: whoever reaches the port directly can claim any source address.",
            section.key("from")
        ));
    }
    Some(ProxyProtocolSettings { from })
}

fn count(section: &mut Section<'_>, name: &str, range: std::ops::RangeInclusive<u32>) -> Option<usize> {
    section.required(name, integer(range)).and_then(|count| usize::try_from(count).ok())
}

/// A deadline that contains another one cannot be shorter.
fn at_least(section: &mut Section<'_>, whole: (&str, Option<Duration>), part: (&str, Option<Duration>)) {
    let (Some(whole_length), Some(part_length)) = (whole.1, part.1) else { return };
    if whole_length < part_length {
        let (long, short) = (humantime::format_duration(part_length), humantime::format_duration(whole_length));
        section.report(
            Some(whole.0),
            format!("It is {short}, shorter than {} ({long}), which it contains.", part.0),
            format!("Set {} to {long} or more, or shorten {}.", whole.0, part.0),
        );
    }
}
