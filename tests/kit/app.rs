//! A gateway in this process, on a socket of its own and a clock that stands.

use crate::{client::Client, feed::Feed, log, patience::PATIENCE, program::program};
use actix_web::{
    dev::ServerHandle,
    rt::{System, spawn},
    web::Data,
};
use dalston_auth::{AuthRequest, Caller, KeyExpiry, NewKey, Permit, Requirement, Right};
use dalston_command::Registry;
use dalston_engine::{DecoderProgram, Engine};
use dalston_gateway::{Gateway, Pace, ServerLimits, listen};
use dalston_model::{Clock, Door, KeyScopes, ManualClock, OsEntropy, TenantId, Timestamp};
use dalston_runtime::{OpenedStores, Overrides, Runtime, Settings, Timing};

use dalston_store::FeedStore;
use dalston_stream::{BuiltinWorker, VadWorker};
use dalston_work::{MemoryWorkStore, contract::WorkFixture};
use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::watch;

/// The master key of every gateway of the kit.
pub const MASTER: &str = "master-key-of-the-tests-0123456789abcdef";

/// How a gateway is started.
pub struct Start {
    settings: Vec<(&'static str, String)>,
    unset: Vec<&'static str>,
    worker: Option<Arc<dyn BuiltinWorker>>,
    feed: Option<Arc<Feed>>,
    engine: Option<Arc<dyn Engine>>,
    decoder: Option<DecoderProgram>,
    works: bool,
    pace: Pace,
    limits: ServerLimits,
    fixture: Option<WorkFixture>,
    clock: Option<Arc<ManualClock>>,
    registry: Arc<Registry>,
    timing: Timing,
    patience: Duration,
    poll: Option<Duration>,
    delivers: Option<Duration>,
}

/// A gateway that serves.
pub struct App {
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// Its address.
    pub address: SocketAddr,
    /// Its parts, for what no client can do: `tick`, `stop`.
    pub runtime: Arc<Runtime>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Its data folder.
    pub data: TempDir,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
    ending: Option<watch::Sender<()>>,
    _keep: Option<WorkFixture>,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            settings: Vec::new(),
            unset: Vec::new(),
            worker: None,
            feed: None,
            engine: None,
            decoder: None,
            works: false,
            pace: Pace { window: PATIENCE, grace: PATIENCE, json: PATIENCE, ..Pace::default() },
            limits: ServerLimits {
                head: PATIENCE,
                idle: PATIENCE,
                linger: PATIENCE,
                finish: Duration::from_secs(1),
                workers: Some(1),
                ..ServerLimits::default()
            },
            fixture: None,
            clock: None,
            registry: Arc::new(Registry::new()),
            timing: Timing { call: PATIENCE, ..Timing::default() },
            patience: PATIENCE,
            poll: None,
            delivers: None,
        }
    }
}

impl Start {
    /// With a setting, by its variable.
    #[must_use]
    pub fn set(mut self, variable: &'static str, value: &str) -> Self {
        self.settings.retain(|(name, _)| *name != variable);
        self.settings.push((variable, value.to_owned()));
        self
    }

    /// Without a setting that gateways of the kit have.
    #[must_use]
    pub fn unset(mut self, variable: &'static str) -> Self {
        self.unset.push(variable);
        self
    }

    /// With a worker for streams in the place of the built-in one. Without any the built-in one has no room.
    #[must_use]
    pub fn worker(self, worker: impl BuiltinWorker + 'static) -> Self {
        Self { worker: Some(Arc::new(worker)), ..self }
    }

    /// With the changes of keys heard from here.
    #[must_use]
    pub fn feed(self, feed: Arc<Feed>) -> Self {
        Self { feed: Some(feed), ..self }
    }

    /// With the engine of its settings at work on its jobs.
    #[must_use]
    pub fn working(self) -> Self {
        Self { works: true, ..self }
    }

    /// With this engine at work on its jobs.
    #[must_use]
    pub fn engine(self, engine: Arc<dyn Engine>) -> Self {
        Self { engine: Some(engine), ..self.working() }
    }

    /// With this program in the place of the gateway's own to decode uploads.
    #[must_use]
    pub fn decoder(self, program: DecoderProgram) -> Self {
        Self { decoder: Some(program), ..self }
    }

