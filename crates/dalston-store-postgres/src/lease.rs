//! A connection out of the pool, for one call.

use sqlx::{PgConnection, Postgres, pool::PoolConnection};
use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

/// Goes back to the pool when it is dropped, within a deadline: the pool asks a connection that comes back whether it
/// lives, without bound, and a server that froze would keep its place for good.
pub(crate) struct Lease {
    conn: PoolConnection<Postgres>,
    deadline: Duration,
}

impl Lease {
    pub(crate) const fn new(conn: PoolConnection<Postgres>, deadline: Duration) -> Self {
        Self { conn, deadline }
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.conn
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.conn
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        tokio::spawn(tokio::time::timeout(self.deadline, self.conn.return_to_pool()));
    }
}
