//! All use cases in one struct, which the front ends (HTTP, chat, command line) share.

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

/// The dependencies of [`Services`].
pub struct ServicesParts {
    /// The store.
    pub store: SharedWorkStorage,
    /// Authentication and authorization.
    pub gate: Arc<Gate>,
    /// The use cases for keys.
    pub keys: Arc<Keys>,
    /// Storage of audio and transcripts.
    pub blobs: Blobs,
    /// Probes uploads.
    pub decoders: Arc<Decoders>,
    /// The engine that transcribes jobs.
    pub engine: Arc<dyn Engine>,
    /// Configuration of the dispatcher: concurrency, attempts, limits.
    pub dispatcher: DispatcherConfig,
    /// The workers that serve streams.
    pub router: RouterParts,
    /// Networks that webhooks may reach in addition to public ones.
    pub webhook_networks: Networks,
    /// Masks secrets in logs, chats and prompts of language models.
    pub mask: Arc<Mask>,
    /// The store's clock: for expiry checks and for the timestamps of records.
    pub clock: SharedClock,
    /// The node's source of randomness.
    pub entropy: SharedEntropy,
    /// The effective settings, without secrets.
    pub settings: ShownSettings,
    /// Channels to the administrators: the chat and the language model.
    pub notifications: Notifications,
    /// The change feed that this node consumes.
    pub feed: Arc<ChangeFeed>,
    /// The commit of the build, if known.
    pub commit: Option<String>,
}

/// The use cases.
pub struct Services {
    /// Keys.
    pub keys: Arc<Keys>,
    /// The callers' own keys (`whoami`).
    pub whoami: WhoamiCache,
    /// Audio usage and quotas.
    pub meters: Meters,
    /// Tenants.
    pub tenants: Tenants,
    /// Jobs.
    pub jobs: Jobs,
    /// Dispatches jobs to the engine, as soon as its `run` is called.
    pub dispatcher: Arc<Dispatcher>,
    /// Streams.
    pub streams: Arc<Streams>,
    /// Stream workers.
    pub workers: Workers,
    /// Tickets for streams.
    pub tickets: Tickets,
    /// The status report.
    pub status: StatusReporter,
    /// The audit log.
    pub audits: Audits,
    /// Nudges.
    pub nudges: Nudges,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// Webhook deliveries. Nothing is sent until its `run` is called.
    pub deliveries: Arc<DeliveryRunner>,
    /// Claim links.
    pub claim_links: ClaimLinks,
    /// Proposals.
    pub proposals: Proposals,
    /// Authentication and authorization.
    pub gate: Arc<Gate>,
    /// Masks secrets in what front ends send to chats and language models.
    pub mask: Arc<Mask>,
    /// Whether several tenants use the deployment, so that each may hold only a share of this node's places.
    pub tenant_presence: Arc<TenantPresence>,
    /// Keeps the revocation observer registered: it ends the streams and cancels the queued jobs of revoked keys.
    _observation: Observation,
}

impl Services {
    /// Creates all use cases from their dependencies.
    pub fn new(parts: ServicesParts) -> Self {
        let ServicesParts {
            store,
            gate,
            keys,
            blobs,
            decoders,
            engine,
            dispatcher,
            router,
            webhook_networks,
            mask,
            clock,
            entropy,
            settings,
            notifications,
            feed,
            commit,
        } = parts;
        let tenant_presence = Arc::new(TenantPresence::default());
        let deliveries = Arc::new(DeliveryRunner::new(store.clone(), clock.clone(), entropy.clone()));
        let streams =
            Streams::new(store.clone(), gate.clone(), router, tenant_presence.clone(), clock.clone(), entropy.clone());
        let (blobs, job_notifier) = (Arc::new(blobs), JobNotifier::new(tenant_presence.clone()));
        let (max_audio_seconds, is_built_in) = (dispatcher.max_audio_seconds, engine.is_built_in());
        let revocation = Revocation {
            streams: streams.clone(),
            job_notifier: job_notifier.clone(),
            tenant_presence: tenant_presence.clone(),
        };
        let observation = gate.observe(Arc::new(revocation));
        let dispatcher = Dispatcher::new(DispatcherParts {
            store: store.clone(),
            blobs: blobs.clone(),
            job_notifier: job_notifier.clone(),
            tenant_presence: tenant_presence.clone(),
            deliveries: deliveries.clone(),
            decoders: decoders.clone(),
            engine,
            clock: clock.clone(),
            entropy: entropy.clone(),
            config: dispatcher,
        });
        Self {
            whoami: WhoamiCache::new(keys.clone(), clock.clone()),
            keys,
            meters: Meters::new(store.clone(), clock.clone()),
            tenants: Tenants::new(store.clone(), clock.clone(), tenant_presence.clone()),
            workers: Workers::new(store.clone(), clock.clone()),
            tickets: Tickets::new(store.clone(), gate.clone(), clock.clone(), entropy.clone()),
            jobs: Jobs {
                store: store.clone(),
                gate: gate.clone(),
                blobs: blobs.clone(),
                job_notifier,
                deliveries: deliveries.clone(),
                decoders,
                is_built_in,
                max_audio_seconds,
                clock: clock.clone(),
                entropy: entropy.clone(),
            },
            audits: Audits::new(store.clone()),
            nudges: Nudges::new(store.clone(), clock.clone(), notifications.clone(), mask.clone()),
            webhooks: Webhooks::new(
                store.clone(),
                deliveries.clone(),
                webhook_networks,
                mask.clone(),
                clock.clone(),
                entropy.clone(),
            ),
            deliveries,
            claim_links: ClaimLinks::new(store.clone(), gate.clone(), clock.clone(), entropy.clone()),
            proposals: Proposals::new(store.clone(), clock.clone(), entropy),
            status: StatusReporter::new(StatusParts {
                store,
                gate: gate.clone(),
                streams: streams.clone(),
                dispatcher: dispatcher.clone(),
                blobs,
                clock,
                settings,
                notifications,
                commit,
                feed,
            }),
            dispatcher,
            streams,
            gate,
            mask,
            tenant_presence,
            _observation: observation,
        }
    }
}
