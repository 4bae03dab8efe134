//! How a connection is set up, and the pool of them.

use sqlx::{
    Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};

/// A connection that was idle for longer is asked whether it still lives before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// The server of `url`, with the settings of every session, whatever the server, the role or the URL has for them.
pub(crate) fn options(url: &str, deadline: Duration) -> sqlx::Result<PgConnectOptions> {
    let limit = format!("{}ms", deadline.as_millis().max(1));
    let settings = [
        // Waits for a lock count too: what the caller has left is not done later.
        ("statement_timeout", limit.as_str()),
        // A node that freezes inside a change must not keep all others from theirs.
        ("idle_in_transaction_session_timeout", limit.as_str()),
    ];
    Ok(unbounded(url)?.options(settings))
}

/// The same without bounds on time: for migrations.
pub(crate) fn unbounded(url: &str) -> sqlx::Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url)?;
    let named = options.get_application_name().is_some();
    let options = if named { options } else { options.application_name("dalston") };
    Ok(options.options([
        // Off, a crash loses revocations that were acknowledged.
        ("synchronous_commit", "on"),
        // A change waits for the one before it and then sees what that did.
        ("default_transaction_isolation", "read committed"),
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
    ]))
}

/// The pool. It opens connections when they are needed, so making it asks nothing of the server.
pub(crate) fn pool(server: PgConnectOptions, connections: u32, deadline: Duration) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(deadline)
        .test_before_acquire(false)
        .before_acquire(move |conn, meta| {
            Box::pin(async move {
                // A part of the deadline only: when it does not answer there must be time left for a new one.
                let lives = meta.idle_for <= TRUSTED_FOR
                    || matches!(tokio::time::timeout(deadline / 4, conn.ping()).await, Ok(Ok(())));
                Ok(lives)
            })
        })
        .connect_lazy_with(server)
}
