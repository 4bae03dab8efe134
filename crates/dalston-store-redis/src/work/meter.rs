//! Quotas and the meter.

use super::{
    quota_exceeded,
    scripts::{self, SCRIPTS},
};
use crate::{RedisStore, argument::argument, audit::AuditArgument};
use async_trait::async_trait;
use dalston_model::{AuditEntry, Day};
use dalston_store::{StoreError, StoreResult};
use dalston_work::{AudioAmount, MeterStore, MeteredDay, Quota, QuotaOwner, ReserveOutcome, UsageAccount, UsageSource};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// The largest amount that a script's numbers hold exactly.
const MOST_MS: u64 = 1 << 53;

/// An account as scripts read it.
#[derive(Serialize)]
pub(crate) struct AccountArgument {
    tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    day: String,
    of: &'static str,
}

impl AccountArgument {
    /// Encodes the account.
    pub(crate) fn new(account: &UsageAccount) -> Self {
        let UsageAccount { tenant, key, day, of } = account;
        Self {
            tenant: tenant.to_string(),
            key: key.map(|key| key.to_string()),
            day: day.number().to_string(),
            of: field(*of),
        }
    }
}

/// An amount as scripts read it.
#[derive(Serialize)]
pub(crate) struct AmountArgument {
    kind: &'static str,
    ms: String,
}

impl AmountArgument {
    /// Encodes the amount.
    pub(crate) fn new(amount: AudioAmount) -> Self {
        let (kind, ms) = match amount {
            AudioAmount::Whole(ms) => ("whole", ms),
            AudioAmount::UpTo(ms) => ("most", ms),
            AudioAmount::Rest => ("rest", 0),
        };
        Self { kind, ms: ms.min(MOST_MS).to_string() }
    }
}

#[async_trait]
impl MeterStore for RedisStore {
    async fn quota(&self, subject: &QuotaOwner) -> StoreResult<Quota> {
        let fields: HashMap<String, u32> =
            self.link.call().command(redis::cmd("HGETALL").arg(scripts::quota(subject))).await?;
        // Ignores a kind that only a later version knows.
        Ok(fields.into_iter().filter_map(|(word, most)| Some((word.parse().ok()?, most))).collect())
    }

    async fn set_quota(&self, subject: &QuotaOwner, quota: &Quota, entry: &AuditEntry) -> StoreResult<bool> {
        let call = self.link.call();
        // Keys are never deleted, so this check need not be part of the script.
        if let QuotaOwner::Key(tenant, id) = subject
            && self.load(&call, tenant, *id).await?.is_none()
        {
            return Ok(false);
        }
        let fields: BTreeMap<_, _> = quota.limits().map(|(kind, most)| (kind.as_str(), most.to_string())).collect();
        let mut script = SCRIPTS.set_quota.key(scripts::quota(subject));
        script.arg(subject.tenant().as_str()).arg(argument(&fields)?).arg(argument(&AuditArgument::new(entry)?)?);
        Ok(call.run::<u8>(&script).await? == 1)
    }

    async fn reserve_audio(&self, account: &UsageAccount, amount: AudioAmount) -> StoreResult<ReserveOutcome> {
        let mut script = SCRIPTS.reserve_audio.arg(argument(&AccountArgument::new(account))?);
        script.arg(argument(&AmountArgument::new(amount))?);
        let answer: Vec<String> = self.link.call().run(&script).await?;
        let odd = || StoreError::corrupt("the answer of a script");
        match answer.as_slice() {
            [word, ms] if word == "granted" => ms.parse().map(ReserveOutcome::Granted).map_err(|_| odd()),
            [word, excess @ ..] if word == "excess" => quota_exceeded::read(excess).map(ReserveOutcome::Exhausted),
            _ => Err(odd()),
        }
    }

    async fn settle_audio(&self, account: &UsageAccount, ms: i64) -> StoreResult<()> {
        let most = MOST_MS.cast_signed();
        let mut script = SCRIPTS.settle_audio.arg(argument(&AccountArgument::new(account))?);
        self.link.call().run::<String>(script.arg(ms.clamp(-most, most).to_string())).await.map(|_| ())
    }

    async fn metered(&self, subject: &QuotaOwner, since: Day) -> StoreResult<Vec<MeteredDay>> {
        let fields: HashMap<String, u64> =
            self.link.call().command(redis::cmd("HGETALL").arg(scripts::meter(subject))).await?;
        let mut days = BTreeMap::<Day, MeteredDay>::new();
        for (name, ms) in fields {
            let Some((of, day)) = name.split_once(':').and_then(|(of, day)| Some((of, day.parse().ok()?))) else {
                continue;
            };
            let day = Day::from_number(day);
            let metered = days.entry(day).or_insert(MeteredDay { day, jobs_ms: 0, streams_ms: 0 });
            if of == field(UsageSource::Jobs) { metered.jobs_ms = ms } else { metered.streams_ms = ms }
        }
        let shown = |it: &MeteredDay| it.day >= since && (it.jobs_ms > 0 || it.streams_ms > 0);
        Ok(days.into_values().rev().filter(shown).collect())
    }
}

const fn field(of: UsageSource) -> &'static str {
    match of {
        UsageSource::Jobs => "jobs",
        UsageSource::Streams => "streams",
    }
}
