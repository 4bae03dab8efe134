//! Storage of audio and transcripts, in the data folder or in a bucket.
//!
//! Names are derived from the job or lease that a blob belongs to, never from a name that a client gave.
//!
//! Audio is staged in the data folder while it arrives, and is complete on disk before its job's row is inserted.
//! Without a bucket, it is renamed after the insert; with a bucket, it is uploaded before the insert. So a row always
//! has its audio in one of two places, and [`Blobs::recover`] finishes what a crash interrupted.
//!
//! A transcript is stored under the fence of the lease that wrote it, before the job's row refers to it. So a node that
//! has lost the lease cannot overwrite a later transcript.

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

/// Disk space in bytes that uploads must leave free: the database grows on the same disk.
const FLOOR: u64 = 64 * 1024 * 1024;

/// A stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Blob {
    /// The audio of a job.
    Audio(JobId),
    /// The transcript that was written under a lease.
    Transcript(JobLease),
}

impl Blob {
    /// Returns the folder of this kind of blob.
    const fn folder(&self) -> &'static str {
        match self {
            Self::Audio(_) => "audio",
            Self::Transcript(_) => "results",
        }
    }

    /// Returns the blob's name within its folder.
    fn name(&self) -> String {
        match self {
            Self::Audio(id) => id.to_string(),
            Self::Transcript(JobLease { tenant, job, fence }) => format!("{job}.{fence}.{tenant}"),
        }
    }

    /// Parses a name of the audio folder.
    fn audio(name: &str) -> Option<Self> {
        name.parse().ok().map(Self::Audio)
    }

    /// Parses a name of the transcript folder.
    fn transcript(name: &str) -> Option<Self> {
        let mut parts = name.splitn(3, '.');
        let (job, fence, tenant) = (parts.next()?, parts.next()?, parts.next()?);
        let lease = JobLease { tenant: tenant.parse().ok()?, job: job.parse().ok()?, fence: fence.parse().ok()? };
        Some(Self::Transcript(lease))
    }
}

/// The storage of audio and transcripts.
pub struct Blobs {
    folder: Folder,
    scratch: ScratchRoot,
    bucket: Option<Bucket>,
    walks: RecoveryProgress,
    max_bytes: u64,
}

impl Blobs {
    /// Opens the storage in the folder `data`, which is created if it does not exist, or in the bucket. `max_bytes` is
    /// the maximum size of an upload. Uploads are staged in `data` in either case.
    pub async fn open(data: &Path, max_bytes: u64, bucket: Option<Bucket>) -> io::Result<Self> {
        let folder = Folder::open(data).await?;
        let root = data.join("scratch");
        let scratch = spawn_blocking(move || ScratchRoot::open(root)).await.map_err(io::Error::other)??;
        Ok(Self { folder, scratch, bucket, walks: RecoveryProgress::default(), max_bytes })
    }

    /// Returns the maximum size of an upload, in bytes.
    pub const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Checks whether the bucket, if any, is usable. An error persists until a setting or a permission changes.
    pub(crate) async fn check(&self) -> Result<(), BucketError> {
        match &self.bucket {
            Some(bucket) => bucket.check().await,
            None => Ok(()),
        }
    }

    /// Whether the bucket answered the last request; `None` without a bucket, and before the first request.
    pub(crate) fn is_answered(&self) -> Option<bool> {
        self.bucket.as_ref()?.is_answered()
    }

    /// Checks that the disk has room for `bytes` bytes beside the 64 MiB that stay free. Fails with
    /// [`ServiceError::StorageFull`] otherwise.
    pub(crate) async fn room(&self, bytes: u64) -> ServiceResult<()> {
        let folder = self.folder.staged.clone();
        let disk = spawn_blocking(move || rustix::fs::statvfs(&folder)).await.map_err(io::Error::other)?;
        let disk = disk.map_err(io::Error::from)?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < bytes.saturating_add(FLOOR) {
            return Err(ServiceError::StorageFull);
        }
        Ok(())
    }

    /// Creates a file for an arriving upload. `digest` requests its SHA-256.
    pub(crate) async fn stage(&self, id: JobId, digest: bool) -> ServiceResult<StagedUpload> {
        let (path, max_bytes) = (self.folder.staged.join(id.to_string()), self.max_bytes);
        // The file and its guard, which deletes it on drop, are created together. So the file is deleted even when this
        // future is dropped.
        let made = spawn_blocking(move || StagedUpload::create(id, path, max_bytes, digest)).await;
        Ok(made.map_err(io::Error::other)??)
    }

    /// Uploads staged audio to the bucket, if any. This precedes the insert of its job, which any node may then lease.
    pub(crate) async fn put(&self, staged: &StagedUpload) -> io::Result<()> {
        match (&self.bucket, staged.path()) {
            (Some(bucket), Some(path)) => bucket.put(&Blob::Audio(staged.id()), path).await,
            _ => Ok(()),
        }
    }

    /// Undoes [`Blobs::put`] for a job that was not inserted.
    pub(crate) async fn forget(&self, blob: &Blob) -> io::Result<()> {
        match &self.bucket {
            Some(bucket) => bucket.delete(blob).await,
            None => Ok(()),
        }
    }

    /// Moves staged audio to its final place once its job is inserted. With a bucket, the staged file is deleted.
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

    /// Creates a temporary folder for the work on a job. It is deleted on drop, or after the process has ended.
    pub(crate) async fn work_dir(&self) -> io::Result<WorkDir> {
        let scratch = self.scratch.folder();
        spawn_blocking(move || WorkDir::new(&scratch)).await.map_err(io::Error::other)?
    }

    /// Returns the path of a local file with the audio of a stored job. With a bucket, downloads it into `work_dir`.
    pub(crate) async fn audio(&self, id: JobId, work_dir: &WorkDir) -> io::Result<PathBuf> {
        let blob = Blob::Audio(id);
        match &self.bucket {
            Some(bucket) => {
                let path = work_dir.path().join("audio");
                bucket.fetch(&blob, &path).await?;
                Ok(path)
            }
            None => self.folder.settled(&blob).await,
        }
    }

    /// Stores the file `transcript` under the lease that it was written under.
    pub(crate) async fn publish(&self, transcript: &Path, lease: &JobLease) -> io::Result<()> {
        let blob = Blob::Transcript(lease.clone());
        if let Some(bucket) = &self.bucket {
            return bucket.put(&blob, transcript).await;
        }
        tokio::fs::File::open(transcript).await?.sync_all().await?;
        self.folder.rename(transcript, &blob).await
    }

    /// Opens the transcript that was written under this lease, for reading from the beginning. It stays readable when
    /// it is deleted meanwhile.
    pub(crate) async fn transcript(&self, lease: &JobLease) -> io::Result<File> {
        let blob = Blob::Transcript(lease.clone());
        let Some(bucket) = &self.bucket else {
            return Ok(tokio::fs::File::open(self.folder.path(&blob)).await?.into_std().await);
        };
        let work_dir = self.work_dir().await?;
        let path = work_dir.path().join("transcript");
        bucket.fetch(&blob, &path).await?;
        Ok(tokio::fs::File::open(path).await?.into_std().await)
    }

    /// Deletes a blob, if it exists.
    pub(crate) async fn delete(&self, blob: &Blob) -> io::Result<()> {
        match &self.bucket {
            Some(bucket) => bucket.delete(blob).await,
            None => self.folder.delete(blob).await,
        }
    }
}
