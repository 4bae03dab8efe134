//! Audio that is arriving.

use super::folder::sync;
use crate::{ServiceError, ServiceResult};
use dalston_work::JobId;
use sha2::{Digest, Sha256};
use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use tokio::{
    fs::File,
    io::{AsyncWriteExt, BufWriter},
};

/// What arrives is written in pieces of this size.
const PIECE: usize = 256 * 1024;

/// A file that is arriving. Dropped before it is kept, it is deleted.
pub struct StagedUpload {
    id: JobId,
    path: Option<PathBuf>,
    file: BufWriter<File>,
    size: u64,
    max_bytes: u64,
    digest: Option<Sha256>,
}

impl StagedUpload {
    pub(super) fn create(id: JobId, path: PathBuf, max_bytes: u64, digest: bool) -> io::Result<Self> {
        // `create_new` is O_EXCL: neither an existing file nor a link is followed.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let file = BufWriter::with_capacity(PIECE, File::from_std(file));
        Ok(Self { id, path: Some(path), file, size: 0, max_bytes, digest: digest.then(Sha256::new) })
    }

    /// The id of the job that it will belong to.
    pub const fn id(&self) -> JobId {
        self.id
    }

    /// Bytes so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds what has arrived.
    pub async fn write(&mut self, bytes: &[u8]) -> ServiceResult<()> {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.size > self.max_bytes {
            return Err(ServiceError::TooLarge);
        }
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        Ok(self.file.write_all(bytes).await?)
    }

    /// Brings all of it to the disk, its name too.
    pub async fn finish(&mut self) -> ServiceResult<()> {
        self.file.flush().await?;
        self.file.get_ref().sync_all().await?;
        if let Some(folder) = self.path.as_deref().and_then(Path::parent) {
            sync(folder).await?;
        }
        Ok(())
    }

    /// Leaves the file where it is: whether its job is in the store is not known, and recovery will find out.
    pub fn leave(mut self) {
        self.path = None;
    }

    /// Where it is, for whoever keeps it.
    pub(super) fn take(mut self) -> Option<PathBuf> {
        self.path.take()
    }

    /// Where it is, until it is kept.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Its SHA-256, if that was asked for.
    pub fn digest(&self) -> Option<[u8; 32]> {
        self.digest.clone().map(|digest| digest.finalize().into())
    }
}

impl Drop for StagedUpload {
    fn drop(&mut self) {
        if let Some(path) = self.path.take()
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(event = "upload.delete_failed", %error, id = %self.id, "could not delete a staged upload");
        }
    }
}
