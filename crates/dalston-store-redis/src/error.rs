//! What the server's errors mean.

use dalston_store::StoreError;
use deadpool::managed::PoolError;
use redis::{ErrorKind, RedisError, ServerErrorKind};
use std::{error::Error, io};

/// What a server says that takes no writes, or not yet: a replica, one whose link to its master is down, one that reads
/// its data, one that has lost its replicas. A demoted master goes through several of them. Older servers and proxies
/// say it within the text of another error.
const DEMOTED: [&str; 4] = ["READONLY", "MASTERDOWN", "LOADING", "NOREPLICAS"];

/// Whether the server says that it is no primary. It has done nothing of what was asked then. What this program says of an
/// answer does not count: it may quote the answer.
pub(crate) fn is_demoted(error: &RedisError) -> bool {
    let is_within = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    let says = |text: &str| text.split(|sign| !is_within(sign)).any(|word| DEMOTED.contains(&word));
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
        && (error.code().is_some_and(says) || error.detail().is_some_and(says))
}

/// What it means that a command failed: the server holds what a command cannot take, or it cannot be asked.
pub(crate) fn command_error(error: &RedisError) -> StoreError {
    match (error.kind(), error.code()) {
        _ if is_demoted(error) || FORBIDDEN.iter().any(|said| error.to_string().contains(said)) => {
            StoreError::unavailable(error)
        }
        (ErrorKind::Parse | ErrorKind::UnexpectedReturnType | ErrorKind::Server(ServerErrorKind::ResponseError), _)
        | (ErrorKind::Extension, Some("WRONGTYPE")) => StoreError::corrupt(error),
        _ => StoreError::unavailable(error),
    }
}

/// What a server says to a user that may not run a command, be it within a script.
const FORBIDDEN: [&str; 3] = ["NOPERM", "NoPerm", "can't run this command"];
/// What a server of a cluster says of a key that another one has, or of keys that no one server has.
const OF_CLUSTER: [&str; 6] = ["MOVED", "Moved", "CROSSSLOT", "CrossSlot", "CLUSTERDOWN", "ClusterDown"];

/// Whether the user of the connection may not run what was asked.
pub(crate) fn is_forbidden(error: &StoreError) -> bool {
    says(error, &FORBIDDEN)
}

/// Whether the server is a part of a cluster.
pub(crate) fn is_of_cluster(error: &StoreError) -> bool {
    says(error, &OF_CLUSTER)
}

fn says(error: &StoreError, any: &[&str]) -> bool {
    matches!(error, StoreError::Unavailable(cause) if any.iter().any(|said| cause.contains(said)))
}

/// Whether the server has no memory left.
pub(crate) fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(cause) if cause.contains("OOM"))
}

/// What it means that there is no connection. Without the detail: a server that refuses a greeting may repeat it, and
/// the password with it.
pub(crate) fn connect_error(error: &RedisError) -> StoreError {
    StoreError::Unavailable(match (error.is_io_error(), error.code()) {
        (true, _) => error.to_string(),
        (false, Some(code)) => format!("no connection: {code}"),
        (false, None) => format!("no connection: {}", error.category()),
    })
}

/// A connection that was not opened: not in time, or the runtime of the store has ended.
pub(crate) fn ended(cause: impl Error) -> RedisError {
    io::Error::other(cause.to_string()).into()
}

/// What it means that the pool gives no connection.
pub(crate) fn pool_error(error: &PoolError<RedisError>) -> StoreError {
    match error {
        PoolError::Backend(error) => connect_error(error),
        PoolError::Closed => StoreError::unavailable("the store is closed"),
        PoolError::Timeout(_) | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            StoreError::unavailable("no connection")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server says, as it is read from the wire.
    fn said(line: &str) -> RedisError {
        let answer = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        answer.extract_error().unwrap_err()
    }

    #[test]
    fn a_server_that_takes_no_writes_is_known_by_its_code_and_by_its_text() {
        for line in [
            "READONLY You can't write against a read only replica.",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "LOADING Redis is loading the dataset in memory",
            "NOREPLICAS Not enough good replicas to write.",
            // Within the error of a script, as Redis 6 and 7 say it.
            "ERR Error running script (call to f_6b1bf4): @user_script:1: @user_script: 1: -READONLY You can't write \
             against a read only replica.",
            "ERR READONLY You can't write against a read only replica. script: 6b1bf4, on @user_script:1.",
            "ERR MASTERDOWN Link with MASTER is down",
            // Of proxies.
            "ERR backend: LOADING",
            "ERR [NOREPLICAS] not enough",
            "UPSTREAM (READONLY)",
            "READONLY",
        ] {
            assert!(is_demoted(&said(line)), "{line}");
            assert!(matches!(command_error(&said(line)), StoreError::Unavailable(_)), "an outage: {line}");
        }
    }

    #[test]
    fn what_only_resembles_it_says_nothing_of_the_server() {
        for line in [
            "ERR unknown command 'readonly', with args beginning with:",
            "ERR value is not an integer or out of range",
            "ERR wrong number of arguments for 'masterdown' command",
            "ERR the loading is done",
            "ERR READONLYISH",
            "ERR XLOADING",
            "ERR READONLY_MODE is off",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "NOAUTH Authentication required.",
            "BUSY Redis is busy running a script.",
            "NOSCRIPT No matching script.",
            "MISCONF Redis is configured to save RDB snapshots",
            "CLUSTERDOWN The cluster is down",
        ] {
            assert!(!is_demoted(&said(line)), "{line}");
        }
        // What this program says: of an answer that it did not expect, of a connection.
        let quoting = (ErrorKind::UnexpectedReturnType, "not convertible", "\"READONLY LOADING\"".to_owned());
        assert!(!is_demoted(&quoting.into()));
        let broken = (ErrorKind::Parse, "no answer", "READONLY".to_owned());
        assert!(!is_demoted(&broken.into()));
        assert!(!is_demoted(&io::Error::other("READONLY").into()));
    }
}
