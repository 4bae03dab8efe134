//! A notes service that verifies keys from its own table, on SQLite: `embed-table create ci`, then `embed-table serve
//! 127.0.0.1:8080`, and `embed-table revoke ci`. All columns of the table are the service's own. To manage it, a
//! program needs only the digest of each secret from the library.

#![expect(clippy::print_stdout, reason = "a program of the command line")]

use axum::{Router, routing::get};
use dalston_auth::model::{Clock, Key, KeyDigest, KeyId, OsEntropy, SystemClock, TenantId, Timestamp};
use dalston_auth::store::{FoundKey, KeyLookup, KeyWithUse, StoreError, StoreResult};
use dalston_auth::{Auth, Digester, KeyFormat, Product, Right, right};
use dalston_tower::{ContextLayer, GuardLayer, RequirePermit};
use sqlx::{Row, SqlitePool, sqlite::SqliteConnectOptions, sqlite::SqliteRow};
use std::{env, error::Error, net::SocketAddr, sync::Arc};

right!(NotesRead = "notes:read");

const TABLE: &str = "CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, name TEXT UNIQUE NOT NULL, \
     secret BLOB UNIQUE NOT NULL, joined INTEGER NOT NULL, is_banned INTEGER NOT NULL DEFAULT 0)";

/// The table of users.
struct Users(SqlitePool);

impl Users {
    async fn open(file: &str) -> sqlx::Result<Self> {
        let file = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let pool = SqlitePool::connect_with(file).await?;
        sqlx::query(TABLE).execute(&pool).await?;
        Ok(Self(pool))
    }
}

/// Converts a row to the key that the gate expects.
fn key(row: &SqliteRow) -> Result<Key, Box<dyn Error + Send + Sync>> {
    let (id, name) = (row.try_get::<&str, _>("id")?.parse()?, row.try_get::<&str, _>("name")?.parse()?);
    let joined = Timestamp::from_secs(row.try_get("joined")?);
    let key = Key::named(id, name, "notes:read".parse()?, joined);
    Ok(Key { enabled: !row.try_get::<bool, _>("is_banned")?, ..key })
}

/// Returns the key of the row, if there is one. A row that cannot be read is an outage, never a refusal.
fn found(row: Result<Option<SqliteRow>, sqlx::Error>) -> StoreResult<Option<Key>> {
    row.map_err(StoreError::unavailable)?.as_ref().map(key).transpose().map_err(StoreError::corrupt)
}

#[async_trait::async_trait]
impl KeyLookup for Users {
    async fn find_key(&self, digest: &KeyDigest) -> StoreResult<Option<FoundKey>> {
        let row = sqlx::query("SELECT * FROM users WHERE secret = ?").bind(&digest.as_bytes()[..]);
        Ok(found(row.fetch_optional(&self.0).await)?.map(|key| FoundKey::of(key, SystemClock.now())))
    }

    async fn key(&self, _: &TenantId, id: KeyId) -> StoreResult<Option<KeyWithUse>> {
        let row = sqlx::query("SELECT * FROM users WHERE id = ?").bind(id.to_string());
        Ok(found(row.fetch_optional(&self.0).await)?.map(|key| KeyWithUse { key, last_used_at: None }))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let users = Users::open("users.db").await?;
    match env::args().skip(1).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["create", name] => {
            let secret = KeyFormat::new("notes_")?.mint(&OsEntropy)?;
            let insert = sqlx::query("INSERT INTO users (id, name, secret, joined) VALUES (?, ?, ?, ?)");
            let insert = insert.bind(KeyId::new(SystemClock.now(), &OsEntropy)?.to_string()).bind(name);
            let insert = insert.bind(Digester::new(None).digest(&secret).as_bytes().to_vec());
            insert.bind(SystemClock.now().as_secs()).execute(&users.0).await?;
            println!("{}", secret.expose());
        }
        ["revoke", name] => {
            sqlx::query("UPDATE users SET is_banned = 1 WHERE name = ?").bind(name).execute(&users.0).await?;
        }
        ["serve", address] => {
            let builder = Auth::verifier(Arc::new(users)).product(Product::named("notes")?);
            let auth = builder.key_prefix("notes_")?.scopes(["notes:read"]).build()?;
            let background = auth.spawn();
            let guard = GuardLayer::new(auth.gate().clone(), NotesRead::requirement());
            let app = Router::new().route("/notes", get(notes).layer(guard)).layer(ContextLayer::new(auth.gate()));
            let listener = tokio::net::TcpListener::bind(address).await?;
            println!("{:?}", [listener.local_addr()?]);
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, app).with_graceful_shutdown(async { _ = tokio::signal::ctrl_c().await }).await?;
            background.stop().await;
        }
        _ => return Err("create NAME, revoke NAME, or serve ADDRESS".into()),
    }
    Ok(())
}

/// Runs only for a caller with the scope `notes:read`. The permit holds the caller's key.
async fn notes(RequirePermit(permit): RequirePermit<NotesRead>) -> String {
    format!("No notes of {} yet.\n", permit.actor())
}
