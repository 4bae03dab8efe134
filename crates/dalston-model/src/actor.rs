//! Actors and doors: who makes a request, and through which interface.

use crate::{IdError, KeyId, RequestId};
use std::{fmt, net::IpAddr, str::FromStr};

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// An API key.
    Key(KeyId),
    /// The master key.
    Master,
    /// An administrator in the chat, by user id of the chat service.
    ChatAdmin(i64),
    /// Any other user of the chat, by user id of the chat service.
    ChatGuest(i64),
    /// The CLI with direct access to the store.
    Operator,
    /// The gateway itself: the first key, recovery after a crash.
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

    /// The key's id, if the actor is a key.
    pub const fn key(self) -> Option<KeyId> {
        match self {
            Self::Key(id) => Some(id),
            _ => None,
        }
    }

    /// The id within its kind: of a key, or of a user of the chat. `None` for kinds without an id.
    pub fn id(self) -> Option<String> {
        match self {
            Self::Key(id) => Some(id.to_string()),
            Self::ChatAdmin(user) | Self::ChatGuest(user) => Some(user.to_string()),
            Self::Master | Self::Operator | Self::Gateway => None,
        }
    }
}

/// The id of a key, `kind:id` of a user of the chat, or the kind of the others. `created_by` stores this text.
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

/// The interface through which a request arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// The HTTP routes.
    Http,
    /// The WebSocket of a stream.
    Stream,
    /// `POST /call`.
    Call,
    /// `POST /mcp`.
    Mcp,
    /// A tool call of a language model.
    Llm,
    /// The chat.
    Chat,
    /// The CLI with direct access to the store.
    Cli,
    /// No interface: the gateway itself.
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

/// The origin of a change, as its audit record stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Who made the change.
    pub actor: Actor,
    /// The interface.
    pub door: Door,
    /// The client's address, if there is one.
    pub address: Option<IpAddr>,
    /// The id of the request, if there is one.
    pub request_id: Option<RequestId>,
}

impl Source {
    /// The gateway itself, without a request.
    pub const fn gateway() -> Self {
        Self { actor: Actor::Gateway, door: Door::Gateway, address: None, request_id: None }
    }
}
