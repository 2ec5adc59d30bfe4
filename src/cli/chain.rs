//! `issuer-host chain`: the server's chain, ready for Thales (O8, O9).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::authority::warn;
use super::color::{FAINT, styled};
use super::configuration::{self, ConfigurationFile};
use super::new_file::{Readers, write_new};
use super::shell_word::shell_word;
use super::tls_files::read;
use super::wrapping::wrapped;
use super::{Error, complain, say};
use crate::pki::EndorsedChain;
use crate::pki::chain::{ChainFile, ChainLink, ServerChain};
use crate::pki::facts::minute;
use crate::pki::pem;
use crate::settings::Settings;
use crate::tls::now;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// The environment whose chain it is; all of them unless named
    #[arg(long, value_name = "NAME", conflicts_with = "certificate_chain")]
    environment: Option<String>,
    /// Files of certificates (PEM) in any order, in the place of a configuration
    #[arg(long, value_name = "FILE", num_args = 1..)]
    certificate_chain: Vec<PathBuf>,
    /// With the server's own certificate in front
    #[arg(long)]
    leaf: bool,
    /// The CA certificates alone, as the setting of the endorsed chain wants them: what Thales was given
    #[arg(long, conflicts_with_all = ["leaf", "trust_store"])]
    endorsed: bool,
    /// The trust store that Thales' delivery team needs for a private CA (O9): its root alone, which has to be given
    #[arg(long, conflicts_with = "leaf")]
    trust_store: bool,
    /// A new file for the certificates, in the place of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Exit codes: 0 the chain is there; 1 it is not, and it is said why; 2 wrong
arguments; 78 the configuration is wrong.

Examples:
  issuer-host chain > chain.pem
  issuer-host chain --leaf --certificate-chain server.pem ca.pem > chain.pem
  issuer-host chain --environment preprod --endorsed --out endorsed.pem
  issuer-host chain --trust-store --out trust-store.pem \\
      --certificate-chain server.pem root.pem

The certificates go to standard output, words about them to standard error.";

