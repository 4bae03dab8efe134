//! The fixture on which a rule is tested.

use crate::{KeyStorage, LimitStore};
use dalston_model::ManualClock;
use std::{any::Any, pin::Pin, sync::Arc};

/// Opens the same store once more.
pub type Reopen<S = dyn KeyStorage> = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Arc<S>> + Send>> + Send + Sync>;

/// An engine on an empty store, for one test.
pub struct Fixture<S: ?Sized = dyn KeyStorage> {
    /// The engine. It holds the tenant `default` and nothing else.
    pub store: Arc<S>,
    /// The shared counter, for engines that have one.
    pub limits: Option<Arc<dyn LimitStore>>,
    /// The clock that the engine uses.
    pub clock: Arc<ManualClock>,
    /// Opens the same store as another node would. `None` for an engine whose nodes are all in this process.
    pub again: Option<Reopen<S>>,
    /// Resources that must live as long as the test: a folder, a database.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl<S: ?Sized> Fixture<S> {
    /// Returns the same store, opened by another node.
    pub async fn other_node(&self) -> Arc<S> {
        match &self.again {
            Some(again) => again().await,
            None => self.store.clone(),
        }
    }
}
