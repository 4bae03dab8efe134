//! A pooled connection, leased for one call.

use crate::dial::{Dialer, Wire};
use deadpool::managed::Object;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction};
use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};

/// A leased connection. Dropping it returns it to the pool.
///
/// An interrupted call may leave work behind, for example an open transaction. It is ended right after the drop, within
/// the deadline: otherwise a frozen server would occupy the pool slot for ever.
pub(crate) struct PooledConnection {
    wire: OwnedMutexGuard<Wire>,
    slot: Object<Dialer>,
    begin: Arc<str>,
    home: Handle,
    deadline: Duration,
}

impl PooledConnection {
    pub(crate) fn new(slot: Object<Dialer>, wire: OwnedMutexGuard<Wire>, dialer: &Dialer) -> Self {
        Self { wire, slot, begin: dialer.begin.clone(), home: dialer.home.clone(), deadline: dialer.deadline }
    }

    /// Begins a transaction, with all settings that it needs.
    pub(crate) async fn begin(&mut self) -> sqlx::Result<Transaction<'_, Postgres>> {
        self.wire.begin_with(AssertSqlSafe(self.begin.clone())).await
    }
}

impl Deref for PooledConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.wire
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.wire
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        self.home.spawn(settle(Arc::clone(&self.slot), self.deadline));
    }
}

/// Ends what the call left behind. The next user of the connection waits for this, or does the same with its first
/// statement.
async fn settle(wire: Arc<Mutex<Wire>>, deadline: Duration) {
    let mut wire = wire.lock_owned().await;
    let answer = timeout(deadline, wire.ping()).await;
    wire.broken = !matches!(answer, Ok(Ok(())));
}
