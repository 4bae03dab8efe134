//! The library in one piece: what a service embeds.

use crate::{
    Administrators, ChangeFeed, Gate, GateConfig, GateStorage, KeyCacheConfig, KeyFormat, KeyFormatError, Keys,
    MasterKeys, Pepper, PepperError, Permit, Product, Right, UsageWriter,
};
use dalston_limit::Limiter;
use dalston_model::{
    EntropyError, KnownScopes, NodeId, OsEntropy, ScopeNameError, SharedClock, SharedEntropy, SystemClock,
};
use dalston_store::{FeedStore, KeyLookup, SharedKeyStorage, UsageStore};
use std::{num::NonZeroU32, sync::Arc, time::Duration};
use thiserror::Error;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// Failed attempts a minute from one address, unless the builder says otherwise.
const FAILURES_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
/// At the stop, background tasks take no longer.
const LAST: Duration = Duration::from_mins(1);
/// A store that cannot be asked at the start is asked again after this.
const RETRY: Duration = Duration::from_secs(1);

/// Keys, scopes, limits and audit for a service of one's own.
///
/// ```
/// use dalston_auth::{AuthRequest, Auth, NewKey, Product, Right, right};
/// use dalston_model::SystemClock;
/// use dalston_store::MemoryStore;
/// use std::sync::Arc;
///
/// right!(NotesRead = "notes:read");
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
/// let auth = Auth::builder(store)
///     .product(Product::named("notes")?)
///     .key_prefix("notes_")?
///     .scopes(["notes:read", "notes:write"])
///     .build()?;
/// let background = auth.spawn();
///
/// let ask = NewKey::named("ci".parse()?, "notes:read".parse()?);
/// let made = auth.keys().create(&auth.operator("bootstrap"), ask, None).await?;
/// assert!(made.secret.expose().starts_with("notes_"));
///
/// let attempt = AuthRequest::with_key(made.secret.expose(), None);
/// let admission = auth.gate().authenticate(attempt, NotesRead::need()).await?;
/// assert_eq!(admission.permit::<NotesRead>()?.tenant().as_str(), "default");
///
/// background.stop().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `K` is what manages its keys: [`Keys`], or nothing where they stand in a table of one's own ([`Auth::verifier`]).
pub struct Auth<K = Keys> {
    gate: Arc<Gate>,
    keys: Arc<K>,
    feed: Arc<dyn FeedStore>,
    limiter: Limiter,
}

/// Keys in a table of one's own, which another program or another part of this one manages.
pub struct Table {
    keys: Arc<dyn KeyLookup>,
    usage: Option<Arc<dyn UsageStore>>,
}

/// What an [`Auth`] is made of. Everything but the store has a default.
#[must_use]
pub struct AuthBuilder<S = SharedKeyStorage> {
    store: S,
    limiter: Option<Limiter>,
    format: KeyFormat,
    product: Product,
    scopes: Result<KnownScopes, ScopeNameError>,
    pepper: Option<Pepper>,
    masters: MasterKeys,
    administrators: Administrators,
    memory: KeyCacheConfig,
    failures_per_minute: NonZeroU32,
    node: Option<NodeId>,
    clock: SharedClock,
    entropy: SharedEntropy,
}

/// Background tasks that run until this is stopped or dropped.
#[must_use = "the tasks end when this is dropped"]
pub struct Background {
    gate: Arc<Gate>,
    stopping: watch::Sender<()>,
    follows: watch::Receiver<bool>,
    running: JoinHandle<()>,
}

impl Auth {
    /// On the keys of this store.
    pub fn builder(store: SharedKeyStorage) -> AuthBuilder {
        AuthBuilder::on(store)
    }

    /// The use cases on keys.
    pub const fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }
}

impl Auth<()> {
    /// On the keys of a table of one's own: they are verified, and not managed. What a table does not keep (tickets) is
    /// kept in this process, and what the master key did goes into the log.
    ///
    /// ```
    /// use dalston_auth::{AuthRequest, Auth, KeyFormat, Requirement};
    /// use dalston_model::{Key, KeyDigest, KeyId, OsEntropy, Scope, SystemClock, TenantId, Clock};
    /// use dalston_store::{FoundKey, KeyLookup, StoreResult, KeyWithUse};
    /// use std::sync::Arc;
    ///
    /// struct Mine(KeyDigest, Key);
    ///
    /// #[async_trait::async_trait]
    /// impl KeyLookup for Mine {
    ///     async fn find_key(&self, digest: &KeyDigest) -> StoreResult<Option<FoundKey>> {
    ///         Ok((*digest == self.0).then(|| FoundKey::of(self.1.clone(), SystemClock.now())))
    ///     }
    ///
    ///     async fn key(&self, tenant: &TenantId, id: KeyId) -> StoreResult<Option<KeyWithUse>> {
    ///         let is_it = self.1.tenant == *tenant && self.1.id == id;
    ///         Ok(is_it.then(|| KeyWithUse { key: self.1.clone(), last_used_at: None }))
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let secret = KeyFormat::default().mint(&OsEntropy)?;
    /// let digest = dalston_auth::Digester::new(None).digest(&secret);
    /// let id = KeyId::new(SystemClock.now(), &OsEntropy)?;
    /// let mine = Mine(digest, Key::named(id, "ci".parse()?, "jobs:read".parse()?, SystemClock.now()));
    /// let auth = Auth::verifier(Arc::new(mine)).build()?;
    ///
    /// let attempt = AuthRequest::with_key(secret.expose(), None);
    /// assert!(auth.gate().authenticate(attempt, Requirement::Scope(Scope::JobsRead)).await.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verifier(keys: Arc<dyn KeyLookup>) -> AuthBuilder<Table> {
        AuthBuilder::on(Table { keys, usage: None })
    }
}

