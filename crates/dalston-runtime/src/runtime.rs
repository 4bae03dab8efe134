//! The parts, running: what both binaries, the examples and the tests start from.

use crate::{
    LlmSettings, Opened, Settings, TelegramSettings,
    first_key::{FirstKey, Shown},
    open, work,
};
use anyhow::{Context, Result};
use dalston_auth::{Auth, ChangeFeed, Gate, UsageWriter};
use dalston_chat::{Bot, BotParts, Dialogue, Model, Telegram, TelegramParts, Tempo};
use dalston_command::Registry;
use dalston_engine::{DecoderProgram, Decoders, Engine};
use dalston_limit::{Limiter, Rates, Shared};
use dalston_model::{NodeId, OsEntropy, SharedClock, SharedEntropy, SystemClock};
use dalston_service::{Messenger, RouterParts, Services, ServicesParts, Voice, Writer};
use dalston_store::FeedStore;
use dalston_stream::{OwnWorker, Vad};
use dalston_webhook::{Networks, Sender};
use dalston_work::SharedWorkStorage;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

/// Streams are seen to so often.
const TICK: Duration = Duration::from_secs(1);
/// At the stop, the slots of streams are freed within so long: a stop does not wait for a store that is away.
const LAST_FLUSH: Duration = Duration::from_secs(5);
/// Nor does it wait for a chat.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a test may put in place of the world.
pub struct Seams {
    /// The node's clock.
    pub clock: SharedClock,
    /// The node's chance.
    pub entropy: SharedEntropy,
    /// The built-in worker of streams.
    pub worker: Arc<dyn OwnWorker>,
    /// The record of changes, if it is not heard from the store itself.
    pub feed: Option<Arc<dyn FeedStore>>,
    /// The program that decodes audio, in a process for each file. Without one no upload is taken.
    pub decoder: Option<DecoderProgram>,
    /// Whoever transcribes jobs, if not the engine of the settings.
    pub engine: Option<Arc<dyn Engine>>,
    /// The commands.
    pub registry: Arc<Registry>,
    /// How long the bot waits.
    pub tempo: Tempo,
}

/// The world itself.
impl Default for Seams {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            worker: Arc::new(Vad),
            feed: None,
            decoder: None,
            engine: None,
            registry: Arc::new(Registry::new()),
            tempo: Tempo::default(),
        }
    }
}

/// A running set of parts.
pub struct Runtime {
    /// Who may do what.
    pub gate: Arc<Gate>,
    /// The use cases.
    pub services: Arc<Services>,
    /// The commands.
    pub registry: Arc<Registry>,
    /// Conversations.
    pub dialogue: Arc<Dialogue>,
    /// The bot, if it is configured. It hears nothing until it is run.
    pub bot: Option<Arc<Bot>>,
    /// The store's clock, as the node reckons it.
    pub clock: SharedClock,
    /// The node's chance.
    pub entropy: SharedEntropy,
    webhook_networks: Networks,
    webhook_patience: Duration,
    limiter: Limiter,
    store: SharedWorkStorage,
    feed: Arc<ChangeFeed>,
    usage: UsageWriter,
}

impl Runtime {
    /// Opens the stores that the settings name and puts the parts together.
    pub async fn start(settings: &mut Settings, seams: Seams) -> Result<Self> {
        let Opened { store, limits } = open(&settings.store, settings.allow_volatile, &seams.clock).await?;
        let limits = match &settings.rate_store {
            Some(url) => open(url, settings.allow_volatile, &seams.clock).await.context("DALSTON_RATE_STORE")?.limits,
            None => limits,
        };
        Self::assemble(settings, seams, Opened { store, limits }).await
    }

