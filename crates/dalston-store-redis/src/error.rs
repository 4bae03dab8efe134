//! What the server's errors mean.

use dalston_store::StoreError;
use deadpool::managed::PoolError;
use redis::{ErrorKind, RedisError, ServerErrorKind};
use std::{error::Error, io};

/// What a server says that takes no writes, or not yet: a replica, one whose link to its master is down, one that reads
/// its data, one that has lost its replicas. A demoted master goes through several of them. Older servers and proxies
/// say it within the text of another error.
const DEMOTED: [&str; 4] = ["READONLY", "MASTERDOWN", "LOADING", "NOREPLICAS"];

/// Whether the server says that it is no primary. It has done nothing of what was asked then.
pub(crate) fn is_demoted(error: &RedisError) -> bool {
    let words = |text: &str| text.split(|sign: char| !sign.is_ascii_uppercase()).any(|word| DEMOTED.contains(&word));
    !error.is_io_error() && (error.code().is_some_and(words) || error.detail().is_some_and(words))
}

/// What it means that a command failed: the server holds what a command cannot take, or it cannot be asked.
pub(crate) fn answering(error: &RedisError) -> StoreError {
    match (error.kind(), error.code()) {
        _ if is_demoted(error) => StoreError::unavailable(error),
        (ErrorKind::Parse | ErrorKind::UnexpectedReturnType | ErrorKind::Server(ServerErrorKind::ResponseError), _)
        | (ErrorKind::Extension, Some("WRONGTYPE")) => StoreError::corrupt(error),
        _ => StoreError::unavailable(error),
    }
}

/// Whether the server has no memory left.
pub(crate) fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(cause) if cause.contains("OOM"))
}

/// What it means that there is no connection. Without the detail: a server that refuses a greeting may repeat it, and
/// the password with it.
pub(crate) fn connecting(error: &RedisError) -> StoreError {
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
pub(crate) fn pooling(error: &PoolError<RedisError>) -> StoreError {
    match error {
        PoolError::Backend(error) => connecting(error),
        PoolError::Closed => StoreError::unavailable("the store is closed"),
        PoolError::Timeout(_) | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            StoreError::unavailable("no connection")
        }
    }
}
