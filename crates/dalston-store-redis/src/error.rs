//! Maps the server's errors to store errors.

use dalston_store::StoreError;
use deadpool::managed::PoolError;
use redis::{ErrorKind, RedisError, ServerErrorKind};
use std::{error::Error, io};

/// The error codes of a server that does not accept writes, or not yet: a replica, a replica whose link to its master
/// is down, a server that is loading its data, a master that has lost its replicas. A demoted master goes through
/// several of these states. Older servers and proxies put the code into the text of another error.
const DEMOTED: [&str; 4] = ["READONLY", "MASTERDOWN", "LOADING", "NOREPLICAS"];

/// Returns whether the server reports that it is not a primary. It has then done nothing of the request. Errors of the
/// client library about a reply do not count, because they may quote the reply.
pub(crate) fn is_demoted(error: &RedisError) -> bool {
    let is_within = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    let says = |text: &str| text.split(|sign| !is_within(sign)).any(|word| DEMOTED.contains(&word));
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
        && (error.code().is_some_and(says) || error.detail().is_some_and(says))
}

/// Maps the error of a command: either the stored data does not fit the command, or the server is unavailable.
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

/// Parts of the error for a user who may not run a command, on its own or within a script.
const FORBIDDEN: [&str; 3] = ["NOPERM", "NoPerm", "can't run this command"];
/// Parts of a cluster's errors: another server has the key, no single server has all keys, or no server has the key.
const OF_CLUSTER: [&str; 6] = ["MOVED", "Moved", "CROSSSLOT", "CrossSlot", "CLUSTERDOWN", "ClusterDown"];

/// Returns whether the user lacks the permission for the command.
pub(crate) fn is_forbidden(error: &StoreError) -> bool {
    says(error, &FORBIDDEN)
}

/// Returns whether the server is part of a cluster.
pub(crate) fn is_of_cluster(error: &StoreError) -> bool {
    says(error, &OF_CLUSTER)
}

fn says(error: &StoreError, any: &[&str]) -> bool {
    matches!(error, StoreError::Unavailable(cause) if any.iter().any(|said| cause.contains(said)))
}

/// Returns whether the server is out of memory.
pub(crate) fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(cause) if cause.contains("OOM"))
}

/// Maps the error of a connection that could not be opened. Leaves out the detail: a server that refuses the handshake
/// may quote it, and the password with it.
pub(crate) fn connect_error(error: &RedisError) -> StoreError {
    StoreError::Unavailable(match (error.is_io_error(), error.code()) {
        (true, _) => error.to_string(),
        (false, Some(code)) => format!("no connection: {code}"),
        (false, None) => format!("no connection: {}", error.category()),
    })
}

/// The error of a connection that was not opened: the time limit passed, or the runtime of the store has ended.
pub(crate) fn ended(cause: impl Error) -> RedisError {
    io::Error::other(cause.to_string()).into()
}

/// Maps the pool's error when it gives out no connection.
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

    /// Parses an error reply, as it is sent over the wire.
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
            // Within the error of a script, as Redis 6 and 7 write it.
            "ERR Error running script (call to f_6b1bf4): @user_script:1: @user_script: 1: -READONLY You can't write \
             against a read only replica.",
            "ERR READONLY You can't write against a read only replica. script: 6b1bf4, on @user_script:1.",
            "ERR MASTERDOWN Link with MASTER is down",
            // As proxies write it.
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
        // Errors of the client itself: an unexpected reply, a broken connection.
        let quoting = (ErrorKind::UnexpectedReturnType, "not convertible", "\"READONLY LOADING\"".to_owned());
        assert!(!is_demoted(&quoting.into()));
        let broken = (ErrorKind::Parse, "no answer", "READONLY".to_owned());
        assert!(!is_demoted(&broken.into()));
        assert!(!is_demoted(&io::Error::other("READONLY").into()));
    }
}
