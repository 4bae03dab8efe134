//! Bootstrap of the first admin key on an empty store. Exactly one key is created, however many nodes start at once,
//! and its secret is never lost.
//!
//! The secret is written to disk before the key is inserted, in a file named after the key. Afterwards, at this start
//! or the next one, the store decides what to do with such a file. So a crash or an outage between the two steps loses
//! nothing.

use crate::{Settings, admin_box};
use anyhow::{Context, Result};
use dalston_auth::{Gate, PlainKey};
use dalston_service::Services;
use dalston_store::{Checkpoint, FoundKey};
use dalston_work::SharedWorkStorage;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The file with the secret of the first key.
const FILE: &str = "admin.key";
/// Prefix of the file of a pending secret, whose key may or may not exist. Copies made by a person have other names.
const PENDING: &str = "admin.key.dk_";

/// A terminal on which the key is shown.
pub struct Shown<'a> {
    /// The terminal.
    pub out: &'a mut dyn Write,
    /// The gateway's URL without a trailing slash.
    pub url: &'a str,
}

/// The dependencies for creating the key.
pub(crate) struct FirstKey<'a> {
    /// The application services.
    pub(crate) services: &'a Services,
    /// Generates and digests secrets.
    pub(crate) gate: &'a Gate,
    /// The store of keys.
    pub(crate) store: &'a SharedWorkStorage,
}

impl FirstKey<'_> {
    /// Creates the key unless the store has one, and settles pending files of earlier starts.
    pub(crate) async fn make(&self, settings: &Settings, terminal: Option<Shown<'_>>) -> Result<()> {
        let folder = settings.data_dir.as_path();
        let lock = Lock::of(folder).await;
        // A store that ever changed is not empty: the usual start needs no further query.
        if self.store.checkpoint().await? == Checkpoint::START {
            self.insert(folder, terminal).await?;
        } else {
            // Another node may have created the key since this start began.
            self.gate.check_pepper().await?;
        }
        // After the insert: a key of an earlier start that was still being inserted exists by now, or never will.
        self.settle(folder, lock.is_some()).await
    }

    async fn insert(&self, folder: &Path, terminal: Option<Shown<'_>>) -> Result<()> {
        let permit = self.gate.internal("the first admin key").permit().map_err(|it| anyhow::anyhow!(it.detail()))?;
        self.gate.claim_pepper(&**self.store).await?;
        let mut written = None;
        let made = self.services.keys.create_first::<anyhow::Error>(&permit, |secret| {
            written = Some(write(folder, secret)?);
            Ok(())
        });
        let made = made.await;
        let Some(file) = written else {
            made.with_context(|| format!("the first admin key could not be written to {}", folder.display()))?;
            return Ok(());
        };
        // The store may have inserted it all the same: the file stays, and the next start queries the store.
        let minted = made.with_context(|| {
            format!("the first admin key may have been made or not: {} stays until the next start", file.display())
        })?;
        let Some(minted) = minted else { return Ok(()) };
        let key = &minted.key.key;
        if let Some(Shown { out, url }) = terminal {
            let shown = admin_box(&key.id.to_string(), key.name.as_str(), "admin", minted.secret.expose(), url);
            out.write_all(shown.as_bytes())
                .and_then(|()| out.flush())
                .with_context(|| format!("the first admin key was made, but not shown: read {}", file.display()))?;
            fs::remove_file(file)?;
        } else {
            let file = keep(folder, &file)?;
            tracing::info!(
                event = "key.first_created",
                key = %key.id,
                file = %file.display(),
                "created the first admin key: read it from this file, then delete it"
            );
        }
        Ok(())
    }

    /// Queries the store for each pending file. Renames the file of an existing key, and deletes any other. Deletes
    /// none if another start may be working in the folder.
    async fn settle(&self, folder: &Path, alone: bool) -> Result<()> {
        for file in pending(folder)? {
            let found = match read(&file, self.gate)? {
                Some(secret) => self.store.find_key(&self.gate.digester().digest(&secret)).await?,
                // The writing was cut off. The key is inserted only after it, so it does not exist.
                None => None,
            };
            match found {
                Some(FoundKey { key, .. }) if key.revoked_at.is_none() => {
                    let file = keep(folder, &file)?;
                    tracing::info!(
                        event = "key.first_recovered",
                        key = %key.id,
                        file = %file.display(),
                        "recovered the first admin key of an earlier start: read it from this file, then delete it"
                    );
                }
                _ if alone => {
                    tracing::info!(
                        event = "key.pending_file_deleted",
                        file = %file.display(),
                        "deleted a secret file without a key"
                    );
                    ignore_not_found(fs::remove_file(&file))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Lock on the folder against concurrent starts, if the file system supports it. Without it, another start could delete
/// the file of a key that is about to be inserted. Released on drop or when the process ends.
struct Lock(#[expect(dead_code, reason = "the lock lives as long as the open folder")] File);

impl Lock {
    async fn of(folder: &Path) -> Option<Self> {
        let folder = folder.to_owned();
        let locked = tokio::task::spawn_blocking(move || {
            let folder = File::open(folder)?;
            folder.lock()?;
            io::Result::Ok(Self(folder))
        });
        let locked = locked.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        locked
            .inspect_err(|error| {
                tracing::warn!(event = "folder.lock_failed", %error, "could not lock the data folder");
            })
            .ok()
    }
}

/// Writes the secret to a file of its own, and syncs both the file and its folder entry to disk.
fn write(folder: &Path, secret: &PlainKey) -> io::Result<PathBuf> {
    let path = folder.join(format!("{FILE}.{}", secret.prefix()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let text = Zeroizing::new(format!("{}\n", secret.expose()));
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| sync(folder));
    if written.is_err() {
        let _ = fs::remove_file(&path);
    }
    written.map(|()| path)
}

/// Renames a pending file to its final name. A concurrent start may have done so already.
fn keep(folder: &Path, file: &Path) -> io::Result<PathBuf> {
    let path = folder.join(FILE);
    ignore_not_found(fs::rename(file, &path))?;
    sync(folder)?;
    Ok(path)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The pending files: those of secrets whose key may or may not exist.
fn pending(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(PENDING.as_bytes()) && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Reads the secret in the file, if there is one.
fn read(file: &Path, gate: &Gate) -> io::Result<Option<PlainKey>> {
    match fs::read(file).map(Zeroizing::new) {
        Ok(bytes) => Ok(str::from_utf8(&bytes).ok().and_then(|text| gate.format().parse(text.trim_end()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ignores that a concurrent start has already removed the file.
fn ignore_not_found(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
