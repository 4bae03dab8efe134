//! Folders for work: they go with the work, and with the process.
//!
//! Each process has a folder of its own under `scratch`, and holds a lock in it for as long as it lives; the kernel lets
//! go of the lock however the process ends. So whoever can take the lock of another folder may delete it, also where
//! several nodes share the data folder.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use tempfile::{Builder, TempDir};

/// The file that is locked.
const LOCK: &str = "lock";

/// The scratch folder of a process.
pub(super) struct ScratchRoot {
    root: PathBuf,
    own: TempDir,
    /// Held, not read.
    _lock: File,
}

impl ScratchRoot {
    /// A new one under `root`, which is made when it is not there. Blocks.
    pub(super) fn open(root: PathBuf) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
        loop {
            let own = Builder::new().prefix("node-").tempdir_in(&root)?;
            let path = own.path().join(LOCK);
            let lock = match File::create_new(&path) {
                Ok(lock) => lock,
                // Another node may sweep the folder away before it is locked, or lock it to do so.
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

    /// Where it is.
    pub(super) fn folder(&self) -> PathBuf {
        self.own.path().to_owned()
    }

    /// Where those of all processes are.
    pub(super) fn root(&self) -> PathBuf {
        self.root.clone()
    }

    /// Deletes the folders of processes that have ended. Blocks.
    pub(super) fn sweep(root: &Path, own: &Path) -> io::Result<()> {
        for entry in fs::read_dir(root)? {
            let path = entry?.path();
            if path == own {
                continue;
            }
            // One without a lock has none yet, or never will: its process finds out, and makes another folder.
            let lock = File::options().write(true).create(true).truncate(false).open(path.join(LOCK));
            let Ok(lock) = lock else { continue };
            match lock.try_lock() {
                // Another node may delete it too, and what another user left there may stay.
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

/// A folder for one piece of work. Dropped, it is deleted.
pub struct WorkDir(TempDir);

impl WorkDir {
    pub(super) fn new(scratch: &Path) -> io::Result<Self> {
        Builder::new().prefix("job-").tempdir_in(scratch).map(Self)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
