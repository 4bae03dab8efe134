//! Usage counters.

use crate::{
    RedisStore,
    argument::argument,
    scripts::{self, ENDED, SCRIPTS},
};
use async_trait::async_trait;
use dalston_model::{Day, KeyId, RefusedRequests, TenantId, Timestamp, Usage, UsageDelta, UsageStep};
use dalston_store::{StoreResult, UsageStore};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// The counts of a key, as the script adds them.
#[derive(Serialize)]
struct CountArgument {
    key: String,
    /// The fields of the hash, and the amount to add to each. As text, because a script's numbers are doubles.
    more: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_from: Option<String>,
}

#[async_trait]
impl UsageStore for RedisStore {
    async fn add_usage(&self, step: UsageStep, deltas: &[UsageDelta]) -> StoreResult<u64> {
        let mut script = SCRIPTS.add_usage.key(ENDED);
        script.key(scripts::step(step.node));
        for delta in deltas {
            script.key(scripts::usage(delta.key)).key(scripts::key(delta.key)).key(scripts::digest_of(delta.key));
        }
        let counts: Vec<_> = deltas.iter().map(CountArgument::new).collect();
        script.arg(argument(&counts)?).arg(self.now());
        script.arg(step.number).arg(UsageStep::KEPT.as_secs());
        self.link.call().run(&script).await
    }

    async fn usage(&self, tenant: &TenantId, id: KeyId, since: Day) -> StoreResult<Option<Usage>> {
        let call = self.link.call();
        let Some(known) = self.load(&call, tenant, id).await? else { return Ok(None) };
        let fields: HashMap<String, String> = call.command(redis::cmd("HGETALL").arg(scripts::usage(id))).await?;
        let count = |field: &str| fields.get(field).and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut days: Vec<_> = fields
            .iter()
            .filter_map(|(field, count)| {
                let day = Day::from_number(field.strip_prefix("day:")?.parse().ok()?);
                Some((day, count.parse().ok()?)).filter(|(day, _)| *day >= since)
            })
            .collect();
        days.sort_unstable_by(|a, b| b.cmp(a));
        Ok(Some(Usage {
            usage_count: count("admitted"),
            last_used_at: known.used.last_used_at,
            last_used_from: fields.get("last_from").and_then(|text| text.parse().ok()),
            refused: RefusedRequests {
                rate_limited: count("rate_limited"),
                insufficient_scope: count("insufficient_scope"),
            },
            days,
        }))
    }
}

impl CountArgument {
    fn new(delta: &UsageDelta) -> Self {
        let UsageDelta { key, day, admitted, refused, last_used } = delta;
        let counts = [
            ("admitted".to_owned(), *admitted),
            (format!("day:{}", day.number()), *admitted),
            ("rate_limited".to_owned(), refused.rate_limited),
            ("insufficient_scope".to_owned(), refused.insufficient_scope),
        ];
        let (at, from) = last_used.unzip();
        Self {
            key: key.to_string(),
            more: counts.into_iter().filter(|(_, n)| *n > 0).map(|(field, n)| (field, n.to_string())).collect(),
            last_used: at.map(|at: Timestamp| at.as_micros().to_string()),
            last_from: from.flatten().map(|from| from.to_string()),
        }
    }
}
