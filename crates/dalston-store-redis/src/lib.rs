//! The store over Redis, readable by and from the Python gateway of seed M11.
//!
//! Shared with it: `dalston:apikeys:{digest}` the JSON of a key, `dalston:apikeys:id:{id}` the digest,
//! `dalston:apikeys:tenant:{tenant}` the set of ids. That gateway reads the JSON and writes it back whole on every
//! use: it loses our fields and may lose a revocation. So the truth stands in keys of our own:
//!
//! | key | holds |
//! |---|---|
//! | `dalston:keys:{id}` | record, current digest, overlapping digest and its end, number of the last change |
//! | `dalston:keys:{all,live}:{tenant}` | ids by creation: all, and those not revoked |
//! | `dalston:keys:admins:{tenant}` | ids of enabled admin keys by their end |
//! | `dalston:keys:{open,idle}:{tenant}` | ids of keys neither revoked nor disabled, by their end and by their last use |
//! | `dalston:keys:used:{tenant}` | all ids by their last use |
//! | `dalston:keys:strays:{tenant}` | ids of the Python gateway that lead to no key |
//! | `dalston:keys:ended` | digests that a rotation ended, by when |
//! | `dalston:tenants`, `dalston:tenants:{id}` | ids by creation, a tenant |
//! | `dalston:jobs:{id}`, `dalston:jobs:index:{tenant}[:{status}]` | a job, ids by creation |
//! | `dalston:work:due:{tenant}`, `dalston:work:waiting` | its pending jobs that are due, by creation; those that are not, by when |
//! | `dalston:work:{tenants,served,turn}` | tenants with due jobs in their order, the last turn of each, turns so far |
//! | `dalston:work:leases` | jobs that are worked on, by the end of the lease |
//! | `dalston:work:open:{key}`, `dalston:work:keys` | a key's jobs that have not ended, by creation; keys that have some |
//! | `dalston:work:ended[:{tenant}]`, `dalston:work:filed` | ended jobs by their end, tenants that have some; set once old jobs are filed |
//! | `dalston:quotas:{tenant}[:{key}]`, `dalston:meter:{tenant}[:{key}]` | limits, milliseconds of jobs and streams by day |
//! | `dalston:workers[:id:{id}]`, `dalston:workers:version` | workers by when they lapse, a worker, the number of changes |
//! | `dalston:sessions[:{id}]`, `dalston:sessions:{tenant,key,worker}:{id}` | sessions by when they lapse, a session, those of one |
//! | `dalston:webhooks:{id}`, `dalston:webhooks:of:{tenant}` | a webhook with its secrets, ids by creation |
//! | `dalston:deliveries:{id}`, `dalston:deliveries:of:{webhook}` | a delivery, ids by creation |
//! | `dalston:deliveries:due[:{webhook}]` | pending deliveries by when they are due, enabled webhooks by the first of them |
//! | `dalston:deliveries:{ended,left}` | ended ones by creation, deleted webhooks that still have some |
//! | `dalston:usage:{id}`, `dalston:minute:{id}` | counts of a key, its last minute |
//! | `dalston:steps:{counter}` | the number of the last counts that a node gave, and how many they were |
//! | `dalston:limits:nodes` | hash: the nodes that share the counter of limits |
//! | `dalston:claims:…`, `dalston:notes:{name}` | an `Idempotency-Key`, a note |
//! | `dalston:seq`, `dalston:changes`, `dalston:audit` | the last number, keys by number, records by number |
//! | `dalston:ready`, `dalston:primary` | written to see whether the server takes writes, deleted to see it: it never is |
//! | `dalston:notifier` | the numbers of the last few changes of keys, for those who wait for one |
//! | `dalston:audit:{tenant}`, `dalston:chain` | the numbers of its records, the last link and the first linked number |
//!
//! A key is revoked when either side says so. A key that only the Python gateway knows is taken over when it is first
//! listed, fetched or changed. Each step is one Lua script, so nothing is ever half made; scripts find some of their
//! keys in others, so a cluster is no place for this store.

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
    /// The time by the clock that was given, as scripts read it: nothing means the server's own.
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

    /// Those of the pool; not the line that look-ups share.
    fn pool(&self) -> Option<PoolStats> {
        let status = self.link.pool.status();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Some(PoolStats { open: number(status.size), idle: number(status.available), max: number(status.max_size) })
    }

    async fn close(&self) {
        self.link.close();
    }
}
