//! Which addresses lead over the internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of this machine, of a private network, or of nobody (RFC 6890), which nobody reaches over the internet. Those
/// of documents count as public.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    match v4.octets() {
        // "This" network; the shared space of carriers; that for measurements, which proxies make up addresses from; reserved.
        [0 | 240..=255, ..] | [100, 64..=127, ..] | [198, 18 | 19, ..] => true,
        _ => v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_multicast(),
    }
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_of_the_internet_are_known() {
        for private in [
            "0.0.0.0",
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "169.254.1.1",
            "198.18.0.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["192.0.2.7", "172.32.0.1", "100.128.0.1", "198.20.0.1", "8.8.8.8", "2001:db8::7"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }
}
