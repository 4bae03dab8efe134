//! What only Redis must do with jobs: file those of an earlier version, which had no queue.

use dalston_model::{ManualClock, OsEntropy, Timestamp};
use dalston_store_redis::{RedisOptions, RedisStore};
use dalston_work::{JobId, JobLeaseRequest, QueueStore};
use kit::{patience::PATIENCE, servers::redis_url};
use redis::aio::MultiplexedConnection;
use std::{collections::HashSet, time::Duration};

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);
const DAY: Duration = Duration::from_hours(24);

async fn store(url: &str) -> RedisStore {
    let options = RedisOptions { url: url.to_owned(), deadline: PATIENCE, connections: 4, allow_volatile: false };
    RedisStore::connect(&options, Some(ManualClock::new(NOW))).await.unwrap()
}

/// Writes jobs as the earlier version did.
async fn write(connection: &mut MultiplexedConnection, tenant: &str, status: &str, count: usize) -> HashSet<JobId> {
    let record = r#"{"filename":null,"content_type":null,"size_bytes":1,"audio":{"format":"wav","duration_seconds":2.0,"sample_rate":null,"channels":null},"model":null,"language":null,"metadata":{},"created_at":1767225600000000,"created_by":"550e8400-e29b-41d4-a716-446655440000","started_at":null,"error":null,"result":null}"#;
    let script = "for i = 4, #ARGV do \
        redis.call('HSET', 'dalston:jobs:' .. ARGV[i], 'tenant', ARGV[1], 'status', ARGV[2], 'record', ARGV[3]) \
        if ARGV[2] ~= 'pending' then redis.call('HSET', 'dalston:jobs:' .. ARGV[i], 'completed', '1767225600000000') end \
        redis.call('ZADD', 'dalston:jobs:index:' .. ARGV[1], '1767225600000000', ARGV[i]) \
        redis.call('ZADD', 'dalston:jobs:index:' .. ARGV[1] .. ':' .. ARGV[2], '1767225600000000', ARGV[i]) end";
    let ids: HashSet<JobId> = (0..count).map(|_| JobId::new(NOW, &OsEntropy).unwrap()).collect();
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    for some in texts.chunks(200) {
        let mut eval = redis::cmd("EVAL");
        eval.arg(script).arg(0).arg(tenant).arg(status).arg(record).arg(some);
        eval.query_async::<()>(connection).await.unwrap();
    }
    ids
}

#[tokio::test]
async fn jobs_of_an_earlier_version_are_leased_and_expire() {
    let url = redis_url();
    let mut connection = redis::Client::open(url.clone()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let waiting = write(&mut connection, "default", "pending", 1_203).await;
    let ended = write(&mut connection, "default", "cancelled", 3).await;
    let (one, two) = (store(&url).await, store(&url).await);
    let ask = JobLeaseRequest { limit: 1_000, per_tenant: 2_000, but: Vec::new(), ttl: DAY };
    let (first, second) = tokio::join!(one.lease_jobs(&ask), two.lease_jobs(&ask));
    let leased = [first.unwrap(), second.unwrap()].concat();
    assert_eq!((leased.len(), leased.iter().map(|it| it.job.id).collect()), (1_203, waiting));
    assert!(leased.iter().all(|it| it.lease.fence == 1 && it.job.started_at == Some(NOW)));
    assert_eq!(one.expired_jobs(Some(2), NOW.plus(DAY), 9).await.unwrap(), []);
    let expired = one.expired_jobs(Some(1), NOW.plus(DAY), 9).await.unwrap();
    assert_eq!(expired.into_iter().map(|job| job.id).collect::<HashSet<_>>(), ended);
    // A node of the earlier version that is still there takes one more: the next to begin finds it.
    let late = write(&mut connection, "default", "pending", 1).await;
    let leased = store(&url).await.lease_jobs(&ask).await.unwrap();
    assert_eq!(leased.into_iter().map(|it| it.job.id).collect::<HashSet<_>>(), late);
}
