//! Resolves names and drops the addresses that are not permitted, so the HTTP client never sees them.

use crate::Networks;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use thiserror::Error;
use tokio::net::lookup_host;

/// None of the name's addresses is permitted.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("no address of the name may be reached")]
pub(crate) struct Unreached;

/// Resolves names to the addresses that `admits` accepts.
pub(crate) struct Resolver {
    pub(crate) networks: Networks,
    pub(crate) admits: fn(&Networks, IpAddr) -> bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (networks, admits) = (self.networks.clone(), self.admits);
        Box::pin(async move {
            let found = lookup_host((name.as_str(), 0)).await?;
            let reached: Vec<SocketAddr> = found.filter(|address| admits(&networks, address.ip())).collect();
            if reached.is_empty() {
                return Err(Unreached.into());
            }
            Ok(Box::new(reached.into_iter()) as Addrs)
        })
    }
}
