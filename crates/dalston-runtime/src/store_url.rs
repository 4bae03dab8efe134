//! Which engine, and where: the URL of a store.

use std::{fmt, path::PathBuf};
use zeroize::Zeroizing;

/// Which engine, and where. A URL may hold a password: it is shown by its kind only.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// An embedded database: its file.
    Sqlite(PathBuf),
    /// A Postgres server.
    Postgres(Zeroizing<String>),
    /// A Redis server.
    Redis(Zeroizing<String>),
    /// Nothing that lasts.
    Memory,
}

impl StoreUrl {
    /// `sqlite`, `postgres`, `redis` or `memory`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::Redis(_) => "redis",
            Self::Memory => "memory",
        }
    }

    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        match scheme {
            "sqlite" if !rest.is_empty() => Some(Self::Sqlite(PathBuf::from(rest))),
            "postgres" | "postgresql" => Some(Self::Postgres(Zeroizing::new(url.to_owned()))),
            "redis" | "redis+unix" => Some(Self::Redis(Zeroizing::new(url.to_owned()))),
            "memory" if rest.is_empty() => Some(Self::Memory),
            _ => None,
        }
    }
}

/// Shows the kind only.
impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://…", self.kind())
    }
}
