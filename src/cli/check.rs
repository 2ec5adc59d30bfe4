//! `issuer-host check`: what is configured, what each file holds, what expires when.

use std::fmt::{self, Write as _};
use std::process::ExitCode;

use rustls_pki_types::UnixTime;

use super::configuration::{self, ConfigurationFile};
use super::{EXIT_CONFIGURATION, Error};
use crate::app::{AppOptions, EnvironmentProblem};
use crate::pki::facts::{CertificateFacts, minute};
use crate::settings::{EnvironmentSettings, PemSource, Settings};
use crate::tls::{TlsMaterial, now};

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    match configuration::load(&arguments.configuration).and_then(|(settings, options)| explain(&settings, &options)) {
        Ok(explanation) => {
            print!("{explanation}");
            Ok(ExitCode::SUCCESS)
        }
        Err(report) => {
            eprintln!("{report}");
            Ok(ExitCode::from(EXIT_CONFIGURATION))
        }
    }
}

fn explain(settings: &Settings, options: &AppOptions) -> Result<Explanation, crate::settings::Report> {
    let mut explanation = Explanation(String::new());
    let mut warnings = settings.warnings.clone();
    let mut problems = Vec::new();
    for (environment, options_of) in settings.environments.iter().zip(&options.environments) {
        match TlsMaterial::load(&options_of.material_sources(&options.server), now()) {
            Ok(material) => {
                explanation.environment(environment, settings, &material, now());
                warnings.extend(material.warnings().iter().map(|warning| format!("{}: {warning}", environment.name)));
            }
            Err(error) => problems.push(EnvironmentProblem::Material { environment: environment.name.clone(), error }),
        }
    }
    if !problems.is_empty() {
        return Err(configuration::refused(settings, &problems));
    }
    explanation.line("admin", &format!("http://{}  /livez /readyz /metrics /status", settings.admin.listen));
    for warning in &warnings {
        explanation.line("warning", warning);
    }
    explanation.text(match warnings.len() {
        0 => "\nThe configuration is good.\n",
        _ => "\nThe configuration can be served; look at the warnings.\n",
    });
    Ok(explanation)
}

/// Text for people, built up line by line.
struct Explanation(String);

impl Explanation {
    fn text(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn line(&mut self, label: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "  {label:<13} {value}");
    }

    fn environment(
        &mut self,
        environment: &EnvironmentSettings,
        settings: &Settings,
        material: &TlsMaterial,
        now: UnixTime,
    ) {
        let listen = if environment.listen.is_empty() { &settings.server.listen } else { &environment.listen };
        self.text(&format!("environment {}\n", environment.name));
        self.line("product", &joined(environment.products.iter().map(|product| product.name())));
        self.line("customer", &environment.customer_id);
        if environment.issuer_ids != [environment.customer_id.as_str()] {
            self.line("issuer ids", &joined(&environment.issuer_ids));
        }
        self.line("host", environment.host.as_deref().unwrap_or("any (alone on its listener)"));
        self.line("listens on", &joined(listen));
        self.line("resumption", "off: every connection proves its key and is judged anew");
        self.line("client CA", &place(&environment.client_ca));
        for anchor in material.anchors.anchors() {
            self.certificate(&anchor.facts, now);
        }
        self.line("server chain", &place(&environment.certificate_chain));
        for facts in material.credential.facts() {
            self.certificate(facts, now);
        }
        if let Some(leaf) = material.credential.facts().first() {
            self.line("", &format!("  covers {}", joined(&leaf.subject_alt_names)));
        }
        self.line("private key", &format!("{}, belongs to the chain", place(&environment.private_key)));
        self.line("backend", &environment.backend.url.to_string());
        self.text("\n");
    }

    fn certificate(&mut self, facts: &CertificateFacts, now: UnixTime) {
        let days = facts.not_after.as_secs().saturating_sub(now.as_secs()) / SECONDS_PER_DAY;
        self.line("", &facts.subject);
        self.line("", &format!("  {}, until {} ({days} days)", facts.key, minute(facts.not_after)));
        self.line("", &format!("  SHA-256 {}", facts.sha256));
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn place(source: &PemSource) -> String {
    source.path().map_or_else(|| "given in place".to_owned(), |path| path.display().to_string())
}

fn joined<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
