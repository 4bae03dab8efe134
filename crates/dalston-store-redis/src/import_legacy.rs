//! Reads keys, and imports what the Python gateway did to them.

use crate::{
    RedisStore,
    argument::argument,
    call::StoreCall,
    page,
    row::{KeyArgument, KeyOrigin, KnownKey, StoredKey},
    scripts::{self, SCRIPTS},
};
use dalston_model::{Cursor, KeyId, Page, PageRequest, TenantId, Timestamp};
use dalston_store::StoreResult;
use serde::Serialize;

#[derive(Serialize)]
struct AdoptArgument<'a> {
    tenant: &'a str,
    keys: Vec<KeyArgument>,
    strays: Vec<String>,
}

impl RedisStore {
    /// Returns the tenant's key of this id, and imports it if only the Python gateway knows it.
    pub(crate) async fn load(
        &self,
        call: &StoreCall<'_>,
        tenant: &TenantId,
        id: KeyId,
    ) -> StoreResult<Option<KnownKey>> {
        loop {
            let mut script = SCRIPTS.read_key.key(scripts::key(id));
            script.key(scripts::digest_of(id)).key(scripts::usage(id)).arg(id.to_string());
            let row: StoredKey = call.run(&script).await?;
            let Some(known) = row.known_or_none().filter(|known| known.used.key.tenant == *tenant) else {
                return Ok(None);
            };
            match known.origin {
                KeyOrigin::Ours => return Ok(Some(known)),
                KeyOrigin::RevokedByLegacy => self.sync_legacy_revocation(call, &known).await?,
                KeyOrigin::LegacyOnly => self.adopt(call, tenant, vec![Ok(known)]).await?,
            }
        }
    }

    /// Returns a page of keys, and imports the Python gateway's keys. An unreadable key is `None`.
    pub(crate) async fn page(
        &self,
        call: &StoreCall<'_>,
        tenant: &TenantId,
        request: &PageRequest,
        revoked: bool,
    ) -> StoreResult<Page<Option<KnownKey>>> {
        loop {
            let mut script = SCRIPTS.list_keys.key(scripts::keys(if revoked { "all" } else { "live" }, tenant));
            script.key(scripts::keys("all", tenant)).key(scripts::keys("strays", tenant)).key(scripts::members(tenant));
            let (made, rows): (Vec<StoredKey>, Vec<StoredKey>) =
                call.run(script.arg(&page::arguments(request))).await?;
            if made.is_empty() {
                let cursor = |row: &StoredKey| Cursor {
                    created_at: Timestamp::from_micros(row.score.unwrap_or_default()),
                    id: row.id.clone(),
                };
                return Ok(Page::cut(rows, request.limit, cursor).map(StoredKey::known_or_none));
            }
            let foreign = |row: StoredKey| {
                let id = row.id.clone();
                let ours = |known: &KnownKey| known.origin == KeyOrigin::LegacyOnly && known.used.key.tenant == *tenant;
                row.known_or_none().filter(ours).ok_or(id)
            };
            self.adopt(call, tenant, made.into_iter().map(foreign).collect()).await?;
        }
    }

    /// Imports keys from the Python gateway, and marks the ids that lead to no key as strays.
    async fn adopt(
        &self,
        call: &StoreCall<'_>,
        tenant: &TenantId,
        made: Vec<Result<KnownKey, String>>,
    ) -> StoreResult<()> {
        let mut given = AdoptArgument { tenant: tenant.as_str(), keys: Vec::new(), strays: Vec::new() };
        for made in made {
            match made {
                Ok(known) => given.keys.push(KeyArgument::new(&known.used, known.digest)?),
                Err(id) => given.strays.push(id),
            }
        }
        call.run::<String>(&SCRIPTS.adopt_keys.arg(argument(&given)?)).await.map(|_| ())
    }
}
