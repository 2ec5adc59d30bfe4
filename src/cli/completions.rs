//! `issuer-host completions SHELL`

use std::io::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Error;

const EXAMPLES: &str = "\
Examples:
  # bash, from the next shell on
  issuer-host completions bash \\
      > ~/.local/share/bash-completion/completions/issuer-host

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

/// The program's name.
const NAME: &str = "issuer-host";

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), NAME, &mut script);
    if arguments.shell == Shell::Bash {
        script = with_one_spelling(&script)?;
    }
    match std::io::stdout().write_all(&script) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The script of bash spells a name with a hyphen in two ways, in what it looks for and in what it has found, and so completes nothing below
/// the first word.
fn with_one_spelling(script: &[u8]) -> Result<Vec<u8>, Error> {
    let script = std::str::from_utf8(script)?;
    Ok(script.replace(&NAME.replace('-', "__subcmd__"), &NAME.replace('-', "__")).into_bytes())
}
