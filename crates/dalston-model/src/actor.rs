//! Who does a thing, and through which door.

use crate::{IdError, KeyId, RequestId};
use std::{fmt, net::IpAddr, str::FromStr};

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// An API key.
    Key(KeyId),
    /// The master key.
    Master,
    /// The CLI on the store itself.
    Operator,
    /// The gateway of its own accord: the first key, recovery after a crash.
    Gateway,
}

impl Actor {
    /// `key`, `master`, `operator` or `gateway`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Master => "master",
            Self::Operator => "operator",
            Self::Gateway => "gateway",
        }
    }

    /// The id of the key, when it is one.
    pub const fn key(self) -> Option<KeyId> {
        match self {
            Self::Key(id) => Some(id),
            _ => None,
        }
    }
}

/// The id of the key, or the word for the others: what `created_by` holds.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => fmt::Display::fmt(id, f),
            other => f.write_str(other.kind()),
        }
    }
}

/// The inverse of `Display`.
impl FromStr for Actor {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "master" => Ok(Self::Master),
            "operator" => Ok(Self::Operator),
            "gateway" => Ok(Self::Gateway),
            id => id.parse().map(Self::Key),
        }
    }
}

/// The way in that a request took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// The HTTP routes.
    Http,
    /// The WebSocket of the stream.
    Stream,
    /// The CLI on the store.
    Cli,
    /// None: the gateway itself.
    Gateway,
}

impl Door {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Stream => "stream",
            Self::Cli => "cli",
            Self::Gateway => "gateway",
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a change comes from: what its audit record says of the request behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Who.
    pub actor: Actor,
    /// Through which door.
    pub door: Door,
    /// From which address, where there is one.
    pub address: Option<IpAddr>,
    /// In which request, where there is one.
    pub request_id: Option<RequestId>,
}
