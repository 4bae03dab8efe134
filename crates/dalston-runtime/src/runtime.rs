//! Composition root: builds and starts a node, for both binaries, the examples and the tests.

use crate::{
    LlmSettings, OpenedStores, Settings, TelegramSettings,
    first_key::{FirstKey, Shown},
    job_processing, open,
};
use anyhow::{Context, Result};
use dalston_auth::{Auth, ChangeFeed, Gate, UsageWriter};
use dalston_chat::{Bot, BotParts, Dialogue, LanguageModel, Telegram, TelegramParts, Timing};
use dalston_command::Registry;
use dalston_engine::{DecoderProgram, Decoders, Engine};
use dalston_limit::{CounterTiming, Limiter, SharedCounter};
use dalston_model::{NodeId, OsEntropy, SharedClock, SharedEntropy, SystemClock};
use dalston_service::{MessageComposer, Notifications, Notifier, RouterParts, Services, ServicesParts};
use dalston_store::FeedStore;
use dalston_stream::{BuiltinWorker, VadWorker};
use dalston_webhook::Networks;
use dalston_work::SharedWorkStorage;
use std::{sync::Arc, time::Duration};

/// Dependencies that tests can replace.
pub struct Overrides {
    /// The node's clock.
    pub clock: SharedClock,
    /// The node's source of randomness.
    pub entropy: SharedEntropy,
    /// The built-in worker of streams.
    pub worker: Arc<dyn BuiltinWorker>,
    /// The change feed, if it is not that of the store.
    pub feed: Option<Arc<dyn FeedStore>>,
    /// The program that decodes audio, in one process per file. Without it uploads are rejected.
    pub decoder: Option<DecoderProgram>,
    /// The transcription engine, if not the one of the settings.
    pub engine: Option<Arc<dyn Engine>>,
    /// The commands.
    pub registry: Arc<Registry>,
    /// Timeouts and intervals of the bot.
    pub timing: Timing,
}

/// The production dependencies.
impl Default for Overrides {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            worker: Arc::new(VadWorker),
            feed: None,
            decoder: None,
            engine: None,
            registry: Arc::new(Registry::new()),
            timing: Timing::default(),
        }
    }
}

/// A running node.
pub struct Runtime {
    /// Authenticates and authorizes requests.
    pub gate: Arc<Gate>,
    /// The application services.
    pub services: Arc<Services>,
    /// The commands.
    pub registry: Arc<Registry>,
    /// Answers slash commands, messages and confirmations.
    pub dialogue: Arc<Dialogue>,
    /// The bot, if it is configured. It receives no updates until it is run.
    pub bot: Option<Arc<Bot>>,
    /// The node's estimate of the store's clock.
    pub clock: SharedClock,
    /// The node's source of randomness.
    pub entropy: SharedEntropy,
    pub(crate) webhook_networks: Networks,
    pub(crate) webhook_patience: Duration,
    pub(crate) limiter: Limiter,
    pub(crate) store: SharedWorkStorage,
    pub(crate) feed: Arc<ChangeFeed>,
    pub(crate) usage: UsageWriter,
}

impl Runtime {
    /// Opens the stores that the settings name and builds the node.
    pub async fn start(settings: &mut Settings, overrides: Overrides) -> Result<Self> {
        let OpenedStores { store, limits } = open(&settings.store, settings.allow_volatile, &overrides.clock).await?;
        let limits = match &settings.rate_store {
            Some(url) => {
                open(url, settings.allow_volatile, &overrides.clock).await.context("DALSTON_RATE_STORE")?.limits
            }
            None => limits,
        };
        Self::assemble(settings, overrides, OpenedStores { store, limits }).await
    }

