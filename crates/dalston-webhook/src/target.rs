//! The URL of an endpoint: checks whether a delivery may be sent there, as far as the URL alone decides.

use crate::Networks;
use reqwest::Url;
use std::net::IpAddr;
use thiserror::Error;

/// Maximum length of a URL in bytes.
const LONGEST: usize = 2_048;

/// Why a URL cannot be the URL of an endpoint. The text says what is wanted, and never repeats the input.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum TargetError {
    /// The URL is malformed or too long.
    #[error("must be a URL of at most 2048 characters: https://example.com/hook")]
    Malformed,
    /// The scheme is not `https`. `http` is permitted to allowed networks only.
    #[error("must begin with https://")]
    Scheme,
    /// The URL contains a user name or a password.
    #[error("must hold no user name and no password")]
    Credentials,
    /// The URL has a fragment, which would never be sent.
    #[error("must have no fragment")]
    Fragment,
    /// The host is an address that is not public.
    #[error("must lead to a public address")]
    Hidden,
}

impl Networks {
    /// Returns the URL in its canonical form (WHATWG: `https:0x7f.1` is `https://127.0.0.1/`), if a delivery may be
    /// sent there.
    ///
    /// Names are not resolved here: each connection resolves them and checks their addresses.
    pub fn target(&self, text: &str) -> Result<Url, TargetError> {
        let url = Url::parse(text).map_err(|_| TargetError::Malformed)?;
        if url.as_str().len() > LONGEST || text.len() > LONGEST {
            return Err(TargetError::Malformed);
        }
        let is_plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(TargetError::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(TargetError::Fragment);
        }
        match literal(&url) {
            Some(address) if !self.is_allowed(address) => Err(TargetError::Hidden),
            Some(address) if is_plain && !self.contains(address) => Err(TargetError::Scheme),
            None if is_plain && self.is_empty() => Err(TargetError::Scheme),
            _ => Ok(url),
        }
    }
}

/// Returns the host if it is a literal address, which is never resolved.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_address_is_read_as_the_url_standard_reads_it() {
        let none = Networks::default();
        for host in [
            "127.0.0.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "0177.0.0.1",
            "127.1",
            "127.0.0.1.",
            "127.0.0.1:8443",
            "１２７.0.0.1",
            "%31%32%37.0.0.1",
            "169.254.169.254",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[0:0:0:0:0:ffff:7f00:1]",
            "[::ffff:a9fe:a9fe]",
            "[fd00:ec2::254]",
            "0",
            "0.0.0.0",
        ] {
            let url = format!("https://{host}/hook");
            assert_eq!(none.target(&url), Err(TargetError::Hidden), "UPL-08 {url}");
        }
        assert_eq!(none.target("https:0x7f.1"), Err(TargetError::Hidden));
        assert_eq!(none.target("https:\\\\10.0.0.1\\"), Err(TargetError::Hidden));
    }

    #[test]
    fn a_target_is_encrypted_unless_its_network_is_allowed() {
        let (none, some) = (Networks::default(), Networks::new(vec!["127.0.0.0/8".parse().unwrap()]));
        assert_eq!(none.target("http://example.com/"), Err(TargetError::Scheme));
        assert_eq!(none.target("http://1.1.1.1/"), Err(TargetError::Scheme));
        assert_eq!(some.target("http://1.1.1.1/"), Err(TargetError::Scheme));
        assert_eq!(some.target("http://10.0.0.1/"), Err(TargetError::Hidden));
        for (networks, url) in [
            (&none, "https://example.com/hook?x=1"),
            (&none, "https://1.1.1.1:8443/"),
            (&none, "https://[2606:4700:4700::1111]/"),
            (&some, "http://127.0.0.1:8080/"),
            // Where the name leads is checked at the connection.
            (&some, "http://localhost/"),
        ] {
            assert_eq!(networks.target(url).unwrap().as_str(), url);
        }
        assert_eq!(some.target("HTTP:127.1").unwrap().as_str(), "http://127.0.0.1/");
    }

    #[test]
    fn a_target_is_a_plain_url() {
        let none = Networks::default();
        for (url, error) in [
            ("", TargetError::Malformed),
            ("example.com/hook", TargetError::Malformed),
            ("https://", TargetError::Malformed),
            ("https://exa mple.com/", TargetError::Malformed),
            ("https://256.256.256.256/", TargetError::Malformed),
            ("ftp://example.com/", TargetError::Scheme),
            ("file:///etc/passwd", TargetError::Scheme),
            ("gopher://example.com/", TargetError::Scheme),
            ("https://user@example.com/", TargetError::Credentials),
            ("https://user:pass@example.com/", TargetError::Credentials),
            ("https://:pass@example.com/", TargetError::Credentials),
            ("https://1.1.1.1#@127.0.0.1/", TargetError::Fragment),
            ("https://example.com/#x", TargetError::Fragment),
        ] {
            assert_eq!(none.target(url), Err(error), "{url}");
        }
        let long = format!("https://example.com/{}", "a".repeat(2_048));
        assert_eq!(none.target(&long), Err(TargetError::Malformed));
    }
}
