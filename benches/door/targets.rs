//! What issuer-host is to reach, and whether a run shows it.

use crate::record::shown;
use crate::results::Results;

/// One thing that a row has to show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// In the words of the document.
    pub(crate) what: &'static str,
    pub(crate) row: &'static str,
    pub(crate) against: Against,
    pub(crate) at_most: f64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Against {
    /// The ratio to another server, or to the other condition of the row.
    Other(&'static str),
    /// The figure itself.
    Nothing,
}

/// What a run says about a target.
pub(crate) enum Verdict {
    Met(f64),
    Missed(f64),
    /// The row, or the other server, is not there.
    Unknown,
}

const fn ratio(what: &'static str, row: &'static str, other: &'static str, at_most: f64) -> Target {
    Target { what, row, against: Against::Other(other), at_most }
}

const fn figure(what: &'static str, row: &'static str, at_most: f64) -> Target {
    Target { what, row, against: Against::Nothing, at_most }
}

/// Of CPU per operation where nothing else is said.
pub(crate) const TARGETS: &[Target] = &[
    ratio("full handshake, TLS 1.3, POST, close", "handshake-full-1.3-forwarded", "naive", 0.70),
    ratio("full handshake, TLS 1.3, POST, close", "handshake-full-1.3-forwarded", "envoy", 0.56),
    ratio("full handshake, TLS 1.2, POST, close", "handshake-full-1.2-forwarded", "naive", 0.78),
    ratio("full handshake, TLS 1.2, POST, close", "handshake-full-1.2-forwarded", "envoy", 0.60),
    ratio("resumed, TLS 1.3, judged again", "handshake-resumed-1.3-forwarded", "naive", 0.72),
    ratio("resumed, TLS 1.3, judged again", "handshake-resumed-1.3-forwarded", "envoy", 0.52),
    ratio("resumed, TLS 1.2, judged again", "handshake-resumed-1.2-forwarded", "naive", 0.98),
    ratio("kept-alive POST, embedded handler, HTTP/1.1", "kept-alive-h1", "naive", 1.0),
    ratio("kept-alive POST, embedded handler, HTTP/1.1", "kept-alive-h1", "haproxy", 0.9),
    ratio("kept-alive POST, embedded handler, HTTP/2", "kept-alive-h2", "naive", 1.0),
    ratio("kept-alive POST, forwarded, HTTP/1.1", "forwarded-h1", "naive", 0.90),
    ratio("kept-alive POST, forwarded, HTTP/1.1", "forwarded-h1", "haproxy", 0.95),
    figure("bytes of an idle connection, HTTP/1.1", "idle-forwarded-h1", 9.0 * 1024.0),
    // Measured elsewhere: HAProxy 3.4 is in no package that this benchmark installs.
    figure("bytes of an idle connection, HTTP/1.1: less than HAProxy 3.4 takes", "idle-forwarded-h1", 13_030.0),
    ratio("bytes of an idle connection, HTTP/2", "idle-forwarded-h2", "naive", 1.0),
    ratio("two workers, full handshake", "two-workers-handshake-full", "one-worker", 1.08),
    ratio("two workers, kept-alive POST, forwarded", "two-workers-forwarded-h1", "one-worker", 1.08),
    ratio("p99 of kept-alive calls beside 100 full handshakes a second", "latency-handshakes", "calm", 1.5),
    ratio("p99 of kept-alive calls beside 10 reloads a second", "latency-reloads", "calm", 1.5),
    ratio("milliseconds from start to first answer, two anchors", "start", "naive", 1.0),
    figure("milliseconds from start to first answer, 20,000 revoked", "start-crl", 300.0),
    ratio("full handshake with 10,000 live connections", "growth-connections", "10-connections", 1.05),
    ratio("full handshake with 50 environments", "growth-environments", "1-environment", 1.05),
    ratio("full handshake with 200 anchors", "growth-anchors", "1-anchor", 1.05),
    ratio("kept-alive POST, forwarded, with 2,000 operations", "growth-operations", "34-operations", 1.05),
];

impl Target {
    pub(crate) fn verdict(&self, results: &Results) -> Verdict {
        let row = results.row(self.row);
        let figure = match self.against {
            Against::Other(other) => row.and_then(|row| row.server(other)).and_then(|figures| figures.ratio),
            Against::Nothing => row.and_then(|row| row.servers.first()).map(|figures| figures.median),
        };
        match figure {
            None => Verdict::Unknown,
            Some(figure) if figure <= self.at_most => Verdict::Met(figure),
            Some(figure) => Verdict::Missed(figure),
        }
    }

    /// A figure of this target, or its limit, as it is printed.
    pub(crate) fn shown(&self, figure: f64) -> String {
        match self.against {
            Against::Other(_) => format!("{figure:.3}"),
            Against::Nothing => shown(figure),
        }
    }

    pub(crate) fn other(&self) -> &'static str {
        match self.against {
            Against::Other(other) => other,
            Against::Nothing => "",
        }
    }
}
