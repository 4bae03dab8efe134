//! Minutes that a server counted while its clock was ahead: they hold nobody for longer than a window.

use dalston_model::{Clock, KeyId, NodeId, OsEntropy, RateLimit, SystemClock};
use dalston_store::{LimitStore, LocalAdmissions};
use dalston_store_postgres::{PostgresOptions, PostgresStore};
use dalston_store_redis::{RedisOptions, RedisStore};
use kit::servers::{postgres_url, redis_url};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const LIMIT: u32 = 3;
/// Steps of 59 and 62 seconds, an hour, and an hour again, in slots.
const STEPS: [i64; 4] = [236, 248, 14_400, 14_400];

/// Moves what a key's minute has by so many slots, as though it had been counted by a clock that was ahead.
const SHIFT_IN_REDIS: &str = "
    local kept = cmsgpack.unpack(redis.call('GET', KEYS[1]))
    kept.newest = kept.newest + ARGV[1]
    for i, slot in ipairs(kept.slots) do kept.slots[i] = slot + ARGV[1] end
    for _, alone in pairs(kept.alone) do alone[1] = alone[1] + ARGV[1] end
    redis.call('SETEX', KEYS[1], 3600, cmsgpack.pack(kept))
    return 1";

/// The limit is used up by units that the counter gave and one that a node reports.
async fn use_up(limits: &dyn LimitStore) -> KeyId {
    let (now, limit) = (SystemClock.now(), RateLimit::new(LIMIT).unwrap());
    let key = KeyId::new(now, &OsEntropy).unwrap();
    for _ in 1..LIMIT {
        assert!(limits.take(key, limit).await.unwrap().admitted);
    }
    let alone = LocalAdmissions { second: 1, age: 0, units: 1 };
    limits.report(key, NodeId::new(now, &OsEntropy).unwrap(), &[alone]).await.unwrap();
    key
}

/// It is used up still, and for no longer than a window.
async fn is_held_for_a_window(limits: &dyn LimitStore, key: KeyId, step: i64) {
    let mut before = Duration::from_secs(61);
    for _ in 0..3 {
        let taken = limits.take(key, RateLimit::new(LIMIT).unwrap()).await.unwrap();
        assert!(!taken.admitted && taken.used == LIMIT, "{step}: {taken:?}");
        assert!(taken.frees_in <= before, "{step}: time goes on: {taken:?} after {before:?}");
        before = taken.frees_in;
    }
}

#[tokio::test]
async fn redis_holds_nobody_longer_when_its_clock_is_set_back() {
    let url = redis_url();
    let mut connection = redis::Client::open(url.clone()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let options = RedisOptions { url, deadline: PATIENCE, connections: 2, allow_volatile: false };
    let store = RedisStore::connect(&options, None).await.unwrap();
    for step in STEPS {
        let key = use_up(&store).await;
        for _ in 0..2 {
            let minute = format!("dalston:minute:{key}");
            let shift = redis::cmd("EVAL").arg(SHIFT_IN_REDIS).arg(1).arg(minute).arg(step).to_owned();
            shift.query_async::<()>(&mut connection).await.unwrap();
            is_held_for_a_window(&store, key, step).await;
        }
    }
}

#[tokio::test]
async fn postgres_holds_nobody_longer_when_its_clock_is_set_back() {
    let url = postgres_url().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let options = PostgresOptions { url, deadline: PATIENCE, connections: 2 };
    let store = PostgresStore::connect(&options, None).await.unwrap();
    for step in STEPS {
        let key = use_up(&store).await;
        for _ in 0..2 {
            let shift = format!(
                "UPDATE limit_windows SET newest = newest + {step},
                    slots = ARRAY(SELECT s + {step} FROM unnest(slots) AS s),
                    alone_slots = ARRAY(SELECT s + {step} FROM unnest(alone_slots) AS s)
                    WHERE key_id = '{key}'"
            );
            let moved = sqlx::raw_sql(AssertSqlSafe(shift)).execute(&mut connection).await.unwrap();
            assert_eq!(moved.rows_affected(), 1);
            is_held_for_a_window(&store, key, step).await;
        }
    }
}
