//! `issuer-host man DIR`: a page for each command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::{Error, say};

const EXAMPLES: &str = "\
Examples:
  issuer-host man man1 && man -l man1/issuer-host.1

  # for everybody on this machine
  issuer-host man /usr/local/share/man/man1";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Where the pages go; pages of another version are replaced
    directory: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let directory = &arguments.directory;
    let shown = directory.display();
    fs::create_dir_all(directory).map_err(|error| format!("cannot create {shown}: {error}"))?;
    let mut program = super::Arguments::command().disable_help_subcommand(true);
    program.build();
    write(&program, directory).map_err(|error| format!("cannot write pages into {shown}: {error}"))?;
    say(format_args!("The pages are in {shown}: man -l {}", directory.join("issuer-host.1").display()))?;
    Ok(ExitCode::SUCCESS)
}

fn write(command: &Command, directory: &Path) -> std::io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write(below, directory)?;
    }
    let page = Man::new(command.clone());
    fs::write(directory.join(page.get_filename()), rendered(command, &page)?)
}

fn rendered(command: &Command, page: &Man) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        page.render_options_section(&mut text)?;
    }
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)?;
    }
    if let Some(help) = command.get_after_help() {
        text.extend_from_slice(examples(&help.to_string()).as_bytes());
    }
    Ok(text)
}

/// What stands below the options, as it stands there: lines that are filled and hyphenated cannot be copied.
fn examples(help: &str) -> String {
    let mut text = String::from(".SH EXAMPLES\n.nf\n");
    for line in help.lines().filter(|line| *line != "Examples:") {
        // A dot or an apostrophe at the beginning would be a request.
        text.push_str("\\&");
        text.push_str(&line.replace('\\', "\\e").replace('-', "\\-"));
        text.push('\n');
    }
    text.push_str(".fi\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_set_as_they_are() {
        let text = examples("Examples:\n  issuer-host call x \\\n      --all cof\n.not a request");
        let lines: Vec<_> = text.lines().collect();
        let set = [r"\&  issuer\-host call x \e", r"\&      \-\-all cof", r"\&.not a request"];
        assert_eq!(lines, [&[".SH EXAMPLES", ".nf"], &set[..], &[".fi"]].concat());
    }
}
