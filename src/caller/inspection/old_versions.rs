//! Whether a server still speaks SSL 3.0, TLS 1.0 or TLS 1.1 (O2; RFC 8996 has retired them).

use super::hello::{self, ClientHello, FirstAnswer, SSL_3_0, TLS_1_0, TLS_1_1};
use super::{InspectionOptions, suites};
use crate::caller::Failure;

/// A version that nobody should speak any more, and what the server said to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldVersion {
    /// `TLS 1.1`
    pub name: &'static str,
    /// The number that was offered.
    pub offered: u16,
    /// What the server said.
    pub answer: FirstAnswer,
}

impl OldVersion {
    /// Whether the server goes on with it, or with one that is older still.
    #[must_use]
    pub const fn is_spoken(&self) -> bool {
        matches!(self.answer, FirstAnswer::ServerHello { version, .. } if version <= TLS_1_1)
    }
}

/// Offers each of them in a hello of its own: three connections.
pub(super) async fn ask(options: &InspectionOptions) -> Result<Vec<OldVersion>, Failure> {
    // Suites of those times, and whatever a server may have kept: a refusal has to be one of the version.
    let suites: Vec<u16> = suites::WEAK.iter().chain(suites::BROKEN).map(|(number, _)| *number).collect();
    let mut answers = Vec::new();
    for (name, offered) in [("SSL 3.0", SSL_3_0), ("TLS 1.0", TLS_1_0), ("TLS 1.1", TLS_1_1)] {
        let hello = ClientHello { version: offered, suites: &suites, name: &options.server_name };
        answers.push(OldVersion {
            name,
            offered,
            answer: hello::ask(options.address, &hello, options.patience).await?,
        });
    }
    Ok(answers)
}