    /// Puts the parts together on a store that is open. Takes the secrets out of the settings.
    pub async fn assemble(settings: &mut Settings, seams: Seams, opened: Opened) -> Result<Self> {
        let Seams { clock, entropy, worker, feed, decoder, engine, registry, tempo } = seams;
        let Opened { store, limits } = opened;
        let rates = if settings.leases { Rates::Leased(entropy.clone()) } else { Rates::Shared };
        let (nodes, outage) = (settings.nodes, settings.rate_outage);
        let node = NodeId::new(clock.now(), &*entropy)?;
        let limiter = Limiter::new(clock.clone(), limits.map(|store| Shared { store, node, nodes, rates, outage }));
        let auth = Auth::builder(store.clone())
            .limiter(limiter.clone())
            .pepper(settings.pepper.take())
            .scopes(settings.scopes.own())
            .masters(std::mem::take(&mut settings.masters))
            .administrators(settings.administrators.clone())
            .failures_per_minute(settings.auth_failures_per_minute)
            .memory(settings.memory)
            .node(node)
            .world(clock, entropy.clone())
            .build()?;
        let gate = auth.gate().clone();
        let registry = Arc::new(registry.knowing(gate.scopes()));
        gate.check_pepper().await?;
        let feed = Arc::new(ChangeFeed::open(&gate, feed.unwrap_or_else(|| store.clone())).await?);
        // From here on all go by the store's time: nodes with wrong clocks agree with the others.
        let clock = gate.store_clock();
        let blobs = work::blobs(settings).await?;
        let decoders = Arc::new(Decoders::new(decoder, settings.workload.patience));
        let engine = match engine {
            Some(engine) => engine,
            None => work::engine(settings, &decoders, &clock)?,
        };
        let telegram = telegram(settings, &clock, tempo)?;
        let administrators = settings.administrators.clone();
        let model = match settings.llm.take() {
            Some(LlmSettings { url, model, key, patience }) => {
                let model = Model::new(&url, model, key, patience, settings.mask.clone());
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
            terms: work::terms(settings),
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
            voice: Voice {
                messenger: telegram.clone().map(|(telegram, _)| telegram as Arc<dyn Messenger>),
                writer: model.clone().map(|model| model as Arc<dyn Writer>),
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
                BotParts { telegram, dialogue, services, store, administrators, webhook, clock, entropy, tempo };
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

    /// Makes the first admin key on an empty store: shown once on `terminal`, or written to a file of mode 0600 in the
    /// data folder when there is no terminal. One whose making an earlier start did not finish is found again.
    pub async fn first_key(&self, settings: &Settings, terminal: Option<Shown<'_>>) -> Result<()> {
        FirstKey { services: &self.services, gate: &self.gate, store: &self.store }.make(settings, terminal).await
    }

    /// What is done each second: the usage that was counted is written, and streams are seen to.
    pub async fn tick(&self) {
        self.usage.write().await;
        self.see_to_streams().await;
        self.learn_pepper().await;
    }

    async fn learn_pepper(&self) {
        if let Err(error) = self.gate.learn_pepper().await {
            tracing::error!(%error, "the store does not remember its pepper");
        }
    }

    /// Changes of keys made elsewhere reach open streams, streams of expired keys end.
    async fn see_to_streams(&self) {
        // What failed was logged, and is tried again.
        let _ = self.feed.follow().await;
        self.services.streams.expire(self.clock.now());
        if let Err(error) = self.services.streams.keep().await {
            tracing::warn!(%error, "the slots of streams are kept alive the next time");
        }
    }

    /// What is done at the start and each minute: uploads that a crash cut off are finished or deleted, and messages with
    /// secrets that it left in a chat are deleted; jobs whose node or key is lost, or whose time is over, are seen to; old
    /// deliveries of webhooks go.
    pub async fn recover(&self) {
        if let Some(bot) = &self.bot {
            bot.sweep().await;
        }
        if let Err(error) = self.services.jobs.recover().await {
            tracing::warn!(%error, "uploads could not be recovered");
        }
        if let Err(error) = self.services.dispatcher.tidy().await {
            tracing::warn!(%error, "the queue could not be kept in order");
        }
        if let Err(error) = self.services.deliveries.sweep().await {
            tracing::warn!(%error, "old deliveries of webhooks could not be deleted");
        }
    }

    /// Makes deliveries of webhooks until the other end of `ending` is dropped. Fails where no TLS can be set up.
    pub fn deliver(&self, ending: watch::Receiver<()>) -> Result<impl Future<Output = ()> + use<>> {
        let sender = Sender::new(self.webhook_networks.clone(), self.webhook_patience)
            .context("webhooks have no HTTP client")?;
        Ok(self.services.deliveries.clone().run(sender, ending))
    }

    /// What a service does as long as it takes requests, until the other end of `ending` is dropped: changes of keys are
    /// followed, slices of limits come ahead of need and go back at the end, and each second there is a tick. Without
    /// it each request asks the store.
    pub async fn attend(&self, ending: watch::Receiver<()>) {
        tokio::join!(
            // Apart: a store that takes no usage holds up no stream.
            self.usage.run(ending.clone()),
            each_second(ending.clone(), || self.see_to_streams()),
            each_second(ending.clone(), || self.learn_pepper()),
            self.feed.run(ending.clone()),
            self.limiter.run(ending),
        );
    }

    /// What is done at once when the gateway is to stop: no job begins, nobody waits for one, streams end.
    pub fn wind_down(&self) {
        self.services.jobs.stop();
        self.services.streams.stop();
    }

    /// Ends: open streams, messages with secrets, then the counted usage, then the store.
    pub async fn stop(&self) {
        self.wind_down();
        if let Some(bot) = &self.bot
            && timeout(LAST_WORDS, bot.finish()).await.is_err()
        {
            tracing::warn!("messages with secrets are deleted by another node, or at the next start");
        }
        match timeout(LAST_FLUSH, self.services.streams.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the slots of streams lapse by themselves"),
            Err(_) => tracing::warn!("the slots of streams lapse by themselves"),
        }
        self.usage.finish().await;
        self.store.close().await;
    }

    /// Follows the changes of keys until the other end of `ending` is dropped.
    pub async fn listen(&self, ending: watch::Receiver<()>) {
        self.feed.run(ending).await;
    }
}

/// Does the step each second until the other end of `ending` is dropped. None is cut off.
async fn each_second(mut ending: watch::Receiver<()>, step: impl AsyncFn()) {
    let mut seconds = interval(TICK);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = ending.changed() => return,
            _ = seconds.tick() => step().await,
        }
    }
}

/// The bot's way to speak, and where updates are to come, if the settings have a bot.
fn telegram(
    settings: &mut Settings,
    clock: &SharedClock,
    tempo: Tempo,
) -> Result<Option<(Arc<Telegram>, Option<String>)>> {
    let Some(TelegramSettings { token, api_url, webhook }) = settings.telegram.take() else { return Ok(None) };
    let parts = TelegramParts { token, api_url, webhook, clock: clock.clone(), tempo };
    let telegram = Telegram::new(parts).context("the bot has no HTTP client")?;
    let url = settings.public_url.as_ref().filter(|_| webhook).map(|url| format!("{url}/telegram"));
    Ok(Some((Arc::new(telegram), url)))
}