/// The files of one server.
struct Source {
    environment: Option<String>,
    files: Vec<(String, Vec<u8>)>,
    /// The same as arguments, where a file has to be given beside them.
    paths: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let sources = if arguments.certificate_chain.is_empty() {
        let settings = match Settings::load(&arguments.configuration.sources()) {
            Ok(settings) => settings,
            Err(report) => return Ok(configuration::tell(&report)),
        };
        of_environments(arguments, &settings)?
    } else {
        let file = |path: &PathBuf| Ok((path.display().to_string(), read(path)?.to_vec()));
        let files = arguments.certificate_chain.iter().map(file).collect::<Result<_, Error>>()?;
        vec![Source { environment: None, files, paths: arguments.certificate_chain.clone() }]
    };
    if let (Some(_), [_, _, ..]) = (&arguments.out, sources.as_slice()) {
        return Err("each environment has a chain of its own: name the one for this file with --environment".into());
    }
    let several = sources.len() > 1;
    let mut chains = Vec::new();
    for source in &sources {
        // All or nothing: half of what was asked for looks like the whole.
        chains.push((source, selected(arguments, source)?));
    }
    for (source, chosen) in chains {
        let text = pem::certificates_text(chosen.iter().map(|link| &*link.der));
        match (&arguments.out, &source.environment) {
            (Some(path), _) => write_new(path, text.as_bytes(), Readers::Everybody)?,
            (None, Some(environment)) if several => {
                say(format_args!("# environment {environment}\n{}", text.trim_end()))?;
            }
            (None, _) => say(text.trim_end())?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn of_environments(arguments: &Arguments, settings: &Settings) -> Result<Vec<Source>, Error> {
    let is_named = |name: &str| arguments.environment.as_ref().is_none_or(|named| named == name);
    let mut sources = Vec::new();
    for environment in settings.environments.iter().filter(|environment| is_named(&environment.name)) {
        let (name, source) = (environment.name.clone(), &environment.certificate_chain);
        let label = source.shown();
        let bytes = source.read().map_err(|error| format!("{label} cannot be read: {error}"))?;
        let path = source.path().map_or_else(|| PathBuf::from("CHAIN.pem"), Path::to_owned);
        sources.push(Source { environment: Some(name), files: vec![(label, bytes.to_vec())], paths: vec![path] });
    }
    if sources.is_empty() {
        let names: Vec<_> = settings.environments.iter().map(|environment| environment.name.as_str()).collect();
        let named = arguments.environment.as_deref().unwrap_or_default();
        return Err(format!("there is no environment {named:?}; there is {}", names.join(", ")).into());
    }
    Ok(sources)
}

/// The certificates that were asked for, and on standard error what is to be said about them.
fn selected(arguments: &Arguments, source: &Source) -> Result<Vec<ChainLink>, Error> {
    let told = |error: &dyn std::fmt::Display| -> Error {
        match &source.environment {
            Some(environment) => format!("{environment}: {error}").into(),
            None => error.to_string().into(),
        }
    };
    let files: Vec<_> = source.files.iter().map(|(label, bytes)| ChainFile { label, bytes }).collect();
    let chain = ServerChain::from_files(&files, now()).map_err(|error| told(&error))?;
    let chosen = if arguments.trust_store {
        trust_store(&chain, &source.paths)
    } else if arguments.endorsed {
        endorsed(&chain)
    } else {
        whole(&chain, arguments.leaf)
    };
    let (chosen, words) = chosen.map_err(|error| told(&error))?;
    complain(match &source.environment {
        Some(environment) => format!("{environment}: {words}"),
        None => words.to_owned(),
    });
    for (index, link) in chosen.iter().enumerate() {
        complain(wrapped(&format!("  {} {}", index + 1, link.facts.subject), 4));
        complain(format_args!("    until {}", minute(link.facts.not_after)));
        complain(format_args!("    {}", styled(FAINT, &format!("SHA-256 {}", link.facts.sha256))));
    }
    for warning in chain.warnings() {
        warn(&warning.to_string());
    }
    let served: Vec<_> = chain.leaf().into_iter().chain(chain.authorities()).map(|link| link.place.number).collect();
    if source.environment.is_some() && !served.is_sorted() {
        warn("the server itself needs its file in this order, its own certificate first, and refuses it as it is");
    }
    tell_the_end(&chain, arguments.trust_store);
    Ok(chosen)
}

/// What is chosen, and what it is.
type Chosen = Result<(Vec<ChainLink>, &'static str), String>;

fn whole(chain: &ServerChain, with_leaf: bool) -> Chosen {
    let leaf = chain.leaf();
    // A self-signed one is all that there is to endorse.
    let leaf = leaf.filter(|_| with_leaf || chain.authorities().is_empty());
    if with_leaf && leaf.is_none() {
        return Err("there is no server certificate among these, only CAs'; add it, or leave --leaf away".to_owned());
    }
    let chosen = leaf.into_iter().chain(chain.authorities()).cloned().collect();
    Ok((chosen, "CUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN for the portal (O8), from the server upwards:"))
}

fn endorsed(chain: &ServerChain) -> Chosen {
    let chosen = chain.authorities().to_vec();
    let text = pem::certificates_text(chosen.iter().map(|link| &*link.der));
    if chosen.is_empty() {
        let subject = chain.leaf().map(|leaf| leaf.facts.subject.as_str()).unwrap_or_default();
        return Err(format!(
            "{subject} is self-signed, and endorsed_chain holds CA certificates alone: get a certificate from a CA, or leave the setting \
             away"
        ));
    }
    EndorsedChain::from_pem(text.as_bytes(), now()).map_err(|error| error.to_string())?;
    Ok((chosen, "for endorsed_chain, once Thales has endorsed just these (O8):"))
}

fn trust_store(chain: &ServerChain, paths: &[PathBuf]) -> Chosen {
    if let Some(root) = chain.public_root() {
        return Err(format!("no trust store is needed: the chain ends at {root}, which Mozilla trusts (O9)"));
    }
    let Some(top) = chain.authorities().last().or(chain.leaf()) else {
        return Err("there is no certificate in it".to_owned());
    };
    // A CA below the root is no anchor to everybody who is given it.
    if let Some(issuer) = chain.missing_issuer() {
        let files: Vec<String> = paths.iter().map(|path| shell_word(path)).collect();
        return Err(format!(
            "a trust store (O9) is the root, and the root is not there: the topmost certificate is that of {}, issued by {issuer}. Give the \
             root with --certificate-chain, beside the server's chain: `issuer-host chain --trust-store --certificate-chain {} ROOT.pem`",
            top.facts.subject,
            files.join(" ")
        ));
    }
    Ok((vec![top.clone()], "the trust store for Thales' delivery team (O9):"))
}

/// Where the chain ends, and what to do about it.
fn tell_the_end(chain: &ServerChain, is_trust_store: bool) {
    match (chain.public_root(), chain.missing_issuer(), chain.root()) {
        (Some(root), _, None) => {
            complain(wrapped(&format!("The chain ends at {root}, which Mozilla trusts (O9); Thales has it."), 2));
        }
        (Some(root), ..) => complain(wrapped(&format!("The root {root} is one that Mozilla trusts (O9)."), 2)),
        (None, Some(issuer), _) => warn(&format!(
            "{issuer} is not there, and Mozilla's list has no such root: if Thales is to pin your root, add its certificate; a CA between \
             must not be missing"
        )),
        (None, None, Some(_)) if !is_trust_store => {
            complain(wrapped(
                "The root is private: Thales' delivery team needs it as well; see --trust-store (O9).",
                2,
            ));
        }
        (None, None, _) => {}
    }
}
