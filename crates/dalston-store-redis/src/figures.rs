//! Key statistics of a tenant, from indexes that every change maintains. Reads none of the keys.
//!
//! If the Python gateway uses or revokes a key that this store knows, that counts once the key is next listed, fetched
//! or changed.

use crate::{
    RedisStore,
    argument::argument,
    call::StoreCall,
    row::{FileArgument, StoredKey},
    scripts::{self, SCRIPTS},
};
use dalston_model::{PageRequest, TenantId, Timestamp};
use dalston_store::{KeyStatTimes, KeyStats, StoreResult};

impl RedisStore {
    /// Counts the tenant's keys at the time `at`. First indexes the keys that the Python gateway or an earlier version
    /// of this store made.
    pub(crate) async fn figures(
        &self,
        call: &StoreCall<'_>,
        tenant: &TenantId,
        at: Timestamp,
    ) -> StoreResult<KeyStats> {
        // Reading a page imports the Python gateway's keys.
        self.page(call, tenant, &PageRequest::default(), true).await?;
        let KeyStatTimes { now, soon, idle, hour, day } = KeyStats::times(at);
        loop {
            let mut script = SCRIPTS.key_figures.prepare_invoke();
            for index in ["all", "live", "open", "idle", "used"] {
                script.key(scripts::keys(index, tenant));
            }
            for time in [now, soon, idle, hour, day] {
                script.arg(time.as_micros());
            }
            let (unfiled, counts): (Vec<StoredKey>, Vec<u64>) = call.run(&script).await?;
            if let [active, revoked, expiring, unused, used_last_hour, used_last_day] = counts[..] {
                return Ok(KeyStats { active, revoked, expiring, unused, used_last_hour, used_last_day });
            }
            let keys: Vec<_> = unfiled.into_iter().map(|row| FileArgument::new(tenant, row)).collect();
            call.run::<String>(&SCRIPTS.file_keys.arg(argument(&keys)?)).await?;
        }
    }
}
