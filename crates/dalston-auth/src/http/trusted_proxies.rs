//! The client's address: the peer of the socket, unless that is a trusted proxy.

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted. The headers of any other peer are ignored
/// (BRUTE-02).
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Creates the set from the networks of the proxies.
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Returns the client's address.
    ///
    /// `peer` is the peer of the socket. `forwarded` returns the values of [`FORWARDED_FOR`](super::FORWARDED_FOR), and
    /// is called only if the peer is trusted. The addresses are read from right to left, up to the first one that is
    /// not a trusted proxy. An entry that is not an address ends the list.
    pub fn client<'a, V: IntoIterator<Item = &'a [u8]>>(&self, peer: IpAddr, forwarded: impl FnOnce() -> V) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let values = forwarded().into_iter().filter_map(|value| std::str::from_utf8(value).ok());
        let hops: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
        for hop in hops.into_iter().rev() {
            if !self.trusts(client) {
                break;
            }
            let Some(address) = address(hop) else { break };
            client = address.to_canonical();
        }
        client
    }

    /// Returns the scheme that the client used: `https` if a trusted proxy reports it, and `http` otherwise.
    ///
    /// `peer` is the peer of the socket, and `forwarded` the value of [`FORWARDED_PROTO`](super::FORWARDED_PROTO).
    pub fn scheme(&self, peer: Option<IpAddr>, forwarded: Option<&[u8]>) -> &'static str {
        let by_proxy = peer.is_some_and(|peer| self.trusts(peer.to_canonical()));
        // With several proxies, the first entry is of the proxy that the client connected to.
        let first = forwarded.unwrap_or_default().split(|byte| *byte == b',').next().unwrap_or_default();
        if by_proxy && first.trim_ascii().eq_ignore_ascii_case(b"https") { "https" } else { "http" }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Parses an address as proxies write it: with or without a port, and an IPv6 address with or without brackets.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()])
    }

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let values = || forwarded.iter().map(|value| value.as_bytes());
        proxies().client(peer.parse().unwrap(), values).to_string()
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_only() {
        assert_eq!(client("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["203.0.113.9, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["203.0.113.9", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn forwarded_addresses_are_not_looked_at_when_the_peer_is_no_proxy() {
        let asked = || -> [&[u8]; 0] { panic!("nobody should ask") };
        assert_eq!(proxies().client("192.0.2.1".parse().unwrap(), asked).to_string(), "192.0.2.1");
    }

    #[test]
    fn ports_and_brackets_are_no_part_of_an_address() {
        for (hop, address) in [
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[::ffff:203.0.113.9]:1", "203.0.113.9"),
            // An entry that is not an address ends the list.
            ("203.0.113.9:x", "10.0.0.1"),
            ("[203.0.113.9", "10.0.0.1"),
            ("203.0.113.9:", "10.0.0.1"),
            ("unknown", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[hop]), address, "{hop}");
            assert_eq!(client("10.0.0.1", &[&format!("198.51.100.1, {hop}")]), address, "{hop}");
            assert_eq!(client("192.0.2.1", &[hop]), "192.0.2.1", "{hop}");
        }
        assert_eq!(client("10.0.0.1", &["198.51.100.1:5, 10.0.0.2:99, 10.0.0.3"]), "198.51.100.1");
    }

    #[test]
    fn the_scheme_is_believed_from_trusted_proxies_only() {
        for (peer, said, scheme) in [
            ("10.0.0.1", "https", "https"),
            ("10.0.0.1", "HTTPS, http", "https"),
            ("10.0.0.1", "http, https", "http"),
            ("10.0.0.1", "wss", "http"),
            ("::ffff:10.0.0.1", "https", "https"),
            ("192.0.2.1", "https", "http"),
        ] {
            let seen = proxies().scheme(Some(peer.parse().unwrap()), Some(said.as_bytes()));
            assert_eq!(seen, scheme, "{peer} {said}");
        }
        assert_eq!(proxies().scheme(None, Some(b"https")), "http");
        assert_eq!(proxies().scheme(Some("10.0.0.1".parse().unwrap()), None), "http");
    }
}
