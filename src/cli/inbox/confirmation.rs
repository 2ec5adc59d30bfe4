//! Asking before something is done that cannot be taken back.

use std::io::{self, IsTerminal as _, Write as _};

use crate::cli::Error;

/// Whether to go on: `yes` was said already, or is said to `question` now.
///
/// # Errors
/// When there is nobody to be asked.
pub(super) fn confirmed(question: &str, yes: bool) -> Result<bool, Error> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        return Err(format!("{question} Say --yes: there is no terminal to ask on").into());
    }
    let mut told = io::stderr().lock();
    write!(told, "{question} [y/N] ")?;
    told.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(means_yes(&answer))
}

fn means_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_means_yes() {
        assert!(["y", "Y\n", " yes \n", "YES"].iter().all(|answer| means_yes(answer)));
        assert!(!["", "\n", "n", "no", "yeah", "ye s"].iter().any(|answer| means_yes(answer)));
        assert!(confirmed("Really?", true).unwrap());
    }
}
