//! `issuer-host completions SHELL`

use std::io::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Error;

const EXAMPLES: &str = "\
Examples:
  # bash, for this user, from the next shell on
  issuer-host completions bash > ~/.local/share/bash-completion/completions/issuer-host

  # zsh, in a directory of $fpath
  issuer-host completions zsh > ~/.zfunc/_issuer-host

  # fish
  issuer-host completions fish > ~/.config/fish/completions/issuer-host.fish";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "issuer-host", &mut script);
    match std::io::stdout().write_all(&script) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
