//! The key store on Redis, which shares its keys with the earlier Python gateway. With the feature `work` also the
//! work store.
//!
//! Shared with that gateway: `dalston:apikeys:{digest}` holds the JSON of a key, `dalston:apikeys:id:{id}` its digest,
//! and `dalston:apikeys:tenant:{tenant}` the set of the tenant's key ids. The Python gateway reads the JSON and writes
//! all of it back on every use, so it drops fields that it does not know, and may undo a revocation. Therefore this
//! store keeps the authoritative data under Redis keys of its own:
//!
//! | Redis key | contents |
//! |---|---|
//! | `dalston:keys:{id}` | record, current digest, overlapping digest and its expiry, number of the last change |
//! | `dalston:keys:{all,live}:{tenant}` | ids by creation: all keys, and those not revoked |
//! | `dalston:keys:admins:{tenant}` | ids of enabled admin keys by their expiry |
//! | `dalston:keys:{open,idle}:{tenant}` | ids of keys neither revoked nor disabled: by expiry, by last use |
//! | `dalston:keys:used:{tenant}` | ids of all keys by their last use |
//! | `dalston:keys:strays:{tenant}` | ids in the Python gateway's set that lead to no key |
//! | `dalston:keys:ended` | digests that a rotation replaced, by their expiry |
//! | `dalston:tenants`, `dalston:tenants:{id}` | ids by creation, a tenant |
//! | `dalston:jobs:{id}`, `dalston:jobs:index:{tenant}[:{status}]` | a job, ids by creation |
//! | `dalston:work:due:{tenant}` | the tenant's pending jobs that are due, by creation |
//! | `dalston:work:waiting` | pending jobs that are not due yet, by when they are |
//! | `dalston:work:tenants` | tenants with due jobs, in the order of their turns |
//! | `dalston:work:served`, `dalston:work:turn` | the number of each tenant's last turn, the number of turns so far |
//! | `dalston:work:leases` | jobs in progress, by the expiry of their lease |
//! | `dalston:work:open:{key}` | an API key's jobs that have not ended, by creation |
//! | `dalston:work:keys` | API keys that have such jobs |
//! | `dalston:work:ended:{tenant}`, `dalston:work:ended` | ended jobs by their end, tenants that have some |
//! | `dalston:work:filed` | set once the jobs of an earlier version are in the indexes |
//! | `dalston:quotas:{tenant}[:{key}]` | the limits of a quota |
//! | `dalston:meter:{tenant}[:{key}]` | milliseconds of jobs and of streams, by day |
//! | `dalston:workers`, `dalston:workers:id:{id}` | worker ids by the expiry of their registration, a worker |
//! | `dalston:workers:version` | the number of changes of the list of workers |
//! | `dalston:sessions`, `dalston:sessions:{id}` | session ids by their expiry, a session |
//! | `dalston:sessions:{tenant,key,worker}:{id}` | the sessions of a tenant, of an API key, of a worker |
//! | `dalston:webhooks:{id}`, `dalston:webhooks:of:{tenant}` | a webhook with its secrets, ids by creation |
//! | `dalston:deliveries:{id}`, `dalston:deliveries:of:{webhook}` | a delivery, ids by creation |
//! | `dalston:deliveries:due:{webhook}` | pending deliveries by when they are due |
//! | `dalston:deliveries:due` | enabled webhooks by when their first pending delivery is due |
//! | `dalston:deliveries:{ended,left}` | ended deliveries by creation, deleted webhooks that still have deliveries |
//! | `dalston:usage:{id}`, `dalston:minute:{id}` | usage counts of a key, its rate limit window |
//! | `dalston:steps:{node}` | number of the node's last batch of usage counts, and number of counts in it |
//! | `dalston:limits:nodes` | hash: the nodes that share the rate limit counter |
//! | `dalston:claims:…`, `dalston:notes:{name}` | an `Idempotency-Key`, an entry of the key-value store |
//! | `dalston:seq`, `dalston:changes` | the last change number, keys by the number of their last change |
//! | `dalston:audit`, `dalston:audit:{tenant}` | streams: audit records by number, the numbers of a tenant's records |
//! | `dalston:chain` | the last link of the audit chain, and the first linked number |
//! | `dalston:ready` | written to test whether the server accepts writes |
//! | `dalston:primary` | never exists; deleting it tests whether the server accepts writes |
//! | `dalston:wakes` | stream: the numbers of the last key changes, for nodes that wait for one |
//!
//! A key is revoked if either side says so. A key that only the Python gateway knows is imported when it is first
//! listed, fetched or changed. Each step is one Lua script, so it is atomic. Scripts read the names of some of their
//! Redis keys from other Redis keys, so this store does not work on a Redis cluster.

mod argument;
mod audit;
mod call;
mod change;
mod connect;
mod dial;
mod error;
mod feed;
mod figures;
mod import_legacy;
mod keys;
mod limits;
mod notes;
mod notifier;
mod page;
mod record;
mod row;
mod scripts;
mod tenants;
mod usage;
#[cfg(feature = "work")]
mod work;

pub use connect::{ConnectError, PERMISSIONS, RedisOptions, open};

use async_trait::async_trait;
use call::Link;
use dalston_model::SharedClock;
use dalston_store::{KeyStorage, PoolStats, StoreResult};

/// A store on a Redis server.
pub struct RedisStore {
    link: Link,
    clock: Option<SharedClock>,
    #[cfg(feature = "work")]
    work: work::WorkMemo,
}

impl RedisStore {
    /// Returns the time of the configured clock, as scripts read it; empty for the server's own clock.
    fn now(&self) -> String {
        self.clock.as_ref().map(|clock| clock.now().as_micros().to_string()).unwrap_or_default()
    }
}

#[async_trait]
impl KeyStorage for RedisStore {
    fn kind(&self) -> &'static str {
        "redis"
    }

    async fn probe(&self) -> StoreResult<()> {
        self.link.call().prove().await
    }

    /// The numbers of the pool, without the shared connection.
    fn pool(&self) -> Option<PoolStats> {
        let status = self.link.pool.status();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Some(PoolStats { open: number(status.size), idle: number(status.available), max: number(status.max_size) })
    }

    async fn close(&self) {
        self.link.close();
    }
}
