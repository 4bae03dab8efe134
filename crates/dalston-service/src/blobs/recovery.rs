//! Recovery: finishes or deletes what a crash left behind.

use super::{Blob, Blobs, ScratchRoot, folder::gone};
use crate::{ServiceError, ServiceResult, views::fence};
use dalston_model::{SharedClock, Timestamp};
use dalston_work::{JobId, JobStore};
use std::{
    io,
    sync::{Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};
use tokio::{
    fs::{self, DirEntry, ReadDir},
    task::spawn_blocking,
};

/// Minimum age at which a blob without a row is deleted. A younger one may belong to an upload in progress on another
/// node.
const ABANDONED: Duration = Duration::from_hours(1);
/// Maximum number of blobs of a kind that one round checks. The next round continues after them.
const ROUND: usize = 1_000;

/// The position of recovery among the stored blobs. A walk over a kind of blob takes several rounds.
#[derive(Default)]
pub(super) struct RecoveryProgress {
    audio: Mutex<Option<WalkPosition>>,
    transcripts: Mutex<Option<WalkPosition>>,
}

/// The position at which a walk continues.
enum WalkPosition {
    /// At the remaining entries of this folder.
    Folder(ReadDir),
    /// After this name in the bucket.
    Bucket(String),
}

/// What recovery did with a file.
enum RecoveryOutcome {
    Kept,
    Deleted,
    Left,
}

/// A blob, and when it was last modified.
struct StoredBlob {
    blob: Blob,
    modified: Timestamp,
}

impl Blobs {
    /// Finishes what a crash interrupted. Returns the number of files that were kept, and the number that were deleted.
    ///
    /// * Staged audio whose job is in the store is kept.
    /// * Audio without a job is deleted once it is an hour old.
    /// * A transcript without a job is deleted once it is an hour old. A transcript whose job has ended with another
    ///   one, or with none, is deleted at once.
    /// * Temporary folders of ended processes are deleted. They are not counted.
    ///
    /// A file that causes an error is skipped and logged, unless the store is unavailable.
    pub(crate) async fn recover(&self, store: &dyn JobStore, clock: &SharedClock) -> ServiceResult<(u32, u32)> {
        self.sweep().await?;
        let (mut kept, mut deleted) = (0, 0);
        let mut count = |came| match came {
            RecoveryOutcome::Kept => kept += 1,
            RecoveryOutcome::Deleted => deleted += 1,
            RecoveryOutcome::Left => {}
        };
        let mut staged = fs::read_dir(&self.folder.staged).await?;
        while let Some(entry) = staged.next_entry().await? {
            let name = entry.file_name();
            count(passed_over(&name, self.recover_staged(&entry, store, clock.now()).await)?);
        }
        for found in self.walk("audio", &self.walks.audio, Blob::audio).await? {
            count(passed_over(&found.blob, self.recover_kept(&found, store, clock.now()).await)?);
        }
        for found in self.walk("results", &self.walks.transcripts, Blob::transcript).await? {
            count(passed_over(&found.blob, self.recover_kept(&found, store, clock.now()).await)?);
        }
        Ok((kept, deleted))
    }

    async fn sweep(&self) -> ServiceResult<()> {
        let (root, own) = (self.scratch.root(), self.scratch.folder());
        Ok(spawn_blocking(move || ScratchRoot::sweep(&root, &own)).await.map_err(io::Error::other)??)
    }

    async fn recover_staged(
        &self,
        entry: &DirEntry,
        store: &dyn JobStore,
        now: Timestamp,
    ) -> ServiceResult<RecoveryOutcome> {
        let Some(id) = job(entry) else { return delete_abandoned(entry, now).await };
        let blob = Blob::Audio(id);
        if store.job_exists(id).await? {
            match &self.bucket {
                None => self.folder.rename(&entry.path(), &blob).await?,
                Some(bucket) => {
                    if !bucket.has(&blob).await? {
                        bucket.put(&blob, &entry.path()).await?;
                    }
                    gone(fs::remove_file(entry.path()).await)?;
                }
            }
            return Ok(RecoveryOutcome::Kept);
        }
        if let Some(bucket) = &self.bucket
            && is_abandoned(modified(entry).await, now)
        {
            bucket.delete(&blob).await?;
        }
        delete_abandoned(entry, now).await
    }

    /// A purge deletes the row first, so a blob without a row is a leftover.
    async fn recover_kept(
        &self,
        found: &StoredBlob,
        store: &dyn JobStore,
        now: Timestamp,
    ) -> ServiceResult<RecoveryOutcome> {
        // For audio, check the age first: it is cheaper than a query, and most blobs of a busy hour are too young.
        let is_old = is_abandoned(Some(found.modified), now);
        let is_needless = match &found.blob {
            Blob::Audio(id) => is_old && !store.job_exists(*id).await?,
            Blob::Transcript(lease) => match store.job(&lease.tenant, lease.job).await? {
                None => is_old,
                Some(job) => job.status.is_ended() && fence(&job) != Some(lease.fence),
            },
        };
        if !is_needless {
            return Ok(RecoveryOutcome::Left);
        }
        self.delete(&found.blob).await?;
        Ok(RecoveryOutcome::Deleted)
    }

    /// Returns the next blobs of a folder, up to [`ROUND`] of them, and saves the position after them.
    async fn walk(
        &self,
        folder: &str,
        walk: &Mutex<Option<WalkPosition>>,
        parse: fn(&str) -> Option<Blob>,
    ) -> io::Result<Vec<StoredBlob>> {
        let before = walk.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (found, rest) = match &self.bucket {
            None => {
                let entries = match before {
                    Some(WalkPosition::Folder(entries)) => entries,
                    _ => fs::read_dir(self.folder.of(folder)).await?,
                };
                read_on(entries, parse).await?
            }
            Some(bucket) => {
                let after =
                    before.and_then(|walk| if let WalkPosition::Bucket(name) = walk { Some(name) } else { None });
                let listed = bucket.list(folder, after.as_deref(), ROUND).await?;
                let rest = listed.get(ROUND - 1).map(|last| WalkPosition::Bucket(last.name.clone()));
                let known = listed.into_iter();
                let known = known.filter_map(|it| Some(StoredBlob { blob: parse(&it.name)?, modified: it.modified }));
                (known.collect(), rest)
            }
        };
        *walk.lock().unwrap_or_else(PoisonError::into_inner) = rest;
        Ok(found)
    }
}

/// Returns the next blobs among the entries of a folder, and the position after them.
async fn read_on(
    mut entries: ReadDir,
    parse: fn(&str) -> Option<Blob>,
) -> io::Result<(Vec<StoredBlob>, Option<WalkPosition>)> {
    let mut found = Vec::new();
    while found.len() < ROUND {
        let Some(entry) = entries.next_entry().await? else { return Ok((found, None)) };
        if let Some(blob) = entry.file_name().to_str().and_then(parse)
            && let Some(modified) = modified(&entry).await
        {
            found.push(StoredBlob { blob, modified });
        }
    }
    Ok((found, Some(WalkPosition::Folder(entries))))
}

async fn delete_abandoned(entry: &DirEntry, now: Timestamp) -> ServiceResult<RecoveryOutcome> {
    if !is_abandoned(modified(entry).await, now) {
        return Ok(RecoveryOutcome::Left);
    }
    gone(fs::remove_file(entry.path()).await)?;
    Ok(RecoveryOutcome::Deleted)
}

/// Logs an error that concerns one file, and skips the file. An unavailable store is returned as an error: it ends the
/// round.
fn passed_over(
    what: &(dyn std::fmt::Debug + Sync),
    came: ServiceResult<RecoveryOutcome>,
) -> ServiceResult<RecoveryOutcome> {
    match came {
        Err(ServiceError::Unavailable) => Err(ServiceError::Unavailable),
        Err(error) => {
            tracing::warn!(event = "blobs.recovery_failed", %error, ?what, "could not recover a stored file");
            Ok(RecoveryOutcome::Left)
        }
        Ok(came) => Ok(came),
    }
}

/// Parses the job id that the file is named after.
fn job(entry: &DirEntry) -> Option<JobId> {
    entry.file_name().to_str()?.parse().ok()
}

/// Returns when the file was last modified; `None` when it no longer exists.
async fn modified(entry: &DirEntry) -> Option<Timestamp> {
    let modified = entry.metadata().await.ok()?.modified().ok()?;
    Some(Timestamp::from_micros(0).plus(modified.duration_since(UNIX_EPOCH).unwrap_or_default()))
}

fn is_abandoned(modified: Option<Timestamp>, now: Timestamp) -> bool {
    modified.is_some_and(|modified| now.since(modified) > ABANDONED)
}
