//! The first admin key, on an empty store: one, however many nodes start at once, and never one that nobody can read.
//!
//! Its secret is on the disk before the key is made, in a file named after it. What came of such a file is asked of
//! the store afterwards, at this start or at the next: a crash or an outage between the two loses nothing.

use crate::{Settings, admin_box};
use anyhow::{Context, Result};
use dalston_auth::{Gate, PlainKey};
use dalston_service::Services;
use dalston_store::{FoundKey, Checkpoint};
use dalston_work::SharedWorkStorage;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The file of the first key.
const FILE: &str = "admin.key";
/// How the file of a secret begins whose key may have been made or not. A person's own copies have other names.
const PENDING: &str = "admin.key.dk_";

/// A terminal on which the key is shown.
pub struct Shown<'a> {
    /// The terminal.
    pub out: &'a mut dyn Write,
    /// Where the gateway is reached: a URL without a slash at its end.
    pub url: &'a str,
}

/// What the key is made with.
pub(crate) struct FirstKey<'a> {
    /// The use cases.
    pub(crate) services: &'a Services,
    /// How secrets look, and how they are digested.
    pub(crate) gate: &'a Gate,
    /// Where keys are.
    pub(crate) store: &'a SharedWorkStorage,
}

impl FirstKey<'_> {
    /// Makes the key, unless the store has one, and settles what an earlier start left behind.
    pub(crate) async fn make(&self, settings: &Settings, terminal: Option<Shown<'_>>) -> Result<()> {
        let folder = settings.data_dir.as_path();
        let lock = Lock::of(folder).await;
        // A store that ever changed is not empty: the common start asks nothing more.
        if self.store.checkpoint().await? == Checkpoint::START {
            self.insert(folder, terminal).await?;
        } else {
            // Another node may have made the key since this one began.
            self.gate.check_pepper().await?;
        }
        // After the insert: one of an earlier start that was still under way is there by now, or never will be.
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
        // The store may have made it all the same: its file stays, and the next start asks.
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
            tracing::info!(event = "first_key.created", key = %key.id, file = %file.display(), "created the first admin key: read it from this file, then delete it");
        }
        Ok(())
    }

    /// Asks the store about each file that has not got its name yet: that of a key gets it, any other is deleted. When
    /// another start may be at work in the folder, none is deleted.
    async fn settle(&self, folder: &Path, alone: bool) -> Result<()> {
        for file in pending(folder)? {
            let found = match read(&file, self.gate)? {
                Some(secret) => self.store.find_key(&self.gate.digester().digest(&secret)).await?,
                // Cut off while it was written: the key is made after that only.
                None => None,
            };
            match found {
                Some(FoundKey { key, .. }) if key.revoked_at.is_none() => {
                    let file = keep(folder, &file)?;
                    tracing::info!(event = "first_key.waiting", key = %key.id, file = %file.display(), "an earlier start created the first admin key: read it from this file, then delete it");
                }
                _ if alone => {
                    tracing::info!(event = "first_key.file_deleted", file = %file.display(), "deleted a file whose secret belongs to no key");
                    gone(fs::remove_file(&file))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Keeps other starts out of the folder, where the file system can: they would take the file of a key that is about to
/// be made for one that never was. Ends when it is dropped, or with the process.
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
        locked.inspect_err(|error| tracing::warn!(event = "data_dir.lock_failed", %error, "could not lock the data folder")).ok()
    }
}

/// Writes the secret to a file of its own, and both it and its name to the disk.
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

/// Gives a file its name. Another start may have been faster.
fn keep(folder: &Path, file: &Path) -> io::Result<PathBuf> {
    let path = folder.join(FILE);
    gone(fs::rename(file, &path))?;
    sync(folder)?;
    Ok(path)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Files of secrets whose key may have been made or not.
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

/// The secret in the file, if there is one.
fn read(file: &Path, gate: &Gate) -> io::Result<Option<PlainKey>> {
    match fs::read(file).map(Zeroizing::new) {
        Ok(bytes) => Ok(str::from_utf8(&bytes).ok().and_then(|text| gate.format().parse(text.trim_end()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file that another start has taken away is none the worse.
fn gone(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
