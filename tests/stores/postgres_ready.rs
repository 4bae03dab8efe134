//! A Postgres that is a primary and takes no writes: who asks whether the gateway is ready hears of it, until one is taken.

use dalston_model::{ManualClock, Timestamp};
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use dalston_work::contract::WorkFixture;
use kit::{
    app::{App, Start},
    client::Client,
    patience::PATIENCE,
    servers::postgres_url,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::{sync::Arc, time::Duration};

/// What a server says whose disk is full.
const FULL: &str = "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$";

async fn start() -> (App, Client, PgConnection) {
    let (url, clock) = (postgres_url().await, ManualClock::new(Timestamp::from_secs(1_767_225_600)));
    let options = PostgresOptions { url: url.clone(), deadline: PATIENCE, connections: 4 };
    let store = Arc::new(PostgresStore::connect_with_work(&options, Some(clock.clone())).await.unwrap());
    let fixture = WorkFixture { store, limits: None, clock, again: None, keep: Box::new(()) };
    let app = Start::default().on(fixture).start().await;
    let admin = app.key("admin").await;
    let mut server = PgConnection::connect(&url).await.unwrap();
    run(&mut server, FULL).await;
    (app, admin, server)
}

async fn run(server: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(server).await.unwrap();
}

/// Runs this for each of these tables, in the place of `TABLE`.
async fn for_each(server: &mut PgConnection, tables: &[String], sql: &str) {
    for table in tables {
        run(server, &sql.replace("TABLE", table)).await;
    }
}

/// The tables that hold what changes write.
async fn tables(server: &mut PgConnection) -> Vec<String> {
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema AND tablename NOT LIKE '\\_%'";
    sqlx::query_scalar(sql).fetch_all(server).await.unwrap()
}

/// Asks anew whether it is ready.
async fn ready(app: &App) -> u16 {
    app.clock.advance(Duration::from_secs(1));
    app.anon().get("/health/ready").await.code()
}

/// Writes fail from here on for want of room; reads do not.
async fn fails_until(app: &App, admin: &Client, there_is_room: impl Future<Output = ()>) {
    let ask = || admin.post("/auth/keys", json!({"name": "made", "scopes": ["realtime"]}));
    ask().await.expect(503);
    assert_eq!(ready(app).await, 503);
    admin.get("/auth/keys").await.expect(200);
    assert_eq!(ready(app).await, 503, "a read is no sign");
    there_is_room.await;
    assert_eq!(ready(app).await, 200);
    ask().await.expect(201).secret();
    assert_eq!(ready(app).await, 200);
    assert_eq!(admin.get("/v1/audit/verify").await.expect(200).json["status"], "intact");
}

#[tokio::test]
async fn a_primary_without_room_is_not_ready_until_it_takes_a_write() {
    let (app, admin, mut server) = start().await;
    let all = tables(&mut server).await;
    assert!(all.len() > 10, "{all:?}");
    assert_eq!(ready(&app).await, 200);
    // Everywhere; where every change writes; at the commit.
    let at_once =
        "CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON TABLE FOR EACH STATEMENT EXECUTE FUNCTION no_room()";
    let at_commit = "CREATE CONSTRAINT TRIGGER no_room AFTER INSERT OR UPDATE ON TABLE DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION no_room()";
    for (tables, sql) in [(&all[..], at_once), (&["audit".to_owned()], at_once), (&all, at_commit)] {
        for_each(&mut server, tables, sql).await;
        fails_until(&app, &admin, for_each(&mut server, tables, "DROP TRIGGER no_room ON TABLE")).await;
    }
}
