//! The host of an environment as it is configured, and the names that it stands for.

use std::net::IpAddr;

/// What starts a wildcard: one whole label, the left-most (RFC 9525 section 6.3).
const WILDCARD: &str = "*.";

/// A host as it is configured: one DNS name, or `*.` and a name, which stands for every name with exactly one label in the
/// place of `*`. Names are compared without case and without one dot at their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPattern<'a> {
    wildcard: bool,
    /// The name, or what follows the `*.`; without a dot at its end.
    name: &'a str,
}

impl<'a> HostPattern<'a> {
    /// The pattern that `host` is. Whether it is a sensible one is judged where it is configured; one that is not, such as
    /// `a.*.example`, equals no name that TLS or HTTP can carry.
    pub fn new(host: &'a str) -> Self {
        let host = without_trailing_dot(host);
        match host.strip_prefix(WILDCARD) {
            Some(name) => Self { wildcard: true, name },
            None => Self { wildcard: false, name: host },
        }
    }

    /// Whether it stands for more than one name.
    pub fn is_wildcard(self) -> bool {
        self.wildcard
    }

    /// Whether `name` is the host, or one of those that the wildcard stands for. An address is never one of them, whatever
    /// its digits look like.
    pub fn matches(self, name: &str) -> bool {
        let name = without_trailing_dot(name);
        if !self.wildcard {
            return name.eq_ignore_ascii_case(self.name);
        }
        let Some((label, behind)) = name.split_once('.') else { return false };
        !label.is_empty() && behind.eq_ignore_ascii_case(self.name) && name.parse::<IpAddr>().is_err()
    }
}

/// A name as it is compared: the dot that makes it fully qualified (RFC 1034 section 3.1) aside, and only that one.
pub fn without_trailing_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_matches(host: &str, good: &[&str], bad: &[&str]) {
        for name in good {
            assert!(HostPattern::new(host).matches(name), "{name} is {host}");
        }
        for name in bad {
            assert!(!HostPattern::new(host).matches(name), "{name} is not {host}");
        }
    }

    #[test]
    fn a_name_is_itself_case_and_one_trailing_dot_aside() {
        let good = ["tsh.bank.example", "TSH.Bank.Example", "tsh.bank.example."];
        let bad = ["a.tsh.bank.example", "bank.example", "tsh.bank.example..", "", ".", "*.bank.example"];
        assert_matches("tsh.bank.example", &good, &bad);
        assert_matches("tsh.bank.example.", &good, &bad);
    }

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        let good = ["a.bank.example", "TSH-PP.Bank.EXAMPLE", "a.bank.example.", "xn--bcher-kva.bank.example"];
        let bad = [
            "a.b.bank.example",
            "bank.example",
            ".bank.example",
            "..bank.example",
            "a.bank.example..",
            "abank.example",
            "a.bank.example.evil.example",
            "a.otherbank.example",
            "",
            ".",
        ];
        assert_matches("*.bank.example", &good, &bad);
        assert_matches("*.Bank.Example.", &good, &bad);
    }

    #[test]
    fn an_address_is_no_name_of_a_wildcard() {
        assert_matches("*.0.2.7", &["a.0.2.7"], &["192.0.2.7"]);
    }

    #[test]
    fn a_star_elsewhere_is_no_wildcard() {
        assert_matches("*", &["*"], &["a", "a.bank.example"]);
        assert_matches("a*.bank.example", &[], &["ab.bank.example", "a.bank.example"]);
        assert_matches("a.*.example", &[], &["a.b.example"]);
        assert_matches("*.*.example", &[], &["a.b.example"]);
    }
}
