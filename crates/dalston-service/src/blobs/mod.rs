//! Audio and transcripts: kept in the data folder, or in a bucket. Both go by what they belong to, never by what a
//! client calls them.
//!
//! Audio is staged in the data folder while it arrives, and is complete on the disk before its job's row is written. In
//! the folder it is renamed after that; a bucket has it before. So a row always has its audio, in one place or the other,
//! and [`Blobs::recover`] finishes what a crash cut off. A transcript is kept under the fence of the lease that wrote
//! it before the row says so: whoever lost the lease can overwrite nothing.

mod bucket;
mod folder;
mod recovery;
mod scratch;
mod staged_upload;

pub use bucket::{Bucket, BucketError, BucketParts};
pub use scratch::WorkDir;
pub use staged_upload::StagedUpload;

pub(crate) use bucket::is_outage;

use crate::{ServiceError, ServiceResult};
use dalston_work::{JobId, JobLease};
use folder::Folder;
use recovery::RecoveryProgress;
use scratch::ScratchRoot;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};
use tokio::task::spawn_blocking;

/// What no upload may take of the disk: the database grows there too.
const FLOOR: u64 = 64 * 1024 * 1024;

/// A thing that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Blob {
    /// The audio of a job.
    Audio(JobId),
    /// What came out of the work under a lease.
    Transcript(JobLease),
}

impl Blob {
    /// The folder of its kind.
    const fn folder(&self) -> &'static str {
        match self {
            Self::Audio(_) => "audio",
            Self::Transcript(_) => "results",
        }
    }

    /// Its name there.
    fn name(&self) -> String {
        match self {
            Self::Audio(id) => id.to_string(),
            Self::Transcript(JobLease { tenant, job, fence }) => format!("{job}.{fence}.{tenant}"),
        }
    }

    /// What a name of the folder of audio stands for.
    fn audio(name: &str) -> Option<Self> {
        name.parse().ok().map(Self::Audio)
    }

    /// What a name of the folder of transcripts stands for.
    fn transcript(name: &str) -> Option<Self> {
        let mut parts = name.splitn(3, '.');
        let (job, fence, tenant) = (parts.next()?, parts.next()?, parts.next()?);
        let lease = JobLease { tenant: tenant.parse().ok()?, job: job.parse().ok()?, fence: fence.parse().ok()? };
        Some(Self::Transcript(lease))
    }
}

/// Where audio and transcripts are.
pub struct Blobs {
    folder: Folder,
    scratch: ScratchRoot,
    bucket: Option<Bucket>,
    walks: RecoveryProgress,
    max_bytes: u64,
}

impl Blobs {
    /// In `data`, which is made when it is not there, or in the bucket; an upload has at most `max_bytes`.
    pub async fn open(data: &Path, max_bytes: u64, bucket: Option<Bucket>) -> io::Result<Self> {
        let folder = Folder::open(data).await?;
        let root = data.join("scratch");
        let scratch = spawn_blocking(move || ScratchRoot::open(root)).await.map_err(io::Error::other)??;
        Ok(Self { folder, scratch, bucket, walks: RecoveryProgress::default(), max_bytes })
    }

    /// The greatest length of an upload in bytes.
    pub const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Finds out whether the bucket, if there is one, may be used: an error lasts until a setting or a permission changes.
    pub(crate) async fn check(&self) -> Result<(), BucketError> {
        match &self.bucket {
            Some(bucket) => bucket.check().await,
            None => Ok(()),
        }
    }

    /// Whether the bucket answered the last request; `None` where there is none, and before the first.
    pub(crate) fn is_answered(&self) -> Option<bool> {
        self.bucket.as_ref()?.is_answered()
    }

    /// Refuses what the disk has no room for: so many bytes, and the 64 MiB that stay free.
    pub(crate) async fn room(&self, bytes: u64) -> ServiceResult<()> {
        let folder = self.folder.staged.clone();
        let disk = spawn_blocking(move || rustix::fs::statvfs(&folder)).await.map_err(io::Error::other)?;
        let disk = disk.map_err(io::Error::from)?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < bytes.saturating_add(FLOOR) {
            return Err(ServiceError::StorageFull);
        }
        Ok(())
    }

