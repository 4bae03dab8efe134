//! Opens connections: sets up each session, and checks that the server is a primary.

use crate::error::{self, NoPrimary};
use dalston_model::SharedClock;
use dalston_store::Epochs;
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row,
    postgres::{PgConnectOptions, PgRow},
};
use std::{
    ops::{Deref, DerefMut},
    str::FromStr,
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Handle, sync::Mutex, time::timeout};

/// A connection that was idle for longer than this is checked before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Asks whether the server is read-only, whether a commit waits for the disk, and which server it is. The identity is
/// the server's start time, which no other server shares.
const PROOF: &str = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS read_only, \
     current_setting('synchronous_commit') <> 'off' AS durable, pg_postmaster_start_time()::text AS server";

/// Opens connections, all of them in the runtime in which the store was opened.
pub(crate) struct Dialer {
    pub(crate) server: PgConnectOptions,
    pub(crate) home: Handle,
    pub(crate) epochs: Arc<Epochs>,
    pub(crate) deadline: Duration,
    /// Sets up a session, and asks for the proof.
    setup: Arc<str>,
    /// Begins a transaction with the same settings, in one round trip. They apply there even if the session lost its
    /// own.
    pub(crate) begin: Arc<str>,
}

/// A connection, and the epoch that it belongs to.
pub(crate) struct Wire {
    conn: PgConnection,
    epoch: u64,
    /// Whether the rest of the previous call could not be ended in time.
    pub(crate) broken: bool,
}

impl Deref for Wire {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.conn
    }
}

impl DerefMut for Wire {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.conn
    }
}

impl Wire {
    /// Returns whether the connection may still be used in this epoch.
    pub(crate) const fn is_of(&self, epoch: u64) -> bool {
        !self.broken && self.epoch == epoch
    }

    /// Closes the connection. An error does not matter any more.
    pub(crate) async fn close(self) {
        let _ = self.conn.close().await;
    }
}

impl Dialer {
    /// Configures connections to the server of `url`. They live in the runtime of the caller. `clock` measures
    /// durations.
    pub(crate) fn new(url: &str, deadline: Duration, clock: SharedClock) -> sqlx::Result<Self> {
        let options = PgConnectOptions::from_str(url)?;
        let named = options.get_application_name().is_some();
        let server = if named { options } else { options.application_name("dalston") };
        let limit = deadline.as_millis().max(1);
        let settings = |set: &str| {
            // With `off`, a crash of the server loses revocations that were acknowledged.
            format!(
                "{set} synchronous_commit = on; \
                 {set} lock_timeout = 0; \
                 {set} statement_timeout = {limit}; \
                 {set} idle_in_transaction_session_timeout = {limit}; "
            )
        };
        // A change waits for the previous one, and must then see its effects.
        let isolation = "SET default_transaction_isolation = 'read committed'; ";
        Ok(Self {
            // Poolers do not know the start-up parameter `extra_float_digits`. No number is read as text, so it is not
            // needed.
            server: server.extra_float_digits(None),
            home: Handle::current(),
            epochs: Arc::new(Epochs::new(clock)),
            deadline,
            setup: (settings("SET") + isolation + PROOF).into(),
            begin: ("BEGIN ISOLATION LEVEL READ COMMITTED; ".to_owned() + &settings("SET LOCAL")).into(),
        })
    }

    /// Opens a new connection to a primary.
    pub(crate) async fn dial(&self) -> sqlx::Result<Wire> {
        let mut wire = self.reach().await?;
        if wire.epoch != self.epochs.present() {
            wire = self.reach().await?;
        }
        Ok(wire)
    }

    async fn reach(&self) -> sqlx::Result<Wire> {
        let (epoch, began) = (self.epochs.present(), self.epochs.now());
        let (server, setup) = (self.server.clone(), self.setup.clone());
        let open = async move {
            let mut conn = server.connect().await?;
            // Not as start-up parameters: poolers refuse or drop those.
            let proof = sqlx::raw_sql(AssertSqlSafe(setup)).fetch_one(&mut conn).await?;
            let server: String = is_primary(&proof)?.try_get("server")?;
            Ok::<_, sqlx::Error>((conn, server))
        };
        // The task has a time limit of its own, because the caller may be cancelled while it waits, and no half-open
        // connection may outlive the deadline. The limit is less than the deadline, so a caller that still waits has
        // time left to handle the failure.
        let patience = self.deadline / 4 * 3;
        let opened = self.home.spawn(async move { timeout(patience, open).await }).await;
        let opened = opened.map_err(error::ended).and_then(|opened| opened.map_err(error::ended).flatten());
        let (conn, server) = opened.map_err(NoPrimary::unreached)?;
        Ok(Wire { conn, epoch: self.epochs.record_server(&server, epoch, began), broken: false })
    }
}

/// Returns the proof if it shows a primary with durable commits, otherwise the reason why not.
fn is_primary(proof: &PgRow) -> sqlx::Result<&PgRow> {
    if proof.try_get("read_only")? {
        return Err(NoPrimary::ReadOnly.into());
    }
    if !proof.try_get::<bool, _>("durable")? {
        return Err(NoPrimary::Volatile.into());
    }
    Ok(proof)
}

/// Checks the connection, instead of a ping.
async fn prove(conn: &mut PgConnection) -> sqlx::Result<()> {
    is_primary(&sqlx::raw_sql(PROOF).fetch_one(conn).await?).map(|_| ())
}

impl Manager for Dialer {
    type Type = Arc<Mutex<Wire>>;
    type Error = sqlx::Error;

    async fn create(&self) -> sqlx::Result<Arc<Mutex<Wire>>> {
        Ok(Arc::new(Mutex::new(self.dial().await?)))
    }

    async fn recycle(&self, wire: &mut Arc<Mutex<Wire>>, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        let mut wire = wire.lock().await;
        if !wire.is_of(self.epochs.present()) {
            return Err(RecycleError::message("it is used no more"));
        }
        if metrics.last_used() <= TRUSTED_FOR {
            return Ok(());
        }
        // Waits for a part of the deadline only: if the server does not answer, there must be time left for a new
        // connection.
        let proof = timeout(self.deadline / 4, prove(&mut wire)).await.map_err(error::ended);
        Ok(proof.flatten().inspect_err(|_| self.epochs.end(wire.epoch))?)
    }
}
