//! A gate over a store in memory, and keys for it: what several benches begin with.

use dalston_auth::{
    Administrators, AuthRequest, Gate, GateConfig, GateStorage, KeyCacheConfig, KeyFormat, MasterKeys, PlainKey,
    Product, RequestedRoute,
};
use dalston_limit::Limiter;
use dalston_model::{
    Actor, AuditEntry, Clock, Door, Key, KeyAction, KeyId, KeyScopes, KnownScopes, Metadata, NodeId, OsEntropy,
    RateLimit, SharedClock, Source, Target, TenantId,
};
use dalston_store::{KeyStore, KeyToInsert, SharedKeyStorage};
use dalston_work::MemoryWorkStore;
use serde_json::json;
use std::{num::NonZeroU32, sync::Arc, time::Duration};

/// A gate with `count` keys in its store, of which it has heard. For the whole bench nothing changes.
pub(crate) async fn gate(
    clock: SharedClock,
    count: usize,
    rate_limit: Option<RateLimit>,
) -> (Arc<Gate>, Vec<PlainKey>) {
    let store = Arc::new(MemoryWorkStore::new(clock.clone()));
    let gate = Gate::new(GateConfig {
        storage: GateStorage::from(store.clone() as SharedKeyStorage),
        limiter: Limiter::new(clock.clone(), None),
        format: KeyFormat::default(),
        product: Product::default(),
        scopes: KnownScopes::default(),
        pepper: None,
        masters: MasterKeys::default(),
        administrators: Administrators::default(),
        failures_per_minute: NonZeroU32::MIN,
        node: NodeId::new(clock.now(), &OsEntropy).expect("chance"),
        memory: KeyCacheConfig { freshness: Duration::from_hours(1_000_000), ..KeyCacheConfig::default() },
        clock: clock.clone(),
    });
    let mut secrets = Vec::with_capacity(count);
    for _ in 0..count {
        let secret = gate.format().mint(&OsEntropy).expect("chance");
        let key = key(&secret, rate_limit, &*clock);
        let entry = entry(&key, &*clock);
        let new = KeyToInsert { digest: gate.digester().digest(&secret), key };
        store.insert_key(&new, None, &entry).await.expect("a store in memory");
        secrets.push(secret);
    }
    gate.feed_consumer(store).poll().await.expect("a store in memory");
    (gate, secrets)
}

/// A request with the secret.
pub(crate) fn attempt(secret: &PlainKey) -> AuthRequest<'_> {
    AuthRequest {
        asked: RequestedRoute { method: "GET", route: "/auth/me" },
        request_id: "0123456789abcdef0123456789abcdef".parse().ok(),
        ..AuthRequest::with_key(secret.expose(), Some([192, 0, 2, 1].into()))
    }
}

fn key(secret: &PlainKey, rate_limit: Option<RateLimit>, clock: &dyn Clock) -> Key {
    Key {
        id: KeyId::new(clock.now(), &OsEntropy).expect("chance"),
        tenant: TenantId::default(),
        prefix: secret.prefix().to_owned(),
        name: "bench".parse().expect("a name"),
        description: None,
        scopes: KeyScopes::DEFAULT,
        rate_limit,
        enabled: true,
        created_at: clock.now(),
        created_by: None,
        expires_at: None,
        revoked_at: None,
        metadata: Metadata::default(),
    }
}

fn entry(key: &Key, clock: &dyn Clock) -> AuditEntry {
    AuditEntry {
        time: clock.now(),
        tenant: key.tenant.clone(),
        source: Source { actor: Actor::Operator, door: Door::Cli, address: None, request_id: None },
        action: KeyAction::KEY_CREATED,
        target: Target::key(key.id),
        detail: json!({}),
    }
}
