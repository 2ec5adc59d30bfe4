//! Where the configuration is, and everything that can be wrong with it in one report.

use std::path::PathBuf;
use std::process::ExitCode;

use super::wrapping::wrapped;
use super::{EXIT_CONFIGURATION, complain};
use crate::app::{self, AppOptions, EnvironmentProblem, SettingProblem};
use crate::settings::{EnvironmentParts, Report, Settings, Sources};

/// Where the configuration is.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ConfigurationFile {
    /// Configuration file (TOML); without one, /etc/issuer-host/issuer-host.toml where it exists, and variables
    #[arg(short, long, value_name = "FILE", env = "ISSUER_HOST_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigurationFile {
    /// The file that a container or package puts the configuration into.
    const DEFAULT: &str = "/etc/issuer-host/issuer-host.toml";

    /// The file, if any, and this process' variables.
    pub(super) fn sources(&self) -> Sources {
        let default = || Some(PathBuf::from(Self::DEFAULT)).filter(|path| path.exists());
        Sources::from_process(self.config.clone().or_else(default))
    }
}

/// Every file that a configuration is read from: itself, and what its settings name.
pub(super) fn files(file: &ConfigurationFile, settings: &Settings) -> Vec<PathBuf> {
    file.sources().file.into_iter().chain(settings.files()).collect()
}

/// Settings and options, or everything that is wrong. What an environment names is looked at even when something else in it
/// is broken.
pub(super) fn load(file: &ConfigurationFile) -> Result<(Settings, AppOptions), Report> {
    let settings = Settings::load(&file.sources()).map_err(with_what_it_names)?;
    match AppOptions::from_settings(&settings) {
        Ok(options) => Ok((settings, options)),
        Err(_) => Err(with_what_it_names(settings.report())),
    }
}

/// Tells what is wrong, on standard error, and gives the exit code that says so.
pub(super) fn tell(report: &Report) -> ExitCode {
    for line in report.to_string().lines() {
        // As deep as a report sets its sentences in.
        complain(wrapped(line, 3));
    }
    ExitCode::from(EXIT_CONFIGURATION)
}

/// The report, and everything that is wrong with certificates, keys and patterns that its environments name.
fn with_what_it_names(mut report: Report) -> Report {
    let problems: Vec<_> = report.environments().iter().flat_map(app::problems_of).collect();
    for SettingProblem { key, problem } in problems {
        report.add(key, problem, "");
    }
    report
}

/// The report on environments that were refused when the server was put together.
pub(super) fn refused(settings: &Settings, problems: &[EnvironmentProblem]) -> Report {
    let mut report = settings.report();
    for problem in problems {
        match problem {
            EnvironmentProblem::Material { environment, error } => {
                let Some(of) = settings.environments.iter().find(|of| of.name == *environment) else { continue };
                let parts = EnvironmentParts::from(of);
                for SettingProblem { key, problem } in
                    error.0.iter().filter_map(|problem| app::material_problem(&parts, problem))
                {
                    report.add(key, problem, "");
                }
            }
            EnvironmentProblem::Tls { environment, error } => {
                report.add(format!("environments.{environment}"), error.to_string(), "");
            }
            EnvironmentProblem::None | EnvironmentProblem::NeedsRestart { .. } => {
                report.add("environments", problem.to_string(), "");
            }
            EnvironmentProblem::Kept { environment, .. } => {
                report.add(format!("environments.{environment}"), problem.to_string(), "");
            }
            EnvironmentProblem::Ambiguous { environments: (one, _), .. } => {
                report.add(format!("environments.{one}"), problem.to_string(), "");
            }
        }
    }
    report
}
