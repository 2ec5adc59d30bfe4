//! `issuer-host sample-pki DIR`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::new_file::{Readers, write_new};
use super::{Error, say};
use crate::pki::sample::{SampleOptions, SamplePki};

const EXAMPLES: &str = "\
Examples:
  issuer-host sample-pki tls
  issuer-host sample-pki tls --host tsh-pp.bank.example";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A directory that does not exist yet, or is empty
    directory: PathBuf,
    /// A name or address that the server certificate covers, beside localhost and loopback; may be given again
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let names = write(&arguments.directory, &arguments.hosts)?;
    say(format_args!("{} files in {}:", names.len(), arguments.directory.display()))?;
    for name in names {
        say(format_args!("  {name}"))?;
    }
    say("Everybody can make these: they say SAMPLE, and a server that others can reach refuses them.")?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a new sample PKI, and gives the names of its files. Keys get mode 0600; nothing is overwritten.
pub(super) fn write(directory: &Path, hosts: &[String]) -> Result<Vec<&'static str>, Error> {
    fs::create_dir_all(directory).map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
    if fs::read_dir(directory)?.next().is_some() {
        return Err(
            format!("{} is not empty: name a new directory, nothing is overwritten", directory.display()).into()
        );
    }
    let mut options = SampleOptions::default();
    options.hosts.extend(hosts.iter().cloned());
    let pki = SamplePki::generate(options)?;
    let mut names = Vec::new();
    for (name, contents, secret) in pki.files() {
        let readers = if secret { Readers::Owner } else { Readers::Everybody };
        write_new(&directory.join(name), contents.as_bytes(), readers)?;
        names.push(name);
    }
    Ok(names)
}
