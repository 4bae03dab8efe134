//! Store URLs: the storage engine and its location.

use std::{fmt, path::PathBuf};
use zeroize::Zeroizing;

/// A storage engine and its location. The URL may contain a password, so `Debug` shows only the kind.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// SQLite, embedded: the path of its file.
    Sqlite(PathBuf),
    /// A Postgres server.
    Postgres(Zeroizing<String>),
    /// A Redis server.
    Redis(Zeroizing<String>),
    /// In memory, not persistent.
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

    /// Parses a URL. `Err`: a description of what is wanted.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        let wanted = "must be a URL: sqlite://path, postgres://…, redis://…, redis+unix:///path or memory://";
        let (scheme, rest) = url.split_once(':').ok_or(wanted)?;
        let (slashes, rest) = rest.strip_prefix("//").map_or((false, rest), |rest| (true, rest));
        match scheme {
            "sqlite" => Self::sqlite(rest).unwrap_or(Err(wanted)),
            _ if !slashes => Err(wanted),
            "postgres" | "postgresql" | "redis" if has_unescaped_password(rest) => {
                Err("holds a password that must be percent-encoded: / as %2F, ? as %3F, # as %23, @ as %40")
            }
            "postgres" | "postgresql" => Ok(Self::Postgres(Zeroizing::new(url.to_owned()))),
            "redis" | "redis+unix" => Ok(Self::Redis(Zeroizing::new(url.to_owned()))),
            "rediss" | "rediss+unix" => Err(
                "is a Redis URL with TLS, which is not spoken: use redis:// through a tunnel, or redis+unix:///path",
            ),
            "memory" if rest.is_empty() => Ok(Self::Memory),
            _ => Err(wanted),
        }
    }

    /// Parses the rest of a SQLite URL, also in the form of sqlx: the mode in `x.db?mode=rwc` is the default. `None`:
    /// there is no path.
    fn sqlite(rest: &str) -> Option<Result<Self, &'static str>> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Some(match path {
            "" => return None,
            ":memory:" => Ok(Self::Memory),
            _ if is_unexpanded(path) => Err(UNEXPANDED),
            _ if path.starts_with("file:") => Err("must be sqlite://path, without file:"),
            _ if !matches!(query, "" | "mode=rwc") => Err("must be sqlite://path without parameters"),
            path => Ok(Self::Sqlite(PathBuf::from(path))),
        })
    }
}

/// Whether an unescaped character of a password ended the URL's authority before its `@`. The start of the password
/// then stands in the place of the port.
fn has_unescaped_password(rest: &str) -> bool {
    let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_port = authority.rsplit_once(':').is_none_or(|(_, port)| is_port(port) || port.ends_with(']'));
    behind.contains('@') && !authority.contains('@') && !has_port
}

/// The error for a path that relies on shell expansion.
pub(crate) const UNEXPANDED: &str = "must name the whole path: ~ and $ are a shell's, and stand for nothing here";

/// Whether a shell would expand the path: no shell reads environment files and URLs.
pub(crate) fn is_unexpanded(path: &str) -> bool {
    path.starts_with('~') || path.contains('$')
}

/// Shows only the kind.
impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://…", self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_database_is_named_as_others_name_it() {
        for (url, path) in [
            ("sqlite://x.db", "x.db"),
            ("sqlite:///srv/x.db?mode=rwc", "/srv/x.db"),
            ("sqlite:x.db", "x.db"),
            ("sqlite://./~x.db", "./~x.db"),
        ] {
            assert_eq!(StoreUrl::parse(url), Ok(StoreUrl::Sqlite(path.into())), "{url}");
        }
        for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://:memory:?mode=rwc", "memory://"] {
            assert_eq!(StoreUrl::parse(url), Ok(StoreUrl::Memory), "{url}");
        }
        for url in [
            "redis://:p%2Fw@h:1/0",
            "redis://[::1]:1/0",
            "redis://[::1]/a@b",
            "postgres://u:p@h/d?x=a@b",
            "redis://h/0",
        ] {
            assert!(StoreUrl::parse(url).is_ok(), "{url}");
        }
        for (url, said) in [
            ("sqlite://~/x.db", "whole path"),
            ("sqlite://~", "whole path"),
            ("sqlite://~dalston/x.db?mode=rwc", "whole path"),
            ("sqlite://$HOME/x.db", "whole path"),
            ("sqlite:///srv/${NAME}.db", "whole path"),
            ("sqlite:file:x.db?mode=memory", "without file:"),
            ("sqlite:file::memory:", "without file:"),
            ("sqlite://x.db?mode=ro", "without parameters"),
            ("sqlite://", "must be a URL"),
            ("rediss://h/0", "TLS"),
            ("redis://:pa/ss@127.0.0.1:6379/0", "percent-encoded"),
            ("redis://user:pa?ss@h", "percent-encoded"),
            ("postgres://u:p#w@h/d", "percent-encoded"),
            ("mysql://h", "must be a URL"),
            ("redis:h", "must be a URL"),
            ("x.db", "must be a URL"),
        ] {
            assert!(StoreUrl::parse(url).unwrap_err().contains(said), "{url}");
        }
    }
}
