//! How a call ends that gets no answer.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use http::StatusCode;
use rustls::AlertDescription;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Nobody listens there, or nothing leads there.
    #[error("cannot connect: {0}")]
    Unreachable(#[source] io::Error),
    /// It took too long.
    #[error("{stage} took longer than {after:?}")]
    TimedOut {
        /// What was waited for.
        stage: Stage,
        /// For how long.
        after: Duration,
    },
    /// The server ended the connection with this alert (RFC 8446 section 6).
    #[error("refused by the server: alert {}", alert_name(*.0))]
    Refused(AlertDescription),
    /// The server's certificate, or what else it did in the handshake, is not as it has to be.
    #[error("the server was refused: {0}")]
    ServerRefused(#[source] rustls::Error),
    /// The server closed the connection without a word.
    #[error("the server closed the connection in the middle of {0}")]
    Closed(Stage),
    /// The server's answer is longer than anybody reads.
    #[error("the answer ({status}) is longer than {most} bytes, and was not read to its end")]
    AnswerTooLong {
        /// Its status.
        status: StatusCode,
        /// What is read of a body at most, in bytes.
        most: usize,
    },
    /// Anything else.
    #[error("{stage} failed: {problem}")]
    Broken {
        /// What was going on.
        stage: Stage,
        /// What went wrong.
        problem: String,
    },
}

/// A part of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// TCP.
    Connecting,
    /// TLS.
    Handshake,
    /// HTTP.
    Exchange,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Handshake => "the TLS handshake",
            Self::Exchange => "the exchange",
        })
    }
}

impl Failure {
    /// Whether the server has refused the client in TLS: by an alert, or by an end of the handshake. A connection that is closed later
    /// says nothing of the kind: a server that admits everybody may do that too.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Closed(Stage::Handshake))
    }

    /// Its kind, for whoever counts: `unreachable`, `timed_out`, `alert_certificate_required`, `server_refused`, `closed`,
    /// `answer_too_long`, `broken`.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Unreachable(_) => "unreachable".to_owned(),
            Self::TimedOut { .. } => "timed_out".to_owned(),
            Self::Refused(alert) => format!("alert_{}", alert_name(*alert)),
            Self::ServerRefused(_) => "server_refused".to_owned(),
            Self::Closed(_) => "closed".to_owned(),
            Self::AnswerTooLong { .. } => "answer_too_long".to_owned(),
            Self::Broken { .. } => "broken".to_owned(),
        }
    }

    /// What an error of a stage comes down to: an alert and a server that was refused are found wherever they stand in its causes.
    pub fn of(stage: Stage, error: &(dyn StdError + 'static)) -> Self {
        let mut cause = Some(error);
        let mut closed = false;
        while let Some(current) = cause {
            // HTTP/2 keeps what happened to the stream in an error of its own.
            let io = current.downcast_ref::<io::Error>();
            let io = io.or_else(|| current.downcast_ref::<h2::Error>().and_then(h2::Error::get_io));
            let tls = current
                .downcast_ref::<rustls::Error>()
                .or_else(|| io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>()));
            match tls {
                Some(rustls::Error::AlertReceived(alert)) => return Self::Refused(*alert),
                Some(error) => return Self::ServerRefused(error.clone()),
                None => {}
            }
            closed |= io.is_some_and(|io| {
                matches!(
                    io.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
                )
            });
            closed |= current.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message);
            cause = current.source();
        }
        if closed { Self::Closed(stage) } else { Self::Broken { stage, problem: with_causes(error) } }
    }
}

/// An alert as RFC 8446 section 6 writes it: `unknown_ca`.
#[must_use]
pub fn alert_name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "unknown_ca".to_owned(),
        AlertDescription::UnrecognisedName => "unrecognized_name".to_owned(),
        AlertDescription::Unknown(number) => format!("{number}"),
        known => {
            let mut name = String::new();
            for letter in format!("{known:?}").chars() {
                if letter.is_ascii_uppercase() && !name.is_empty() {
                    name.push('_');
                }
                name.push(letter.to_ascii_lowercase());
            }
            name
        }
    }
}

/// An error and its causes, each of them once.
fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let words = current.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = current.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_an_alert_or_an_end_of_the_handshake_and_no_later_end() {
        let alert = Failure::Refused(AlertDescription::CertificateRequired);
        assert!(alert.is_refusal() && Failure::Closed(Stage::Handshake).is_refusal());
        let late = Failure::TimedOut { stage: Stage::Handshake, after: Duration::ZERO };
        assert!(!Failure::Closed(Stage::Exchange).is_refusal() && !late.is_refusal());
    }
}
