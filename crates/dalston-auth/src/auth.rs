//! The facade of the crate: [`Auth`] bundles the gate, the key management and the background tasks for a service.

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

/// Default limit of failed attempts per minute from one address.
const FAILURES_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
/// Maximum time that [`Background::stop`] waits for the background tasks.
const STOP_TIMEOUT: Duration = Duration::from_mins(1);
/// Delay before the next attempt when the change feed cannot be opened, and the interval of attempts to record the
/// pepper.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// API keys, scopes, rate limits and audit, for a service that embeds them.
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
/// let admission = auth.gate().authenticate(attempt, NotesRead::requirement()).await?;
/// assert_eq!(admission.permit::<NotesRead>()?.tenant().as_str(), "default");
///
/// background.stop().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `K` manages the keys. It is [`Keys`], or `()` if the keys are in a table of the service itself ([`Auth::verifier`]).
pub struct Auth<K = Keys> {
    gate: Arc<Gate>,
    keys: Arc<K>,
    feed: Arc<dyn FeedStore>,
    limiter: Limiter,
}

/// Keys in a table of the service itself, which another program or another part of the service manages.
pub struct Table {
    keys: Arc<dyn KeyLookup>,
    usage: Option<Arc<dyn UsageStore>>,
}

/// Builds an [`Auth`]. Everything except the store has a default.
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

/// A handle of the background tasks: they run until it is stopped or dropped.
#[must_use = "the tasks end when this is dropped"]
pub struct Background {
    gate: Arc<Gate>,
    stopping: watch::Sender<()>,
    follows: watch::Receiver<bool>,
    running: JoinHandle<()>,
}

impl Auth {
    /// Returns a builder for the keys of this store.
    pub fn builder(store: SharedKeyStorage) -> AuthBuilder {
        AuthBuilder::on(store)
    }

    /// Returns the key management.
    pub const fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }
}

impl Auth<()> {
    /// Returns a builder that verifies the keys of the service's own table, and does not manage them.
    ///
    /// The table holds only keys. Tickets are kept in this process. Uses of the master key are logged instead of
    /// recorded in an audit log.
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
    /// Returns the gate, which authenticates and authorizes requests.
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Returns a permit of the operator, who runs the process and may do everything. `reason` states the purpose, and
    /// is logged.
    pub fn operator<R: Right>(&self, reason: &'static str) -> Permit<R> {
        Permit::of_operator(self.gate.operator(reason))
    }

    /// Fails if the keys of the store were made with another pepper: none of them would be accepted. Call it at
    /// startup.
    ///
    /// Also fails if the store is not available.
    pub async fn check(&self) -> Result<(), PepperError> {
        self.gate.check_pepper().await
    }

    /// Spawns the background tasks of a node, on the caller's runtime.
    ///
    /// They follow the changes that other nodes make, write the usage that the gate counted, and keep the leases of
    /// rate limits. Without them, each request reads the store, and no usage is written. If the store is not available,
    /// opening the change feed is retried every second.
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
            // Flushes the usage last: requests are counted for as long as the other tasks run.
            usage.finish().await;
        });
        Background { gate: self.gate.clone(), stopping, follows, running }
    }
}

impl Background {
    /// Waits until the node follows the changes of other nodes.
    ///
    /// Observers are not notified of earlier changes. So a service whose sessions outlive their requests must not serve
    /// before this returns. It does not return while the store is unavailable.
    pub async fn ready(&mut self) {
        // The sender lives as long as the tasks.
        let _ = self.follows.wait_for(|follows| *follows).await;
    }

