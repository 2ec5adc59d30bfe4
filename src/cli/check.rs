//! `issuer-host check`: what is configured, what each file holds, what expires when.

use std::process::ExitCode;

use super::configuration::{self, ConfigurationFile};
use super::explanation::Explanation;
use super::{Error, say};
use crate::app::{AppOptions, EnvironmentProblem};
use crate::settings::{Report, Settings};
use crate::tls::{TlsMaterial, now};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    match configuration::load(&arguments.configuration.sources())
        .and_then(|(settings, options)| explain(&settings, &options))
    {
        Ok(explanation) => {
            say(explanation.to_string().trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(report) => Ok(configuration::tell(&report)),
    }
}

fn explain(settings: &Settings, options: &AppOptions) -> Result<Explanation, Report> {
    let mut explanation = Explanation::new(now());
    let mut warnings = settings.warnings.clone();
    let mut problems = Vec::new();
    for (environment, environment_options) in settings.environments.iter().zip(&options.environments) {
        match TlsMaterial::load(&environment_options.material_sources(&options.server), now()) {
            Ok(material) => {
                warnings.extend(material.warnings().iter().map(|warning| format!("{}: {warning}", environment.name)));
                warnings.extend(explanation.environment(
                    environment,
                    &material,
                    environment_options.interpreter.as_deref(),
                ));
            }
            Err(error) => problems.push(EnvironmentProblem::Material { environment: environment.name.clone(), error }),
        }
    }
    if !problems.is_empty() {
        return Err(configuration::refused(settings, &problems));
    }
    warnings.extend(settings.inbox_warning().map(str::to_owned));
    explanation.server(settings);
    explanation.conclude(&warnings);
    Ok(explanation)
}
