//! Opening connections: how a session is set up, and what it must prove.

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

/// A connection that was idle for longer proves itself before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Whether the server takes no writes, whether a commit waits for the disk, and which server it is: its start, which it
/// shares with no other.
const PROOF: &str = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS read_only, \
     current_setting('synchronous_commit') <> 'off' AS durable, pg_postmaster_start_time()::text AS server";

/// Opens connections, all of them in the runtime that the store was opened in.
pub(crate) struct Dialer {
    pub(crate) server: PgConnectOptions,
    pub(crate) home: Handle,
    pub(crate) epochs: Arc<Epochs>,
    pub(crate) deadline: Duration,
    /// Sets a session up, and asks for the proof.
    setup: Arc<str>,
    /// Begins a transaction, in one round trip, with the same settings: there they hold whatever became of the session.
    pub(crate) begin: Arc<str>,
}

/// A connection, and the epoch that it belongs to.
pub(crate) struct Wire {
    conn: PgConnection,
    epoch: u64,
    /// What was left of the call before could not be ended in time.
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
    /// Whether it may still be used while this is the epoch.
    pub(crate) const fn is_of(&self, epoch: u64) -> bool {
        !self.broken && self.epoch == epoch
    }

    /// Ends the connection; how, does not matter any more.
    pub(crate) async fn close(self) {
        let _ = self.conn.close().await;
    }
}

impl Dialer {
    /// To the server of `url`. The caller's runtime is the one in which connections live; `clock` measures spans.
    pub(crate) fn new(url: &str, deadline: Duration, clock: SharedClock) -> sqlx::Result<Self> {
        let options = PgConnectOptions::from_str(url)?;
        let named = options.get_application_name().is_some();
        let server = if named { options } else { options.application_name("dalston") };
        let limit = deadline.as_millis().max(1);
        let settings = |set: &str| {
            // Off, a crash loses revocations that were acknowledged.
            format!(
                "{set} synchronous_commit = on; \
                 {set} lock_timeout = 0; \
                 {set} statement_timeout = {limit}; \
                 {set} idle_in_transaction_session_timeout = {limit}; "
            )
        };
        // A change waits for the one before it and then sees what that did.
        let isolation = "SET default_transaction_isolation = 'read committed'; ";
        Ok(Self {
            // A parameter that poolers do not know; no number is read as text.
            server: server.extra_float_digits(None),
            home: Handle::current(),
            epochs: Arc::new(Epochs::new(clock)),
            deadline,
            setup: (settings("SET") + isolation + PROOF).into(),
            begin: ("BEGIN ISOLATION LEVEL READ COMMITTED; ".to_owned() + &settings("SET LOCAL")).into(),
        })
    }

    /// A new connection to a primary.
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
            // Not as parameters of the start: poolers refuse those, or drop them.
            let proof = sqlx::raw_sql(AssertSqlSafe(setup)).fetch_one(&mut conn).await?;
            let server: String = is_primary(&proof)?.try_get("server")?;
            Ok::<_, sqlx::Error>((conn, server))
        };
        // Whoever waits for it may go away, and no connection may outlive the deadline unfinished; who does not, has a moment
        // left to do without.
        let patience = self.deadline / 4 * 3;
        let opened = self.home.spawn(async move { timeout(patience, open).await }).await;
        let opened = opened.map_err(error::ended).and_then(|opened| opened.map_err(error::ended).flatten());
        let (conn, server) = opened.map_err(NoPrimary::unreached)?;
        Ok(Wire { conn, epoch: self.epochs.leads_to(&server, epoch, began), broken: false })
    }
}

/// The proof, if it is one.
fn is_primary(proof: &PgRow) -> sqlx::Result<&PgRow> {
    if proof.try_get("read_only")? {
        return Err(NoPrimary::ReadOnly.into());
    }
    if !proof.try_get::<bool, _>("durable")? {
        return Err(NoPrimary::Volatile.into());
    }
    Ok(proof)
}

/// In the place of a ping.
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
        // A part of the deadline only: when it does not answer there must be time left for a new one.
        let proof = timeout(self.deadline / 4, prove(&mut wire)).await.map_err(error::ended);
        Ok(proof.flatten().inspect_err(|_| self.epochs.end(wire.epoch))?)
    }
}