impl<K> Auth<K> {
    /// Authenticates and authorizes requests.
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The operator's permit: whoever runs the process may do everything. `reason` says what for, and goes into the log.
    pub fn operator<R: Right>(&self, reason: &'static str) -> Permit<R> {
        Permit::of_operator(self.gate.operator(reason))
    }

    /// Fails if the keys of the store were made with another pepper: none of them would be accepted. For a start.
    pub async fn check(&self) -> Result<(), PepperError> {
        self.gate.check_pepper().await
    }

    /// Runs what a node does beside its requests, on the runtime of the caller: it follows the changes that other nodes
    /// make, writes the usage that it counted, and keeps leases of limits. Without it each request asks the store, and no
    /// usage is written. A store that cannot be asked is tried again each second.
    pub fn spawn(&self) -> Background {
        let (stopping, stopped) = watch::channel(());
        let (opened, follows) = watch::channel(false);
        let (gate, feed, limiter) = (self.gate.clone(), self.feed.clone(), self.limiter.clone());
        let running = tokio::spawn(async move {
            let usage = UsageWriter::new(gate.clone());
            tokio::join!(
                follow(&gate, &feed, opened, stopped.clone()),
                learn_pepper(&gate, stopped.clone()),
                usage.run(stopped.clone()),
                limiter.run(stopped),
            );
            // Last: requests were counted as long as the others ran.
            usage.finish().await;
        });
        Background { gate: self.gate.clone(), stopping, follows, running }
    }
}

impl Background {
    /// Waits until the changes of other nodes are followed. Of a change before that no observer is told: a service whose
    /// sessions outlive their requests begins to serve then. It may take for ever, as long as the store is away.
    pub async fn ready(&mut self) {
        // Its other end lives as long as the tasks.
        let _ = self.follows.wait_for(|follows| *follows).await;
    }

    /// Ends the tasks, and writes the usage that is left, within a minute. What a store that is away did not take by then
    /// is lost: the log says of how many keys. The store stays open.
    pub async fn stop(self) {
        let Self { gate, stopping, mut running, .. } = self;
        drop(stopping);
        match timeout(LAST, &mut running).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(event = "task.failed", %error, "a background task failed"),
            Err(_) => {
                running.abort();
                tracing::error!(
                    event = "usage.lost",
                    waiting = gate.waiting_usage(),
                    "lost usage of keys at the shutdown"
                );
            }
        }
    }
}

impl<S> AuthBuilder<S> {
    fn on(store: S) -> Self {
        Self {
            store,
            limiter: None,
            format: KeyFormat::default(),
            product: Product::default(),
            scopes: Ok(KnownScopes::default()),
            pepper: None,
            masters: MasterKeys::default(),
            administrators: Administrators::default(),
            memory: KeyCacheConfig::default(),
            failures_per_minute: FAILURES_PER_MINUTE,
            node: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
        }
    }

    /// Secrets begin with this: 1 to 7 lower-case letters or digits, and an underscore. `dk_` without.
    pub fn key_prefix(self, prefix: &str) -> Result<Self, KeyFormatError> {
        Ok(Self { format: KeyFormat::new(prefix)?, ..self })
    }

    /// What the service calls itself in front of its clients. `dalston` without.
    pub fn product(self, product: Product) -> Self {
        Self { product, ..self }
    }

    /// The scopes of the service's own, beside the built-in ones: at most 100, each `[a-z][a-z0-9_-]{0,31}` with up to two
    /// more such parts behind colons. A name that is wrong fails [`AuthBuilder::build`].
    pub fn scopes(self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        Self { scopes: KnownScopes::with(names), ..self }
    }

    /// Digests are HMACs with this pepper. It must stay what it was when the keys of the store were made:
    /// [`Auth::check`] tells.
    pub fn pepper(self, pepper: Option<Pepper>) -> Self {
        Self { pepper, ..self }
    }

