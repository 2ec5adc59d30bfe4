//! Where the configuration is, and everything that can be wrong with it in one report.

use std::path::PathBuf;

use crate::app::{AppOptions, EnvironmentOptions, EnvironmentProblem, ServerOptions, SettingProblem};
use crate::settings::{Report, Settings, Sources};
use crate::tls::material::{MaterialError, MaterialProblem};
use crate::tls::{TlsMaterial, now};

/// Where the configuration is.
#[derive(Debug, clap::Args)]
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

/// Settings and options, or everything that is wrong: the certificates of those environments whose settings are sound are
/// looked at even when another one is broken.
pub(super) fn load(file: &ConfigurationFile) -> Result<(Settings, AppOptions), Report> {
    let settings = match Settings::load(&file.sources()) {
        Ok(settings) => settings,
        Err(mut report) => {
            for environment in report.sound_environments().to_vec() {
                match EnvironmentOptions::from_settings(&environment) {
                    Err(problems) => add_settings(&mut report, problems),
                    Ok(options) => {
                        if let Err(error) =
                            TlsMaterial::load(&options.material_sources(&ServerOptions::default()), now())
                        {
                            add_material(&mut report, &environment.name, &error);
                        }
                    }
                }
            }
            return Err(report);
        }
    };
    match AppOptions::from_settings(&settings) {
        Ok(options) => Ok((settings, options)),
        Err(problems) => {
            let mut report = settings.report();
            add_settings(&mut report, problems);
            Err(report)
        }
    }
}

/// The report on environments that were refused when the server was put together.
pub(super) fn refused(settings: &Settings, problems: &[EnvironmentProblem]) -> Report {
    let mut report = settings.report();
    for problem in problems {
        match problem {
            EnvironmentProblem::Material { environment, error } => add_material(&mut report, environment, error),
            EnvironmentProblem::Tls { environment, error } => {
                report.add(format!("environments.{environment}"), error.to_string(), "");
            }
            EnvironmentProblem::Ambiguous { environments: (one, _), .. } => {
                report.add(format!("environments.{one}"), problem.to_string(), "");
            }
        }
    }
    report
}

fn add_settings(report: &mut Report, problems: Vec<SettingProblem>) {
    for SettingProblem { key, problem } in problems {
        report.add(key, problem, "");
    }
}

fn add_material(report: &mut Report, environment: &str, error: &MaterialError) {
    for MaterialProblem { kind, problem } in &error.0 {
        report.add(format!("environments.{environment}.{kind}"), problem.to_string(), "");
    }
}
