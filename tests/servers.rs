//! The kit's servers: real, empty, and as durable as the tests need them.

use kit::servers::{Postgres, Redis, postgres_url, redis_url};
use redis::{AsyncCommands, Client, aio::MultiplexedConnection};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use tokio::time::timeout;

async fn connect(url: &str) -> MultiplexedConnection {
    Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn tables(connection: &mut PgConnection) -> i64 {
    let count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    sqlx::query_scalar(count).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn every_test_has_an_empty_redis_database() {
    for _ in 0..2 {
        let mut redis = connect(&redis_url()).await;
        assert!(!redis.exists::<_, bool>("a").await.unwrap());
        redis.set::<_, _, ()>("a", 1).await.unwrap();
    }
}

#[tokio::test]
async fn every_test_has_an_empty_postgres_database() {
    for _ in 0..2 {
        let mut postgres = PgConnection::connect(&postgres_url().await).await.unwrap();
        assert_eq!(tables(&mut postgres).await, 0);
        sqlx::query("CREATE TABLE a (b BIGINT)").execute(&mut postgres).await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_redis_comes_back_with_its_data() {
    let mut server = Redis::start(&["--maxmemory", "64mb"]);
    for round in 0..3 {
        connect(&server.url()).await.set::<_, _, ()>(round, round).await.unwrap();
        server.kill();
        assert!(Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.is_err());
        server.restart();
        assert_eq!(connect(&server.url()).await.get::<_, i32>(round).await, Ok(round));
    }
    let mut connection = connect(&server.url()).await;
    let limit = redis::cmd("CONFIG").arg(&["GET", "maxmemory"]).query_async::<[String; 2]>(&mut connection).await;
    assert_eq!(limit.unwrap()[1], "67108864");
}

#[tokio::test]
async fn a_killed_postgres_comes_back_with_its_data() {
    let mut server = Postgres::start();
    let url = server.database().await;
    for round in 0..3 {
        let mut postgres = PgConnection::connect(&url).await.unwrap();
        assert_eq!(tables(&mut postgres).await, round);
        sqlx::query(["CREATE TABLE a ()", "CREATE TABLE b ()", "CREATE TABLE c ()"][usize::try_from(round).unwrap()])
            .execute(&mut postgres)
            .await
            .unwrap();
        server.kill();
        assert!(PgConnection::connect(&url).await.is_err());
        server.restart();
    }
    assert_eq!(tables(&mut PgConnection::connect(&url).await.unwrap()).await, 3);
}

#[tokio::test]
async fn a_paused_server_accepts_and_answers_nothing() {
    const MOMENT: Duration = Duration::from_millis(200);
    let server = Redis::start(&[]);
    let mut client = connect(&server.url()).await;
    server.pause();
    assert!(timeout(MOMENT, client.exists::<_, bool>("a")).await.is_err());
    server.resume();
    assert_eq!(client.exists("a").await, Ok(false));

    let server = Postgres::start();
    let url = server.database().await;
    server.pause();
    assert!(timeout(MOMENT, PgConnection::connect(&url)).await.is_err());
    server.resume();
    PgConnection::connect(&url).await.unwrap();
}
