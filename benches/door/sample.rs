//! One round of one server, and what several of them come to.

use std::time::Duration;

use rustls::CipherSuite;

use crate::clock::Used;
use crate::median::median;
use crate::record::{Details, Measured};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Microseconds of server CPU for one operation.
    server_micros: f64,
    rate: f64,
    server_busy: f64,
    client_busy: f64,
    threads_ended: usize,
}

impl Sample {
    pub(crate) fn new(operations: u32, wall: Duration, server: Used, client: Duration) -> Self {
        let wall = wall.as_secs_f64();
        let used = server.time.as_secs_f64();
        Self {
            server_micros: used * 1e6 / f64::from(operations),
            rate: f64::from(operations) / wall,
            server_busy: used / wall,
            client_busy: client.as_secs_f64() / wall,
            threads_ended: server.ended,
        }
    }

    /// The rounds of the server `name`, which chose `suite`.
    pub(crate) fn summary(samples: &[Self], name: &str, suite: Option<CipherSuite>) -> Measured {
        let of = |part: fn(&Self) -> f64| Some(median(samples.iter().map(part)));
        let ended = samples.iter().map(|sample| sample.threads_ended).sum::<usize>();
        Measured {
            name: name.to_owned(),
            rounds: samples.iter().map(|sample| sample.server_micros).collect(),
            details: Details {
                suite: suite.and_then(|suite| suite.as_str().map(str::to_owned)),
                rate: of(|sample| sample.rate),
                server_busy: of(|sample| sample.server_busy),
                client_busy: of(|sample| sample.client_busy),
                threads_ended: (ended > 0).then_some(ended),
                note: None,
            },
        }
    }
}
