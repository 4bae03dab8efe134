//! The rate limit counter that several nodes share.

use crate::{
    RedisStore,
    scripts::{self, NODES, SCRIPTS},
};
use async_trait::async_trait;
use dalston_model::{KeyId, NodeId, RateLimit, Timestamp};
use dalston_store::{
    Acquired, GrantedLease, LeaseRequest, LimitStore, LocalAdmissions, NODE_LEASE, NodePlace, StoreResult,
};
use std::{num::NonZeroU32, time::Duration};

#[async_trait]
impl LimitStore for RedisStore {
    async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Acquired> {
        let mut script = SCRIPTS.take.key(scripts::minute(key));
        // After a broken connection, the retry may count the request twice. That wastes a token, but never grants one
        // too many.
        let call = self.link.call();
        let (admitted, used, micros): (bool, u32, u64) =
            call.run_on_shared_connection(script.arg(limit.get()).arg(self.now())).await?;
        Ok(Acquired { admitted, used, frees_in: Duration::from_micros(micros) })
    }

    async fn lease(&self, key: KeyId, request: &LeaseRequest) -> StoreResult<GrantedLease> {
        let LeaseRequest { id, limit, want, closed } = request;
        let mut script = SCRIPTS.lend.key(scripts::minute(key));
        script.arg(limit.get()).arg(self.now()).arg(id.to_string()).arg(*want);
        for closed in closed {
            script.arg(closed.id.to_string()).arg(closed.slots().count());
            for (slot, units) in closed.slots() {
                script.arg(slot).arg(units);
            }
        }
        // After a broken connection, the script may run twice. Both runs use the same lease id, so only one lease
        // remains.
        let (units, now, starts, ends, used, frees_in) = self.link.call().run_on_shared_connection(&script).await?;
        Ok(GrantedLease {
            units,
            now: Timestamp::from_micros(now),
            starts: Timestamp::from_micros(starts),
            ends: Timestamp::from_micros(ends),
            used,
            frees_in: Duration::from_micros(frees_in),
        })
    }

    async fn report(&self, key: KeyId, node: NodeId, alone: &[LocalAdmissions]) -> StoreResult<()> {
        let mut script = SCRIPTS.report.key(scripts::minute(key));
        script.arg(self.now()).arg(node.to_string());
        for LocalAdmissions { second, age, units } in alone {
            script.arg(*second).arg(*age).arg(*units);
        }
        self.link.call().run_on_shared_connection(&script).await
    }

    async fn enlist(&self, node: NodeId, seen: i64) -> StoreResult<NodePlace> {
        let mut script = SCRIPTS.enlist.key(NODES);
        script.arg(node.to_string()).arg(seen).arg(self.now()).arg(NODE_LEASE.as_millis().to_string());
        let (nodes, before, is_known, turn): (u32, u32, bool, i64) =
            self.link.call().run_on_shared_connection(&script).await?;
        let nodes = NonZeroU32::new(nodes).unwrap_or(NonZeroU32::MIN);
        Ok(NodePlace { nodes, rank: is_known.then_some(before), turn })
    }

    async fn delist(&self, node: NodeId) -> StoreResult<()> {
        self.link.call().command(redis::cmd("HDEL").arg(NODES).arg(node.to_string())).await
    }
}
