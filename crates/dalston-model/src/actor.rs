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
    /// An administrator in the chat, by the id that the chat gives.
    ChatAdmin(i64),
    /// Anybody else in the chat.
    ChatGuest(i64),
    /// The CLI on the store itself.
    Operator,
    /// The gateway of its own accord: the first key, recovery after a crash.
    Gateway,
}

impl Actor {
    /// `key`, `master`, `chat_admin`, `chat_guest`, `operator` or `gateway`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Master => "master",
            Self::ChatAdmin(_) => "chat_admin",
            Self::ChatGuest(_) => "chat_guest",
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

    /// The id among those of its kind: of a key, or of a user of the chat.
    pub fn id(self) -> Option<String> {
        match self {
            Self::Key(id) => Some(id.to_string()),
            Self::ChatAdmin(user) | Self::ChatGuest(user) => Some(user.to_string()),
            Self::Master | Self::Operator | Self::Gateway => None,
        }
    }
}

/// The id of the key, `kind:id` of a user of the chat, or the word for the others: what `created_by` holds.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => fmt::Display::fmt(id, f),
            Self::ChatAdmin(user) | Self::ChatGuest(user) => write!(f, "{}:{user}", self.kind()),
            other => f.write_str(other.kind()),
        }
    }
}

/// The inverse of `Display`.
impl FromStr for Actor {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if let Some((kind, user)) = text.split_once(':') {
            let user = user.parse().map_err(|_| IdError)?;
            return match kind {
                "chat_admin" => Ok(Self::ChatAdmin(user)),
                "chat_guest" => Ok(Self::ChatGuest(user)),
                _ => Err(IdError),
            };
        }
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
    /// `POST /call`.
    Call,
    /// `POST /mcp`.
    Mcp,
    /// A tool call of a language model.
    Llm,
    /// The chat.
    Chat,
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
            Self::Call => "call",
            Self::Mcp => "mcp",
            Self::Llm => "llm",
            Self::Chat => "chat",
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

impl Source {
    /// The gateway itself, of its own accord.
    pub const fn gateway() -> Self {
        Self { actor: Actor::Gateway, door: Door::Gateway, address: None, request_id: None }
    }
}
