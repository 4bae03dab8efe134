//! Maps the errors of sqlx to store errors: the only place that distinguishes an outage from invalid data.

use dalston_store::StoreError;
use deadpool::managed::PoolError;
use sqlx::Error;
use std::{error::Error as Cause, io, time::Duration};

/// Parts of messages that say that a server is read-only or is stopping. Poolers repeat the server's text or SQLSTATE
/// under error codes of their own. The number 25006 alone may be the number of a file, so it is matched with its
/// prefix.
const DOUBTFUL: [&str; 10] = [
    "SQLSTATE 25006",
    "57P01",
    "57P02",
    "57P03",
    "read-only transaction",
    "during recovery",
    "the database system is",
    "terminating connection",
    "server closed the connection",
    "server conn crashed",
];

/// The reason why there is no usable session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPrimary {
    /// The server is a standby or is set to read-only.
    #[error("the server takes no writes")]
    ReadOnly,
    /// A component between this node and the server has changed the session's settings.
    #[error("the session has lost `synchronous_commit = on`")]
    Volatile,
    /// A connection could not be opened. This says nothing about the connections that are open.
    #[error("no connection: {0}")]
    Unreached(String),
}

impl NoPrimary {
    /// Describes why a connection could not be opened.
    pub(crate) fn unreached(cause: Error) -> Self {
        let (StoreError::Unavailable(text) | StoreError::Corrupt(text)) = store(cause);
        Self::Unreached(text)
    }
}

impl From<NoPrimary> for Error {
    fn from(cause: NoPrimary) -> Self {
        Self::AnyDriverError(Box::new(cause))
    }
}

/// Returns whether the error casts doubt on all connections of its epoch: they may not lead to the primary, or may be
/// dead.
///
/// These errors do: the server is read-only (SQLSTATE 25006), it is stopping, crashed or starting (57P01 to 57P03), or
/// the connection broke (class 08, I/O errors). Errors about data do not count, because their message may quote a
/// value.
pub(crate) fn is_in_doubt(error: &Error) -> bool {
    match error {
        Error::Database(cause) => {
            let code = cause.code();
            let code = code.as_deref().unwrap_or_default();
            matches!(code, "25006" | "57P01" | "57P02" | "57P03")
                || code.starts_with("08")
                || !is_about_data(Some(code)) && DOUBTFUL.iter().any(|text| cause.message().contains(text))
        }
        Error::AnyDriverError(cause) => !matches!(cause.downcast_ref(), Some(NoPrimary::Unreached(_))),
        Error::Io(_) | Error::Protocol(_) | Error::Tls(_) => true,
        _ => false,
    }
}

/// The error of a connection that was not opened: the time limit passed, or the runtime of the store has ended.
pub(crate) fn ended(cause: impl Cause) -> Error {
    Error::Io(io::Error::other(cause.to_string()))
}

/// Maps the pool's error when it gives out no connection.
pub(crate) fn pooling(error: PoolError<Error>) -> Error {
    match error {
        PoolError::Backend(error) => error,
        PoolError::Closed => Error::PoolClosed,
        PoolError::Timeout(_) | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => Error::PoolTimedOut,
    }
}

/// The error of a call that was not answered in time.
pub(crate) fn late(deadline: Duration) -> StoreError {
    StoreError::unavailable(format_args!("no answer from Postgres within {deadline:?}"))
}

/// Maps an sqlx error to a store error. Its text contains no value of a query, and of the URL at most the host.
pub(crate) fn store(error: Error) -> StoreError {
    match error {
        Error::Database(cause) if is_about_data(cause.code().as_deref()) => StoreError::corrupt(cause.message()),
        Error::Database(cause) => StoreError::unavailable(cause.message()),
        Error::AnyDriverError(cause) => StoreError::unavailable(cause),
        Error::ColumnDecode { .. }
        | Error::ColumnNotFound(_)
        | Error::Decode(_)
        | Error::Encode(_)
        | Error::RowNotFound => StoreError::corrupt(error),
        other => StoreError::unavailable(other),
    }
}

/// Returns whether the code is a data exception or a constraint violation: SQLSTATE classes 22 and 23.
fn is_about_data(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::error::{DatabaseError, ErrorKind};
    use std::{borrow::Cow, fmt};

    /// An error of a server or a pooler: SQLSTATE and message.
    #[derive(Debug)]
    struct ServerMessage(&'static str, &'static str);

    impl fmt::Display for ServerMessage {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.1)
        }
    }

    impl Cause for ServerMessage {}

    impl DatabaseError for ServerMessage {
        fn message(&self) -> &str {
            self.1
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            (!self.0.is_empty()).then_some(Cow::Borrowed(self.0))
        }

        fn as_error(&self) -> &(dyn Cause + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn Cause + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn Cause + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn said(code: &'static str, text: &'static str) -> Error {
        Error::Database(Box::new(ServerMessage(code, text)))
    }

    #[test]
    fn a_server_that_takes_no_writes_or_stops_is_known_by_its_code_and_by_its_text() {
        for (code, text) in [
            ("25006", "in the language of the server"),
            ("57P01", "in the language of the server"),
            ("57P02", ""),
            ("57P03", ""),
            ("08006", "connection failure"),
            ("08P01", "pgbouncer cannot connect to server"),
            // As poolers repeat it, under another code or none.
            ("XX000", "cannot execute UPDATE in a read-only transaction"),
            ("58000", "cannot execute LOCK TABLE during recovery"),
            ("", "FATAL: the database system is starting up"),
            ("58000", "terminating connection due to administrator command"),
            ("XX000", "server closed the connection unexpectedly"),
            ("58000", "server conn crashed?"),
            ("XX000", "backend said: ERROR (SQLSTATE 25006)"),
            ("XX000", "remote server read error: 57P01"),
            ("58000", "server login failed: FATAL 57P03"),
            ("", "[57P02] crash shutdown"),
        ] {
            assert!(is_in_doubt(&said(code, text)), "{code} {text}");
            assert!(matches!(store(said(code, text)), StoreError::Unavailable(_)), "an outage: {code} {text}");
        }
        for cause in [NoPrimary::ReadOnly, NoPrimary::Volatile] {
            assert!(is_in_doubt(&cause.into()));
        }
        assert!(
            is_in_doubt(&ended(io::Error::other("broken pipe"))) && is_in_doubt(&Error::Protocol("cut off".into()))
        );
    }

    #[test]
    fn what_only_resembles_it_says_nothing_of_the_server() {
        for (code, text) in [
            ("57014", "canceling statement due to statement timeout"),
            ("57000", "operator intervention"),
            ("53100", "could not extend file \"base/16384/25006\": No space left on device"),
            ("53300", "sorry, too many clients already"),
            ("40001", "could not serialize access due to read/write dependencies"),
            ("40P01", "deadlock detected"),
            ("55P03", "canceling statement due to lock timeout"),
            ("42P01", "relation \"read-only\" does not exist"),
            ("25001", "there is a transaction in progress"),
            ("P0001", "25006"),
            // The message quotes a value.
            ("22P02", "invalid input syntax for type json: \"the database system is\""),
            ("22003", "value \"57P01\" is out of range"),
            ("23514", "terminating connection"),
        ] {
            assert!(!is_in_doubt(&said(code, text)), "{code} {text}");
        }
        // No connection could be opened, or the pool had none free: this says nothing about the open connections.
        assert!(!is_in_doubt(&NoPrimary::unreached(Error::PoolClosed).into()));
        for cause in [Error::PoolTimedOut, Error::PoolClosed, Error::RowNotFound] {
            assert!(!is_in_doubt(&cause));
        }
    }
}
