//! What admitting a request costs the store: one read and at most one write, none of them of the key's record.

use dalston_auth::NewKey;
use dalston_model::RateLimit;
use kit::{app::Start, servers::Redis, stores};
use std::collections::HashMap;

/// How often each command was called, scripts being one call each.
async fn calls(connection: &mut redis::aio::MultiplexedConnection) -> HashMap<String, u64> {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(connection).await.unwrap();
    let count = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    info.lines().filter_map(count).collect()
}

/// All of Redis but what counts requests, as text.
async fn records(connection: &mut redis::aio::MultiplexedConnection) -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<String> = redis::cmd("KEYS").arg("*").query_async(connection).await.unwrap();
    let counts = ["dalston:minute:", "dalston:usage:", "dalston:steps:", "dalston:keys:used:", "dalston:keys:idle:"];
    names.retain(|name| !counts.iter().any(|begins| name.starts_with(begins)));
    names.sort();
    let mut records = Vec::new();
    for name in names {
        let value = redis::cmd("DUMP").arg(&name).query_async(connection).await.unwrap();
        records.push((name, value));
    }
    records
}

#[tokio::test]
async fn a_request_costs_one_read_and_one_write_and_the_record_stays_as_it_is() {
    const REQUESTS: u64 = 50;
    let server = Redis::start(&[]);
    let each = Start::default().set("DALSTON_RATE_MODE", "shared");
    let app = each.on(stores::redis_at(server.url()).await).start().await;
    let limited = |ask| NewKey { rate_limit: RateLimit::new(10_000).ok(), ..ask };
    let key = app.key_of("default", "jobs:read", limited).await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    key.get("/no/such/route").await.expect(404);

    let (before, records_before) = (calls(&mut connection).await, records(&mut connection).await);
    for _ in 0..REQUESTS {
        key.get("/no/such/route").await.expect(404);
    }
    let after = calls(&mut connection).await;
    let more = |name: &str| after.get(name).unwrap_or(&0) - before.get(name).unwrap_or(&0);
    assert_eq!(more("evalsha_ro") + more("evalsha") + more("eval"), 2 * REQUESTS, "one look-up, one count");
    for written in ["set", "hset", "zadd", "sadd", "incr"] {
        assert_eq!(more(written), 0, "{written}");
    }
    assert_eq!(records(&mut connection).await, records_before);

    app.runtime.run_upkeep_once().await;
    assert_eq!(records(&mut connection).await, records_before, "nor when usage is written");
}

#[tokio::test]
async fn most_requests_of_a_key_that_is_used_much_need_no_count_in_the_store() {
    const REQUESTS: u64 = 400;
    let server = Redis::start(&[]);
    let app = Start::default().on(stores::redis_at(server.url()).await).start().await;
    let limited = |ask| NewKey { rate_limit: RateLimit::new(10_000).ok(), ..ask };
    let key = app.key_of("default", "jobs:read", limited).await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let before = calls(&mut connection).await;
    for _ in 0..REQUESTS {
        key.get("/auth/me").await.expect(200);
    }
    let after = calls(&mut connection).await;
    let counts = after.get("setex").unwrap_or(&0) - before.get("setex").unwrap_or(&0);
    assert!(counts > 0 && counts < REQUESTS / 20, "{counts} counts");
    assert_eq!(app.master().get("/status").await.expect(200).json["admin"]["limiter"], "leased");
}