    /// With another pace of bodies.
    #[must_use]
    pub fn pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// With other limits of the server.
    #[must_use]
    pub fn limits(self, change: impl FnOnce(ServerLimits) -> ServerLimits) -> Self {
        Self { limits: change(self.limits), ..self }
    }

    /// With these commands.
    #[must_use]
    pub fn registry(self, registry: Registry) -> Self {
        Self { registry: Arc::new(registry), ..self }
    }

    /// With a bot that waits for so long.
    #[must_use]
    pub fn timing(self, timing: Timing) -> Self {
        Self { timing, ..self }
    }

    /// With this patience for the language model.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Looking for jobs of other nodes so often.
    #[must_use]
    pub fn poll(self, poll: Duration) -> Self {
        Self { poll: Some(poll), ..self }
    }

    /// With deliveries of webhooks, also to this machine.
    #[must_use]
    pub fn delivers(self) -> Self {
        self.delivers_within(PATIENCE)
    }

    /// The same, to endpoints that have so long for their answer.
    #[must_use]
    pub fn delivers_within(self, patience: Duration) -> Self {
        Self { delivers: Some(patience), ..self.set("DALSTON_WEBHOOK_NETWORKS", "127.0.0.0/8") }
    }

    /// On this store, with its clock and its counter.
    #[must_use]
    pub fn on(self, fixture: WorkFixture) -> Self {
        Self { fixture: Some(fixture), ..self }
    }

    /// With a clock of its own, which is not the store's.
    #[must_use]
    pub fn clock(self, clock: Arc<ManualClock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Starts it: on memory, unless told.
    pub async fn start(self) -> App {
        log::start();
        log::guard(MASTER);
        let data = TempDir::new().unwrap();
        let mut settings = self.settings;
        settings.push(("DALSTON_DATA_DIR", data.path().to_str().unwrap().to_owned()));
        settings.push(("DALSTON_MASTER_KEY", MASTER.to_owned()));
        if self.worker.is_none() {
            settings.push(("DALSTON_OWN_STREAMS", "0".to_owned()));
        }
        settings.retain(|(name, _)| !self.unset.contains(name));
        let mut settings = Settings::read(&|variable| {
            settings.iter().find(|(name, _)| *name == variable).map(|(_, value)| value.clone())
        })
        .unwrap();
        if let Some(llm) = &mut settings.llm {
            llm.patience = self.patience;
        }
        let workload = &mut settings.workload;
        workload.webhook_patience = self.delivers.unwrap_or(workload.webhook_patience);
        workload.poll = self.poll.unwrap_or(workload.poll);
        let clock = match (&self.clock, &self.fixture) {
            (Some(own), _) => own.clone(),
            (None, Some(fixture)) => fixture.clock.clone(),
            (None, None) => ManualClock::new(Timestamp::from_secs(1_767_225_600)),
        };
        let opened = match &self.fixture {
            Some(fixture) => OpenedStores { store: fixture.store.clone(), limits: fixture.limits.clone() },
            None => OpenedStores { store: Arc::new(MemoryWorkStore::new(clock.clone())), limits: None },
        };
        let overrides = Overrides {
            clock: clock.clone(),
            entropy: Arc::new(OsEntropy),
            worker: self.worker.unwrap_or_else(|| Arc::new(VadWorker)),
            feed: self.feed.map(|feed| feed as Arc<dyn FeedStore>),
            decoder: Some(self.decoder.unwrap_or_else(|| DecoderProgram::at(program("dalston-gateway")))),
            engine: self.engine,
            registry: self.registry,
            timing: self.timing,
        };
        let runtime = Arc::new(Runtime::assemble(&mut settings, overrides, opened).await.unwrap());
        let mut gateway = Gateway::new(runtime.clone(), &settings);
        gateway.pace = self.pace;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (send, started) = mpsc::channel();
        let dispatcher = self.works.then(|| runtime.services.dispatcher.clone());
        let (end, ending) = watch::channel(());
        let delivering = self.delivers.map(|_| runtime.deliver(ending).unwrap());
        let limits = self.limits;
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let dispatching = dispatcher.map(|dispatcher| spawn(dispatcher.run()));
                let gateway = Data::new(gateway);
                let server = listen(listener, &gateway, &limits).unwrap();
                send.send(server.handle()).unwrap();
                let delivering = delivering.map(spawn);
                server.await.unwrap();
                if let Some(dispatching) = dispatching {
                    dispatching.await.unwrap();
                }
                if let Some(delivering) = delivering {
                    delivering.await.unwrap();
                }
            });
        });
        let server = started.recv().unwrap();
        let (thread, ending) = (Some(thread), Some(end));
        App {
            url: format!("http://{address}"),
            address,
            runtime,
            clock,
            data,
            server,
            thread,
            ending,
            _keep: self.fixture,
        }
    }
}

