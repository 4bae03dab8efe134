//! A connection out of the pool, for one call.

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

/// Goes back to the pool when it is dropped. What a call that was broken off left behind, a transaction among it, is
/// ended at once, within a deadline: a server that froze would keep the place for good.
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

/// Whoever gets the connection next waits for this, or does it himself with his first statement.
async fn settle(wire: Arc<Mutex<Wire>>, deadline: Duration) {
    let mut wire = wire.lock_owned().await;
    let answer = timeout(deadline, wire.ping()).await;
    wire.broken = !matches!(answer, Ok(Ok(())));
}
