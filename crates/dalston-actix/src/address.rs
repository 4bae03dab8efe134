//! The client's address: the peer of the socket, unless that is a proxy that is trusted.

use crate::names::{FORWARDED_FOR, FORWARDED_PROTO};
use actix_web::HttpRequest;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Nobody else's is (BRUTE-02).
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// These networks.
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The client's address: read right to left, the first that is no trusted proxy.
    pub fn client(&self, request: &HttpRequest) -> Option<IpAddr> {
        let mut client = request.peer_addr()?.ip().to_canonical();
        if !self.trusts(client) {
            return Some(client);
        }
        let forwarded = request.headers().get_all(&FORWARDED_FOR).filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
        for hop in hops.into_iter().rev() {
            if !self.trusts(client) {
                break;
            }
            let Some(address) = address(hop) else { break };
            client = address.to_canonical();
        }
        Some(client)
    }

    /// The scheme that the client used: `https` where a trusted proxy says so.
    pub fn scheme(&self, request: &HttpRequest) -> &'static str {
        let by_proxy = request.peer_addr().is_some_and(|peer| self.trusts(peer.ip().to_canonical()));
        let said = request.headers().get(&FORWARDED_PROTO).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // Of several proxies the first in the list is the one that the client reached.
        let first = said.split(',').next().unwrap_or_default().trim();
        if by_proxy && first.eq_ignore_ascii_case("https") { "https" } else { "http" }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address as proxies write it: with or without a port, an IPv6 address with or without brackets.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let mut request = TestRequest::get().peer_addr(peer.parse().unwrap());
        for value in forwarded {
            request = request.append_header(("x-forwarded-for", *value));
        }
        proxies.client(&request.to_http_request()).unwrap().to_string()
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_only() {
        assert_eq!(client("192.0.2.1:1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1:1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1:1", &["203.0.113.9, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1:1", &["203.0.113.9", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1:1", &["nonsense"]), "10.0.0.1");
        assert_eq!(client("[::ffff:10.0.0.1]:1", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn ports_and_brackets_are_no_part_of_an_address() {
        for (hop, address) in [
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[::ffff:203.0.113.9]:1", "203.0.113.9"),
            // What is no address ends the list.
            ("203.0.113.9:x", "10.0.0.1"),
            ("[203.0.113.9", "10.0.0.1"),
            ("203.0.113.9:", "10.0.0.1"),
            ("unknown", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1:1", &[hop]), address, "{hop}");
            assert_eq!(client("10.0.0.1:1", &[&format!("198.51.100.1, {hop}")]), address, "{hop}");
            assert_eq!(client("192.0.2.1:1", &[hop]), "192.0.2.1", "{hop}");
        }
        assert_eq!(client("10.0.0.1:1", &["198.51.100.1:5, 10.0.0.2:99, 10.0.0.3"]), "198.51.100.1");
    }

    #[test]
    fn the_scheme_is_believed_from_trusted_proxies_only() {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        for (peer, said, scheme) in [
            ("10.0.0.1:1", "https", "https"),
            ("10.0.0.1:1", "HTTPS, http", "https"),
            ("10.0.0.1:1", "http, https", "http"),
            ("10.0.0.1:1", "wss", "http"),
            ("[::ffff:10.0.0.1]:1", "https", "https"),
            ("192.0.2.1:1", "https", "http"),
        ] {
            let request = TestRequest::get().peer_addr(peer.parse().unwrap());
            let request = request.insert_header(("x-forwarded-proto", said)).to_http_request();
            assert_eq!(proxies.scheme(&request), scheme, "{peer} {said}");
        }
    }
}
