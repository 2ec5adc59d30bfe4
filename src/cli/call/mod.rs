//! `issuer-host call`: the calls that Thales makes, made to any ISSUER_HOST.

mod advice;
mod all;
mod answer_advice;
mod connections;
mod load;
mod operations;
mod prepared;
mod report;
mod request;
mod round;
mod shown;
mod target;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use load::{Advisor, Load, Subject};
use operations::{Products, products_or_all};
use prepared::{NoCall, Prepared};
use report::Format;
use round::Round;
use target::Target;

use super::names::products;
use super::{EXIT_USAGE, Error, complain_of};
use crate::caller::CallerOptions;
use crate::caller::load::Judge;
use crate::thales::example::SAMPLE_ISSUER_ID;
use crate::thales::{Example, Operation, Product, Verdict};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The product, as a configuration names it
    #[arg(value_parser = products())]
    product: Option<Product>,
    /// The operation, as `issuer-host explain PRODUCT` names it
    #[arg(value_name = "OPERATION")]
    operation: Option<String>,
    /// Make every call of a product, or of all of them, each notification twice
    #[arg(long, value_name = "PRODUCT|all", value_parser = products_or_all(),
        conflicts_with_all = ["product", "body", "path_parameters", "count"])]
    all: Option<Products>,
    /// With --all, also make calls that must be refused: without a certificate, with a wrong key, of another issuer; they count
    /// where the call as it should be is acknowledged
    #[arg(long)]
    hostile: bool,
    /// The request's body; default: the example that comes with the operation
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The id of the issuer, token requestor or merchant gateway: ten characters, as Thales gave it
    #[arg(long, value_name = "ID", default_value = SAMPLE_ISSUER_ID)]
    issuer_id: String,
    /// The API key that cof's calls carry
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// The client that D1's calls get their token for, from the token endpoint of the same server
    #[arg(long, value_name = "ID", requires = "token_secret_file")]
    token_client: Option<String>,
    /// The secret of that client
    #[arg(long, value_name = "FILE", requires = "token_client")]
    token_secret_file: Option<PathBuf>,
    /// A further header, or another value of one; may be given again
    #[arg(long = "header", value_name = "NAME:VALUE")]
    headers: Vec<String>,
    /// A parameter of the path; may be given again
    #[arg(long = "path-parameter", value_name = "NAME=VALUE")]
    path_parameters: Vec<String>,
    /// What stands before the paths of the product, as `base_paths` of a configuration has it
    #[arg(long, value_name = "PATH")]
    base_path: Option<String>,
    /// How many calls to make, each a new event; default: one, or one for each certificate
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// Make each call over a connection of its own
    #[arg(long)]
    new_connection: bool,
    /// Keep TLS sessions, and resume them on new connections
    #[arg(long)]
    resume: bool,
    /// A further client certificate: the calls show them in turn, over new connections; may be given again
    #[arg(long, value_name = "CHAIN:KEY")]
    rotate: Vec<String>,
    /// Make a call again as Thales does: with exponential backoff, where the answer says that it may come again
    #[arg(long)]
    retry: bool,
    /// How long to go on with one call
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration, requires = "retry")]
    retry_for: Duration,
    /// The first wait, unless the server asks for another (Retry-After); each later one is twice as long
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration, requires = "retry")]
    backoff: Duration,
    /// How to write it; json is an object in each line
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    load: Load,
}

const EXAMPLES: &str = "\
Examples:
  issuer-host call https://localhost:8443 tsh notifyVirtualCardChange \\
      --server-ca certs-sample/server-ca.pem --issuer-id ISSUER0001 \\
      --client-certificate certs-sample/client-a-chain.pem \\
      --client-key certs-sample/client-a-key.pem

  # every call of a product, and some that must be refused
  issuer-host call https://issuer.example --all cof --hostile \\
      --api-key-file api-key.txt \\
      --client-certificate caller.pem --client-key caller-key.pem

  # with a token from the server's own token endpoint, again as D1 does
  issuer-host call https://issuer.example d1 notifyCardOperations \\
      --token-client thales --token-secret-file secret.txt \\
      --client-certificate caller.pem --client-key caller-key.pem \\
      --retry --retry-for 5m

  # a load
  issuer-host call https://localhost:8443 tsh notifyVirtualCardChange \\
      --server-ca certs-sample/server-ca.pem --issuer-id ISSUER0001 \\
      --client-certificate certs-sample/client-a-chain.pem \\
      --client-key certs-sample/client-a-key.pem \\
      --mode keepalive --connections 10 --rate 100 --duration 30s

Exit codes: 0 every call was answered as Thales expects; 1 one was not; 2 the
arguments make no sense, or a file that they name cannot be used.";

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let Prepared { operations, round, options, strangers, count } = match Prepared::of(arguments) {
        Ok(prepared) => prepared,
        Err(NoCall::Failed(error)) => return Err(error),
        Err(NoCall::Usage(problem)) => {
            complain_of(problem);
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let (true, Some(operation)) = (arguments.load.is_wanted(), operations.first()) {
        return runtime.block_on(load(round, operation, &options, arguments));
    }
    let good = runtime.block_on(async {
        match arguments.all {
            Some(_) => all::run(round, &operations, strangers).await,
            None => single(round, &operations, count).await,
        }
    })?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One operation, as often as it was asked for.
async fn single(mut round: Round, operations: &[Arc<Operation>], count: u32) -> Result<bool, Error> {
    for operation in operations {
        round.introduce(operation.product, &[operation])?;
        for _ in 0..count {
            let event = round.contents.event(operation)?;
            round.call(operation, event, None).await?;
        }
    }
    round.report.sum()
}

/// Many calls of one operation, with a token where they need one.
async fn load(
    mut round: Round,
    operation: &Arc<Operation>,
    options: &CallerOptions,
    arguments: &Arguments,
) -> Result<ExitCode, Error> {
    let (mut request, fresh) = round.contents.fresh_event(operation)?;
    if !round.authorize(operation, &mut request).await? {
        return Err("there is no token to call with".into());
    }
    let advisor = Advisor {
        operation: Arc::clone(operation),
        request: request.clone(),
        credential: options.credential.clone(),
        own_server_ca: arguments.target.names_server_ca(),
    };
    let subject = Subject {
        request,
        advisor,
        fresh,
        expected: operation.acknowledgement.status.as_u16(),
        judge: judge(Arc::clone(operation)),
        count: arguments.count,
        answer_timeout: arguments.target.answer_timeout(),
        authority: arguments.target.authority(),
    };
    arguments.load.run(options, subject, arguments.format).await
}

/// What Thales makes of an answer.
fn judge(operation: Arc<Operation>) -> Judge {
    let fields = Example::of(&operation).map(|example| example.answer.clone()).unwrap_or_default();
    Judge::new(move |status, headers, body| {
        let verdict = Verdict::of(&operation, &fields, status, headers, body);
        (!verdict.is_acknowledged()).then(|| verdict.wrong.join("; "))
    })
}
