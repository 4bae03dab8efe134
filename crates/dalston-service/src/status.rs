//! The status report: one struct of figures that were measured, or null.

use crate::{Process, ServiceResult, Streams};
use dalston_auth::{Gate, Need, Permit};
use dalston_model::{Scope, SharedClock, Timestamp};
use dalston_store::SharedStore;
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// An answer to [`Status::ready`] is good for so long.
const FRESH: Duration = Duration::from_secs(1);

/// The settings in force, by variable, without any secret.
pub type Settings = Map<String, Value>;

/// Makes the report.
pub struct Status {
    store: SharedStore,
    gate: Arc<Gate>,
    streams: Arc<Streams>,
    clock: SharedClock,
    started_at: Timestamp,
    settings: Settings,
    /// The last answer to [`Status::ready`], and when the store gave it.
    probed: Mutex<Option<(Timestamp, bool)>>,
}

impl Status {
    pub(crate) fn new(
        store: SharedStore,
        gate: Arc<Gate>,
        streams: Arc<Streams>,
        clock: SharedClock,
        settings: Settings,
    ) -> Self {
        let started_at = clock.now();
        Self { store, gate, streams, clock, started_at, settings, probed: Mutex::new(None) }
    }

    /// The report for the caller: everyone's part, and `admin` for admins. `degraded` when a component is down.
    pub async fn report(&self, permit: &Permit) -> ServiceResult<Value> {
        let asked = self.clock.now();
        let jobs = self.store.active_jobs(permit.tenant()).await;
        let answered = self.clock.now();
        let up = jobs.is_ok();
        let mut report = json!({
            "status": if up { "healthy" } else { "degraded" },
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": answered.since(self.started_at).as_secs(),
            "started_at": self.started_at,
            "time": answered,
            "components": {"store": if up { "ok" } else { "down" }},
            "requests": self.gate.totals(),
            "jobs": jobs.ok().map(|jobs| json!({
                "pending": jobs.pending, "running": jobs.running, "cancelling": jobs.cancelling,
            })),
            "streams": self.streams.count(permit.tenant()),
        });
        if permit.caller().may(Need::Scope(Scope::Admin)) {
            let latency = up.then(|| answered.since(asked).as_micros());
            report["admin"] = self.admin(latency);
        }
        Ok(report)
    }

    fn admin(&self, latency_micros: Option<u128>) -> Value {
        json!({
            "process": Process::read(),
            "store": {"kind": self.store.kind(), "latency_micros": latency_micros},
            "limiter": self.gate.limiter_mode().as_str(),
            "settings": self.settings,
        })
    }

    /// Whether a new connection to the store works, as of a second ago at most. Anybody may ask: however many do, one
    /// connection is tried at a time, and one in a second.
    pub async fn ready(&self) -> bool {
        let mut probed = self.probed.lock().await;
        let now = self.clock.now();
        // A clock that was set back makes no answer last.
        if let Some((at, up)) = *probed
            && at <= now
            && now.since(at) < FRESH
        {
            return up;
        }
        let up = match self.store.probe().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "not ready");
                false
            }
        };
        // When it was given: whoever waited for it takes it.
        *probed = Some((self.clock.now(), up));
        up
    }
}
