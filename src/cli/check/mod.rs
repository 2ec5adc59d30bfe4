//! `issuer-host check`: the readiness report, offline: how a configuration stands to each of Thales' requirements.

mod examined;
mod explanation;
mod json;
mod live;
mod report;
mod rules;
mod store;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use examined::{Examined, Whole};
use explanation::Explanation;
use report::{EnvironmentReport, Report, Status, lines};
use rules::OwnCertificate;

use super::configuration::{self, ConfigurationFile};
use super::{EXIT_CONFIGURATION, EXIT_USAGE, Error, complain_of, say};
use crate::app::AppOptions;
use crate::settings::{self, EnvironmentParts, Origins, Settings};
use crate::tls::now;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
    #[command(flatten)]
    live: live::Arguments,
    /// A client certificate of your own (PEM), which the client CA must not admit; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "live")]
    own_client_certificate: Vec<PathBuf>,
    /// Exit with 1 for warnings too
    #[arg(long)]
    strict: bool,
    /// Below the table, tell all that is configured, and what each file holds
    #[arg(long, conflicts_with = "live")]
    details: bool,
    /// How to write it; details are text alone
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

const EXAMPLES: &str = "\
Exit codes: 0 as it should be; 1 a requirement is not met, or with --strict
something deserves a look; 2 wrong arguments, such as the name of a file that
cannot be read; 78 a server would not start: the report says why.

Examples:
  issuer-host check --config issuer-host.toml
  issuer-host check --config issuer-host.toml --details
  issuer-host check --config issuer-host.toml --strict \\
      --own-client-certificate tls/client.pem
  issuer-host check --config issuer-host.toml --format json

  # a running server, from outside, as Thales meets it
  issuer-host check --live tsh-pp.bank.example:443 \\
      --client-certificate client.pem --client-key client-key.pem";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: a table
    #[default]
    Text,
    /// For programs
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    if let Some(target) = &arguments.live.live {
        if arguments.configuration.is_argument() {
            complain_of("--live looks at a server from outside, and reads no configuration: leave --config out");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
        return live::run(target, &arguments.live, arguments.format == Format::Json, arguments.strict);
    }
    if arguments.live.client.are_named() {
        complain_of("--client-certificate is shown to a running server: add --live HOST:PORT");
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    let own = arguments.own_client_certificate.iter().map(|path| OwnCertificate::read(path));
    let own: Vec<_> = match own.collect::<Result<_, _>>() {
        Ok(own) => own,
        // Nothing was looked at: that is no requirement that is not met.
        Err(problem) => {
            complain_of(format_args!("--own-client-certificate: {problem}"));
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let Checked { report, refused, details } = match configuration::load(&arguments.configuration.sources()) {
        Ok((settings, options)) => usable(&settings, &options, &own),
        Err(refused) => unusable(&refused, &own),
    };
    match arguments.format {
        Format::Json => say(serde_json::to_string_pretty(&json::json(&report, refused))?)?,
        Format::Text => {
            say(table::table(&report, refused).trim_end())?;
            if let Some(details) = details.filter(|_| arguments.details) {
                say(format_args!("\n{}", details.trim_end()))?;
            }
        }
    }
    // What is wrong stands in the report, and is not told a second time.
    if refused {
        return Ok(ExitCode::from(EXIT_CONFIGURATION));
    }
    let bound = if arguments.strict { Status::Warn } else { Status::Fail };
    Ok(if report.status() >= bound { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What `check` has come to.
struct Checked {
    report: Report,
    /// Whether a server would not start; the report says why.
    refused: bool,
    /// All that is configured, where that could be read.
    details: Option<String>,
}

/// A configuration that could be read; what its files hold may be wrong all the same.
fn usable(settings: &Settings, options: &AppOptions, own: &[OwnCertificate]) -> Checked {
    let (now, has_inbox) = (now(), settings.inbox.is_some());
    let examined = settings.environments.iter().zip(&options.environments).map(|(settings, options)| {
        let whole = Whole { settings, options, has_inbox };
        Examined::new(EnvironmentParts::from(settings), Some(whole), now)
    });
    let examined: Vec<_> = examined.collect();
    let store = options.inbox.as_ref().map(store::state).transpose();
    let mut report = Report { environments: reports(&examined, own, &settings.origins), server: Vec::new() };
    let mut server = rules::server_secrets(settings);
    server.extend(rules::warned(settings));
    match &store {
        Ok(state) => server.extend(store::findings(settings, state.as_ref())),
        Err(error) => {
            let refused = configuration::inbox_refused(settings, error);
            server.extend(rules::refused(&refused, &[]).into_iter().map(|(_, finding)| finding));
        }
    }
    report.server = lines(server);

    let mut details = Explanation::new(now);
    for environment in &examined {
        if let (Some(whole), Ok(material)) = (&environment.whole, &environment.material) {
            details.environment(whole.settings, material, whole.options.interpreter.as_deref());
        }
    }
    let refused = store.is_err() || examined.iter().any(|environment| environment.material.is_err());
    details.server(settings, &store.ok().flatten().unwrap_or_default().words);
    Checked { report, refused, details: Some(details.to_string()) }
}

/// A configuration that could not be read, or not be used; what its environments name is looked at as far as it is known.
fn unusable(refused: &settings::Report, own: &[OwnCertificate]) -> Checked {
    let examined = refused.environments().iter().map(|parts| Examined::new(parts.clone(), None, now()));
    let examined: Vec<_> = examined.collect();
    let known: Vec<_> = examined.iter().flat_map(Examined::material_problems).collect();
    let told = rules::refused(refused, &known);
    let environments = examined.iter().map(|environment| {
        let findings = rules::environment(environment, &examined, own, refused.origins());
        let further = told.iter().filter(|(name, _)| name.as_deref() == Some(environment.name()));
        let further = further.map(|(_, finding)| finding.clone());
        EnvironmentReport::new(environment.name(), rules::completed(findings.into_iter().chain(further).collect()))
    });
    let environments = environments.collect();
    let elsewhere = |name: &str| !examined.iter().any(|environment| environment.name() == name);
    let server = told.iter().filter(|(name, _)| name.as_deref().is_none_or(elsewhere));
    let server = lines(server.map(|(_, finding)| finding.clone()));
    Checked { report: Report { environments, server }, refused: true, details: None }
}

fn reports(examined: &[Examined<'_>], own: &[OwnCertificate], origins: &Origins) -> Vec<EnvironmentReport> {
    let report = |environment: &Examined<'_>| {
        let findings = rules::environment(environment, examined, own, origins);
        EnvironmentReport::new(environment.name(), rules::completed(findings))
    };
    examined.iter().map(report).collect()
}
