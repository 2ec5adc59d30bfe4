//! A run with all that its arguments name read and checked, before anybody is called.

use std::path::Path;
use std::sync::Arc;

use super::Arguments;
use super::connections::Connections;
use super::operations;
use super::report::Report;
use super::request::Contents;
use super::round::Round;
use super::shown::Shown;
use super::token::Tokens;
use crate::caller::CallerOptions;
use crate::cli::Error;
use crate::thales::{Backoff, Operation};

/// A run that may begin.
pub(super) struct Prepared {
    pub(super) operations: Vec<Arc<Operation>>,
    pub(super) round: Round,
    /// What a load is made with.
    pub(super) options: CallerOptions,
    /// Connections that show no certificate, where calls that have to be refused are asked for.
    pub(super) strangers: Option<Connections>,
    /// How often one operation is called.
    pub(super) count: u32,
}

/// Why no call is made.
#[derive(Debug)]
pub(super) enum NoCall {
    /// The arguments make no sense, or a file that they name cannot be used: exit code 2.
    Usage(Error),
    /// Anything else, as a name that does not resolve: exit code 1.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for NoCall {
    fn from(error: E) -> Self {
        Self::Usage(error.into())
    }
}

impl Prepared {
    /// Reads and checks what the arguments name.
    ///
    /// # Errors
    /// [`NoCall`].
    pub(super) fn of(arguments: &Arguments) -> Result<Self, NoCall> {
        let operations = operations::of(arguments)?;
        let contents = Contents::new(arguments, &operations)?;
        // What cannot stand in a path or a header is said before the first call, and not between two of them.
        operations.iter().try_for_each(|operation| contents.event(operation).map(drop))?;
        let tokens = Tokens::new(arguments, &operations)?;
        let mut shown = rotated(arguments)?;
        let options = arguments.target.caller_options()?;
        if let (Some(credential), Some(path)) = (&options.credential, arguments.target.client().certificate()) {
            shown.insert(0, Shown::new(credential.clone(), path));
        }
        if arguments.load.is_wanted() {
            arguments.load.is_meant(options.address, &arguments.target.authority())?;
        }
        let own_server_ca = arguments.target.names_server_ca();
        let rotating = !arguments.rotate.is_empty();
        let count = arguments.count.unwrap_or(if rotating { u32::try_from(shown.len())? } else { 1 });
        let calling = CallerOptions { resumption: arguments.resume, credential: None, ..options.clone() };
        let round = Round {
            connections: Connections::new(&calling, &shown, arguments.new_connection || rotating, own_server_ca)?,
            contents,
            tokens,
            backoff: arguments.retry.then_some(Backoff { first: arguments.backoff, all: arguments.retry_for }),
            within: arguments.target.answer_timeout(),
            report: Report::new(arguments.format),
        };
        let strangers = arguments.hostile.then(|| Connections::new(&calling, &[], true, own_server_ca)).transpose()?;
        Ok(Self { operations, round, options, strangers, count })
    }
}

/// The further certificates.
fn rotated(arguments: &Arguments) -> Result<Vec<Shown>, Error> {
    let read = |pair: &String| {
        let (chain, key) =
            pair.split_once(':').ok_or_else(|| format!("--rotate {pair}: write CHAIN:KEY, the names of two files"))?;
        let chain = Path::new(chain);
        Ok(Shown::new(arguments.target.client().credential(chain, key.as_ref())?, chain))
    };
    arguments.rotate.iter().map(read).collect()
}