    /// A new file for what arrives. `digest` asks for its SHA-256.
    pub(crate) async fn stage(&self, id: JobId, digest: bool) -> ServiceResult<StagedUpload> {
        let (path, max_bytes) = (self.folder.staged.join(id.to_string()), self.max_bytes);
        // The file comes with what deletes it, also when nobody waits for either any more.
        let made = spawn_blocking(move || StagedUpload::create(id, path, max_bytes, digest)).await;
        Ok(made.map_err(io::Error::other)??)
    }

    /// Brings staged audio to the bucket, if there is one: before its job is in the store, where any node may lease it.
    pub(crate) async fn put(&self, staged: &StagedUpload) -> io::Result<()> {
        match (&self.bucket, staged.path()) {
            (Some(bucket), Some(path)) => bucket.put(&Blob::Audio(staged.id()), path).await,
            _ => Ok(()),
        }
    }

    /// Takes back what [`Blobs::put`] brought to the bucket, of a job that is not in the store.
    pub(crate) async fn forget(&self, blob: &Blob) -> io::Result<()> {
        match &self.bucket {
            Some(bucket) => bucket.delete(blob).await,
            None => Ok(()),
        }
    }

    /// Keeps staged audio whose job is in the store. What the bucket has is deleted here.
    pub(crate) async fn keep(&self, staged: StagedUpload) -> io::Result<()> {
        if self.bucket.is_some() {
            return Ok(());
        }
        let id = staged.id();
        match staged.take() {
            Some(path) => self.folder.rename(&path, &Blob::Audio(id)).await,
            None => Ok(()),
        }
    }

    /// A folder for the work on a job, which goes when it is dropped, and when the process does.
    pub(crate) async fn work_dir(&self) -> io::Result<WorkDir> {
        let scratch = self.scratch.folder();
        spawn_blocking(move || WorkDir::new(&scratch)).await.map_err(io::Error::other)?
    }

    /// The audio of a job that is in the store, as a file of this machine.
    pub(crate) async fn audio(&self, id: JobId, desk: &WorkDir) -> io::Result<PathBuf> {
        let blob = Blob::Audio(id);
        match &self.bucket {
            Some(bucket) => {
                let path = desk.path().join("audio");
                bucket.fetch(&blob, &path).await?;
                Ok(path)
            }
            None => self.folder.settled(&blob).await,
        }
    }

    /// Keeps a transcript that was written on a desk, under the lease that it was written under.
    pub(crate) async fn publish(&self, draft: &Path, lease: &JobLease) -> io::Result<()> {
        let blob = Blob::Transcript(lease.clone());
        if let Some(bucket) = &self.bucket {
            return bucket.put(&blob, draft).await;
        }
        tokio::fs::File::open(draft).await?.sync_all().await?;
        self.folder.rename(draft, &blob).await
    }

    /// The transcript that was written under this lease, to be read from the beginning. It stays readable when it is
    /// deleted meanwhile.
    pub(crate) async fn transcript(&self, lease: &JobLease) -> io::Result<File> {
        let blob = Blob::Transcript(lease.clone());
        let Some(bucket) = &self.bucket else {
            return Ok(tokio::fs::File::open(self.folder.path(&blob)).await?.into_std().await);
        };
        let desk = self.work_dir().await?;
        let path = desk.path().join("transcript");
        bucket.fetch(&blob, &path).await?;
        Ok(tokio::fs::File::open(path).await?.into_std().await)
    }

    /// Deletes a thing, if it is there.
    pub(crate) async fn delete(&self, blob: &Blob) -> io::Result<()> {
        match &self.bucket {
            Some(bucket) => bucket.delete(blob).await,
            None => self.folder.delete(blob).await,
        }
    }
}
