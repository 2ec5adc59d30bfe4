//! The hosts file: a name that stands in it has a hard-coded address for every program of this machine (I9).

use std::net::IpAddr;

/// Where Unix keeps it.
pub(super) const PATH: &str = "/etc/hosts";

/// The addresses that a hosts file gives a name, as hosts(5) has it: an address and names in each line, `#` begins a comment.
pub(super) fn addresses(text: &str, host: &str) -> Vec<IpAddr> {
    let host = host.trim_end_matches('.');
    let line = |line: &str| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|name| name.trim_end_matches('.').eq_ignore_ascii_case(host)).then_some(address)
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_hosts_file_is_found_and_a_comment_is_none() {
        let text = "127.0.0.1 localhost\n# 192.0.2.1 api.test\n192.0.2.2\tother API.test # api.test\n::2 api.test.\nx api.test\n\n";
        let found: Vec<_> = addresses(text, "api.test").iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.2", "::2"]);
        assert_eq!(addresses(text, "api"), [] as [IpAddr; 0]);
    }
}
