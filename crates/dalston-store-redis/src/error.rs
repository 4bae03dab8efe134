//! What the server's errors mean.

use dalston_store::StoreError;
use deadpool_redis::PoolError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// What it means that a command failed: the server holds what a command cannot take, or it cannot be asked.
pub(crate) fn answering(error: &RedisError) -> StoreError {
    match (error.kind(), error.code()) {
        (ErrorKind::Parse | ErrorKind::UnexpectedReturnType | ErrorKind::Server(ServerErrorKind::ResponseError), _)
        | (ErrorKind::Extension, Some("WRONGTYPE")) => StoreError::corrupt(error),
        _ => StoreError::unavailable(error),
    }
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

/// What it means that the pool gives no connection.
pub(crate) fn pooling(error: &PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => connecting(error),
        PoolError::Closed => StoreError::unavailable("the store is closed"),
        PoolError::Timeout(_) | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            StoreError::unavailable("no connection")
        }
    }
}
