//! The contract: what every engine must do, as one suite. `contract!(name, fixture)` makes a test of each rule.

use crate::{LimitStore, SharedStore};
use dalston_model::ManualClock;
use std::{any::Any, sync::Arc};

/// An engine on an empty store, for one test.
pub struct Fixture {
    /// The engine. It holds the tenant `default` and nothing else.
    pub store: SharedStore,
    /// The shared counter, for engines that have one.
    pub limits: Option<Arc<dyn LimitStore>>,
    /// The clock that the engine goes by.
    pub clock: Arc<ManualClock>,
    /// What must live as long as the test: a folder, a database.
    pub keep: Box<dyn Any + Send + Sync>,
}
