//! All use cases together, as doors hold them.

use crate::{
    AudioFiles, Audits, Claims, Jobs, Keys, Nudges, Proposals, RouterParts, Settings, Status, Streams, Tenants,
    Tickets, Voice, Workers, status::StatusParts,
};
use dalston_auth::Gate;
use dalston_model::{SharedClock, SharedEntropy};
use dalston_store::SharedStore;
use std::sync::Arc;

/// What the use cases are made of.
pub struct ServicesParts {
    /// Where everything is.
    pub store: SharedStore,
    /// Who may do what.
    pub gate: Arc<Gate>,
    /// The audio files.
    pub files: AudioFiles,
    /// Whoever serves streams.
    pub router: RouterParts,
    /// The node's clock.
    pub clock: SharedClock,
    /// The node's chance.
    pub entropy: SharedEntropy,
    /// The settings in force, without secrets.
    pub settings: Settings,
    /// The ways to speak to people.
    pub voice: Voice,
    /// The commit that was built, if it is known.
    pub commit: Option<String>,
}

/// The use cases.
pub struct Services {
    /// On keys.
    pub keys: Keys,
    /// On tenants.
    pub tenants: Tenants,
    /// On jobs.
    pub jobs: Jobs,
    /// On streams.
    pub streams: Arc<Streams>,
    /// On workers of streams.
    pub workers: Workers,
    /// On tickets for streams.
    pub tickets: Tickets,
    /// The report.
    pub status: Status,
    /// On the audit log.
    pub audits: Audits,
    /// On nudges.
    pub nudges: Nudges,
    /// On claims.
    pub claims: Claims,
    /// On proposals.
    pub proposals: Proposals,
    /// Who may do what.
    pub gate: Arc<Gate>,
}

impl Services {
    /// Of these parts.
    pub fn new(parts: ServicesParts) -> Self {
        let ServicesParts { store, gate, files, router, clock, entropy, settings, voice, commit } = parts;
        let streams = Streams::new(store.clone(), router, clock.clone(), entropy.clone());
        Self {
            keys: Keys::new(store.clone(), gate.clone(), streams.clone(), entropy.clone()),
            tenants: Tenants::new(store.clone(), clock.clone()),
            jobs: Jobs::new(store.clone(), files, clock.clone(), entropy.clone()),
            workers: Workers::new(store.clone(), clock.clone()),
            tickets: Tickets::new(store.clone(), gate.clone(), clock.clone(), entropy.clone()),
            audits: Audits::new(store.clone()),
            nudges: Nudges::new(store.clone(), clock.clone(), voice.clone()),
            claims: Claims::new(store.clone(), clock.clone(), entropy.clone()),
            proposals: Proposals::new(store.clone(), clock.clone(), entropy),
            status: Status::new(StatusParts {
                store,
                gate: gate.clone(),
                streams: streams.clone(),
                clock,
                settings,
                voice,
                commit,
            }),
            streams,
            gate,
        }
    }
}
