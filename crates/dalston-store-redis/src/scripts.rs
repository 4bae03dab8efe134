//! The Lua scripts, and the names of the keys that they are given.

use dalston_model::{JobId, JobStatus, KeyDigest, KeyId, TenantId};
use dalston_store::{Claim, Repeated, StoreError, StoreResult};
use redis::{Script, ScriptInvocation};
use serde::Serialize;
use std::sync::LazyLock;

/// Declares the scripts: a field each, made of the file of that name behind what scripts share.
macro_rules! scripts {
    ($($name:ident),+ $(,)?) => {
        /// Every script. The client sends the digest of one, and the text when the server does not know it.
        pub(crate) struct Scripts { $(pub(crate) $name: Script),+ }

        pub(crate) static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts {
            $($name: Script::new(concat!(
                include_str!("scripts/sha256.lua"),
                include_str!("scripts/common.lua"),
                include_str!("scripts/keys.lua"),
                include_str!(concat!("scripts/", stringify!($name), ".lua")),
            ))),+
        });
    };
}

scripts! {
    add_usage, adopt_keys, audit_page, change_job, change_key, count_jobs, delete_job, file_keys, find_key, insert_job,
    insert_key, insert_tenant, key_changes, key_figures, list_jobs, list_keys, list_tenants, put_note, read_claim,
    read_key, read_note, read_tenant, record, take, take_note,
}

/// The numbers of keys' last changes.
pub(crate) const CHANGES: &str = "dalston:changes";
/// The stream of audit records.
pub(crate) const AUDIT: &str = "dalston:audit";
/// The number of the last change.
pub(crate) const SEQ: &str = "dalston:seq";
/// The index of tenants.
pub(crate) const TENANTS: &str = "dalston:tenants";
/// Digests whose secret a rotation ended.
pub(crate) const ENDED: &str = "dalston:keys:ended";

/// The JSON at a digest.
pub(crate) fn view(digest: &KeyDigest) -> String {
    format!("dalston:apikeys:{}", digest.to_hex())
}

/// Our record of a key.
pub(crate) fn key(id: KeyId) -> String {
    format!("dalston:keys:{id}")
}

/// The digest of a key.
pub(crate) fn digest_of(id: KeyId) -> String {
    format!("dalston:apikeys:id:{id}")
}

/// The counts of a key.
pub(crate) fn usage(id: KeyId) -> String {
    format!("dalston:usage:{id}")
}

/// The last minute of a key.
pub(crate) fn window(id: KeyId) -> String {
    format!("dalston:window:{id}")
}

/// An index of a tenant's keys: `all`, `live`, `open`, `idle`, `used` or `strays`.
pub(crate) fn keys(which: &str, tenant: &TenantId) -> String {
    format!("dalston:keys:{which}:{tenant}")
}

/// The Python gateway's set of a tenant's keys.
pub(crate) fn members(tenant: &TenantId) -> String {
    format!("dalston:apikeys:tenant:{tenant}")
}

/// A job. Other names than the Python gateway's, which keeps sets where we keep order.
pub(crate) fn job(id: JobId) -> String {
    format!("dalston:jobs:{id}")
}

/// A tenant's jobs, of one status when it is given.
pub(crate) fn jobs(tenant: &TenantId, status: Option<JobStatus>) -> String {
    match status {
        Some(status) => format!("dalston:jobs:index:{tenant}:{status}"),
        None => format!("dalston:jobs:index:{tenant}"),
    }
}

/// A script on a tenant, with its keys and its id.
pub(crate) fn tenant<'a>(script: &'a Script, id: &TenantId) -> ScriptInvocation<'a> {
    let mut script = script.key(format!("{TENANTS}:{id}"));
    script.key(members(id)).key(TENANTS).arg(id.as_str());
    script
}

/// A note.
pub(crate) fn note(name: &str) -> String {
    format!("dalston:notes:{name}")
}

/// A claim as scripts read it.
#[derive(Serialize)]
pub(crate) struct ClaimArgument {
    name: String,
    ends: String,
    fingerprint: String,
}

impl ClaimArgument {
    /// Its name begins with the length of the scope: both parts are free text.
    pub(crate) fn new(claim: &Claim) -> Self {
        let Claim { scope, key, fingerprint, expires_at } = claim;
        Self {
            name: format!("dalston:claims:{}:{scope}:{key}", scope.len()),
            ends: expires_at.as_micros().to_string(),
            fingerprint: KeyDigest::new(*fingerprint).to_hex(),
        }
    }
}

/// What a script's answer says of a claim that was made before.
pub(crate) fn repeated(claim: Option<&Claim>, answer: &[String]) -> StoreResult<Repeated> {
    match (claim, answer) {
        (Some(claim), [word, target, fingerprint]) if word == "repeated" => Ok(Repeated {
            target: target.clone(),
            same_payload: *fingerprint == KeyDigest::new(claim.fingerprint).to_hex(),
        }),
        _ => Err(StoreError::corrupt("the answer of a script")),
    }
}
