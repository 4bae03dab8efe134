//! What is done about things that a crash left where they should not be.

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

/// A thing without a row may be another node's upload under way: it is left alone for so long.
const ABANDONED: Duration = Duration::from_hours(1);
/// Kept things of a kind that one round looks at; the next goes on from there.
const ROUND: usize = 1_000;

/// How far recovery has come with the things that are kept.
#[derive(Default)]
pub(super) struct RecoveryProgress {
    audio: Mutex<Option<WalkPosition>>,
    transcripts: Mutex<Option<WalkPosition>>,
}

/// Where a walk goes on.
enum WalkPosition {
    /// With the rest of a folder.
    Folder(ReadDir),
    /// Behind this name of a bucket.
    Bucket(String),
}

/// What came of a thing.
enum RecoveryOutcome {
    Kept,
    Deleted,
    Left,
}

/// A thing that is kept, and when it was written.
struct StoredBlob {
    blob: Blob,
    modified: Timestamp,
}

impl Blobs {
    /// Finishes what a crash cut off: staged audio whose job is in the store is kept; audio without a job is deleted once
    /// it is an hour old; so is a transcript, and at once one that its job, which has ended, does not have. What that
    /// cannot be done with is passed over. Scratch folders of ended processes go. Tells how many of the others were kept and
    /// deleted.
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

    /// A purge deletes the row before the rest.
    async fn recover_kept(
        &self,
        found: &StoredBlob,
        store: &dyn JobStore,
        now: Timestamp,
    ) -> ServiceResult<RecoveryOutcome> {
        // Its age first: it is nearer than the store, and most things of a busy hour end there.
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

    /// The next things of a folder.
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

/// The next things among the entries of a folder, and the rest of them.
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

/// A store that cannot be asked ends the round; anything else is between it and this thing.
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

/// The job that a file is named after.
fn job(entry: &DirEntry) -> Option<JobId> {
    entry.file_name().to_str()?.parse().ok()
}

/// When a file was written; `None` for one that is gone.
async fn modified(entry: &DirEntry) -> Option<Timestamp> {
    let modified = entry.metadata().await.ok()?.modified().ok()?;
    Some(Timestamp::from_micros(0).plus(modified.duration_since(UNIX_EPOCH).unwrap_or_default()))
}

fn is_abandoned(modified: Option<Timestamp>, now: Timestamp) -> bool {
    modified.is_some_and(|modified| now.since(modified) > ABANDONED)
}
