//! The Lua scripts, and the names of their Redis keys.

use dalston_model::{KeyDigest, KeyId, NodeId, TenantId};
use dalston_store::{AlreadyProcessed, IdempotencyKey, StoreError, StoreResult};
use redis::{Script, ScriptInvocation};
use serde::Serialize;
use std::sync::LazyLock;

/// The text of the script of this name.
macro_rules! lua {
    ($name:expr) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/scripts/", $name, ".lua"))
    };
}

/// The common text of the scripts of a group, which precedes each of them.
macro_rules! shared {
    (keys) => {
        concat!($crate::scripts::lua!("sha256"), $crate::scripts::lua!("common"), $crate::scripts::lua!("keys"))
    };
    (minutes) => {
        concat!($crate::scripts::lua!("common"), $crate::scripts::lua!("minute"))
    };
    (work) => {
        concat!($crate::scripts::shared!(keys), $crate::scripts::lua!("work"), $crate::scripts::lua!("outbox"))
    };
    (slots) => {
        concat!($crate::scripts::shared!(keys), $crate::scripts::lua!("work"), $crate::scripts::lua!("slots"))
    };
}

/// Declares the scripts, one field each. The text of a script is the common text of its group, then the file of its
/// name.
macro_rules! scripts {
    ($($group:tt: $($name:ident),+;)+) => {
        /// All scripts. The client sends a script's digest, and its text only if the server does not know it.
        pub(crate) struct Scripts { $($(pub(crate) $name: redis::Script),+),+ }

        pub(crate) static SCRIPTS: std::sync::LazyLock<Scripts> = std::sync::LazyLock::new(|| Scripts {
            $($($name: redis::Script::new(concat!(
                $crate::scripts::shared!($group),
                $crate::scripts::lua!(stringify!($name)),
            ))),+),+
        });
    };
}

#[cfg(feature = "work")]
pub(crate) use scripts;
pub(crate) use {lua, shared};

scripts! {
    keys: add_usage, adopt_keys, audit_page, change_key, file_keys, find_key, insert_key, insert_tenant,
        key_changes, key_figures, list_keys, list_tenants, checkpoint, put_note, read_claim, read_key, read_note, read_tenant,
        record, take_note;
    minutes: enlist, lend, report, take;
}

/// Scripts that are retried with the flag `allow-oom` if the server is out of memory, which works from Redis 7 on.
///
/// These are the changes that only take rights away, and the audit record: the master key is refused unless its use is
/// recorded, so without it no master key could make such a change.
pub(crate) struct OomScripts {
    pub(crate) change_key: Script,
    pub(crate) record: Script,
}

macro_rules! even_full {
    ($name:literal) => {
        Script::new(concat!("#!lua flags=allow-oom\n", shared!(keys), lua!($name)))
    };
}

pub(crate) static OOM_SCRIPTS: LazyLock<OomScripts> =
    LazyLock::new(|| OomScripts { change_key: even_full!("change_key"), record: even_full!("record") });

/// Keys by the number of their last change.
pub(crate) const CHANGES: &str = "dalston:changes";
/// The stream of audit records.
pub(crate) const AUDIT: &str = "dalston:audit";
/// The stream that announces key changes.
pub(crate) const WAKES: &str = "dalston:wakes";
/// The index of tenants.
pub(crate) const TENANTS: &str = "dalston:tenants";
/// Digests whose secret a rotation replaced.
pub(crate) const ENDED: &str = "dalston:keys:ended";

/// The JSON at a digest, shared with the Python gateway.
pub(crate) fn view(digest: &KeyDigest) -> String {
    format!("dalston:apikeys:{}", digest.to_hex())
}

/// This store's record of a key.
pub(crate) fn key(id: KeyId) -> String {
    format!("dalston:keys:{id}")
}

/// The digest of a key.
pub(crate) fn digest_of(id: KeyId) -> String {
    format!("dalston:apikeys:id:{id}")
}

/// The usage counts of a key.
pub(crate) fn usage(id: KeyId) -> String {
    format!("dalston:usage:{id}")
}

/// The last batch of usage counts that a node wrote.
pub(crate) fn step(node: NodeId) -> String {
    format!("dalston:steps:{node}")
}

/// The rate limit window of a key.
pub(crate) fn minute(id: KeyId) -> String {
    format!("dalston:minute:{id}")
}

/// An index of a tenant's keys: `all`, `live`, `open`, `idle`, `used` or `strays`.
pub(crate) fn keys(which: &str, tenant: &TenantId) -> String {
    format!("dalston:keys:{which}:{tenant}")
}

/// The Python gateway's set of a tenant's keys.
pub(crate) fn members(tenant: &TenantId) -> String {
    format!("dalston:apikeys:tenant:{tenant}")
}

/// The nodes that share the rate limit counter.
pub(crate) const NODES: &str = "dalston:limits:nodes";

/// Begins a call of a script on a tenant, with the tenant's Redis keys and id.
pub(crate) fn tenant<'a>(script: &'a Script, id: &TenantId) -> ScriptInvocation<'a> {
    let mut script = script.key(format!("{TENANTS}:{id}"));
    script.key(members(id)).key(TENANTS).arg(id.as_str());
    script
}

/// An entry of the key-value store.
pub(crate) fn note(name: &str) -> String {
    format!("dalston:notes:{name}")
}

/// An idempotency key, as scripts read it.
#[derive(Serialize)]
pub(crate) struct ClaimArgument {
    name: String,
    ends: String,
    fingerprint: String,
}

impl ClaimArgument {
    /// Converts an idempotency key. Its name begins with the length of the scope, since both parts are free text.
    pub(crate) fn new(claim: &IdempotencyKey) -> Self {
        let IdempotencyKey { scope, key, fingerprint, expires_at } = claim;
        Self {
            name: format!("dalston:claims:{}:{scope}:{key}", scope.len()),
            ends: expires_at.as_micros().to_string(),
            fingerprint: KeyDigest::new(*fingerprint).to_hex(),
        }
    }
}

/// Parses a script's reply about an idempotency key that was used before.
pub(crate) fn repeated(claim: Option<&IdempotencyKey>, answer: &[String]) -> StoreResult<AlreadyProcessed> {
    match (claim, answer) {
        (Some(claim), [word, target, fingerprint]) if word == "repeated" => Ok(AlreadyProcessed {
            target: target.clone(),
            same_payload: *fingerprint == KeyDigest::new(claim.fingerprint).to_hex(),
        }),
        _ => Err(StoreError::corrupt("the answer of a script")),
    }
}