    /// Builds the node on an open store. Moves the secrets out of the settings.
    pub async fn assemble(settings: &mut Settings, overrides: Overrides, opened: OpenedStores) -> Result<Self> {
        let Overrides { clock, entropy, worker, feed, decoder, engine, registry, timing } = overrides;
        let OpenedStores { store, limits } = opened;
        let rates = if settings.leases { CounterTiming::Leased(entropy.clone()) } else { CounterTiming::Shared };
        let (nodes, outage) = (settings.nodes, settings.rate_outage);
        let node = NodeId::new(clock.now(), &*entropy)?;
        let limiter =
            Limiter::new(clock.clone(), limits.map(|store| SharedCounter { store, node, nodes, rates, outage }));
        let auth = Auth::builder(store.clone())
            .limiter(limiter.clone())
            .pepper(settings.pepper.take())
            .scopes(settings.scopes.own())
            .masters(std::mem::take(&mut settings.masters))
            .administrators(settings.administrators.clone())
            .failures_per_minute(settings.auth_failures_per_minute)
            .memory(settings.memory)
            .node(node)
            .clock_and_entropy(clock, entropy.clone())
            .build()?;
        let gate = auth.gate().clone();
        let registry = Arc::new(registry.knowing(gate.scopes()));
        gate.check_pepper().await?;
        let feed = Arc::new(ChangeFeed::open(&gate, feed.unwrap_or_else(|| store.clone())).await?);
        // From here on everything uses the store's time, so that nodes with wrong clocks agree with the others.
        let clock = gate.store_clock();
        let blobs = job_processing::blobs(settings).await?;
        let decoders = Arc::new(Decoders::new(decoder, settings.workload.patience));
        let engine = match engine {
            Some(engine) => engine,
            None => job_processing::engine(settings, &decoders, &clock)?,
        };
        let telegram = telegram(settings, &clock, timing)?;
        let administrators = settings.administrators.clone();
        let model = match settings.llm.take() {
            Some(LlmSettings { url, model, key, patience }) => {
                let model = LanguageModel::new(&url, model, key, patience, settings.mask.clone());
                Some(Arc::new(model.context("no HTTP client for the language model")?))
            }
            None => None,
        };
        let webhook_networks = Networks::new(settings.workload.webhook_networks.clone());
        let webhook_patience = settings.workload.webhook_patience;
        let services = Arc::new(Services::new(ServicesParts {
            store: store.clone(),
            gate: gate.clone(),
            keys: auth.keys().clone(),
            blobs,
            decoders,
            engine,
            dispatcher: job_processing::dispatcher_config(settings),
            router: RouterParts {
                own: worker,
                own_streams: settings.workload.own_streams,
                fixed: settings.workload.workers.clone(),
            },
            webhook_networks: webhook_networks.clone(),
            mask: settings.mask.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            settings: settings.shown.clone(),
            notifications: Notifications {
                messenger: telegram.clone().map(|(telegram, _)| telegram as Arc<dyn Notifier>),
                writer: model.clone().map(|model| model as Arc<dyn MessageComposer>),
                administrators: administrators.clone(),
            },
            feed: feed.clone(),
            commit: option_env!("DALSTON_COMMIT").filter(|commit| !commit.is_empty()).map(str::to_owned),
        }));
        let dialogue = Arc::new(Dialogue::new(services.clone(), registry.clone(), clock.clone(), model));
        let bot = telegram.map(|(telegram, webhook)| {
            let (dialogue, services, store) = (dialogue.clone(), services.clone(), store.clone());
            let (clock, entropy) = (clock.clone(), entropy.clone());
            let parts =
                BotParts { telegram, dialogue, services, store, administrators, webhook, clock, entropy, timing };
            Arc::new(Bot::new(parts))
        });
        services.tenants.look().await?;
        let usage = UsageWriter::new(gate.clone());
        Ok(Self {
            gate,
            services,
            registry,
            dialogue,
            bot,
            clock,
            entropy,
            webhook_networks,
            webhook_patience,
            limiter,
            store,
            feed,
            usage,
        })
    }

    /// Creates the first admin key on an empty store. Shows it once on `terminal`, or without one writes it to a file
    /// of mode 0600 in the data folder. Recovers a key whose creation an earlier start did not finish.
    pub async fn first_key(&self, settings: &Settings, terminal: Option<Shown<'_>>) -> Result<()> {
        FirstKey { services: &self.services, gate: &self.gate, store: &self.store }.make(settings, terminal).await
    }
}

/// The client of the Bot API and the webhook URL, if the settings have a bot.
fn telegram(
    settings: &mut Settings,
    clock: &SharedClock,
    timing: Timing,
) -> Result<Option<(Arc<Telegram>, Option<String>)>> {
    let Some(TelegramSettings { token, api_url, webhook }) = settings.telegram.take() else { return Ok(None) };
    let parts = TelegramParts { token, api_url, webhook, clock: clock.clone(), timing };
    let telegram = Telegram::new(parts).context("the bot has no HTTP client")?;
    let url = settings.public_url.as_ref().filter(|_| webhook).map(|url| format!("{url}/telegram"));
    Ok(Some((Arc::new(telegram), url)))
}
