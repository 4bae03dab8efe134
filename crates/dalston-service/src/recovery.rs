//! What is done about files that a crash left where they should not be.

use crate::{AudioFiles, ServiceError, ServiceResult, audio::gone};
use dalston_model::{JobId, SharedClock, Timestamp};
use dalston_store::JobStore;
use std::{
    sync::PoisonError,
    time::{Duration, UNIX_EPOCH},
};
use tokio::fs::{self, DirEntry};

/// A file without a row may be another node's upload under way: it is left alone for so long.
const ABANDONED: Duration = Duration::from_hours(1);
/// Kept files that one round looks at; the next goes on from there.
const ROUND: usize = 1_000;

/// What came of a file.
enum Came {
    Kept,
    Deleted,
    Left,
}

impl AudioFiles {
    /// Finishes what a crash cut off: a staged file whose job is in the store is kept; one without, and a kept one
    /// without, is deleted once it is an hour old. A file with which that cannot be done is passed over. Tells how many
    /// were kept and deleted.
    pub async fn recover(&self, store: &dyn JobStore, clock: &SharedClock) -> ServiceResult<(u32, u32)> {
        let (mut kept, mut deleted) = (0, 0);
        let mut count = |came| match came {
            Came::Kept => kept += 1,
            Came::Deleted => deleted += 1,
            Came::Left => {}
        };
        let mut staged = fs::read_dir(&self.staged).await?;
        while let Some(entry) = staged.next_entry().await? {
            count(passed_over(&entry, self.recover_staged(&entry, store, clock.now()).await)?);
        }
        let walk = self.walk.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut walk = match walk {
            Some(walk) => walk,
            None => fs::read_dir(&self.kept).await?,
        };
        let mut looked = 0;
        while looked < ROUND {
            let Some(entry) = walk.next_entry().await? else { return Ok((kept, deleted)) };
            if let Some(id) = job(&entry) {
                looked += 1;
                count(passed_over(&entry, recover_kept(&entry, id, store, clock.now()).await)?);
            }
        }
        *self.walk.lock().unwrap_or_else(PoisonError::into_inner) = Some(walk);
        Ok((kept, deleted))
    }

    async fn recover_staged(&self, entry: &DirEntry, store: &dyn JobStore, now: Timestamp) -> ServiceResult<Came> {
        if let Some(id) = job(entry)
            && store.job_exists(id).await?
        {
            self.rename(&entry.path(), id).await?;
            return Ok(Came::Kept);
        }
        delete_abandoned(entry, now).await
    }
}

/// A purge deletes the row before the file.
async fn recover_kept(entry: &DirEntry, id: JobId, store: &dyn JobStore, now: Timestamp) -> ServiceResult<Came> {
    // The disk first: it is nearer than the store, and most files of a busy hour end there.
    if !is_abandoned(entry, now).await || store.job_exists(id).await? {
        return Ok(Came::Left);
    }
    delete_abandoned(entry, now).await
}

async fn delete_abandoned(entry: &DirEntry, now: Timestamp) -> ServiceResult<Came> {
    if !is_abandoned(entry, now).await {
        return Ok(Came::Left);
    }
    gone(fs::remove_file(entry.path()).await)?;
    Ok(Came::Deleted)
}

/// A store that cannot be asked ends the round; anything else is between it and this file.
fn passed_over(entry: &DirEntry, came: ServiceResult<Came>) -> ServiceResult<Came> {
    match came {
        Err(ServiceError::Unavailable) => Err(ServiceError::Unavailable),
        Err(error) => {
            tracing::warn!(%error, file = ?entry.file_name(), "a file could not be recovered");
            Ok(Came::Left)
        }
        Ok(came) => Ok(came),
    }
}

/// The job that a file is named after.
fn job(entry: &DirEntry) -> Option<JobId> {
    entry.file_name().to_str()?.parse().ok()
}

async fn is_abandoned(entry: &DirEntry, now: Timestamp) -> bool {
    let Ok(Ok(modified)) = entry.metadata().await.map(|metadata| metadata.modified()) else { return false };
    let age = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    now.since(Timestamp::from_micros(0).plus(age)) > ABANDONED
}