impl App {
    /// A gateway on memory with the settings' defaults.
    pub async fn start() -> Self {
        Start::default().start().await
    }

    /// The time by its clock.
    pub fn clock_now(&self) -> Timestamp {
        Clock::now(&*self.clock)
    }

    /// Lets time pass, with a tick at least every ten seconds.
    pub async fn pass(&self, mut time: Duration) {
        while !time.is_zero() {
            let step = time.min(Duration::from_secs(10));
            self.clock.advance(step);
            self.runtime.run_upkeep_once().await;
            time -= step;
        }
    }

    /// Somebody without a key.
    pub fn anon(&self) -> Client {
        Client::new(&self.url, None)
    }

    /// Somebody with this secret, in `Authorization`.
    pub fn with(&self, secret: &str) -> Client {
        log::guard(secret);
        Client::new(&self.url, Some(secret))
    }

    /// The holder of the master key.
    pub fn master(&self) -> Client {
        self.with(MASTER)
    }

    /// The local operator in a tenant.
    pub fn operator(&self, tenant: &str) -> Caller {
        self.runtime.gate.operator("a test").in_tenant(tenant.parse::<TenantId>().unwrap()).unwrap()
    }

    /// The operator's permit in a tenant.
    pub fn permit<R: Right>(&self, tenant: &str) -> Permit<R> {
        self.operator(tenant).permit().unwrap()
    }

    /// The caller that a client's key makes it, at a door without HTTP.
    pub async fn caller(&self, client: &Client) -> Caller {
        let secret = client.secret.as_ref().unwrap();
        let attempt = AuthRequest { door: Door::Cli, ..AuthRequest::with_key(secret, None) };
        self.runtime.gate.authenticate(attempt, Requirement::Caller).await.unwrap().caller().clone()
    }

    /// The holder of a new key with these scopes, in tenant `default`.
    pub async fn key(&self, scopes: &str) -> Client {
        self.key_of("default", scopes, |ask| ask).await
    }

    /// The holder of a new key of a tenant, which is made if need be; `shape` may change what is asked for.
    pub async fn key_of(&self, tenant: &str, scopes: &str, shape: impl FnOnce(NewKey) -> NewKey) -> Client {
        let services = &self.runtime.services;
        services.tenants.ensure(&self.permit(tenant), tenant.parse().unwrap()).await.unwrap();
        let ask = NewKey {
            name: format!("{tenant} {scopes}").parse().unwrap(),
            description: None,
            scopes: scopes.parse::<KeyScopes>().unwrap(),
            rate_limit: None,
            ends: KeyExpiry::Never,
            metadata: dalston_model::Metadata::default(),
            tenant: None,
        };
        let minted = services.keys.create(&self.permit(tenant), shape(ask), None).await.unwrap();
        let client = self.with(minted.secret.expose());
        client.known_as(minted.key.key.id)
    }

    /// Stops the gateway; what it keeps lives on. Also done when it is dropped.
    pub fn stop(&mut self) {
        drop(self.ending.take());
        if let Some(thread) = self.thread.take() {
            self.runtime.services.jobs.stop();
            drop(self.server.stop(false));
            thread.join().unwrap();
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop();
        // Every end-to-end test ends here: no secret of any test may be in the log.
        let leaks = log::leaks();
        if !thread::panicking() {
            assert!(leaks.is_empty(), "{} secrets in the log, the first: {:?}", leaks.len(), leaks.first());
        }
    }
}
