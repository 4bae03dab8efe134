//! Temporary folders, which are deleted when their work or their process ends.
//!
//! Each process has its own folder under `scratch`, and holds a lock on a file in it for its lifetime. The kernel
//! releases the lock however the process ends. So a process that can take the lock of another folder may delete that
//! folder, even when several nodes share the data folder.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use tempfile::{Builder, TempDir};

/// The name of the lock file.
const LOCK: &str = "lock";

/// The temporary folder of this process.
pub(super) struct ScratchRoot {
    root: PathBuf,
    own: TempDir,
    /// Held for its lock, never read.
    _lock: File,
}

impl ScratchRoot {
    /// Creates a folder for this process under `root`, which is created if it does not exist. Blocks.
    pub(super) fn open(root: PathBuf) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
        loop {
            let own = Builder::new().prefix("node-").tempdir_in(&root)?;
            let path = own.path().join(LOCK);
            let lock = match File::create_new(&path) {
                Ok(lock) => lock,
                // Another node may delete the folder before it is locked, or lock it to do so.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            lock.lock()?;
            if path.try_exists()? {
                return Ok(Self { root, own, _lock: lock });
            }
        }
    }

    /// Returns the path of this process's folder.
    pub(super) fn folder(&self) -> PathBuf {
        self.own.path().to_owned()
    }

    /// Returns the path of the parent of all processes' folders.
    pub(super) fn root(&self) -> PathBuf {
        self.root.clone()
    }

    /// Deletes the folders of processes that have ended. `own` is skipped. Blocks.
    pub(super) fn sweep(root: &Path, own: &Path) -> io::Result<()> {
        for entry in fs::read_dir(root)? {
            let path = entry?.path();
            if path == own {
                continue;
            }
            // A folder without a lock file is new or abandoned. If it is new, its process notices the deletion and
            // creates another folder.
            let lock = File::options().write(true).create(true).truncate(false).open(path.join(LOCK));
            let Ok(lock) = lock else { continue };
            match lock.try_lock() {
                // Another node may be deleting the same folder. Files of another user may be undeletable; they stay.
                Ok(()) => match fs::remove_dir_all(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        tracing::warn!(
                            event = "temp_dir.delete_failed",
                            %error,
                            folder = %path.display(),
                            "could not delete the temporary folder of an ended process"
                        );
                    }
                    _ => {}
                },
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A temporary folder for one piece of work. Deleted on drop.
pub struct WorkDir(TempDir);

impl WorkDir {
    pub(super) fn new(scratch: &Path) -> io::Result<Self> {
        Builder::new().prefix("job-").tempdir_in(scratch).map(Self)
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
