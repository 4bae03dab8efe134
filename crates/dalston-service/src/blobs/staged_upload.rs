//! An upload that is arriving.

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

/// Size of the write buffer, in bytes.
const PIECE: usize = 256 * 1024;

/// The file of an upload that is arriving. Deleted on drop, unless it was kept or left.
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
        // `create_new` is `O_EXCL`: it neither opens an existing file nor follows a link.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let file = BufWriter::with_capacity(PIECE, File::from_std(file));
        Ok(Self { id, path: Some(path), file, size: 0, max_bytes, digest: digest.then(Sha256::new) })
    }

    /// Returns the id of the job that the upload will belong to.
    pub const fn id(&self) -> JobId {
        self.id
    }

    /// Returns the number of bytes received so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends received bytes. Fails with [`ServiceError::TooLarge`] beyond the maximum size.
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

    /// Flushes the file and its folder entry to disk (fsync).
    pub async fn finish(&mut self) -> ServiceResult<()> {
        self.file.flush().await?;
        self.file.get_ref().sync_all().await?;
        if let Some(folder) = self.path.as_deref().and_then(Path::parent) {
            sync(folder).await?;
        }
        Ok(())
    }

    /// Leaves the file in place, because it is unknown whether its job was inserted. Recovery decides.
    pub fn leave(mut self) {
        self.path = None;
    }

    /// Returns the path, and hands the responsibility for the file to the caller.
    pub(super) fn take(mut self) -> Option<PathBuf> {
        self.path.take()
    }

    /// Returns the path of the file, until it is kept.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the SHA-256 of the bytes received so far, if it was requested.
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