    /// Stops the tasks and writes the remaining usage, within a minute. Usage that the store does not accept by then is lost
    /// and logged. The store stays open.
    pub async fn stop(self) {
        let Self { gate, stopping, mut running, .. } = self;
        drop(stopping);
        match timeout(STOP_TIMEOUT, &mut running).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(event = "task.failed", %error, "a background task failed"),
            Err(_) => {
                running.abort();
                tracing::error!(
                    event = "usage.lost",
                    waiting = gate.pending_usage(),
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

    /// Sets the prefix of secrets: 1 to 7 lower-case letters or digits, and an underscore. Default: `dk_`.
    pub fn key_prefix(self, prefix: &str) -> Result<Self, KeyFormatError> {
        Ok(Self { format: KeyFormat::new(prefix)?, ..self })
    }

    /// Sets the name of the service, as its clients see it. Default: `dalston`.
    pub fn product(self, product: Product) -> Self {
        Self { product, ..self }
    }

    /// Declares the service's own scopes, in addition to the built-in ones: at most 100.
    ///
    /// A name is `[a-z][a-z0-9_-]{0,31}`, with up to two more such parts after colons. An invalid name makes
    /// [`AuthBuilder::build`] fail.
    pub fn scopes(self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        Self { scopes: KnownScopes::with(names), ..self }
    }

    /// Sets the pepper. With one, digests are HMACs with the pepper as the key.
    ///
    /// It must be the pepper with which the keys of the store were made: [`Auth::check`] verifies that.
    pub fn pepper(self, pepper: Option<Pepper>) -> Self {
        Self { pepper, ..self }
    }

    /// Sets the master keys: secrets of the operator that permit everything over HTTP. Default: none.
    pub fn masters(self, masters: MasterKeys) -> Self {
        Self { masters, ..self }
    }

    /// Sets the administrators of a chat. The chat vouches for their ids. Default: none.
    pub fn administrators(self, administrators: Administrators) -> Self {
        Self { administrators, ..self }
    }

    /// Sets how keys are cached.
    pub fn memory(self, memory: KeyCacheConfig) -> Self {
        Self { memory, ..self }
    }

    /// Sets the limiter, which may share its counts with other nodes. Default: the process counts by itself.
    pub fn limiter(self, limiter: Limiter) -> Self {
        Self { limiter: Some(limiter), ..self }
    }

    /// Sets how many failed attempts per minute are allowed from one address. Default: 30.
    pub fn failures_per_minute(self, failures_per_minute: NonZeroU32) -> Self {
        Self { failures_per_minute, ..self }
    }

    /// Sets the id of this run of the node, under which it counts usage and shares limits. It must differ at each
    /// start. Default: a new id.
    pub fn node(self, node: NodeId) -> Self {
        Self { node: Some(node), ..self }
    }

    /// Replaces the system's clock and source of randomness: for tests.
    pub fn clock_and_entropy(self, clock: SharedClock, entropy: SharedEntropy) -> Self {
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
    /// Builds the [`Auth`], without a call of the store.
    pub fn build(self) -> Result<Auth, BuildError> {
        let (store, entropy) = (self.store.clone(), self.entropy.clone());
        let (gate, limiter) = self.gate(store.clone().into())?;
        let keys = Arc::new(Keys::new(store.clone(), gate.clone(), entropy));
        Ok(Auth { gate, keys, feed: store, limiter })
    }
}

impl AuthBuilder<Table> {
    /// Sets the store of usage: when a key was last used, and how often. Without one, usage is lost when the process
    /// ends.
    pub fn usage(self, usage: Arc<dyn UsageStore>) -> Self {
        let store = Table { usage: Some(usage), ..self.store };
        Self { store, ..self }
    }

    /// Builds the [`Auth`], without a call of the table.
    pub fn build(self) -> Result<Auth<()>, BuildError> {
        let storage = GateStorage::of_table(self.store.keys.clone(), self.store.usage.clone(), self.clock.clone());
        let feed = storage.feed.clone();
        let (gate, limiter) = self.gate(storage)?;
        Ok(Auth { gate, keys: Arc::new(()), feed, limiter })
    }
}

/// Why an [`Auth`] could not be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// There is no entropy for the id of the node.
    #[error("the node has no id: {0}")]
    Node(#[from] EntropyError),
    /// The service declares a scope with an invalid name.
    #[error("the scope {0}")]
    Scopes(#[from] ScopeNameError),
}

/// Opens the change feed, retrying while the store is unavailable, and follows it until the node stops.
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
            () = sleep(RETRY_DELAY) => {}
        }
    };
    opened.send_replace(true);
    feed.run(stopping).await;
}

/// Checks the pepper, and has the store record it after a key was accepted with it.
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
            () = sleep(RETRY_DELAY) => {}
        }
    }
}

#[cfg(test)]
mod tests;
