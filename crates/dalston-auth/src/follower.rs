//! Whoever tells a gate of the changes that other nodes make.

use crate::{directory::Directory, freshness::Moment};
use dalston_model::SharedClock;
use dalston_store::{KeyChange, SharedStore, StoreResult};
use std::sync::Arc;

/// Changes that are read at once.
const PART: u32 = 500;

/// Follows the record of changes for one gate. It is polled at least four times within the freshness bound, and sooner
/// whenever the store says that something changed.
pub struct Follower {
    store: SharedStore,
    directory: Arc<Directory>,
    clock: SharedClock,
    mark: Option<u64>,
}

impl Follower {
    pub(crate) fn new(store: SharedStore, directory: Arc<Directory>, clock: SharedClock) -> Self {
        Self { store, directory, clock, mark: None }
    }

    /// The number of the last change that was heard; `None` before it was polled first.
    pub const fn seen(&self) -> Option<u64> {
        self.mark
    }

    /// Hears what changed since it was polled last, and has the gate obey it. Gives the changes, for whoever else must
    /// know; the first time none.
    pub async fn poll(&mut self) -> StoreResult<Vec<KeyChange>> {
        let mut heard = Vec::new();
        loop {
            let began = Moment::of(self.clock.monotonic());
            let freshness = self.directory.freshness();
            let Some(mark) = self.mark else {
                self.mark = Some(self.store.last_seq().await?);
                freshness.flush();
                freshness.heard(began);
                return Ok(heard);
            };
            let part = self.store.key_changes(mark, PART).await?;
            for change in &part {
                freshness.changed(change.key.id);
            }
            self.mark = part.last().map(|change| change.seq).or(self.mark);
            let is_last = part.len() < usize::try_from(PART).unwrap_or(usize::MAX);
            heard.extend(part);
            if is_last {
                freshness.heard(began);
                return Ok(heard);
            }
        }
    }
}