    /// The operator's own secrets, which may do everything over HTTP. None without.
    pub fn masters(self, masters: MasterKeys) -> Self {
        Self { masters, ..self }
    }

    /// The administrators of a chat, whose ids the chat vouches for. None without.
    pub fn administrators(self, administrators: Administrators) -> Self {
        Self { administrators, ..self }
    }

    /// How keys are cached.
    pub fn memory(self, memory: KeyCacheConfig) -> Self {
        Self { memory, ..self }
    }

    /// Limits are shared with other nodes by this limiter. Without, the process counts by itself.
    pub fn limiter(self, limiter: Limiter) -> Self {
        Self { limiter: Some(limiter), ..self }
    }

    /// Failed attempts a minute from one address; 30 without.
    pub fn failures_per_minute(self, failures_per_minute: NonZeroU32) -> Self {
        Self { failures_per_minute, ..self }
    }

    /// This run of the node, as it counts usage and shares limits: another one at each start. A new one without.
    pub fn node(self, node: NodeId) -> Self {
        Self { node: Some(node), ..self }
    }

    /// Time and chance are these, and not the system's: for tests.
    pub fn world(self, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { clock, entropy, ..self }
    }

    fn gate(self, storage: GateStorage) -> Result<(Arc<Gate>, Limiter), BuildError> {
        let limiter = self.limiter.unwrap_or_else(|| Limiter::new(self.clock.clone(), None));
        let gate = Gate::new(GateConfig {
            storage,
            limiter: limiter.clone(),
            format: self.format,
            product: self.product,
            scopes: self.scopes?,
            pepper: self.pepper,
            masters: self.masters,
            administrators: self.administrators,
            failures_per_minute: self.failures_per_minute,
            memory: self.memory,
            node: match self.node {
                Some(node) => node,
                None => NodeId::new(self.clock.now(), &*self.entropy)?,
            },
            clock: self.clock,
        });
        Ok((gate, limiter))
    }
}

impl AuthBuilder {
    /// The parts, put together. Asks no store.
    pub fn build(self) -> Result<Auth, BuildError> {
        let (store, entropy) = (self.store.clone(), self.entropy.clone());
        let (gate, limiter) = self.gate(store.clone().into())?;
        let keys = Arc::new(Keys::new(store.clone(), gate.clone(), entropy));
        Ok(Auth { gate, keys, feed: store, limiter })
    }
}

impl AuthBuilder<Table> {
    /// Where what was counted goes: who used a key last, and how often. Without, it is forgotten with the process.
    pub fn usage(self, usage: Arc<dyn UsageStore>) -> Self {
        let store = Table { usage: Some(usage), ..self.store };
        Self { store, ..self }
    }

    /// The parts, put together. Asks no table.
    pub fn build(self) -> Result<Auth<()>, BuildError> {
        let storage = GateStorage::of_table(self.store.keys.clone(), self.store.usage.clone(), self.clock.clone());
        let feed = storage.feed.clone();
        let (gate, limiter) = self.gate(storage)?;
        Ok(Auth { gate, keys: Arc::new(()), feed, limiter })
    }
}

/// Why an [`Auth`] was not built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// There is no entropy for the id of the node.
    #[error("the node has no id: {0}")]
    Node(#[from] EntropyError),
    /// The service names a scope that cannot be one.
    #[error("the scope {0}")]
    Scopes(#[from] ScopeNameError),
}

/// Follows the record of changes until the node stops.
async fn follow(
    gate: &Gate,
    feed: &Arc<dyn FeedStore>,
    opened: watch::Sender<bool>,
    mut stopping: watch::Receiver<()>,
) {
    let feed = loop {
        match ChangeFeed::open(gate, feed.clone()).await {
            Ok(feed) => break feed,
            Err(error) => tracing::warn!(event = "feed.open_failed", %error, "could not read the change feed"),
        }
        tokio::select! {
            _ = stopping.changed() => return,
            () = sleep(RETRY) => {}
        }
    };
    opened.send_replace(true);
    feed.run(stopping).await;
}

/// Has the store remember the pepper once a key was accepted with it.
async fn learn_pepper(gate: &Gate, mut stopping: watch::Receiver<()>) {
    if let Err(error) = gate.check_pepper().await {
        tracing::error!(event = "pepper.refused", %error, "refused to accept the keys of this store");
    }
    loop {
        if let Err(error) = gate.learn_pepper().await {
            tracing::error!(event = "pepper.not_recorded", %error, "could not record the pepper in the store");
        }
        tokio::select! {
            _ = stopping.changed() => return,
            () = sleep(RETRY) => {}
        }
    }
}

#[cfg(test)]
mod tests;
