//! Where the configuration is, and everything that can be wrong with it in one report.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, FromArgMatches};

use super::wrapping::wrapped;
use super::{EXIT_CONFIGURATION, complain};
use crate::app::{self, AppOptions, Configured, EnvironmentProblem, InboxError, SettingProblem};
use crate::settings::{EnvironmentParts, Report, Settings, Sources};
use crate::telemetry::events;

/// Where the configuration is.
#[derive(Clone, Debug)]
pub(super) struct ConfigurationFile {
    config: Option<PathBuf>,
    /// Whether an argument names it, and not a variable.
    is_argument: bool,
}

#[derive(Debug, clap::Args)]
struct ConfigurationArguments {
    /// Configuration file (TOML); without one, /etc/issuer-host/issuer-host.toml where it exists, and variables
    #[arg(short, long, value_name = "FILE", env = "ISSUER_HOST_CONFIG")]
    config: Option<PathBuf>,
}

impl clap::Args for ConfigurationFile {
    fn augment_args(command: Command) -> Command {
        ConfigurationArguments::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        ConfigurationArguments::augment_args_for_update(command)
    }
}

impl FromArgMatches for ConfigurationFile {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let ConfigurationArguments { config } = ConfigurationArguments::from_arg_matches(matches)?;
        Ok(Self { config, is_argument: matches.value_source("config") == Some(ValueSource::CommandLine) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl ConfigurationFile {
    /// The file that a container or package puts the configuration into.
    const DEFAULT: &str = "/etc/issuer-host/issuer-host.toml";

    /// Whether `--config` was written; for clap, a variable of the process would count as well.
    pub(super) fn is_argument(&self) -> bool {
        self.is_argument
    }

    /// The file, if any, and this process' variables. A server asks once: a file that goes away later would take what it says
    /// about security with it.
    pub(super) fn sources(&self) -> Sources {
        self.sources_or(Path::new(Self::DEFAULT))
    }

    fn sources_or(&self, default: &Path) -> Sources {
        // What is there and cannot be read is for the reading to tell.
        let there = match default.symlink_metadata() {
            Ok(_) => true,
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        Sources::from_process(self.config.clone().or_else(|| there.then(|| default.to_owned())))
    }
}

/// Every file that a configuration is read from: itself, and what its settings name.
pub(super) fn files(sources: &Sources, settings: &Settings) -> Vec<PathBuf> {
    let products = settings.products_dir.iter().flat_map(|directory| {
        // What is wrong with the directory is told where it is read.
        app::product_paths(directory).unwrap_or_default()
    });
    sources.file.iter().cloned().chain(settings.files()).chain(products).collect()
}

/// Reads the configuration again, from where it was read at the start; what differs from `started` and needs a restart is told by
/// its key. What is wrong with an environment harms no other, and what is wrong with the admin listener or the inbox harms none.
pub(super) fn again(sources: Sources, started: Settings) -> impl FnMut() -> Result<Configured, String> + Send {
    let mut said_something = started.origins.name_a_file();
    let mut warned = started.warnings.clone();
    move || {
        let settings = Settings::load(&sources).map_err(|report| with_what_it_names(report).to_string())?;
        if said_something && !settings.origins.name_a_file() {
            let file = sources.file.as_deref().unwrap_or(Path::new(ConfigurationFile::DEFAULT)).display();
            return Err(format!(
                "{file}: There is nothing in the file any more. Put its settings back; if there shall be none, restart the server."
            ));
        }
        said_something = settings.origins.name_a_file();
        for warning in settings.warnings.iter().filter(|warning| !warned.contains(warning)) {
            tracing::warn!(event = events::CONFIGURATION_WARNING, "{warning}");
        }
        warned.clone_from(&settings.warnings);
        let needs_restart = started.needs_restart(&settings);
        let files = files(&sources, &settings);
        let (options, found) = AppOptions::of_what_is_good(&settings);
        let problem = (!found.of_process.is_empty()).then(|| told(&settings, found.of_process));
        let of_environments = found.of_environments.into_iter();
        let refused = of_environments.map(|(name, problems)| (name, told(&settings, problems))).collect();
        Ok(Configured { options, problem, refused, needs_restart, files })
    }
}

/// What is wrong with an environment, or with what belongs to none, as a report tells it.
fn told(settings: &Settings, problems: Vec<SettingProblem>) -> String {
    let mut report = settings.report().with_warnings(Vec::new());
    for SettingProblem { key, problem } in problems {
        report.add(key, problem, "");
    }
    report.to_string()
}

/// Settings and options, or everything that is wrong. What an environment names is looked at even when something else in it
/// is broken.
pub(super) fn load(sources: &Sources) -> Result<(Settings, AppOptions), Report> {
    let settings = Settings::load(sources).map_err(with_what_it_names)?;
    match AppOptions::from_settings(&settings) {
        Ok(options) => Ok((settings, options)),
        Err(problems) => {
            let mut report = settings.report();
            let named = what_it_names(&report);
            let further: Vec<_> = problems.0.into_iter().filter(|problem| !named.contains(problem)).collect();
            for SettingProblem { key, problem } in named.into_iter().chain(further) {
                report.add(key, problem, "");
            }
            Err(report)
        }
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
    for SettingProblem { key, problem } in what_it_names(&report) {
        report.add(key, problem, "");
    }
    report
}

fn what_it_names(report: &Report) -> Vec<SettingProblem> {
    report.environments().iter().flat_map(app::problems_of).collect()
}

/// The report on an inbox that cannot be opened.
pub(super) fn inbox_refused(settings: &Settings, error: &InboxError) -> Report {
    let mut report = settings.report();
    let key = if matches!(error, InboxError::Sealing(_)) { "inbox.key_file" } else { "inbox.url" };
    report.add(key, format!("The inbox cannot be opened: {error}."), "");
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
            EnvironmentProblem::Kept { environment, .. } | EnvironmentProblem::Refused { environment, .. } => {
                report.add(format!("environments.{environment}"), problem.to_string(), "");
            }
            EnvironmentProblem::Ambiguous { environments: (one, _), .. } => {
                report.add(format!("environments.{one}"), problem.to_string(), "");
            }
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const TOML: &str = "[server]\nlisten = [\"127.0.0.1:0\"]\nmax_connections = 7\n";

    /// A file in a directory of its own, and a single environment of samples in variables, so that the file may say anything or
    /// nothing.
    struct Place(TempDir);

    impl Place {
        fn new() -> Self {
            Self(TempDir::new().unwrap())
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("issuer-host.toml")
        }

        fn write(&self, text: &str) {
            std::fs::write(self.path(), text).unwrap();
        }

        /// What a server without `--config` reads from, when this is the file that it looks for.
        fn sources(&self) -> Sources {
            let sample = |name: &str| format!("{}/certs-sample/{name}", env!("CARGO_MANIFEST_DIR"));
            let file = ConfigurationFile { config: None, is_argument: false }.sources_or(&self.path()).file;
            Sources { file, environment: Vec::new() }
                .with_variable("CUSTOMER_ID", "ISSUER0001")
                .with_variable("PRODUCT", "tsh")
                .with_variable("BACKEND_URL", "http://127.0.0.1:8080")
                .with_variable("ISSUER_HOST__SERVER__WORKERS", "1")
                .with_variable("ISSUER_HOST__ENVIRONMENTS__DEFAULT__LISTEN", "127.0.0.1:0")
                .with_variable("THALES_CLIENT_CA", sample("thales-client-ca.pem"))
                .with_variable("CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN", sample("server-chain.pem"))
                .with_variable("CUSTOMER_TLS_SERVER_PRIVATE_KEY", sample("server-key.pem"))
        }

        /// Starts: what is read then, and how it is read from then on.
        fn start(&self) -> (AppOptions, impl FnMut() -> Result<Configured, String>) {
            let sources = self.sources();
            let (settings, options) = load(&sources).unwrap_or_else(|report| panic!("{report}"));
            (options, again(sources, settings))
        }
    }

    #[test]
    fn the_default_file_is_looked_for_where_none_is_named() {
        let place = Place::new();
        assert_eq!(place.sources().file, None);
        place.write(TOML);
        assert_eq!(place.sources().file, Some(place.path()));
        let named = ConfigurationFile { config: Some("other.toml".into()), is_argument: true };
        assert_eq!(named.sources_or(&place.path()).file, Some("other.toml".into()));
        // A link that leads nowhere is a mistake, and nothing to pass over.
        std::fs::remove_file(place.path()).unwrap();
        std::os::unix::fs::symlink("nowhere", place.path()).unwrap();
        assert!(load(&place.sources()).is_err());
    }

    #[test]
    fn a_file_that_was_there_at_the_start_is_not_done_without() {
        let place = Place::new();
        place.write(TOML);
        let (started, mut again) = place.start();
        assert_eq!(started.server.max_connections, 7);
        place.write(&TOML.replace('7', "8"));
        assert_eq!(again().unwrap().options.server.max_connections, 8, "control: it is read again");

        std::fs::remove_file(place.path()).unwrap();
        let problem = again().unwrap_err();
        assert!(problem.contains("cannot be read") && problem.contains("issuer-host.toml"), "{problem}");
        assert_eq!(place.start().0.server.max_connections, AppOptions::default().server.max_connections, "control");

        place.write(TOML);
        assert_eq!(again().unwrap().options.server.max_connections, 7);
    }

    #[test]
    fn a_file_that_was_not_there_at_the_start_is_not_read_later() {
        let place = Place::new();
        let (_, mut again) = place.start();
        place.write(TOML);
        let read = again().unwrap();
        assert_eq!(read.options.server.max_connections, AppOptions::default().server.max_connections);
        assert!(!read.files.contains(&place.path()));
    }

    #[test]
    fn a_file_that_said_something_may_not_say_nothing_afterwards() {
        for nothing in ["", "\n \n", "# [server]\n# max_connections = 7\n"] {
            let place = Place::new();
            place.write(TOML);
            let (_, mut again) = place.start();
            place.write(nothing);
            for _ in 0..2 {
                let problem = again().unwrap_err();
                assert!(problem.contains("nothing in the file any more"), "{nothing:?}: {problem}");
            }
            place.write("[server]\nmax_connections = 8\n");
            assert_eq!(again().unwrap().options.server.max_connections, 8);

            place.write(nothing);
            let (_, mut again) = place.start();
            again().unwrap_or_else(|problem| panic!("control: it never said anything: {problem}"));
        }
    }
}
