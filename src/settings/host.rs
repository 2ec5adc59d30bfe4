//! The name that Thales calls: `ISSUER_HOST`.

use std::net::IpAddr;

use rustls_pki_types::DnsName;

use super::typed::{self, Parsed, Raw, shown, wrong};

/// A DNS name as TLS and HTTP will carry it, in lower case and without the dot at its end; or `*.` and a name of at least two
/// labels, for the names with one label in the place of `*`.
pub(super) fn host(raw: &Raw<'_>) -> Parsed<String> {
    let text = typed::text(raw)?;
    let name = text.strip_suffix('.').unwrap_or(&text).to_lowercase();
    let example = "Write the name alone, such as \"tsh.bank.example\".";
    let remedy = if name.contains("://") || name.contains('/') {
        "Write the name alone, without scheme and path."
    } else if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        "Leave host out: callers cannot ask for an address in TLS, and without host any name is taken."
    } else if name.contains(':') {
        "Write the name alone: the port belongs in listen."
    } else if !name.is_ascii() {
        "Write the name as DNS carries it: labels in other scripts start with xn--."
    } else if let Some(remedy) = misplaced_star(&name) {
        remedy
    } else if DnsName::try_from(name.strip_prefix("*.").unwrap_or(&name)).is_err() {
        example
    } else {
        return Ok(name);
    };
    wrong(format!("{} is not a DNS name.", shown(&text)), remedy)
}

/// What to do about a `*` that is not the whole first label of a wildcard.
fn misplaced_star(name: &str) -> Option<&'static str> {
    let behind = name.strip_prefix("*.");
    if name == "*" {
        Some("Leave host out: without host any name is taken, by an environment that is alone on its listeners.")
    } else if behind.unwrap_or(name).contains('*') {
        Some("Put one * in the place of the whole first label, such as \"*.bank.example\", or write the name alone.")
    } else if behind.is_some_and(|behind| !behind.contains('.')) {
        Some("Write at least two labels behind the *, such as \"*.bank.example\": nobody has a certificate for less.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use config::ValueKind;

    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        host(&Raw { kind: &ValueKind::from(text), from_variable: false, base: Path::new("") })
            .map_err(|wrongs| wrongs.into_iter().map(|wrong| wrong.remedy).collect())
    }

    #[test]
    fn case_and_the_dot_at_the_end_do_not_matter() {
        assert_eq!(parse("TSH.Bank.Example.").as_deref(), Ok("tsh.bank.example"));
        assert_eq!(parse("localhost").as_deref(), Ok("localhost"));
    }

    #[test]
    fn a_wildcard_is_one_label_before_two_or_more() {
        assert_eq!(parse("*.bank.example").as_deref(), Ok("*.bank.example"));
        assert_eq!(parse("*.TSH.Bank.Example.").as_deref(), Ok("*.tsh.bank.example"));
    }

    #[test]
    fn the_hint_fits_the_mistake() {
        for (bad, hint) in [
            ("https://tsh.bank.example", "scheme"),
            ("tsh.bank.example:8443", "port"),
            ("*", "Leave host out"),
            ("*.example", "two labels"),
            ("*.", "Leave host out"),
            ("a.*.example", "whole first label"),
            ("*a.bank.example", "whole first label"),
            ("a*.bank.example", "whole first label"),
            ("*.*.bank.example", "whole first label"),
            ("*.bank..example", "alone"),
            ("*.192.0.2.1", "alone"),
            ("*.bänk.example", "xn--"),
            ("*.bank.example:8443", "port"),
            ("192.0.2.1", "Leave host out"),
            ("[2001:db8::1]", "Leave host out"),
            ("bänk.example", "xn--"),
            ("a..b", "alone"),
            ("a b", "alone"),
        ] {
            assert!(parse(bad).unwrap_err().contains(hint), "{bad}: {:?}", parse(bad));
        }
    }
}
