//! All use cases together, as doors hold them.

use crate::{
    Audits, Blobs, ClaimLinks, DeliveryRunner, Dispatcher, DispatcherConfig, Jobs, Meters, Notifications, Nudges,
    Proposals, RouterParts, ShownSettings, StatusReporter, Streams, TenantPresence, Tenants, Tickets, Webhooks,
    WhoamiCache, Workers, dispatch::DispatcherParts, job_notifier::JobNotifier, revocation::Revocation,
    status::StatusParts,
};
use dalston_auth::{ChangeFeed, Gate, Keys, Mask, Observation};
use dalston_engine::{Decoders, Engine};
use dalston_model::{SharedClock, SharedEntropy};
use dalston_webhook::Networks;
use dalston_work::SharedWorkStorage;
use std::sync::Arc;

/// What the use cases are made of.
pub struct ServicesParts {
    /// Where everything is.
    pub store: SharedWorkStorage,
    /// Who may do what.
    pub gate: Arc<Gate>,
    /// The use cases on keys.
    pub keys: Arc<Keys>,
    /// Where audio and transcripts are.
    pub blobs: Blobs,
    /// What uploads are probed with.
    pub decoders: Arc<Decoders>,
    /// Whoever transcribes jobs.
    pub engine: Arc<dyn Engine>,
    /// How much of that is done at once.
    pub terms: DispatcherConfig,
    /// Whoever serves streams.
    pub router: RouterParts,
    /// Networks that webhooks may reach beside the public ones.
    pub webhook_networks: Networks,
    /// What is masked in logs, chats and language models.
    pub mask: Arc<Mask>,
    /// The store's clock: ends are checked against it, and what is written has its time.
    pub clock: SharedClock,
    /// The node's chance.
    pub entropy: SharedEntropy,
    /// The settings in force, without secrets.
    pub settings: ShownSettings,
    /// The ways to speak to people.
    pub voice: Notifications,
    /// The feed of changes that the node follows.
    pub feed: Arc<ChangeFeed>,
    /// The commit that was built, if it is known.
    pub commit: Option<String>,
}

/// The use cases.
pub struct Services {
    /// On keys.
    pub keys: Arc<Keys>,
    /// On the callers' own keys.
    pub own_keys: WhoamiCache,
    /// On meters.
    pub meters: Meters,
    /// On tenants.
    pub tenants: Tenants,
    /// On jobs.
    pub jobs: Jobs,
    /// Has jobs worked on, once it is run.
    pub dispatcher: Arc<Dispatcher>,
    /// On streams.
    pub streams: Arc<Streams>,
    /// On workers of streams.
    pub workers: Workers,
    /// On tickets for streams.
    pub tickets: Tickets,
    /// The report.
    pub status: StatusReporter,
    /// On the audit log.
    pub audits: Audits,
    /// On nudges.
    pub nudges: Nudges,
    /// On webhooks.
    pub webhooks: Webhooks,
    /// Deliveries to them. None goes out until it is run.
    pub deliveries: Arc<DeliveryRunner>,
    /// On claims.
    pub claims: ClaimLinks,
    /// On proposals.
    pub proposals: Proposals,
    /// Who may do what.
    pub gate: Arc<Gate>,
    /// What doors mask that lead to chats and language models.
    pub mask: Arc<Mask>,
    /// Whether several tenants share the places of this node.
    pub crowd: Arc<TenantPresence>,
    /// What a changed principal ends.
    _observation: Observation,
}

impl Services {
    /// Of these parts.
    pub fn new(parts: ServicesParts) -> Self {
        let ServicesParts {
            store,
            gate,
            keys,
            blobs,
            decoders,
            engine,
            terms,
            router,
            webhook_networks,
            mask,
            clock,
            entropy,
            settings,
            voice,
            feed,
            commit,
        } = parts;
        let crowd = Arc::new(TenantPresence::default());
        let deliveries = Arc::new(DeliveryRunner::new(store.clone(), clock.clone(), entropy.clone()));
        let streams = Streams::new(store.clone(), gate.clone(), router, crowd.clone(), clock.clone(), entropy.clone());
        let (blobs, board) = (Arc::new(blobs), JobNotifier::new(crowd.clone()));
        let (max_audio_seconds, is_built_in) = (terms.max_audio_seconds, engine.is_built_in());
        let revocation = Revocation { streams: streams.clone(), board: board.clone(), crowd: crowd.clone() };
        let observation = gate.observe(Arc::new(revocation));
        let dispatcher = Dispatcher::new(DispatcherParts {
            store: store.clone(),
            blobs: blobs.clone(),
            board: board.clone(),
            crowd: crowd.clone(),
            deliveries: deliveries.clone(),
            decoders: decoders.clone(),
            engine,
            clock: clock.clone(),
            entropy: entropy.clone(),
            terms,
        });
        Self {
            own_keys: WhoamiCache::new(keys.clone(), clock.clone()),
            keys,
            meters: Meters::new(store.clone(), clock.clone()),
            tenants: Tenants::new(store.clone(), clock.clone(), crowd.clone()),
            workers: Workers::new(store.clone(), clock.clone()),
            tickets: Tickets::new(store.clone(), gate.clone(), clock.clone(), entropy.clone()),
            jobs: Jobs {
                store: store.clone(),
                gate: gate.clone(),
                blobs: blobs.clone(),
                board,
                deliveries: deliveries.clone(),
                decoders,
                is_built_in,
                max_audio_seconds,
                clock: clock.clone(),
                entropy: entropy.clone(),
            },
            audits: Audits::new(store.clone()),
            nudges: Nudges::new(store.clone(), clock.clone(), voice.clone(), mask.clone()),
            webhooks: Webhooks::new(
                store.clone(),
                deliveries.clone(),
                webhook_networks,
                mask.clone(),
                clock.clone(),
                entropy.clone(),
            ),
            deliveries,
            claims: ClaimLinks::new(store.clone(), gate.clone(), clock.clone(), entropy.clone()),
            proposals: Proposals::new(store.clone(), clock.clone(), entropy),
            status: StatusReporter::new(StatusParts {
                store,
                gate: gate.clone(),
                streams: streams.clone(),
                dispatcher: dispatcher.clone(),
                blobs,
                clock,
                settings,
                voice,
                commit,
                feed,
            }),
            dispatcher,
            streams,
            gate,
            mask,
            crowd,
            _observation: observation,
        }
    }
}
