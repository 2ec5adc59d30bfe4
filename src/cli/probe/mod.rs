//! `issuer-host probe`: the other direction, from the customer to Thales.

mod admission;
mod hosts_file;
mod json;
mod name;
mod plan;
mod report;
mod server_certificate;
mod step;
mod steps;
mod target;
mod words;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use plan::Plan;
use step::{Part, Step, Verdict};
use steps::Probe;
use target::{Target, checked_path};

use super::color::{FAINT, HEADING, styled};
use super::tls_files::ClientFiles;
use super::{EXIT_USAGE, Error, complain_of, say};
use crate::thales::Requirement;
use crate::thales::inbound::{InboundEnvironment, InboundProduct};
use crate::tls::now;

/// What tells other programs to go through a proxy.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// HOST[:PORT][/PATH]; without one, Thales' own host of --product and --environment
    #[arg(value_name = "HOST")]
    host: Option<Target>,
    /// The product that is called: whose host, whose rules for certificates
    #[arg(long, value_enum, ignore_case = true)]
    product: Option<Product>,
    /// The environment that is called; merchant tokenization has a sandbox and a production
    #[arg(long, value_enum, ignore_case = true)]
    environment: Option<Environment>,
    #[command(flatten)]
    client: ClientFiles,
    /// The CAs that the server's certificate has to come from (PEM), in place of those that Mozilla trusts
    #[arg(long, value_name = "FILE")]
    server_ca: Option<PathBuf>,
    /// The name server to ask, in place of those of /etc/resolv.conf
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = name_server)]
    dns: Option<SocketAddr>,
    /// What to GET; any answer will do [default: that of HOST, that of the product, or /]
    #[arg(long, value_parser = checked_path)]
    path: Option<String>,
    /// How often to go the whole way
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// How long to wait before going it again
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    every: Duration,
    /// How long each step may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = patience)]
    timeout: Duration,
    /// Take an IP address for HOST; never for a host of Thales, whose addresses change
    #[arg(long)]
    allow_address: bool,
    /// How to write what was found; json = an object in a line for each round
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

// Lines of at most 80 columns: in a longer one a narrow terminal breaks the command.
const EXAMPLES: &str = "\
Examples:
  How far one gets to Thales without a certificate:
    issuer-host probe --product xpay --environment preprod

  Whether one's own is taken:
    issuer-host probe --product d1 --environment production \\
      --client-certificate client.pem --client-key client-key.pem

  Whether addresses change, and whether all of them work:
    issuer-host probe api.dbp.thalescloud.io --times 20 --every 30s

  Another server, by another name server:
    issuer-host probe gateway.bank.example:8443/health \\
      --server-ca bank-ca.pem --dns 192.0.2.53

Each step is a line: pass, WARN or FAIL, what was found, behind a > what to do.
Exit code: 0 = nothing failed, 1 = something did, 2 = wrong arguments, or
a file that they name cannot be used.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Product {
    /// xPay enablement (TSH)
    #[value(name = "xpay", alias = "tsh")]
    XPay,
    /// eCom D1
    #[value(alias = "d1-ecom")]
    D1,
    /// Merchant tokenization
    #[value(aliases = ["cof", "merchant-tokenization"])]
    Merchant,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Environment {
    /// Of xPay and D1
    #[value(aliases = ["ppr", "pre-prod", "preproduction", "pre-production"])]
    Preprod,
    /// Of all
    #[value(aliases = ["prd", "prod"])]
    Production,
    /// Of merchant tokenization
    Sandbox,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

impl From<Product> for InboundProduct {
    fn from(product: Product) -> Self {
        match product {
            Product::XPay => Self::XPay,
            Product::D1 => Self::D1,
            Product::Merchant => Self::Merchant,
        }
    }
}

impl From<Environment> for InboundEnvironment {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Preprod => Self::Preprod,
            Environment::Production => Self::Production,
            Environment::Sandbox => Self::Sandbox,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let plan = match Plan::new(arguments) {
        Ok(plan) => plan,
        Err(problem) => {
            complain_of(problem);
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(rounds(arguments, &plan))
}

async fn rounds(arguments: &Arguments, plan: &Plan) -> Result<ExitCode, Error> {
    let mut probe = Probe::new(plan);
    let (mut warned, mut failed) = (0, 0);
    for number in 1..=arguments.times {
        if number > 1 {
            tokio::time::sleep(arguments.every).await;
        }
        let at = SystemTime::now();
        // What does not change is said once.
        let mut steps = if number == 1 { beforehand(plan) } else { Vec::new() };
        if arguments.format == Format::Text {
            say(heading(arguments, plan, number, at))?;
        }
        steps.extend(probe.round(now()).await);
        match arguments.format {
            Format::Json => say(json::round(plan, number, at, &steps))?,
            Format::Text => {
                for step in &steps {
                    say(report::lines(step))?;
                }
                say(format_args!("\n{}", report::conclusion(&steps, &plan.target.authority())))?;
            }
        }
        if steps.iter().any(Step::failed) {
            failed += 1;
        } else if steps.iter().any(|step| step.verdict == Verdict::Warning) {
            warned += 1;
        }
    }
    let times = arguments.times;
    if times > 1 && arguments.format == Format::Text {
        let passed = times - warned - failed;
        say(format_args!("\n{times} rounds: {passed} passed, {warned} with warnings, {failed} failed."))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn heading(arguments: &Arguments, plan: &Plan, number: u32, at: SystemTime) -> String {
    let what = match (plan.product, plan.environment) {
        (Some(product), Some(environment)) => format!(", {product} in {environment}"),
        (Some(product), None) => format!(", {product}"),
        _ => String::new(),
    };
    let title = styled(HEADING, &format!("{}{}{what}", plan.target.authority(), plan.path));
    if arguments.times == 1 {
        return format!("{title}\n");
    }
    let between = if number == 1 { "" } else { "\n" };
    let time = humantime::format_rfc3339_seconds(at);
    format!("{between}{title} {}\n", styled(FAINT, &format!("round {number} of {}, {time}", arguments.times)))
}

/// What is known before anybody is called.
fn beforehand(plan: &Plan) -> Vec<Step> {
    let mut steps = Vec::new();
    // Its value may hold a password, and is not printed.
    if let Some(name) =
        PROXY_VARIABLES.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    {
        let found = format!("{name} is set, and not used here: Thales is called directly");
        let to_do =
            "where your application goes through the proxy, have it let TLS to this host pass unopened (CONNECT)";
        steps.push(Step::warning(Part::Proxy, found, to_do));
    }
    let fixed = std::fs::read_to_string(hosts_file::PATH).unwrap_or_default();
    let fixed = hosts_file::addresses(&fixed, &plan.target.host);
    if !fixed.is_empty() && !plan.target.host.eq_ignore_ascii_case("localhost") {
        let addresses: Vec<String> = fixed.iter().map(IpAddr::to_string).collect();
        let found = format!("{} gives the name {}; not used here", hosts_file::PATH, addresses.join(", "));
        let to_do = "take the line out: your application would call an address that Thales may leave at any time";
        steps.push(Step::warning(Part::HostsFile, found, to_do).about(Requirement::I9));
    }
    steps.extend(plan.own_certificate(now()));
    steps
}

/// An address, at port 53 unless it says otherwise.
fn name_server(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)));
    address.map_err(|_| {
        "write the IP address of a name server, as in 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53".to_owned()
    })
}

/// More than nothing.
fn patience(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time.is_zero() { Err("nothing is done in no time: write 10s, for example".to_owned()) } else { Ok(time) }
}
