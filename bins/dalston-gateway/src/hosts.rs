//! The hosts that are answered: a browser that was led here under another name is not (DNS rebinding).

use crate::Gateway;
use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header,
    middleware::Next,
    web::Data,
};
use dalston_actix::{Problem, RequestInfo};
use dalston_model::ErrorCode;
use std::{fs, net::IpAddr};

/// Names that are answered beside IP addresses, which nobody can rebind.
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// These names, the loopback names, and the machine's own.
    pub(crate) fn new(allowed: Vec<String>) -> Self {
        let own = fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_ascii_lowercase());
        let loopback = ["localhost".to_owned()];
        Self(allowed.into_iter().chain(loopback).chain(own).collect())
    }

    fn answer(&self, host: &str) -> bool {
        let name = name_of(host).to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        address.is_ok() || name.ends_with(".localhost") || self.0.contains(&name)
    }
}

/// The host without its port.
fn name_of(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => &host[..colon],
        _ => host,
    }
}

/// Answers 421 under a name that is not answered here.
pub(crate) async fn check(
    gateway: Data<Gateway>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    // An absolute target counts before the header (RFC 9112 §3.2.2); HTTP/1.0 may have neither.
    let target = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let header = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default().to_owned());
    match target.or(header) {
        Some(host) if !gateway.hosts.answer(&host) => {
            let info = RequestInfo::of(request.request());
            let problem = Problem::new(ErrorCode::Misdirected, "This host name is not answered here");
            Ok(request.into_response(problem.respond(&info.id)).map_into_right_body())
        }
        _ => Ok(next.call(request).await?.map_into_left_body()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_addresses_and_listed_names_are_answered() {
        let hosts = Hosts::new(vec!["api.example.com".to_owned()]);
        for host in ["localhost:8000", "127.0.0.1", "[::1]:8000", "192.0.2.1:80", "API.example.com", "x.localhost"] {
            assert!(hosts.answer(host), "{host}");
        }
        for host in ["evil.example", "evil.example:8000", "localhost.evil.example", "", "api.example.com.evil"] {
            assert!(!hosts.answer(host), "HTTP-08 {host}");
        }
    }
}
