//! The Lua scripts, and the names of the keys that they are given.

use dalston_model::{JobId, JobStatus, KeyDigest, KeyId, NodeId, Subject, TenantId};
use dalston_store::{Claim, Repeated, StoreError, StoreResult};
use redis::{Script, ScriptInvocation};
use serde::Serialize;
use std::sync::LazyLock;

/// What stands before the scripts of a group.
macro_rules! shared {
    (keys) => {
        concat!(
            include_str!("scripts/sha256.lua"),
            include_str!("scripts/common.lua"),
            include_str!("scripts/keys.lua")
        )
    };
    (minutes) => {
        concat!(include_str!("scripts/common.lua"), include_str!("scripts/minute.lua"))
    };
    (work) => {
        concat!(shared!(keys), include_str!("scripts/work.lua"), include_str!("scripts/outbox.lua"))
    };
    (slots) => {
        concat!(shared!(keys), include_str!("scripts/work.lua"), include_str!("scripts/slots.lua"))
    };
}

/// Declares the scripts: a field each, made of the file of that name behind what the scripts of its group share.
macro_rules! scripts {
    ($($group:tt: $($name:ident),+;)+) => {
        /// Every script. The client sends the digest of one, and the text when the server does not know it.
        pub(crate) struct Scripts { $($(pub(crate) $name: Script),+),+ }

        pub(crate) static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts {
            $($($name: Script::new(concat!(
                shared!($group),
                include_str!(concat!("scripts/", stringify!($name), ".lua")),
            ))),+),+
        });
    };
}

scripts! {
    keys: add_usage, adopt_keys, audit_page, change_key, count_jobs, file_keys, find_key, insert_key, insert_tenant,
        key_changes, key_figures, list_keys, list_tenants, mark, put_note, read_claim, read_key, read_note, read_tenant,
        record, set_quota, set_retention, take_note;
    minutes: enlist, lend, report, take;
    work: beat_jobs, change_webhook, delete_job, delete_webhook, expired_jobs, file_jobs, finish_delivery, insert_job,
        insert_webhook, lapsed_jobs, lease_jobs, list_deliveries, list_jobs, list_webhooks, move_job, orphaned_jobs,
        read_delivery, read_job, read_webhook, reserve_audio, retry_delivery, rotate_webhook, settle_audio,
        sweep_deliveries, take_deliveries;
    slots: close_session, count_sessions, list_workers, open_session, put_worker, remove_worker, renew_sessions;
}

/// Scripts that are run once more where the server has no memory left, and then run all the same, from Redis 7 on: what
/// only takes rights away, and the record without which the master key could not.
pub(crate) struct EvenFull {
    pub(crate) change_key: Script,
    pub(crate) record: Script,
}

macro_rules! even_full {
    ($name:literal) => {
        Script::new(concat!("#!lua flags=allow-oom\n", shared!(keys), include_str!(concat!("scripts/", $name, ".lua"))))
    };
}

pub(crate) static EVEN_FULL: LazyLock<EvenFull> =
    LazyLock::new(|| EvenFull { change_key: even_full!("change_key"), record: even_full!("record") });

/// The numbers of keys' last changes.
pub(crate) const CHANGES: &str = "dalston:changes";
/// The stream of audit records.
pub(crate) const AUDIT: &str = "dalston:audit";
/// The stream that tells of changes of keys.
pub(crate) const WAKES: &str = "dalston:wakes";
/// The index of tenants.
pub(crate) const TENANTS: &str = "dalston:tenants";
/// What stands before the tenant in the name of an index of jobs.
pub(crate) const JOBS: &str = "dalston:jobs:index:";
/// Set once the jobs of an earlier version are filed.
pub(crate) const FILED: &str = "dalston:work:filed";
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

/// The last step of usage that a node wrote.
pub(crate) fn step(node: NodeId) -> String {
    format!("dalston:steps:{node}")
}

/// The last minute of a key.
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

/// The nodes that share the counter.
pub(crate) const NODES: &str = "dalston:limits:nodes";

/// A job. Other names than the Python gateway's, which keeps sets where we keep order.
pub(crate) fn job(id: JobId) -> String {
    format!("dalston:jobs:{id}")
}

/// A tenant's jobs, of one status when it is given.
pub(crate) fn jobs(tenant: &TenantId, status: Option<JobStatus>) -> String {
    match status {
        Some(status) => format!("{JOBS}{tenant}:{status}"),
        None => format!("{JOBS}{tenant}"),
    }
}

/// The quota of a tenant or of a key.
pub(crate) fn quota(subject: &Subject) -> String {
    format!("dalston:quotas:{}", subject_name(subject))
}

/// The meter of a tenant or of a key.
pub(crate) fn meter(subject: &Subject) -> String {
    format!("dalston:meter:{}", subject_name(subject))
}

/// As the scripts make it: no tenant has the sign that stands between.
fn subject_name(subject: &Subject) -> String {
    match subject {
        Subject::Tenant(tenant) => tenant.to_string(),
        Subject::Key(tenant, key) => format!("{tenant}:{key}"),
    }
}

/// The sessions of a tenant.
pub(crate) fn sessions(tenant: &TenantId) -> String {
    format!("dalston:sessions:tenant:{tenant}")
}

/// The webhooks of a tenant.
pub(crate) fn webhooks(tenant: &TenantId) -> String {
    format!("dalston:webhooks:of:{tenant}")
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
