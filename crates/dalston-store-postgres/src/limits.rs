//! The shared rate limit counter, in Postgres. Each operation calls one function of `migrations/postgres`.

use crate::{PostgresStore, row};
use async_trait::async_trait;
use dalston_model::{KeyId, NodeId, RateLimit, Timestamp};
use dalston_store::{
    Acquired, GrantedLease, LeaseRequest, LimitStore, LocalAdmissions, NODE_LEASE, NodePlace, StoreResult,
};
use sqlx::Row;
use std::{num::NonZeroU32, time::Duration};

#[async_trait]
impl LimitStore for PostgresStore {
    async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Acquired> {
        self.call(async {
            let sql = "SELECT admitted, used, frees_in FROM take_unit($1, $2, $3)";
            let query = sqlx::query(sql).bind(key.as_uuid()).bind(i64::from(limit.get())).bind(self.now());
            let row = query.fetch_one(&mut *self.lease().await?).await?;
            Ok(Acquired {
                admitted: row.try_get("admitted")?,
                used: u32::try_from(row::count(&row, "used")?).unwrap_or(u32::MAX),
                frees_in: Duration::from_micros(row::count(&row, "frees_in")?),
            })
        })
        .await
    }

    async fn lease(&self, key: KeyId, request: &LeaseRequest) -> StoreResult<GrantedLease> {
        let LeaseRequest { id, limit, want, closed } = request;
        let ids: Vec<_> = closed.iter().map(|closed| *closed.id.as_uuid()).collect();
        let (mut spent_ids, mut spent_slots, mut spent_units) = (Vec::new(), Vec::new(), Vec::new());
        for closed in closed {
            for (slot, units) in closed.slots() {
                spent_ids.push(*closed.id.as_uuid());
                spent_slots.push(slot);
                spent_units.push(i64::from(units));
            }
        }
        self.call(async {
            let sql = "SELECT units, now_at, starts, ends, used, frees_in \
                       FROM lend_units($1, $2, $3, $4, $5, $6, $7, $8, $9)";
            let query = sqlx::query(sql).bind(key.as_uuid()).bind(i64::from(limit.get())).bind(self.now());
            let query = query.bind(id.as_uuid()).bind(i64::from(*want));
            let query = query.bind(&ids).bind(&spent_ids).bind(&spent_slots).bind(&spent_units);
            let row = query.fetch_one(&mut *self.lease().await?).await?;
            let at = |column| row.try_get(column).map(Timestamp::from_micros);
            Ok(GrantedLease {
                units: u32::try_from(row::count(&row, "units")?).unwrap_or_default(),
                now: at("now_at")?,
                starts: at("starts")?,
                ends: at("ends")?,
                used: u32::try_from(row::count(&row, "used")?).unwrap_or(u32::MAX),
                frees_in: Duration::from_micros(row::count(&row, "frees_in")?),
            })
        })
        .await
    }

    async fn report(&self, key: KeyId, node: NodeId, alone: &[LocalAdmissions]) -> StoreResult<()> {
        let seconds: Vec<_> = alone.iter().map(|second| second.second).collect();
        let ages: Vec<_> = alone.iter().map(|second| second.age).collect();
        let sums: Vec<_> = alone.iter().map(|second| i64::from(second.units)).collect();
        self.call(async {
            let query = sqlx::query("SELECT report_units($1, $2, $3, $4, $5, $6)");
            let query = query.bind(key.as_uuid()).bind(self.now()).bind(node.as_uuid());
            query.bind(&seconds).bind(&ages).bind(&sums).execute(&mut *self.lease().await?).await?;
            Ok(())
        })
        .await
    }

    async fn enlist(&self, node: NodeId, seen: i64) -> StoreResult<NodePlace> {
        let lease = i64::try_from(NODE_LEASE.as_micros()).unwrap_or(i64::MAX);
        self.call(async {
            let query = sqlx::query("SELECT nodes, rank, turn FROM enlist_node($1, $2, $3, $4)");
            let query = query.bind(node.as_uuid()).bind(seen).bind(lease).bind(self.now());
            let row = query.fetch_one(&mut *self.lease().await?).await?;
            let nodes = u32::try_from(row::count(&row, "nodes")?).ok().and_then(NonZeroU32::new);
            let rank: Option<i64> = row.try_get("rank")?;
            Ok(NodePlace {
                nodes: nodes.unwrap_or(NonZeroU32::MIN),
                rank: rank.and_then(|rank| rank.try_into().ok()),
                turn: row.try_get("turn")?,
            })
        })
        .await
    }

    async fn delist(&self, node: NodeId) -> StoreResult<()> {
        self.call(async {
            let query = sqlx::query("DELETE FROM limit_nodes WHERE node_id = $1").bind(node.as_uuid());
            query.execute(&mut *self.lease().await?).await?;
            Ok(())
        })
        .await
    }
}
