//! Check of the `Host` header, against DNS rebinding: a request under an unknown host name is refused.

use actix_web::{
    HttpRequest,
    http::{header::HeaderValue, uri::Authority},
};
use dalston_actix::Problem;
use dalston_model::ErrorCode;
use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr},
};

/// Accepted host names. IP addresses are accepted as well, since they cannot be rebound. `*.example.com` stands for
/// each name below `example.com`.
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// Accepts these names, the loopback names, and the machine's own name.
    pub(crate) fn new(allowed: Vec<String>) -> Self {
        let own = fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_ascii_lowercase());
        let loopback = ["localhost".to_owned()];
        Self(allowed.into_iter().chain(loopback).chain(own).collect())
    }

    /// Refuses with 421 a request under an unknown host name, unless its path is one of `open`. `host` is its `Host`
    /// header.
    pub(crate) fn check(
        &self,
        request: &HttpRequest,
        host: Option<&HeaderValue>,
        open: &[&str],
    ) -> Result<(), Problem> {
        // An absolute request target takes precedence over the header (RFC 9112 §3.2.2). HTTP/1.0 may have neither.
        let target = request.uri().authority().map(Authority::as_str);
        let header = || host.map(|host| host.to_str().unwrap_or_default());
        match target.or_else(header) {
            Some(host) if !self.answer(host) && !open.contains(&request.path()) => {
                tracing::info!(
                    event = "host.refused",
                    host = ?host,
                    "refused a host that DALSTON_ALLOWED_HOSTS does not list"
                );
                Err(Problem::new(
                    ErrorCode::Misdirected,
                    "This host name is not answered here: its operator can add it to DALSTON_ALLOWED_HOSTS",
                ))
            }
            _ => Ok(()),
        }
    }

    fn answer(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else { return false };
        if let Some(literal) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            return literal.parse::<Ipv6Addr>().is_ok();
        }
        let listed = self.0.iter().any(|known| match known.strip_prefix('*') {
            Some(parent) => is_below(name, parent),
            None => known.eq_ignore_ascii_case(name),
        });
        listed || name.parse::<Ipv4Addr>().is_ok() || is_below(name, ".localhost")
    }
}

/// Whether the name is a subdomain of `parent`, which starts with a dot.
fn is_below(name: &str, parent: &str) -> bool {
    let label = name.len().checked_sub(parent.len()).filter(|label| *label > 0 && name.is_char_boundary(*label));
    label.is_some_and(|label| are_labels(&name[..label]) && name[label..].eq_ignore_ascii_case(parent))
}

/// Whether the text consists of host name labels with dots between them.
fn are_labels(text: &str) -> bool {
    let of_label = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(of_label))
}

/// Returns the host without its port. An IPv6 address keeps its brackets (RFC 3986 §3.2.2).
fn name_of(host: &str) -> Option<&str> {
    let end = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, port) = host.split_at(end);
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.len() <= 5;
    (port.is_empty() || port.strip_prefix(':').is_some_and(digits)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_a_listed_one_are_answered() {
        let hosts = Hosts::new(vec!["*.example.com".to_owned(), "*.b.test".to_owned()]);
        for host in ["a.example.com", "A.B.Example.com:443", "x-1.b.test"] {
            assert!(hosts.answer(host), "{host}");
        }
        for host in [
            "example.com",
            ".example.com",
            "aexample.com",
            "a.example.com.evil",
            "b.test",
            "é.b.tést",
            "*",
            "evil.com/.example.com",
            "evil.com?.example.com",
            "a#.example.com",
            "a\\.example.com",
            "*.example.com",
            "a..example.com",
            "a@b.example.com",
            "\"><b>.example.com",
            "a b.example.com",
        ] {
            assert!(!hosts.answer(host), "{host}");
        }
    }

    #[test]
    fn loopback_names_addresses_and_listed_names_are_answered() {
        let hosts = Hosts::new(vec!["api.example.com".to_owned()]);
        for host in [
            "localhost:8000",
            "127.0.0.1",
            "[::1]:8000",
            "192.0.2.1:80",
            "API.example.com",
            "x.localhost",
            "[::]",
            "localhost:",
        ] {
            assert!(hosts.answer(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "",
            "api.example.com.evil",
            "[[127.0.0.1]]:99",
            "[127.0.0.1]",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:x",
            "[]",
            "127.0.0.1]",
            "localhost:8000:1",
            "localhost:+1",
            "evil.example@localhost",
            "localhost@evil.example",
            ".localhost",
            ":80",
        ] {
            assert!(!hosts.answer(host), "HTTP-08 {host}");
        }
    }
}
